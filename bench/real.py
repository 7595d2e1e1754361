# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""Rows with a hypervisor as people run it for L1: Debian's Linux with its KVM, and test/l1/ops.c as its guest."""
import re

import images
import machine
import matrix

OPERATIONS = ("cpuid", "io", "ept_fault", "timer", "hlt_wake")	# in the order in which the guest has them, after an empty one
TURNS = 64	# of each, after as many to warm up
COUNTED = ("vmread", "vmwrite", "vmptrld", "vmclear", "invvpid", "invept")
NAMES = [f"l1kvm_{name}{what}" for name in OPERATIONS for what in ("", "_exits", "_vmx")] + ["l1xen_cpuid"]
L1 = ("loader", "vmlinux", "l1-base", "l1-kvm", "l1-ops")
MODULES = {"kvm": "l1-kvm", "kvm-nestvmx": "l1-kvm-nestvmx"}
WANTED = r"\bbench l1kvm_hlt_wake \d"
LAST = r"^L1: done"


def boot(opt, pieces, words, memory, *options):
	"""Arguments of nvmx-boot."""
	kernel, *modules = [images.piece(name) for name in pieces]
	argv = ["--memory", str(memory), "--mips", str(matrix.MIPS), *options, *opt.common]
	for path in modules:
		argv += ["--module", path]
	avoided = matrix.avoiding(["l1-kvm"], machine.bochs_version(opt.bochs))
	return [*argv, kernel, "--", *matrix.LINUX_TRACED.format(mips=matrix.MIPS).split(), *words, *avoided]


def measuring():
	return f"nvmx.ops=khz={matrix.MIPS * 1000}"


def native(opt):
	return "native, KVM as L1", boot(opt, L1, ["nvmx.scenario=ops", measuring()], 512, "--native"), WANTED, LAST


def metal(opt):
	return "metal, KVM as L1", boot(opt, L1, ["nvmx.scenario=ops", measuring()], 512, "--stats"), WANTED, LAST


def kvm(opt, host, count=False):
	"""L0 is KVM, and L1 the same under QEMU.  Counting takes ticks, and gets a boot of its own."""
	pieces = ("loader", "vmlinux", "l1-base", MODULES[host], "l1-qemu", "l2-kvm-ops")
	scenario = "count,guests,counted" if count else "guests"
	words = [f"nvmx.scenario={scenario}", "nvmx.guests=kvm", "nvmx.l2scenario=ops", "nvmx.kvm=nested=1", measuring()]
	return f"{host}, KVM as L1{', counting' * count}", boot(opt, pieces, words, 1300, "--native"), WANTED, LAST


def xen(opt, host):
	"""Xen as L1, and CPUID of a PVH guest of its own."""
	wanted = r"bench l1xen_cpuid \d"
	if host in MODULES:
		pieces = ("loader", "vmlinux", "l1-base", MODULES[host], "l1-qemu", "l2-xen-cpuid")
		words = ["nvmx.scenario=guests", "nvmx.guests=xen", "nvmx.kvm=nested=1"]
		return f"{host}, Xen as L1", boot(opt, pieces, words, 1536, "--native"), wanted, LAST
	row = next(row for row in matrix.ROWS if row.name == "xen-pvh")
	loader, hypervisor, kernel, initrd = [images.piece(name) for name in ("loader", "xen", "vmlinux", "dom0-cpuid")]
	argv = ["--memory", str(row.memory), "--mips", str(row.mips), *(row.options if host == "metal" else ["--native"]), *opt.common]
	for path in (hypervisor, f"{kernel}={row.dom0}", initrd):
		argv += ["--module", path]
	return f"{host}, Xen as L1", [*argv, loader, "--", *row.words("")], wanted, LAST


def boots(opt, host, row):
	"""The boot of a row of the matrix, as it is for metal, or as a guest of KVM's that counts exits."""
	words = row.words(machine.bochs_version(opt.bochs))
	if host == "metal":
		return "metal, boot of a Linux in Linux", boot_row(opt, row, row.pieces, words, "--stats"), r"L1: KVM loaded", LAST
	pieces = [MODULES[host] if piece == "l1-kvm-nestvmx" else piece for piece in row.pieces]
	words = [word.replace("guests,unload", "count,guests,counted").replace(matrix.TRACING, "") for word in words]
	return f"{host}, boot of a Linux in Linux", boot_row(opt, row, pieces, words, "--native"), r"^L1: exits to L0: ", LAST


def boot_row(opt, row, pieces, words, option):
	kernel, *modules = [images.piece(name) for name in pieces]
	argv = [option, "--memory", str(row.memory), "--mips", str(row.mips), *opt.common]
	for path in modules:
		argv += ["--module", path]
	return [*argv, kernel, "--", *words]


def differences(marks):
	"""{operation: counters of one turn}, from what the host counted at two marks around each operation, the first an empty one."""
	spans = [{name: after[name] - before.get(name, 0) for name in after} for before, after in zip(marks[::2], marks[1::2])]
	return {name: {what: (span[what] - spans[0].get(what, 0)) / TURNS for what in span} for name, span in zip(OPERATIONS, spans[1:])}


def metal_counts(output):
	"""Exits, and VMX operations of the library, of one turn of each operation."""
	marks = [{name: int(value) for name, value in re.findall(r"nestvmx: stat (\S+) (\d+)$", part, re.M)}
		for part in re.split(r"^nestvmx: stat mark \d+$", output, flags=re.M)[1:]]
	rows = {}
	for name, turn in differences(marks).items():
		rows[f"l1kvm_{name}_exits"] = round(turn["exits"], 1)
		rows[f"l1kvm_{name}_vmx"] = round(sum(turn.get(what, 0) for what in COUNTED), 1)
	return rows


def kvm_counts(output):
	"""Exits of one turn of each operation."""
	between = [int(n) for n in re.findall(r"^L1: exits before mark: (\d+)", output, re.M)][-2 * len(OPERATIONS) - 2:]
	empty, *spans = between[1::2]
	return {f"l1kvm_{name}_exits": round((span - empty) / TURNS, 1) for name, span in zip(OPERATIONS, spans)}
