/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Multiboot kernel that starts an unpacked Linux by its PVH entry. Module 0 is the kernel's ELF file packed by `lz4 -l`,
 * the others make the initrd, the command line is Linux's. Unpacking Debian's bzImage costs an emulator a minute and more.
 */
#include <stddef.h>
#include <stdint.h>

#define MB_BOOT_MAGIC	0x2BADB002u
#define PVH_MAGIC	0x336ec578u
#define PVH_NOTE	18		/* XEN_ELFNOTE_PHYS32_ENTRY */
#define PT_LOAD		1
#define PT_NOTE		4
#define LZ4_LEGACY	0x184C2102u
#define LZ4_MIN_MATCH	4
#define SCRATCH		0x8000000u	/* where the ELF file is unpacked */
#define KERNEL		0x1000000u	/* where Debian's kernels are loaded */
#define LIMIT		0xfffff000u	/* the last page below 4 GiB: addresses are of 32 bits */
#define RAM		1
#define MAX_MAP		32
#define PAGE		4096u
#define COM1		0x3f8

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct elf_segment { uint32_t type, flags; uint64_t offset, vaddr, paddr, filesz, memsz, align; };
struct elf_note { uint32_t namesz, descsz, type; };

struct mb_module { uint32_t start, end, string, reserved; };
struct mb_mmap { uint32_t size; uint64_t base, length; uint32_t type; } __attribute__((packed));
struct mb_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr;
};

struct pvh_module { uint64_t start, size, cmdline, reserved; };
struct pvh_map { uint64_t base, size; uint32_t type, reserved; };
struct pvh_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, cmdline, rsdp, map;
	uint32_t map_count, reserved;
};

static struct pvh_info info;
static struct pvh_module module;
static struct pvh_map map[MAX_MAP];

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void die(const char *text)
{
	outb(COM1 + 3, 3);
	for (; *text; text++) {
		while (!(inb(COM1 + 5) & 0x20))
			;
		outb(COM1, (uint8_t)*text);
	}
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* Byte by byte: source and destination of an LZ4 match overlap. */
static void copy(void *to, const void *from, size_t size)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

static void copy_words(void *to, const void *from, size_t size)
{
	size_t words = (size + 3) / 4;

	__asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

static void clear(void *to, size_t size)
{
	size_t words = size / 4;

	size %= 4;
	__asm__ volatile("rep stosl" : "+D"(to), "+c"(words) : "a"(0) : "memory");
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(0) : "memory");
}

static uint32_t length(const uint8_t **from, uint32_t value)
{
	uint8_t byte;

	if (value != 15)
		return value;
	do {
		byte = *(*from)++;
		value += byte;
	} while (byte == 255);
	return value;
}

static uint8_t *unpack_block(uint8_t *to, const uint8_t *from, const uint8_t *end)
{
	for (;;) {
		uint8_t token = *from++;
		uint32_t size = length(&from, token >> 4);
		uint32_t offset;

		copy(to, from, size);
		to += size;
		from += size;
		if (from >= end)
			return to;
		offset = from[0] | (uint32_t)from[1] << 8;
		from += 2;
		size = length(&from, token & 15) + LZ4_MIN_MATCH;
		copy(to, to - offset, size);
		to += size;
	}
}

static uint32_t unpack(const uint8_t *from, const uint8_t *end)
{
	uint8_t *to = (uint8_t *)SCRATCH;
	uint32_t size;

	if (*(const uint32_t *)from != LZ4_LEGACY)
		die("loader: module 0 is not lz4 -l\n");
	for (from += 4; from + 4 < end; from += size) {
		size = *(const uint32_t *)from;
		from += 4;
		to = unpack_block(to, from, from + size);
	}
	return (uint32_t)(to - (uint8_t *)SCRATCH);
}

static uint32_t pvh_entry(const uint8_t *note, const uint8_t *end)
{
	while (note + sizeof(struct elf_note) <= end) {
		const struct elf_note *n = (const void *)note;

		note += sizeof(*n) + ((n->namesz + 3) & ~3u);
		if (n->type == PVH_NOTE)
			return *(const uint32_t *)note;
		note += (n->descsz + 3) & ~3u;
	}
	return 0;
}

static uint32_t load(void)
{
	const uint8_t *file = (const uint8_t *)SCRATCH;
	const struct elf_header *eh = (const void *)file;
	const struct elf_segment *ph = (const void *)(file + eh->phoff);
	uint32_t entry = 0;

	for (int i = 0; i < eh->phnum; i++, ph++) {
		const uint8_t *data = file + (uint32_t)ph->offset;
		uint8_t *to = (uint8_t *)(uint32_t)ph->paddr;

		if (ph->type == PT_NOTE)
			entry = pvh_entry(data, data + (uint32_t)ph->filesz);
		if (ph->type != PT_LOAD)
			continue;
		copy_words(to, data, (uint32_t)ph->filesz);
		clear(to + (uint32_t)ph->filesz, (uint32_t)(ph->memsz - ph->filesz));
	}
	return entry;
}

static void convert_map(const struct mb_info *mb)
{
	uint32_t at = mb->mmap_addr;

	while (at < mb->mmap_addr + mb->mmap_length && info.map_count < MAX_MAP) {
		const struct mb_mmap *m = (const void *)at;

		map[info.map_count++] = (struct pvh_map){ m->base, m->length, m->type, 0 };
		at += m->size + 4;
	}
}

/* Where RAM without a hole ends, from `address` on and below 4 GiB; pieces may touch and come in any order. */
static uint32_t end_of_ram(uint64_t address)
{
	uint32_t i = 0;

	while (i < info.map_count && address < LIMIT) {
		if (map[i].type == RAM && map[i].base <= address && address - map[i].base < map[i].size) {
			address = map[i].base + map[i].size;
			i = 0;
		} else {
			i++;
		}
	}
	return (uint32_t)(address < LIMIT ? address : LIMIT) & ~(PAGE - 1);
}

/* GRUB puts modules where the kernel wants to be: from the last byte down, since the two may overlap. */
static uint32_t move_up(uint32_t start, uint32_t end, uint32_t top)
{
	uint32_t size = end - start;
	uint32_t to = (top - size) & ~(PAGE - 1);
	uint32_t from_last = end - 1, to_last = to + size - 1;

	__asm__ volatile("std; rep movsb; cld" : "+D"(to_last), "+S"(from_last), "+c"(size) : : "memory");
	return to;
}

static uint64_t find_rsdp(void)
{
	static const char sign[] = "RSD PTR ";

	for (const char *at = (const char *)0xe0000; at < (const char *)0x100000; at += 16) {
		int i = 0;

		while (i < 8 && at[i] == sign[i])
			i++;
		if (i == 8)
			return (uint32_t)at;
	}
	return 0;
}

void loader_main(uint32_t magic, const struct mb_info *mb);

void loader_main(uint32_t magic, const struct mb_info *mb)
{
	const struct mb_module *mods = (const void *)mb->mods_addr;
	uint32_t top, kernel, kernel_size, entry, i;

	if (magic != MB_BOOT_MAGIC || !(mb->flags & 0x40) || mb->mods_count < 1)
		die("loader: needs multiboot, a memory map and a module\n");
	convert_map(mb);
	top = end_of_ram(KERNEL);
	if (top < 2 * SCRATCH)
		die("loader: needs 256 MiB without a hole\n");
	for (i = mb->mods_count - 1; i > 0; i--) {
		uint32_t bottom = move_up(mods[i].start, mods[i].end, top);

		/* What lies between two archives has to be zero. */
		clear((void *)(bottom + mods[i].end - mods[i].start), top - (bottom + mods[i].end - mods[i].start));
		module.size += top - bottom;
		top = bottom;
	}
	module.start = top;
	info.modules = (uint32_t)&module;
	info.module_count = module.size != 0;
	kernel_size = mods[0].end - mods[0].start;
	kernel = move_up(mods[0].start, mods[0].end, top);
	if (SCRATCH + unpack((const uint8_t *)kernel, (const uint8_t *)kernel + kernel_size) > kernel)
		die("loader: not enough memory\n");
	entry = load();
	if (!entry)
		die("loader: the kernel has no PVH entry\n");
	info.magic = PVH_MAGIC;
	info.version = 1;
	info.cmdline = mb->cmdline;
	info.rsdp = find_rsdp();
	info.map = (uint32_t)map;
	__asm__ volatile("jmp *%0" : : "r"(entry), "b"(&info) : "memory");
	__builtin_unreachable();
}

__asm__(
	".section .text.start, \"ax\"\n"
	".align 4\n"
	".long 0x1BADB002, 2, -(0x1BADB002 + 2)\n"
	".globl _start\n"
	"_start:\n"
	"	mov $stack_top, %esp\n"
	"	push %ebx\n"
	"	push %eax\n"
	"	cld\n"
	"	call loader_main\n"
	".bss\n"
	".align 16\n"
	"	.skip 4096\n"
	"stack_top:\n"
	".text\n");
