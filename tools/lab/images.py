# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""The pieces that boot tests are made of, each built once below build/lab/out."""
import fcntl
from functools import partial
import glob
import gzip
import os
import subprocess
import tempfile

import elf
import image
import initramfs
import kernel
import packages
import selftests
import vbox
from packages import Absent, LAB, LabError, TOP, one, tree

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(LAB, "out")
HANDED = os.path.join(OUT, "l1-handed")
NOT_NEEDED = ("initramfs-tools", "linux-base", "debconf", "perl", "udev", "systemd", "kmod")
KVM_MODULE = ("kvm-intel",)
XEN_MODULES = ("xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd", "xenfs")
# What is found by name when another is loaded, or by what it serves; not every kernel has each.
CHECKSUMS = ("crct10dif_generic?", "crc64_rocksoft_generic?")
DISK_MODULES = (*CHECKSUMS, "nvme", "virtio_pci_legacy_dev?", "virtio_pci", "virtio_blk")
IDE_MODULES = ("ata_piix", *CHECKSUMS, "sd_mod")
XEN_PROGRAMS = ("xenstored", "xenconsoled", "xen-init-dom0", "libxl-save-helper", "xl")
QEMU_FILES = ("seabios/bios-256k.bin", "seabios/bios-microvm.bin", "qemu/linuxboot_dma.bin", "qemu/pvh.bin", "qemu/qboot.rom",
	"qemu/kvmvapic.bin", "qemu/multiboot_dma.bin")
PVH_SHIM = 0x8000		# physical address, in RAM that nothing has been put in
KERNELS = {"amd64": "linux-image-amd64", "i386": "linux-image-686-pae"}


def linux(arch, kernel=""):
	"""Debian's kernel for that machine: its own one, or the one of that version or release."""
	if not kernel:
		return tree(f"linux-{arch}", arch, [KERNELS[arch], "busybox-static"], skip=NOT_NEEDED, suite=packages.kernel_suite(arch))
	return tree(f"linux-{arch}-{kernel}", arch, [KERNELS[arch]], only=("linux-image", "linux-base", "linux-binary", "linux-modules"), suite=packages.kernel_suite(kernel))


def beside(name, kernel):
	"""The name of what is made for another kernel than the machine's own."""
	return f"{name}-{kernel}" if kernel else name


def qemu(release=""):
	return tree(beside("qemu", release), "amd64", ["qemu-system-x86"], skip=NOT_NEEDED if release else (),
		suite=packages.release_suite(release) if release else "")


def qemu_version(pieces):
	"""That of the QEMU among the pieces of a boot; an empty string without one."""
	releases = [name.removeprefix("l1-qemu").lstrip("-") for name in pieces if name.startswith("l1-qemu")]
	return packages.version(qemu(releases[0]), "qemu-system-x86").partition("+")[0] if releases else ""


def xen(release=""):
	if not release:
		return tree("xen", "amd64", ["xen-system-amd64"], skip=NOT_NEEDED)
	return tree(beside("xen", release), "amd64", ["xen-system-amd64", "qemu-system-xen"], skip=NOT_NEEDED,
		suite=packages.release_suite(release))


def stale(path, sources):
	if not os.path.exists(path):
		return True
	made = os.path.getmtime(path)
	return any(os.path.getmtime(source) > made for source in sources)


def own(*names):
	return [os.path.join(HERE, name) for name in names]


def busybox(archive, arch):
	archive.copy("bin/busybox", kernel.busybox(linux(arch)), 0o755)
	for directory in ("dev", "proc", "sys", "tmp", "run"):
		archive.directory(directory)
	archive.device("dev/console", 5, 1)
	archive.device("dev/null", 1, 3)


def vmlinuz(arch, version=""):
	root = linux(arch, version)
	return one(os.path.join(root, "boot/vmlinuz-*"), os.path.join(root, "usr/lib/modules/*/vmlinuz"))


def vmlinux(arch, version=""):
	"""Debian's kernel out of its bzImage: what the bzImage would unpack itself into, slowly."""
	out = os.path.join(OUT, beside(f"vmlinux-{arch}", version))
	source = vmlinuz(arch, version)
	if stale(out, [source] + own("elf.py", "kernel.py")):
		_write(out, kernel.vmlinux(source))
	return out


def loader():
	return compiled("loader", ["gcc", "-m32", "-march=i686", "-std=gnu11", "-Os", "-Wall", "-Wextra", "-ffreestanding",
		"-fno-pie", "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-nostdlib", "-static", "-no-pie",
		"-Wl,-Ttext=0x100000,--build-id=none,-z,norelro"], own("loader.c"))


def _write(path, data):
	with open(path + ".tmp", "wb") as f:
		f.write(data)
	os.replace(path + ".tmp", path)


def memstress():
	return compiled("memstress", ["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-static"], own("memstress.c"))


def l2_initrd(arch):
	out = os.path.join(OUT, f"l2-initrd-{arch}")
	if stale(out, own("l2-init", "memstress.c", "initramfs.py")):
		archive = initramfs.Archive()
		busybox(archive, arch)
		archive.copy("init", os.path.join(HERE, "l2-init"), 0o755)
		if arch == "amd64":
			archive.copy("bin/memstress", memstress(), 0o755)
		archive.write(out)
	return out


def modules(archive, names, place="modules/{file}", version=""):
	"""Debian's modules and those that they need, as `place` names them from their number in the order of loading and their file.
	How many."""
	order = kernel.Modules(linux("amd64", version)).load_order(names)
	for number, (name, content) in enumerate(order):
		archive.file(place.format(number=number, file=name), content)
	return len(order)


def l1_base():
	scenarios = sorted(glob.glob(os.path.join(HERE, "scenario", "*")))
	out = os.path.join(OUT, "l1-base")
	if stale(out, own("l1-init", "initramfs.py", "scenario") + scenarios):
		archive = initramfs.Archive()
		busybox(archive, "amd64")
		archive.copy("init", os.path.join(HERE, "l1-init"), 0o755)
		for path in scenarios:
			archive.copy("scenario/" + os.path.basename(path), path, 0o755)
		archive.write(out)
	return out


LAB_SOURCES = ("initramfs.py", "images.py", "kernel.py")


def l1_modules(out_name, names, place, version=""):
	out = os.path.join(OUT, beside(out_name, version))
	if stale(out, own(*LAB_SOURCES)):
		archive = initramfs.Archive()
		modules(archive, names, place, version)
		archive.write(out)
	return out


def l1_kvm(version=""):
	return l1_modules("l1-kvm", KVM_MODULE, "modules/{number:02}-{file}", version)


def l1_kvm_nestvmx(version=""):
	"""Stock kvm.ko with the kvm-intel.ko that adapters/kvm/build makes."""
	own_module = os.path.join(TOP, "build", beside("kvm", version), "arch/x86/kvm/kvm-intel.ko")
	if not os.path.exists(own_module):
		raise Absent(f"{own_module} is missing: run adapters/kvm/build{version and ' --kernel ' + version} first")
	out = os.path.join(OUT, beside("l1-kvm-nestvmx", version))
	if stale(out, [own_module] + own(*LAB_SOURCES)):
		archive = initramfs.Archive()
		number = modules(archive, ("kvm",), "modules/{number:02}-{file}", version)
		stripped = out + ".ko"
		packages.run(["objcopy", "--strip-debug", own_module, stripped])
		with open(stripped, "rb") as f:
			archive.file(f"modules/{number:02}-kvm-intel.ko", f.read())
		os.unlink(stripped)
		archive.write(out)
	return out


def l1_kvm_stock(version=""):
	"""The stock kvm-intel.ko beside another one."""
	out = os.path.join(OUT, beside("l1-kvm-stock", version))
	if stale(out, own(*LAB_SOURCES)):
		archive = initramfs.Archive()
		archive.file("modules/stock/kvm-intel.ko", kernel.Modules(linux("amd64", version)).content("kvm_intel"))
		archive.write(out)
	return out


def l1_handed():
	"""What another boot has handed on (test/kvm/mobility)."""
	if not os.path.exists(HANDED):
		raise Absent("nothing was handed on")
	return HANDED


def l1_qemu(release=""):
	out = os.path.join(OUT, beside("l1-qemu", release))
	if stale(out, own("initramfs.py", "images.py")):
		archive = initramfs.Archive()
		archive.program(qemu(release), "usr/bin/qemu-system-x86_64")
		for name in QEMU_FILES:
			path = os.path.join(qemu(release), "usr/share", name)
			archive.copy("usr/share/qemu/" + os.path.basename(name), os.path.realpath(path))
		archive.write(out)
	return out


def l2_linux(arch, packed, version=""):
	"""An L2 Linux for the L1's file system: as Debian packs it, or unpacked, which starts much faster."""
	out = os.path.join(OUT, beside(f"l2-{arch}", version) + ("-packed" if packed else ""))
	kernel = vmlinuz(arch, version) if packed else vmlinux(arch, version)
	if stale(out, [kernel, l2_initrd(arch)] + own("initramfs.py")):
		archive = initramfs.Archive()
		archive.copy(f"l2/{arch}/kernel", kernel)
		archive.copy(f"l2/{arch}/initrd", l2_initrd(arch))
		archive.write(out)
	return out


def compiled(name, argv, sources):
	out = os.path.join(OUT, name)
	if stale(out, sources):
		done = subprocess.run([*argv, "-o", out + ".tmp", *sources], stderr=subprocess.PIPE, text=True, check=False)
		if done.returncode:
			raise LabError(f"{name}: {(done.stderr.strip().splitlines() or ['failed'])[0]}")
		os.replace(out + ".tmp", out)
	return out


def boot_sector():
	return compiled("realmode.elf", ["gcc", "-m32", "-nostdlib", "-static", "-Wl,-Ttext=0x7c00", "-Wl,--build-id=none",
		"-Wl,--oformat=binary"], own("realmode.S"))


def l2_real():
	sector = boot_sector()
	out = os.path.join(OUT, "l2-real")
	if stale(out, [sector] + own("initramfs.py")):
		archive = initramfs.Archive()
		archive.copy("l2/real/disk", sector)
		archive.write(out)
	return out


def torture():
	"""A user of KVM's that disturbs its guest, and the guests."""
	program = compiled("torture", ["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-static", "-pthread", "-I", HERE,
		"-I", os.path.join(TOP, "include")],
		[os.path.join(TOP, "test/kvm", name) for name in ("torture.c", "log.c", "nested_steps.c", "snapshot.c", "refuse.c")] + own("vmm.c"))
	inject = compiled("inject", ["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-static", "-pthread", "-I", HERE,
		"-I", os.path.join(TOP, "include")], [os.path.join(TOP, "test/kvm", name) for name in ("inject.c", "snapshot.c")] + own("vmm.c"))
	caps = compiled("caps", ["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-static"], [os.path.join(TOP, "test/kvm/caps.c")])
	guests = [os.path.join(TOP, "build/test/l1", name) for name in ("work.elf", "pair.elf", "common.elf")]
	for path in guests:
		if not os.path.exists(path):
			raise LabError(f"{path} is missing: build the project first")
	out = os.path.join(OUT, "l1-torture")
	if stale(out, [*guests, program, inject, caps, minivmm()] + own("initramfs.py")):
		archive = initramfs.Archive()
		archive.copy("bin/torture", program, 0o755)
		archive.copy("bin/inject", inject, 0o755)
		archive.copy("bin/caps", caps, 0o755)
		for path in guests:
			archive.copy("l2/" + os.path.basename(path), path)
		archive.copy("bin/minivmm", minivmm(), 0o755)
		archive.write(out)
	return out


def minivmm():
	return compiled("minivmm", ["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-static", "-pthread"], own("minivmm.c", "vmm.c"))


def _l2_kvm(name, parts):
	"""For the file system of a host: a Linux with what is in `parts`, itself for guests of its own."""
	out = os.path.join(OUT, name)
	if stale(out, [vmlinux("amd64"), *parts] + own("initramfs.py", "images.py")):
		archive = initramfs.Archive()
		archive.copy("l2/kvm/kernel", vmlinux("amd64"))
		initrd = b"".join(open(path, "rb").read() for path in parts)
		archive.file("l2/kvm/initrd", initramfs.lz4(initrd))	# its memory is small
		archive.write(out)
	return out


def l2_kvm(arch):
	"""With stock KVM, QEMU and guests to run."""
	return _l2_kvm(f"l2-kvm-{arch}", [l1_base(), l1_kvm(), l1_qemu(), l2_linux(arch, False), l2_real()])


def l2_kvm_ops():
	"""With stock KVM and a guest that measures."""
	return _l2_kvm("l2-kvm-ops", [l1_base(), l1_kvm(), l1_elf("ops")])


def l2_xen(guest):
	"""For the file system of a host: Xen with a dom0 and a guest of its own."""
	out = os.path.join(OUT, "l2-xen" + (f"-{guest}" if guest != "amd64" else ""))
	parts = {"xen": xen_hypervisor(), "kernel": vmlinux("amd64"), "initrd": dom0(guest)}
	if stale(out, list(parts.values()) + own("initramfs.py")):
		archive = initramfs.Archive()
		for name, path in parts.items():
			archive.copy("l2/xen/" + name, path)
		archive.write(out)
	return out


def l1_elf(name):
	"""minivmm and one of the project's bare-metal L1s."""
	elf_file = os.path.join(TOP, "build/test/l1", name + ".elf")
	if not os.path.exists(elf_file):
		raise LabError(f"{elf_file} is missing: build the project first")
	out = os.path.join(OUT, "l1-" + name)
	if stale(out, [elf_file, minivmm()] + own("initramfs.py")):
		archive = initramfs.Archive()
		archive.copy("bin/minivmm", minivmm(), 0o755)
		archive.copy(f"l2/{name}.elf", elf_file)
		archive.write(out)
	return out


def xen_hypervisor(release=""):
	out = os.path.join(OUT, beside("xen", release))
	source = one(os.path.join(xen(release), "boot/xen-[0-9]*.gz"))
	if stale(out, [source]):
		with gzip.open(source) as f:
			_write(out, f.read())
	return out


def pvh_image(name):
	"""A PVH guest of one source."""
	return compiled(f"{name}.elf", ["gcc", "-m32", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x8000",
		"-Wl,-Tdata=0x9000,--section-start=.note.Xen=0xa000,--build-id=none,-z,norelro,-z,noexecstack"], own(f"{name}.S"))


def pvh_linux(arch, release=""):
	"""A kernel that Xen can start as a PVH guest."""
	if arch != "i386":
		return vmlinux(arch, release)
	code = compiled("pvhfs", ["gcc", "-m32", "-nostdlib", "-static", f"-Wl,-Ttext={PVH_SHIM:#x}", "-Wl,--build-id=none",
		"-Wl,--oformat=binary"], own("pvhfs.S"))
	out = os.path.join(OUT, "vmlinux-i386-pvh")
	if stale(out, [code, vmlinux(arch)] + own("elf.py")):
		with open(vmlinux(arch), "rb") as image, open(code, "rb") as f:
			_write(out, elf.enter_by(image.read(), f.read(), PVH_SHIM))
	return out


def dom0_guest(guest, release):
	"""What a guest of dom0's is made of, by the names that dom0-init knows."""
	if guest == "hvm":
		return {f"{guest}/disk": boot_sector()}
	if guest in ("real", "cpuid"):
		return {f"{guest}/kernel": pvh_image("pvh" + guest)}
	return {f"{guest}/kernel": pvh_linux(guest, release), f"{guest}/initrd": l2_initrd(guest)}


def device_model(archive, root):
	"""The QEMU of Xen's HVM guests, and what those start from."""
	for pattern in ("usr/libexec/xen-qemu-system-i386", "usr/lib/xen-[0-9]*/boot/hvmloader"):
		path = os.path.relpath(one(os.path.join(root, pattern)), root)
		if path.endswith("hvmloader"):
			archive.copy(path, os.path.join(root, path))
		else:
			archive.program(root, path)
	archive.copy("usr/share/seabios/bios-256k.bin", os.path.join(root, "usr/share/seabios/bios-256k.bin"))


def dom0(guests, release=""):
	"""The file system of Xen's first domain, with what the guests that it starts in turn are made of: A, or A-B-..."""
	out = os.path.join(OUT, beside(f"dom0-{guests}", release))
	parts = {name: path for guest in guests.split("-") for name, path in dom0_guest(guest, release).items()}
	root = xen(release)
	if stale(out, list(parts.values()) + own("dom0-init", *LAB_SOURCES)):
		archive = initramfs.Archive()
		busybox(archive, "amd64")
		archive.copy("init", os.path.join(HERE, "dom0-init"), 0o755)
		modules(archive, XEN_MODULES, "modules/{number:02}-{file}", release)
		for name in XEN_PROGRAMS:
			path = one(os.path.join(root, "usr/lib/xen-[0-9]*/bin", name))
			archive.program(root, os.path.relpath(path, root))
		if guests == "hvm":
			device_model(archive, root)
		# pthread_cancel loads it by name.
		archive.copy("lib/libgcc_s.so.1", one(*(os.path.join(root, d, "libgcc_s.so.1") for d in ("lib/*", "usr/lib/*"))), 0o755)
		for name, part in parts.items():
			archive.copy("l2/" + name, part)
		archive.write(out, packed=True)	# its memory is small
	return out


def l1_vbox():
	"""VirtualBox and its driver."""
	out = os.path.join(OUT, "l1-vbox")
	kernel_image = vmlinuz("amd64")
	if stale(out, [kernel_image] + own("vbox.py", "initramfs.py")):
		driver = os.path.join(OUT, "vboxdrv.ko")
		vbox.driver(driver, os.path.basename(kernel_image).removeprefix("vmlinuz-"))
		archive = initramfs.Archive()
		vbox.programs(archive)
		archive.copy("vbox/vboxdrv.ko", driver)
		archive.write(out)
	return out


def kvm_selftests(version):
	"""KVM's tests of that Linux, for the scenario `programs`."""
	out = os.path.join(OUT, f"selftests-{version}")
	if stale(out, own("selftests.py", "initramfs.py")):
		archive = initramfs.Archive()
		selftests.add(archive, version, out + ".build")
		archive.write(out)
	return out


def l2_vbox_real():
	"""VirtualBox's VMs with the boot sector."""
	out = os.path.join(OUT, "l2-vbox-real")
	if stale(out, [boot_sector()] + own("vbox.py", "initramfs.py")):
		archive = initramfs.Archive()
		vbox.settings(archive, "Other", 16, vbox.REAL)
		with open(boot_sector(), "rb") as sector:
			vbox.disk(archive, sector.read(), vbox.REAL)
		archive.write(out)
	return out


def l2_vbox_amd64():
	"""The one with Linux, on a disk from which the loader starts it."""
	out = os.path.join(OUT, "l2-vbox-amd64")
	if stale(out, [loader(), vmlinux("amd64"), l2_initrd("amd64")] + own("vbox.py", "image.py", "initramfs.py")):
		archive = initramfs.Archive()
		vbox.settings(archive, "Linux_64", vbox.LINUX_MEMORY, vbox.LINUX)
		with tempfile.TemporaryDirectory(dir=OUT) as work:
			path = os.path.join(work, "disk")
			image.make_disk(path, loader(), vbox.LINUX_WORDS, [(vmlinux("amd64"), ""), (l2_initrd("amd64"), "")], tag="l2")
			with open(path, "rb") as disk:
				vbox.disk(archive, disk.read(), vbox.LINUX)
		archive.write(out)
	return out


# What rows with another release's hypervisor boot from.
RELEASED = {"l1-kvm": l1_kvm, "l1-qemu": l1_qemu, "xen": xen_hypervisor,
	"l2-amd64": lambda release: l2_linux("amd64", False, release), "vmlinux": lambda release: vmlinux("amd64", release),
	"dom0-amd64": partial(dom0, "amd64"), "dom0-real": partial(dom0, "real"), "dom0-hvm": partial(dom0, "hvm")}

PIECES = {
	"l1-base": l1_base, "l1-kvm": l1_kvm,
	"l1-disk": lambda: l1_modules("l1-disk", DISK_MODULES, "disk/{number:02}-{file}"),
	"l1-zram": lambda: l1_modules("l1-zram", ("zram",), "zram/{number:02}-{file}"),
	"l1-ext4": lambda: l1_modules("l1-ext4", ("zram", "crc32c_generic?", "ext4"), "ext4/{number:02}-{file}"),
	"l1-ide": lambda: l1_modules("l1-ide", IDE_MODULES, "ide/{number:02}-{file}"), "l1-kvm-nestvmx": l1_kvm_nestvmx,
	"l1-kvm-stock": l1_kvm_stock, "l1-kvm-6.12": lambda: l1_kvm("6.12"), "vmlinux-6.12": lambda: vmlinux("amd64", "6.12"),
	"l1-kvm-nestvmx-6.12": lambda: l1_kvm_nestvmx("6.12"), "l1-kvm-stock-6.12": lambda: l1_kvm_stock("6.12"),
	"l1-kvm-nestvmx-sid": lambda: l1_kvm_nestvmx("sid"), "l1-kvm-stock-sid": lambda: l1_kvm_stock("sid"),
	"l1-torture": torture, "l1-handed": l1_handed, "l1-qemu": l1_qemu, "l1-bench": lambda: l1_elf("bench"),
	"l1-ops": lambda: l1_elf("ops"), "l2-kvm-ops": l2_kvm_ops,
	"l1-conform": lambda: l1_elf("conform"), "l2-kvm-amd64": lambda: l2_kvm("amd64"),
	"l2-kvm-i386": lambda: l2_kvm("i386"), "l2-xen": partial(l2_xen, "amd64"), "l2-xen-cpuid": partial(l2_xen, "cpuid"), "l2-real": l2_real,
	"l2-amd64": lambda: l2_linux("amd64", False), "l2-amd64-packed": lambda: l2_linux("amd64", True),
	"l2-i386": lambda: l2_linux("i386", False), "l2-i386-packed": lambda: l2_linux("i386", True),
	"selftests-6.1": partial(kvm_selftests, "6.1"), "selftests-6.12": partial(kvm_selftests, "6.12"),
	"l1-vbox": l1_vbox, "l2-vbox-real": l2_vbox_real, "l2-vbox-amd64": l2_vbox_amd64,
	"loader": loader,
	"linux": lambda: vmlinuz("amd64"),
	"vmlinux": lambda: vmlinux("amd64"), "xen": xen_hypervisor,
	**{f"{name}-{release}": partial(make, release) for release in packages.RELEASES for name, make in RELEASED.items()},
	"dom0-amd64": lambda: dom0("amd64"), "dom0-i386": lambda: dom0("i386"), "dom0-real": lambda: dom0("real"),
	"dom0-cpuid": lambda: dom0("cpuid"), "dom0-amd64-i386-real": lambda: dom0("amd64-i386-real"),
}


def piece(name):
	os.makedirs(OUT, exist_ok=True)
	if name not in PIECES:
		raise LabError(f"no image called {name}: {' '.join(PIECES)}")
	with open(os.path.join(LAB, "lock"), "w", encoding="ascii") as lock:
		fcntl.flock(lock, fcntl.LOCK_EX)	# two runs at the same time build each piece once
		return PIECES[name]()


__all__ = ["piece", "PIECES", "HANDED", "Absent", "LabError", "packages"]
