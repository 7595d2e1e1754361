#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
# Runs the tests.  ./test.sh: everything that CI runs.  ./test.sh unit: what needs no emulator.
# ./test.sh emulator: what needs one.  ./test.sh coverage: line coverage of src/ by the unit tests.  The last line is "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")" || exit 1

passed=0 failed=0 skipped=0
say() { printf '%s\n' "== $*"; }
die() { printf 'test.sh: %s\n' "$*" >&2; exit 1; }

need() { # need PACKAGE...: installs what is missing
	local missing=() p i
	for p in "$@"; do dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p"); done
	[ ${#missing[@]} -eq 0 ] && return
	say "installing ${missing[*]}"
	local sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
	for i in 1 2 3; do
		$sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null && return
		sleep $((i * 5))
	done
	die "cannot install: ${missing[*]}"
}

tally() { # tally LOG STATUS: adds up what a cmocka program or a runner printed
	local p f
	if grep -qE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$1"; then
		read -r p f s < <(grep -E '^[0-9]+ passed, [0-9]+ failed' "$1" | tail -n 1 | sed -E 's/[^0-9]+/ /g')
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	else
		p=$(sed -nE 's/^\[  PASSED  \] ([0-9]+) test.*/\1/p' "$1" | awk '{n += $1} END {print n + 0}')
		f=$(sed -nE 's/^\[  FAILED  \] ([0-9]+) test.*/\1/p' "$1" | awk '{n += $1} END {print n + 0}')
		passed=$((passed + p))
		if [ "$f" -gt 0 ]; then failed=$((failed + f)); elif [ "$2" -ne 0 ]; then failed=$((failed + 1)); fi
	fi
}

run() { # run NAME COMMAND...: runs it, shows its output when it fails
	local name=$1 log status
	shift
	log=build/log/$name.log
	mkdir -p build/log
	case $name in
	[0-9]*) "$@" 2>&1 </dev/null | tee "$log"; status=${PIPESTATUS[0]} ;; # emulator tests show their progress
	*) "$@" >"$log" 2>&1 </dev/null; status=$? ;;
	esac
	tally "$log" $status
	if [ $status -eq 0 ]; then say "ok   $name"; else say "FAIL $name (exit status $status)"; tail -n 60 "$log"; fi
}

build() { # build FOLDER CMAKE-OPTION...
	local dir=build/$1
	shift
	mkdir -p "$dir"
	{ cmake -S . -B "$dir" "$@" && cmake --build "$dir" -j "$(nproc)"; } >"$dir.log" 2>&1 ||
		{ tail -n 40 "$dir.log"; die "the build of $dir failed"; }
}

finish() {
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit $?
}

unit() {
	need gcc libc6-dev clang make cmake binutils python3 libcmocka-dev
	say "building with gcc and sanitizers"
	build unit -DNESTVMX_METAL=OFF -DCMAKE_C_COMPILER=gcc
	local t
	for t in build/unit/test/unit_* build/unit/test/fake/unit_* build/unit/test/fuzz/replay_*; do
		[ -x "$t" ] && [ -f "$t" ] || continue
		run "$(basename "$t")" "$t"
	done
	for t in test/check/*; do [ -x "$t" ] && run "$(basename "$t")" "$t"; done
}

# The same sources by clang, the metal host and the L1 test guests.
everything() {
	need bochs bochs-term bochsbios vgabios grub-pc-bin grub-common xorriso mtools python3 cpio busybox-static lz4 libc6-dev
	say "building with clang"
	build clang -DNESTVMX_METAL=OFF -DCMAKE_C_COMPILER=clang
	say "building the metal host and the L1 guests"
	mkdir -p build
	{ cmake -S . -B build -DNESTVMX_TESTS=OFF -DCMAKE_C_COMPILER=gcc && cmake --build build -j "$(nproc)"; } \
		>build/build.log 2>&1 || { tail -n 40 build/build.log; die "the build of build/ failed"; }
}

# Emulator tests: each a program of test/emulator that prints its own tally, in the order of their names.
emulator() {
	local t
	for t in test/emulator/*; do [ -x "$t" ] && run "$(basename "$t")" "$t"; done
}

case "${1-all}" in
unit) unit ;;
threads) build unit -DNESTVMX_METAL=OFF -DCMAKE_C_COMPILER=gcc; run unit_ept_threads build/unit/test/unit_ept_threads ;;
emulator) everything; emulator ;;
coverage) need gcovr; exec test/coverage ;;
all) unit; everything; emulator ;;
*) die "unknown command '$1' (unit, threads, emulator, coverage; nothing for all)" ;;
esac
finish
