# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""What Debian's kernels are made of, told by what is there: how the image and the modules are packed, what is built in."""
import glob
import gzip
import lzma
import os
import re
import shutil
import struct
import subprocess

import elf
from packages import LabError, found, one

# What a kernel in an emulator does without: the last line's read the types of the whole kernel, whichever is called first.
TRACING = "trace_eval_init,tracer_init_tracefs,"	# without them there is no tracefs
QUICK = (f"initcall_blacklist=load_system_certificate_list,{TRACING}crypto_kdf108_init,init_evm,init_ima,"
	"bpf_rstat_kfunc_init,bpf_key_sig_kfuncs_init,kfunc_init,bpf_prog_test_run_init,bpf_tcp_ca_kfunc_init,cubictcp_register")
SIGNED = b"~Module signature appended~\n"


def _by_program(name):
	def unpack(data, what):
		if not shutil.which(name):
			raise LabError(f"{what} is packed by {name}, which is missing: apt-get install {name}")
		done = subprocess.run([name, "-d", "-q", "-c"], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
		if not done.stdout:
			raise LabError(f"{what}: {name}: {(done.stderr.decode().strip().splitlines() or ['failed'])[-1]}")
		return done.stdout
	return unpack


def _xz(data, _):
	return lzma.LZMADecompressor().decompress(data)


PACKERS = {b"\xfd7zXZ\0": _xz, b"\x28\xb5\x2f\xfd": _by_program("zstd"), b"\x02\x21\x4c\x18": _by_program("lz4"),
	b"\x1f\x8b": lambda data, _: gzip.decompress(data)}


def unpacked(data, what):
	for magic, unpack in PACKERS.items():
		if data.startswith(magic):
			try:
				return unpack(data, what)
			except (lzma.LZMAError, gzip.BadGzipFile, EOFError) as why:
				raise LabError(f"{what}: {why}") from None
	return data


def vmlinux(bzimage):
	"""The kernel that a bzImage would unpack itself into, slowly; without padding."""
	with open(bzimage, "rb") as f:
		data = f.read()
	start = (data[0x1f1] + 1) * 512 + struct.unpack_from("<I", data, 0x248)[0]
	length = struct.unpack_from("<I", data, 0x24c)[0]
	# Behind the payload stands the size that it unpacks to; xz's decompressor finds its end by itself, the others' do not.
	image = unpacked(data[start:start + length - 4], bzimage)
	if image[:4] != b"\x7fELF":
		raise LabError(f"{bzimage}: its payload ({data[start:start + 4].hex()}) is none that is known here")
	return elf.compact(image)


def name_of(path):
	"""A module's name as dependencies spell it."""
	return re.sub(r"\.ko(\.\w+)?$", "", os.path.basename(path)).replace("-", "_")


class Modules:
	"""The modules of the kernel that is unpacked below `root`."""

	def __init__(self, root):
		self.directory = os.path.dirname(one(os.path.join(root, "lib/modules/*/kernel"), os.path.join(root, "usr/lib/modules/*/kernel")))
		paths = glob.glob(os.path.join(self.directory, "kernel/**/*.ko*"), recursive=True)
		self.files = {name_of(path): path for path in paths}
		with open(os.path.join(self.directory, "modules.builtin"), encoding="ascii") as f:
			self.builtin = {name_of(line.strip()) for line in f}

	def content(self, name):
		"""Without its signature: checking that takes a slow machine seconds."""
		path = self.files[name]
		with open(path, "rb") as f:
			data = unpacked(f.read(), path)
		if data.endswith(SIGNED):
			size = struct.unpack(">I", data[-len(SIGNED) - 4:-len(SIGNED)])[0]
			data = data[:-len(SIGNED) - 12 - size]
		return data

	def has(self, name):
		return name_of(name) in self.files

	def load_order(self, names):
		"""(file name, content) of each module that loading `names` takes, dependencies first; not of what is built in. A name
		that ends in a question mark may be missing: some kernels have such a module and others have it in another."""
		order = {}
		waiting = [(name_of(name.rstrip("?")), name.endswith("?")) for name in reversed(names)]
		while waiting:
			name, optional = waiting.pop()
			if name in order or name in self.builtin or (optional and name not in self.files):
				continue
			if name not in self.files:
				raise LabError(f"the kernel in {self.directory} has no module {name}")
			content = self.content(name)
			listed = re.search(rb"\0depends=([^\0]*)\0", content)
			depends = [name_of(d) for d in listed[1].decode().split(",") if d] if listed else []
			depends = [d for d in depends if d not in order and d not in self.builtin]
			if depends:
				waiting += [(name, False)] + [(d, False) for d in reversed(depends)]
			else:
				order[name] = content
		return [(re.sub(r"\.ko\.\w+$", ".ko", os.path.basename(self.files[name])), content) for name, content in order.items()]


def busybox(root):
	return found(os.path.join(root, "bin/busybox"), os.path.join(root, "usr/bin/busybox"))[-1]
