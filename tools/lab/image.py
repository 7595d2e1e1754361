# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""What kind of kernel a file is, and the GRUB disks that boot it."""
import gzip
import os
import re
import shutil
import struct
import subprocess

GRUB = "/usr/lib/grub/i386-pc"
LOADER = b"NVMXDISK"	# in tools/lab/loader.c, and before what it reads
PAGE = 4096
CYLINDER = 16 * 63 * 512	# what an emulator counts a disk in
GRUB_MODULES = "biosdisk iso9660 part_msdos search_fs_file linux multiboot multiboot2 boot"
PACKAGES = "grub-pc-bin grub-common xorriso"


class ImageError(Exception):
	"""The file cannot be booted; one line says why."""


def read_maybe_gzip(path):
	try:
		with open(path, "rb") as f:
			data = f.read()
		return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
	except (OSError, EOFError) as why:
		raise ImageError(f"{path}: {getattr(why, 'strerror', None) or why}") from None


def _header(data, magic, align, limit, words):
	for at in range(0, min(len(data), limit) - 4 * words + 1, align):
		if struct.unpack_from("<I", data, at)[0] == magic:
			if sum(struct.unpack_from(f"<{words}I", data, at)) & 0xffffffff == 0:
				return True
	return False


def detect(data):
	"""'linux', 'multiboot2', 'multiboot', or None."""
	if len(data) > 0x206 and data[0x1fe:0x200] == b"\x55\xaa" and data[0x202:0x206] == b"HdrS":
		return "linux"
	if _header(data, 0xE85250D6, 8, 32768, 4):
		return "multiboot2"
	if _header(data, 0x1BADB002, 4, 8192, 3):
		return "multiboot"
	return None


def _quote(text):
	if "'" in text:
		raise ImageError(f"an argument cannot contain a single quote: {text}")
	return " ".join(w if re.fullmatch(r"[\w./:=,+@%-]+", w) else f"'{w}'" for w in text.split())


COMMANDS = {
	"multiboot": ("multiboot", "module"),
	"multiboot2": ("multiboot2", "module2"),
	"linux": ("linux", "initrd"),
}


def grub_script(kind, arguments, modules, tag):
	"""GRUB's embedded script. `modules`: argument strings, the files are /boot/m0, /boot/m1, ..."""
	kernel, module = COMMANDS[kind]
	lines = [f"search.file /boot/{tag} root", "set gfxpayload=text"]
	lines.append(f"{kernel} /boot/kernel {_quote(arguments)}".rstrip())
	if kind == "linux":
		if modules:
			lines.append("initrd " + " ".join(f"/boot/m{i}" for i in range(len(modules))))
	else:
		for i, args in enumerate(modules):
			lines.append(f"{module} /boot/m{i} {_quote(args)}".rstrip())
	return "\n".join(lines + ["boot", ""])


def _tool(argv):
	try:
		done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
	except FileNotFoundError:
		raise ImageError(f"{argv[0]} is missing: apt-get install {PACKAGES}") from None
	if done.returncode:
		raise ImageError(f"{argv[0]}: " + (done.stdout.strip().splitlines() or ["failed"])[-1])


def _behind(out, parts):
	"""Puts (file, words) where tools/lab/loader.c looks for them: behind the file system, as its structures say."""
	with open(out, "r+b") as disk:
		disk.seek(16 * 2048 + 80)	# of the volume descriptor
		end = struct.unpack("<I", disk.read(4))[0] * 2048
		disk.truncate(end)
		disk.seek(end)
		disk.write(struct.pack("<8sI2036x", LOADER, len(parts)))
		for path, words in parts:
			if len(words.encode()) > 2043:
				raise ImageError(f"{path}: its arguments are too long")
			disk.write(struct.pack("<I2044s", os.path.getsize(path), words.encode()))
		for path, _ in parts:
			with open(path, "rb") as part:
				shutil.copyfileobj(part, disk, 1 << 20)
			disk.write(bytes(-os.path.getsize(path) % PAGE))
		disk.truncate(-(-disk.tell() // CYLINDER) * CYLINDER)


def make_disk(out, kernel, arguments="", modules=(), tag="disk"):
	"""GRUB disk `out` that boots `kernel`, as a CD-ROM and as a hard disk. `modules`: (file, arguments); of the loader's, which has to
	be on a hard disk, the first is the kernel that it starts.

	The disk finds itself by the file /boot/`tag`, so each disk of a machine needs its own.
	"""
	data = read_maybe_gzip(kernel)
	kind = detect(data)
	if not kind:
		raise ImageError(f"{kernel}: neither multiboot, multiboot2 nor a Linux kernel")
	mbr = os.path.join(GRUB, "boot_hybrid.img")
	if not os.path.exists(mbr):
		raise ImageError(f"{mbr} is missing: apt-get install {PACKAGES}")
	work = out + ".files"
	boot = os.path.join(work, "boot")
	os.makedirs(boot)
	with open(os.path.join(boot, "kernel"), "wb") as f:
		f.write(data)
	with open(os.path.join(boot, tag), "wb"):
		pass
	for path, _ in modules:
		if not os.path.isfile(path):
			raise ImageError(f"{path}: no such file")
	behind, modules = (modules, []) if LOADER in data[:8192] and kind == "multiboot" else ([], modules)
	for i, (path, _) in enumerate(modules):
		os.symlink(os.path.abspath(path), os.path.join(boot, f"m{i}"))
	script = out + ".cfg"
	with open(script, "w", encoding="utf-8") as f:
		f.write(grub_script(kind, arguments, [a for _, a in modules], tag))
	_tool(["grub-mkimage", "-O", "i386-pc-eltorito", "-d", GRUB, "-p", "/boot", "-c", script,
		"-o", os.path.join(boot, "grub.img"), *GRUB_MODULES.split()])
	_tool(["xorriso", "-as", "mkisofs", "-quiet", "-f", "-R", "-b", "boot/grub.img", "-no-emul-boot",
		"-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info", "--grub2-mbr", mbr, "-o", out, work])
	if behind:
		_behind(out, behind)
	shutil.rmtree(work)
	return kind


def is_hybrid(path):
	"""Does this ISO boot as a hard disk too?"""
	try:
		with open(path, "rb") as f:
			return f.read(512)[510:] == b"\x55\xaa"
	except OSError as why:
		raise ImageError(f"{path}: {why.strerror}") from None
