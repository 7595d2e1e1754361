#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
# From a fresh Debian 12 or 13: builds the project, boots the metal host -> Debian's Linux with KVM -> Debian's Linux, on an
# emulated processor with VMX, and shows what happened. Root is asked for only to install missing packages.
#   ./demo.sh [--bochs PATH] [--no-bench]
set -u
cd "$(dirname "$0")" || exit 1

die() { printf 'demo.sh: %s\n' "$*" >&2; exit 1; }
say() { printf '\n== %s\n' "$*"; }
. tools/lab/install.sh

packages="gcc libc6-dev cmake make binutils python3 lz4 zstd
	bochs bochs-term bochsbios vgabios grub-pc-bin grub-common xorriso"
row=kvm-amd64
log=build/demo.log host_log=build/demo.host
records=2048 # of what nested VMX did at the end, for the picture
bench=yes bench_pid='' bochs=()
while [ $# -gt 0 ]; do
	case $1 in
	--bochs) [ $# -gt 1 ] || die "--bochs needs a path"; bochs=(--bochs "$2"); shift ;;
	--no-bench) bench=no ;;
	*) die "unknown option '$1' (--bochs PATH, --no-bench)" ;;
	esac
	shift
done

# patiently COMMAND...: runs it, its output in build/demo-step.log, a dot every two seconds on the screen.
patiently() {
	"$@" >build/demo-step.log 2>&1 &
	local pid=$!
	while kill -0 $pid 2>/dev/null; do
		sleep 2
		printf '.'
	done
	printf '\n'
	wait $pid
}

# L1's serial output on standard input; each line with the time and the level that printed it, dots while none comes.
show() {
	local line piece dots=0 status
	line=
	while :; do
		IFS= read -r -t 2 piece
		status=$?
		line+=$piece
		if [ $status -gt 128 ]; then
			printf '.'
			dots=1
			continue
		fi
		[ $status -eq 0 ] || [ -n "$line" ] || break
		[ $dots = 1 ] && printf '\n'
		dots=0
		show_line "${line%$'\r'}"
		line=
		[ $status -eq 0 ] || break
	done
	[ $dots = 1 ] && printf '\n'
}

show_line() {
	local who
	case $1 in
	"" | "nestvmx: stat "*) return ;;
	"["[0-9]*" "*"] "*) who="L2 Linux" line=${1#*] } ;;
	nvmx-boot:*) who="machine" line=${1#nvmx-boot: } ;;
	*) who="L1 Linux" line=$1 ;;
	esac
	printf '%4ds  %-8s | %s\n' $((SECONDS - started)) "$who" "$line"
}

counter() { sed -n "s/^nestvmx: stat $1 \\([0-9]*\\).*/\\1/p" "$log" | head -n 1; }

counters() { # counters PATTERN: the host's counters with such names, largest first
	tr -d '\r' <"$log" | grep -vE ' exits_(to_l1|to_host|handled) ' | sed -nE "s/^nestvmx: stat ($1) ([1-9][0-9]*)\$/\\2 \\1/p" | sort -rn |
		while read -r value name; do printf '  %12d  %s\n' "$value" "${name#exits_}"; done
}

cleanup() { [ -z "$bench_pid" ] || kill -- "-$bench_pid" 2>/dev/null; }
trap cleanup EXIT
trap 'exit 130' INT TERM

# shellcheck disable=SC2086 # a list
install_missing $packages
mkdir -p build

say "building the library, the metal host and the benchmark"
{ cmake -S . -B build -DNESTVMX_TESTS=OFF -DCMAKE_C_COMPILER=gcc && cmake --build build -j "$(nproc)"; } \
	>build/demo-build.log 2>&1 || { tail -n 20 build/demo-build.log >&2; die "the build failed, see build/demo-build.log"; }
size build/libnestvmx.a -t | awk 'END {printf "libnestvmx.a: %d KiB of code and tables\n", ($1 + 1023) / 1024}'

say "Debian's kernels, QEMU and SeaBIOS, downloaded once and unpacked below build/lab (nothing is installed)"
patiently test/boot/run --fetch "$row" || { tail -n 3 build/demo-step.log >&2; die "no images, see build/demo-step.log"; }
plan=$(test/boot/run --plan "$row" "${bochs[@]}") || die "$plan"
mapfile -t command < <(printf '%s\n' "$plan" | grep -v '^lab: ')

if [ $bench = yes ]; then
	setsid bench/run "${bochs[@]}" native metal kvm >build/demo-bench.txt 2>build/demo-bench.err &
	bench_pid=$!
fi

say "booting: metal and libnestvmx (L0) -> Debian Linux with KVM (L1) -> Debian Linux under QEMU (L2)"
echo "the processor is emulated by Bochs, so this takes a minute or two"
started=$SECONDS
"${command[0]}" --trace $records "${command[@]:1}" 2>&1 | tee "$log" | show
status=${PIPESTATUS[0]}
[ "$status" -eq 0 ] || die "L1 did not end well (status $status), see $log and ${log%.log}.host"
proof=$(grep -ao 'L2: alive.*' "$log" | head -n 1)
[ -n "$proof" ] || die "L2 gave no sign of life, see $log"

say "what happened"
cat <<END
L2's proof of life (it forked, summed a megabyte that it touched, and waited for its timer):
  ${proof%$'\r'}
VM exits that the host took, by what caused them:
END
counters 'exits_.*'
cat <<END
L1 entered L2 $(counter vm_entries) times. Of L2's exits $(counter exits_to_l1) went to KVM in L1, $(counter exits_handled) were dealt with by the
library, $(counter exits_to_host) by metal.
What that took on the processor:
END
counters 'vmread|vmwrite|vmptrld|vmclear|invept|invvpid|ept_fills'

say "the end of it as a picture: who ran on the processor (one tick is one emulated instruction)"
build/tools/nvmx-trace --summary --l2 --json build/demo-trace.json --svg build/demo-trace.svg "$host_log" &&
	build/tools/nvmx-trace --trip 1 --svg build/demo-trip.svg "$host_log" || die "no trace in $host_log"
cat <<END
build/demo-trace.json is for https://ui.perfetto.dev; build/demo-trace.svg is the timeline while L2 ran,
build/demo-trip.svg one round trip.
END

if [ $bench = yes ]; then
	say "what nested VMX costs a guest hypervisor, beside stock KVM as the host (instructions; fewer is better)"
	while kill -0 $bench_pid 2>/dev/null; do
		printf '.'
		sleep 2
	done
	printf '\n'
	wait $bench_pid
	status=$?
	bench_pid=
	[ $status -eq 0 ] || { tail -n 2 build/demo-bench.err >&2; die "the benchmark failed"; }
	grep -v '^metal ' build/demo-bench.txt
fi
