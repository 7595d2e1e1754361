# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
"""The little that is needed of ELF: libraries that a program needs, and kernels without their padding."""
import os
import struct

PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
DT_NEEDED, DT_STRTAB = 1, 5
XEN_ELFNOTE_PHYS32_ENTRY = 18
EHDR64 = "<16sHHIQQQIHHHHHH"
PHDR64 = "<IIQQQQQQ"
EHDR32 = "<16sHHIIIIIHHHHHH"
PHDR32 = "<IIIIIIII"


class Segment:
	"""Program header, the same for both sizes."""

	def __init__(self, data, at, wide):
		if wide:
			(self.kind, self.flags, self.offset, self.vaddr, self.paddr, self.filesz, self.memsz,
				self.align) = struct.unpack_from(PHDR64, data, at)
		else:
			(self.kind, self.offset, self.vaddr, self.paddr, self.filesz, self.memsz, self.flags,
				self.align) = struct.unpack_from(PHDR32, data, at)

	def pack(self, wide):
		if wide:
			return struct.pack(PHDR64, self.kind, self.flags, self.offset, self.vaddr, self.paddr, self.filesz,
				self.memsz, self.align)
		return struct.pack(PHDR32, self.kind, self.offset, self.vaddr, self.paddr, self.filesz, self.memsz, self.flags,
			self.align)


def segments(data):
	wide = data[4] == 2
	header = struct.unpack_from(EHDR64 if wide else EHDR32, data)
	phoff, phentsize, phnum = header[5], header[9], header[10]
	return wide, [Segment(data, phoff + i * phentsize, wide) for i in range(phnum)]


def needed(path):
	"""Libraries of a 64-bit ELF file, and its interpreter."""
	with open(path, "rb") as f:
		data = f.read()
	if data[:5] != b"\x7fELF\x02":
		return []
	_, parts = segments(data)
	names = [os.path.basename(data[s.offset:s.offset + s.filesz].rstrip(b"\0").decode())
		for s in parts if s.kind == PT_INTERP]
	for dynamic in (s for s in parts if s.kind == PT_DYNAMIC):
		entries = [struct.unpack_from("<QQ", data, at)
			for at in range(dynamic.offset, dynamic.offset + dynamic.filesz, 16)]
		strings = next(value for tag, value in entries if tag == DT_STRTAB)
		base = next(s.offset + strings - s.vaddr for s in parts
			if s.kind == PT_LOAD and s.vaddr <= strings < s.vaddr + s.filesz)
		for tag, value in entries:
			if tag == DT_NEEDED:
				names.append(data[base + value:data.index(b"\0", base + value)].decode())
	return names


def assemble(data, wide, parts):
	"""An ELF file with the header of `data` and these pairs of segment and content, no padding."""
	header = list(struct.unpack_from(EHDR64 if wide else EHDR32, data))
	ehsize = struct.calcsize(EHDR64 if wide else EHDR32)
	header[5], header[6], header[10], header[11:14] = ehsize, 0, len(parts), [0, 0, 0]
	at = ehsize + len(parts) * struct.calcsize(PHDR64 if wide else PHDR32)
	body = bytearray()
	table = b""
	for s, content in parts:
		s.offset, s.filesz = at + len(body), min(len(content), s.filesz)
		body += content + bytes(-len(content) % 16)
		table += s.pack(wide)
	return struct.pack(EHDR64 if wide else EHDR32, *header) + table + bytes(body)


def compact(data):
	"""The same kernel with loadable segments and notes only, no padding, no trailing zeros."""
	wide, parts = segments(data)
	contents = []
	for s in (s for s in parts if s.kind in (PT_LOAD, PT_NOTE)):
		content = data[s.offset:s.offset + s.filesz]
		contents.append((s, content.rstrip(b"\0") if s.kind == PT_LOAD else content))
	return assemble(data, wide, contents)


def find_pvh_entry(notes):
	"""Where in `notes` the address of the PVH entry is."""
	at = 0
	while at + 12 <= len(notes):
		namesz, descsz, kind = struct.unpack_from("<III", notes, at)
		at += 12 + (namesz + 3 & ~3)
		if kind == XEN_ELFNOTE_PHYS32_ENTRY:
			return at
		at += descsz + 3 & ~3
	raise ValueError("the kernel has no PVH entry")


def enter_by(data, code, address):
	"""The same kernel, whose PVH entry is `code` at that physical address; the last four bytes of it become those of the entry
	that the kernel had."""
	wide, parts = segments(data)
	contents = []
	for s in parts:
		content = data[s.offset:s.offset + s.filesz]
		if s.kind == PT_NOTE:
			at = find_pvh_entry(content)
			code = code[:-4] + content[at:at + 4]
			content = content[:at] + struct.pack("<I", address) + content[at + 4:]
		contents.append((s, content))
	first = Segment(data, struct.unpack_from(EHDR64 if wide else EHDR32, data)[5], wide)
	first.kind, first.flags, first.vaddr, first.paddr = PT_LOAD, 7, address, address
	first.filesz = first.memsz = len(code)
	return assemble(data, wide, [(first, code)] + contents)
