# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""VirtualBox as L1: its programs as Debian has them, its driver built for L1's kernel, and the settings of the VMs that it runs."""
import os
import shutil
import uuid

import packages
from kernel import QUICK
from packages import Absent, one

RELEASE = "sid"		# the only one that has it, in contrib
FOLDER = "usr/lib/virtualbox"
# The front end, its service and what they load by name; the libraries come by themselves.
PARTS = ("VBoxHeadless", "VBoxHeadless.so", "VBoxSVC", "VBoxXPCOMIPCD.so", "VBoxRT.so", "VBoxVMM.so", "VBoxDD.so", "VBoxDD2.so", "VBoxDDU.so",
	"VBoxXPCOM.so", "VMMR0.r0", "VBoxDDR0.r0", "VBoxSharedFolders.so", "VBoxGuestPropSvc.so", "VBoxGuestControlSvc.so")
# What it depends on for what no VM without a screen does, and for building and installing.
SKIPPED = ("perl", "libperl5.42", "systemd", "libsystemd-shared", "python3", "python3.14", "libpython3", "libpython3.14", "dkms", "dpkg-dev",
	"libdpkg-perl", "binutils", "libbinutils", "libgprofng0", "make", "patch", "libllvm22", "libz3", "mesa", "libgl1", "libglx", "libvulkan1", "libsdl2", "libsdl3",
	"iproute2", "kmod", "procps", "tzdata", "pci.ids", "xkb-data", "libx11-data", "debconf", "x11-common")
HOME = "vbox/home"
SECTORS = 63
HEADS = 16

FEATURES = ("nested paging", "unrestricted guest execution", "large page support", "VPID")	# as VirtualBox's log names them


class Vm:
	"""`switches`: elements of <CPU> that are not as they come; `changed`: features that it has therefore, or has not."""

	def __init__(self, cpus=1, switches=None, changed=()):
		self.cpus = cpus
		self.switches = switches or {}
		self.features = [name for name in FEATURES if (name in changed) == (name == "large page support")]


REAL = {
	"defaults": Vm(),
	"novpid": Vm(switches={"HardwareVirtExVPID": False}, changed=["VPID"]),
	"largepages": Vm(switches={"HardwareVirtExLargePages": True}, changed=["large page support"]),
	"norealmode": Vm(switches={"HardwareVirtExUX": False}, changed=["unrestricted guest execution"]),
	"noept": Vm(switches={"HardwareVirtExNestedPaging": False}, changed=["nested paging", "unrestricted guest execution"]),
	"smp": Vm(cpus=2),
}
LINUX = {"linux": Vm()}
LINUX_MEMORY = 320	# MiB: the loader wants 256 without a hole
LINUX_WORDS = ("console=ttyS0 quiet loglevel=3 nokaslr mitigations=off no_timer_check random.trust_cpu=on panic=-1 cryptomgr.notests "
	f"{QUICK} nvmx.end=off")


def tree():
	return packages.tree("virtualbox", "amd64", ["virtualbox"], skip=SKIPPED, suite=packages.release_suite(RELEASE))


def version():
	return packages.version(tree(), "virtualbox").partition("-")[0]


def driver(out, release):
	"""Builds vboxdrv.ko for the kernel of that release, whose headers are installed or fetched."""
	headers = f"/usr/src/linux-headers-{release}"
	if not os.path.isdir(headers):
		headers = packages.linux_headers(".".join(release.split(".")[:2]))
	if not headers.endswith(release):
		raise Absent(f"VirtualBox's driver needs the headers of Linux {release}; there are {os.path.basename(headers)}")
	work = out + ".build"
	shutil.rmtree(work, ignore_errors=True)
	shutil.copytree(one(os.path.join(tree(), "usr/src/virtualbox-[0-9]*")), work)
	folder = os.path.join(work, "vboxdrv")
	packages.run(["make", "-C", headers, f"M={folder}", "CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"])
	packages.run(["objcopy", "--strip-debug", os.path.join(folder, "vboxdrv.ko"), out])
	shutil.rmtree(work)


def name_uuid(name):
	return str(uuid.uuid5(uuid.NAMESPACE_URL, "nestvmx:" + name))


def descriptor(name, sectors):
	"""A VMDK's, whose sectors are in a plain file: the form in which VirtualBox takes one that has no UUID of its own."""
	return f"""# Disk DescriptorFile
version=1
CID=6e766d78
parentCID=ffffffff
createType="monolithicFlat"

# Extent description
RW {sectors} FLAT "disk" 0

# The disk Data Base
#DDB
ddb.virtualHWVersion = "4"
ddb.adapterType="ide"
ddb.geometry.cylinders="{sectors // (HEADS * SECTORS)}"
ddb.geometry.heads="{HEADS}"
ddb.geometry.sectors="{SECTORS}"
ddb.uuid.image="{name_uuid(name + ' disk')}"
ddb.uuid.modification="00000000-0000-0000-0000-000000000000"
ddb.uuid.parent="00000000-0000-0000-0000-000000000000"
ddb.uuid.parentmodification="00000000-0000-0000-0000-000000000000"
"""


def machine(name, kind, memory, vm):
	"""A .vbox: a VM with a disk, a serial port that goes to a file, and no more."""
	switches = "".join(f'<{switch} enabled="{str(on).lower()}"/>' for switch, on in vm.switches.items())
	disk = name_uuid(name + " disk")
	return f"""<?xml version="1.0"?>
<VirtualBox xmlns="http://www.virtualbox.org/" version="1.16-linux">
<Machine uuid="{{{name_uuid(name)}}}" name="{name}" OSType="{kind}" snapshotFolder="Snapshots">
<MediaRegistry><HardDisks>
<HardDisk uuid="{{{disk}}}" location="/{HOME}/{name}.vmdk" format="VMDK" type="Normal"/>
</HardDisks></MediaRegistry>
<Hardware>
<CPU count="{vm.cpus}"><PAE enabled="true"/><LongMode enabled="true"/><HardwareVirtEx enabled="true"/>{switches}</CPU>
<Memory RAMSize="{memory}"/>
<Boot><Order position="1" device="HardDisk"/><Order position="2" device="None"/><Order position="3" device="None"/><Order position="4" device="None"/></Boot>
<Display VRAMSize="4"/>
<BIOS><ACPI enabled="true"/><IOAPIC enabled="true"/><Logo fadeIn="false" fadeOut="false" displayTime="0"/><BootMenu mode="Disabled"/></BIOS>
<UART><Port slot="0" enabled="true" IOBase="0x3f8" IRQ="4" hostMode="RawFile" path="/tmp/serial"/></UART>
<AudioAdapter driver="Null" enabled="false"/>
</Hardware>
<StorageControllers><StorageController name="IDE" type="PIIX4" PortCount="2" useHostIOCache="true" Bootable="true">
<AttachedDevice type="HardDisk" port="0" device="0"><Image uuid="{{{disk}}}"/></AttachedDevice>
</StorageController></StorageControllers>
</Machine>
</VirtualBox>
"""


def registry(names):
	entries = "".join(f'<MachineEntry uuid="{{{name_uuid(name)}}}" src="/{HOME}/{name}.vbox"/>\n' for name in names)
	return f"""<?xml version="1.0"?>
<VirtualBox xmlns="http://www.virtualbox.org/" version="1.12-linux">
<Global>
<MachineRegistry>
{entries}</MachineRegistry>
<SystemProperties defaultMachineFolder="/{HOME}" defaultHardDiskFormat="VDI" VRDEAuthLibrary="null" LogHistoryCount="1"/>
</Global>
</VirtualBox>
"""


def programs(archive):
	root = tree()
	names = {os.path.basename(part) for part in PARTS}
	parts = PARTS + tuple("components/" + name for name in sorted(os.listdir(os.path.join(root, FOLDER, "components"))))
	for path in (os.path.join(FOLDER, part) for part in parts):
		if os.path.islink(os.path.join(root, path)):
			archive.link(path, os.readlink(os.path.join(root, path)))
		else:
			archive.copy(path, os.path.join(root, path), 0o755)
			archive.libraries(root, path, names)
	archive.file("etc/passwd", b"root:x:0:0::/root:/bin/sh\n")
	archive.file("etc/group", b"root:x:0:\n")
	archive.file("vbox/version", version().encode() + b"\n")


def settings(archive, kind, memory, vms):
	"""VMs of that type of guest, and what VirtualBox knows them by."""
	archive.file(f"{HOME}/VirtualBox.xml", registry(vms).encode())
	for name, vm in vms.items():
		archive.file(f"{HOME}/{name}.vbox", machine(name, kind, memory, vm).encode())


def disk(archive, data, vms):
	"""The disk of them all, who run in turn: these bytes."""
	cylinder = HEADS * SECTORS * 512
	data += bytes(-len(data) % cylinder)
	archive.file(f"{HOME}/disk", data)
	for name in vms:
		archive.file(f"{HOME}/{name}.vmdk", descriptor(name, len(data) // 512).encode())
