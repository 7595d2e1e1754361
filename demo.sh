#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
# From a fresh Debian 12: builds the project, boots the metal host -> Debian's Linux with KVM -> Debian's Linux, on an
# emulated processor with VMX, and shows what happened. Root is asked for only to install missing packages.
#   ./demo.sh [--bochs PATH] [--no-bench]
set -u
cd "$(dirname "$0")" || exit 1

die() { printf 'demo.sh: %s\n' "$*" >&2; exit 1; }
say() { printf '\n== %s\n' "$*"; }

packages="gcc libc6-dev cmake make binutils python3 lz4
	bochs bochs-term bochsbios vgabios grub-pc-bin grub-common xorriso"
bench=yes bochs=()
while [ $# -gt 0 ]; do
	case $1 in
	--bochs) [ $# -gt 1 ] || die "--bochs needs a path"; bochs=(--bochs "$2"); shift ;;
	--no-bench) bench=no ;;
	*) die "unknown option '$1' (--bochs PATH, --no-bench)" ;;
	esac
	shift
done

install_missing() {
	local missing=() p try sudo=
	command -v dpkg-query >/dev/null || die "this needs Debian or a derivative"
	for p in $packages; do
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
	done
	[ ${#missing[@]} -eq 0 ] && return
	say "installing ${missing[*]}"
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || die "missing packages, and no sudo to install them: ${missing[*]}"
		echo "this asks for root, only for apt-get"
		sudo=sudo
	fi
	for try in 1 2 3; do
		$sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null && return
		sleep $((try * 5))
	done
	die "cannot install ${missing[*]}"
}

# L1's serial output on standard input; each line with its level and the time, a dot per second without any.
show() {
	local line started=$SECONDS dots=0 status
	while :; do
		IFS= read -r -t 2 line
		status=$?
		if [ $status -gt 128 ]; then
			printf '.'
			dots=1
			continue
		fi
		[ $status -eq 0 ] || break
		line=${line%$'\r'}
		[ $dots = 1 ] && printf '\n' && dots=0
		case $line in
		"nestvmx: stat "*) ;;
		"["[0-9]*" "*"] "*) printf '%4ds  L2 | %s\n' $((SECONDS - started)) "${line#*] }" ;;
		nvmx-boot:*) printf '%4ds     | %s\n' $((SECONDS - started)) "$line" ;;
		*) printf '%4ds  L1 | %s\n' $((SECONDS - started)) "$line" ;;
		esac
	done
	[ $dots = 1 ] && printf '\n'
}

install_missing
mkdir -p build

say "building the library, the metal host and the benchmark"
{ cmake -S . -B build -DNESTVMX_TESTS=OFF && cmake --build build -j "$(nproc)"; } >build/demo-build.log 2>&1 ||
	{ tail -n 20 build/demo-build.log >&2; die "the build failed, see build/demo-build.log"; }

say "Debian's kernels and QEMU, downloaded once and unpacked below build/lab"
row=kvm-amd64
plan=$(test/boot/run --plan "$row" "${bochs[@]}") || die "no images: $plan"
mapfile -t command < <(printf '%s\n' "$plan" | grep -v '^lab: ')

say "booting: metal (L0) -> Debian Linux with KVM (L1) -> Debian Linux under QEMU (L2)"
echo "the processor is emulated, so this takes some minutes"
log=build/demo.log
"${command[@]}" 2>&1 | tee "$log" | show
status=${PIPESTATUS[0]}
[ "$status" -eq 0 ] || die "L1 did not end well (status $status), see $log and ${log%.log}.host"
proof=$(grep -ao 'L2: alive.*' "$log" | head -n 1)
[ -n "$proof" ] || die "L2 gave no sign of life, see $log"

say "what happened"
echo "L2's proof of life: ${proof%$'\r'}"
echo "what the host did for it:"
sed -n 's/^nestvmx: stat \([^ ]*\) \([1-9][0-9]*\).*/  \1 \2/p' "$log" | tr -d '\r' |
	while read -r name value; do printf '  %-24s %12d\n' "$name" "$value"; done

if [ $bench = yes ]; then
	say "what nested VMX costs, beside stock KVM (fewer is better)"
	bench/run "${bochs[@]}" || die "the benchmark failed"
fi
