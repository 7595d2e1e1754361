#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
# Runs the tests.  ./test.sh: everything that CI runs.  ./test.sh unit: what needs no emulator.
# ./test.sh emulator: what needs one.  ./test.sh lint: cppcheck, clang-tidy.  ./test.sh coverage: line coverage of src/ by the unit
# tests.  --bochs PATH takes another Bochs for the emulator tests, --model NAME another of its processor models; the tests read
# NVMX_BOCHS and NVMX_CPU_MODEL.  The last line is "N passed, N failed, N skipped".
set -u
from=$PWD
cd "$(dirname "$0")" || exit 1

passed=0 failed=0 skipped=0
say() { printf '%s\n' "== $*"; }
die() { printf 'test.sh: %s\n' "$*" >&2; exit 1; }

command=
while [ $# -gt 0 ]; do
	case $1 in
	--bochs)
		NVMX_BOCHS=$(cd "$from" && command -v "${2-}") || die "--bochs needs the path of a Bochs"
		case $NVMX_BOCHS in /*) ;; *) NVMX_BOCHS=$from/$NVMX_BOCHS ;; esac
		export NVMX_BOCHS
		shift ;;
	stage) command=stage only=${2-}; shift ;; # of test/stages.mk
	--model) [ -n "${2-}" ] || die "--model needs a name"; export NVMX_CPU_MODEL=$2; shift ;;
	*) [ -z "$command" ] || die "unknown option '$1'"; command=$1 ;;
	esac
	shift
done

. tools/lab/install.sh

for_unit=(gcc libc6-dev make ninja-build cmake binutils python3 pkg-config libcmocka-dev)
for_consume=(g++ clang meson lintian gzip rustc cargo doxygen)
for_emulator=(bochs bochs-term bochsbios vgabios grub-pc-bin grub-common xorriso python3 lz4 zstd gcc libc6-dev make cmake binutils
	linux-headers-amd64 qemu-system-x86 ipxe-qemu seabios)
for_clang=(clang libclang-rt-dev libcmocka-dev)
for_lint=(clang clang-tidy cppcheck libcmocka-dev)

tally() { # tally LOG STATUS: adds up what a cmocka program or a runner printed
	local p f s
	if grep -qE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$1"; then
		read -r p f s < <(grep -E '^[0-9]+ passed, [0-9]+ failed' "$1" | tail -n 1 | sed -E 's/[^0-9]+/ /g')
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	else
		p=$(sed -nE 's/^\[  PASSED  \] ([0-9]+) test.*/\1/p' "$1" | awk '{n += $1} END {print n + 0}')
		f=$(sed -nE 's/^\[  FAILED  \] ([0-9]+) test.*/\1/p' "$1" | awk '{n += $1} END {print n + 0}')
		passed=$((passed + p)) failed=$((failed + f))
	fi
	[ "$2" -eq 0 ] || [ "${f:-0}" -gt 0 ] || failed=$((failed + 1))
}

run_together() { # run_together PREFIX PROGRAM...: as many at a time as there are processors; then tells of each in turn
	local prefix=$1 t name status
	shift
	mkdir -p build/log
	printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -I '{}' bash -c \
		'"$2" >"build/log/$1$(basename "$2").log" 2>&1 </dev/null; echo $? $SECONDS >"build/log/$1$(basename "$2").status"' \
		bash "$prefix" '{}'
	for t in "$@"; do
		name=$prefix$(basename "$t")
		read -r status took <"build/log/$name.status"
		conclude "$name" "$status" "$took"
	done
}

conclude() { # conclude NAME STATUS SECONDS
	local log=build/log/$1.log
	tally "$log" "$2"
	case $1 in [0-9]*) ;; *) [ "$2" -eq 0 ] || tail -n 60 "$log" ;; esac # emulator tests have shown theirs
	if [ "$2" -eq 0 ]; then say "ok   $1 ($3 s)"; else say "FAIL $1 (exit status $2)"; fi
}

run() { # run NAME COMMAND...
	local name=$1 log status started=$SECONDS
	shift
	log=build/log/$name.log
	mkdir -p build/log
	case $name in
	[0-9]*) "$@" 2>&1 </dev/null | tee "$log"; status=${PIPESTATUS[0]} ;; # emulator tests are shown whole
	*) "$@" >"$log" 2>&1 </dev/null; status=$? ;;
	esac
	conclude "$name" "$status" $((SECONDS - started))
}

build() { # build FOLDER CMAKE-OPTION...
	local dir=$1
	shift
	mkdir -p "$dir"
	{ cmake -S . -B "$dir" "$@" && cmake --build "$dir" -j "$(nproc)"; } >"$dir/build.log" 2>&1 ||
		{ tail -n 40 "$dir/build.log"; die "the build of $dir failed"; }
}

build_emulated() { # build_emulated FOLDER: the programs that only the emulator tests run
	cmake --build "$1" -j "$(nproc)" --target vtd_qemu vtd_vmm >>"$1/build.log" 2>&1 ||
		{ tail -n 40 "$1/build.log"; die "the build of $1 failed"; }
}

finish() {
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit $?
}

programs() { # programs FOLDER PREFIX CHECK...: the test programs of a build, those that run longest first, and the checks
	local t dir=$1 prefix=$2 list=()
	shift 2
	for t in "$dir"/test/unit_ept_threads "$dir"/test/fake/unit_* "$dir"/test/unit_vtd_model "$dir"/test/unit_ept_model "$@" \
		"$dir"/test/unit_* "$dir"/test/bhyve/unit_* "$dir"/test/fuzz/replay_*; do
		[ -x "$t" ] && [ -f "$t" ] && [[ " ${list[*]} " != *" $t "* ]] && list+=("$t")
	done
	run_together "$prefix" "${list[@]}"
}

# Most of the time of `unit` is this build's: by ninja, without the debug information and the last optimisation of what is shipped.
tests_with_gcc() {
	install_missing "${for_unit[@]}"
	say "building with gcc and sanitizers"
	set -- -DNESTVMX_TEST_FULL=OFF
	[ -f build/unit/CMakeCache.txt ] || set -- -G Ninja "$@"
	build build/unit -DNESTVMX_METAL=OFF -DCMAKE_C_COMPILER=gcc "-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O0 -DNDEBUG" "$@"
}

unit() {
	programs build/unit "" test/check/*
}

lint() {
	install_missing "${for_lint[@]}"
	[ -f build/clang/compile_commands.json ] || cmake -S . -B build/clang -DCMAKE_C_COMPILER=clang >/dev/null ||
		die "cannot configure build/clang"
	run cppcheck test/lint/cppcheck
	run clang-tidy test/lint/clang-tidy
}

# A stage is a process of its own, which test/stages.mk starts when those are done that it needs. Tests that fail are counted; a
# stage that cannot do its work ends with a status, and those that need it do not start.
stage() { # stage NAME
	unset MAKEFLAGS MFLAGS MAKELEVEL # of what starts it, not of its builds
	say "$1 ..." >&"${NESTVMX_SAY:-1}"
	case $1 in
	packages) install_missing "${for_consume[@]}" "${for_emulator[@]}" "${for_clang[@]}" "${for_lint[@]}" ;;
	unit-build) tests_with_gcc ;;
	unit) unit ;;
	metal) # the metal host, the L1 guests, and what the emulator tests run
		build build -DNESTVMX_TESTS=OFF -DCMAKE_C_COMPILER=gcc
		build_emulated build/unit ;;
	images) test/emulator/50-boot --fetch >build/log/images.log 2>&1 ;; # a row that lacks a piece says so
	consume) run consume test/consume/run ;;
	clang-build) # the same sources by clang: the tests, the metal host, the L1 guests
		build build/clang -DCMAKE_C_COMPILER=clang
		build_emulated build/clang ;;
	clang)
		programs build/clang clang_
		run clang_symbols test/check/symbols build/clang
		run metal_instructions test/check/instructions build/{,clang/}libnestvmx.a build/{,clang/}adapters/metal/metal.elf ;;
	cppcheck | clang-tidy) run "$1" "test/lint/$1" ;;
	*) run "$1" "test/emulator/$1" ;;
	esac
	mkdir -p build/stages
	printf '%d %d %d\n' "$passed" "$failed" "$skipped" >"build/stages/$1"
}

stages() { # stages NAME...: these and what they need, as many at a time as there are processors; adds up what they counted
	local name p f s
	rm -rf build/stages
	mkdir -p build/log build/stages
	NESTVMX_SAY=3 make -f test/stages.mk -k -O -j "$(nproc)" --no-print-directory "$@" 3>&1 </dev/null
	for name in build/stages/*; do
		read -r p f s <"$name" && passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	done
	for name in "$@"; do
		[ -f "build/stages/$name" ] || { say "FAIL $name: it did not end, or what it needs did not"; failed=$((failed + 1)); }
	done
}

# Emulator tests: each a program of test/emulator that prints its own tally; first those that take longest.
emulated() {
	local t
	printf '%s\n' 50-boot 60-kvm
	for t in test/emulator/*; do case $t in */50-boot | */60-kvm) ;; *) [ -x "$t" ] && basename "$t" ;; esac; done
}

case "${command:-all}" in
unit) tests_with_gcc; unit ;;
lint) lint ;;
emulator) install_missing "${for_unit[@]}" "${for_emulator[@]}"; stages $(emulated) ;;
coverage) install_missing gcovr gcc cmake make libcmocka-dev; exec test/coverage ;;
all) install_missing "${for_unit[@]}"; stages unit packages consume $(emulated) clang cppcheck clang-tidy ;;
stage) stage "$only"; exit ;;
*) die "unknown command '$command' (unit, lint, emulator, coverage; nothing for all)" ;;
esac
finish
