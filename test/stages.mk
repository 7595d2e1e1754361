# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
# What of ./test.sh waits for what. Make starts as many stages as there are processors, each when those are done that it waits for, in the
# order in which ./test.sh names them, and shows what each printed when it ends.
packages := $(filter packages,$(MAKECMDGOALS))
first := $(or $(filter unit,$(MAKECMDGOALS)),unit-build)
emulated := $(notdir $(wildcard test/emulator/*))
stages := packages unit-build unit metal images consume clang-build clang cppcheck clang-tidy $(emulated)

.PHONY: $(stages)
$(stages):
	@./test.sh stage $@

unit: unit-build
metal images consume: $(first) $(packages)
$(emulated): metal images
clang: clang-build
clang-tidy: clang-build
# Both could start sooner, before what takes longest.
clang-build cppcheck: metal images
