# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""What a round trip's VMX operations cost on processors, which an emulator that counts instructions does not say."""

# Cycles, as published: bench/README.md names the sources.  `exit`: a VM exit and the VM entry after it.
GENERATIONS = {
	"Prescott": {"exit": 3963, "vmread": 178, "vmwrite": 171},
	"Merom": {"exit": 1579, "vmread": 52, "vmwrite": 44},
	"Sandy Bridge": {"exit": 784, "vmread": 6, "vmwrite": 6},
}
EXITS = 2  # of a round trip: L2's CPUID, L1's VMRESUME


def shares(cycles, ticks, counts, own):
	"""Cycles by kind.  Without VMCS shadowing each access of L1's to a field (`own`) exits, too."""
	reads, writes = counts["vmread"], counts["vmwrite"]
	return {"exits": (EXITS + own) * cycles["exit"], "vmread": reads * cycles["vmread"], "vmwrite": writes * cycles["vmwrite"],
		"the rest": ticks - reads - writes}  # one cycle for each instruction


def table(results, own):
	"""Lines: results[host] holds the ticks of the round trip and its operations, with and without VMCS shadowing."""
	lines = [f"{'host':<13}{'VMCS shadowing':<16}{'processor':<14}{'ticks':>7}{'cycles':>9}{'exits':>8}{'vmread':>8}{'vmwrite':>9}{'the rest':>10}"]
	for host, found in results.items():
		for suffix, shadowing, accesses in (("", "yes", 0), ("_noshadow", "no", own)):
			ticks = found["l2_cpuid_roundtrip" + suffix]
			counts = {name: found[f"roundtrip_{name}{suffix}"] for name in ("vmread", "vmwrite")}
			for name, cycles in GENERATIONS.items():
				parts = shares(cycles, ticks, counts, accesses)
				total = sum(parts.values())
				lines.append(f"{host:<13}{shadowing:<16}{name:<14}{ticks:>7}{round(total):>9}"
					f"{parts['exits'] / total:>8.0%}{parts['vmread'] / total:>8.0%}{parts['vmwrite'] / total:>9.0%}{parts['the rest'] / total:>10.0%}")
	return lines
