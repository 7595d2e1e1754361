# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
# Sourced by demo.sh and test.sh, which define say and die.

# install_missing PACKAGE...: installs those of Debian's packages that are missing; root is asked for only then.
install_missing() {
	local missing=() p try sudo=
	command -v dpkg-query >/dev/null || die "this needs Debian or a derivative"
	for p in "$@"; do
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
	die "cannot install: ${missing[*]}"
}
