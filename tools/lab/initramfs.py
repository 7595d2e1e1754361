# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""Initramfs archives (cpio, newc), written without being root."""
import glob
import os
import stat
import subprocess

import elf
from packages import LabError

LIBRARY_DIRS = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib64", "usr/lib64", "lib", "usr/lib")


class Archive:
	def __init__(self):
		self.out = bytearray()
		self.names = set()

	def _entry(self, name, mode, data=b"", device=(0, 0)):
		if name in self.names:
			return
		self.names.add(name)
		fields = [len(self.names), mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0]
		self.out += b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0"
		self._pad()
		self.out += data
		self._pad()

	def _pad(self):
		self.out += bytes(-len(self.out) % 4)

	def directory(self, name):
		if name:
			self.directory(os.path.dirname(name))
			self._entry(name, stat.S_IFDIR | 0o755)

	def file(self, name, data, mode=0o644):
		self.directory(os.path.dirname(name))
		self._entry(name, stat.S_IFREG | mode, data)

	def copy(self, name, path, mode=None):
		with open(path, "rb") as f:
			self.file(name, f.read(), mode or (os.stat(path).st_mode & 0o777))

	def link(self, name, target):
		self.directory(os.path.dirname(name))
		self._entry(name, stat.S_IFLNK | 0o777, target.encode())

	def device(self, name, major, minor):
		self.directory(os.path.dirname(name))
		self._entry(name, stat.S_IFCHR | 0o600, b"", (major, minor))

	def program(self, root, path):
		"""A program of the package tree `root` with its interpreter and every library that it needs."""
		self.copy(path, os.path.join(root, path), 0o755)
		self.libraries(root, path)

	def libraries(self, root, path, but=()):
		"""What a file of the package tree `root` needs, except those names, which are elsewhere."""
		pending = [name for name in elf.needed(os.path.join(root, path)) if name not in but]
		while pending:
			name = pending.pop()
			found = _library(root, name)
			target = "lib64/" + name if name.startswith("ld-linux") else "lib/" + name
			if target not in self.names:
				self.copy(target, found, 0o755)
				pending += [name for name in elf.needed(found) if name not in but]

	def write(self, path, packed=False):
		"""Packed it takes less memory, and its kernel much longer."""
		self._entry("TRAILER!!!", 0)
		self.out += bytes(-len(self.out) % 512)
		with open(path + ".tmp", "wb") as f:
			f.write(lz4(self.out) if packed else self.out)
		os.replace(path + ".tmp", path)


def lz4(data):
	"""In the legacy format, the one that the kernel unpacks."""
	try:
		done = subprocess.run(["lz4", "-l", "-9", "-q", "-c"], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
	except FileNotFoundError:
		raise LabError("lz4 is missing: apt-get install lz4") from None
	if done.returncode:
		raise LabError("lz4: " + done.stderr.decode().strip())
	# A zero block size ends it, when another archive follows.
	return done.stdout + bytes(4 + -len(done.stdout) % 4)


def _library(root, name):
	for directory in LIBRARY_DIRS:
		found = os.path.join(root, directory, name)
		if os.path.exists(found):
			return os.path.realpath(found)
	deeper = glob.glob(os.path.join(root, "usr/lib/**", name), recursive=True)
	if not deeper:
		raise LabError(f"library {name} is in no package of {root}")
	return deeper[0]


