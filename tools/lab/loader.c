/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Multiboot kernel that starts another: an unpacked Linux by its PVH entry, or one that is a multiboot kernel of 32 bits, such as Xen. That
 * one and its modules lie behind the file system of a disk (tools/lab/image.py puts them there) and are read from it by programmed I/O: GRUB,
 * which copies each byte by itself and more than once, would take an emulator half a minute, and so would unpacking them.
 */
#include <stddef.h>
#include <stdint.h>

#define MB_BOOT_MAGIC	0x2BADB002u
#define MB_MODULES	8u
#define MB_MAP		0x40u
#define PVH_MAGIC	0x336ec578u
#define PVH_NOTE	18		/* XEN_ELFNOTE_PHYS32_ENTRY */
#define PT_LOAD		1
#define PT_NOTE		4
#define SCRATCH		0x8000000u	/* where the ELF file is read */
#define KERNEL		0x1000000u	/* where Debian's kernels are loaded */
#define LIMIT		0xfffff000u	/* the last page below 4 GiB: addresses are of 32 bits */
#define RAM		1
#define MAX_MAP		32
#define PAGE		4096u
#define COM1		0x3f8
#define SECTOR		512u
#define VOLUME		(16 * 2048 / SECTOR)	/* the sector of ISO 9660's volume descriptor */
#define VOLUME_SIZE	80		/* in it: sectors of 2048 bytes */
#define MAX_PARTS	16
#define ELF32		1
/* ATA: registers from a channel's first port on, and what is in them. */
#define ATA_COUNT	2
#define ATA_ADDRESS	3
#define ATA_DRIVE	6
#define ATA_COMMAND	7
#define ATA_CONTROL	0x206
#define ATA_READ	0x20
#define ATA_LBA		0xe0
#define ATA_SLAVE	0x10
#define ATA_NO_IRQ	2
#define ATA_BUSY	0x80
#define ATA_DATA	8
#define ATA_NONE	0xff
#define ATA_MOST	256		/* sectors of one command */
#define ATA_PATIENCE	10000000

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct elf_header_32 {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version, entry, phoff, shoff, flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct elf_segment { uint32_t type, flags; uint64_t offset, vaddr, paddr, filesz, memsz, align; };
struct elf_segment_32 { uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align; };
struct elf_note { uint32_t namesz, descsz, type; };

struct mb_module { uint32_t start, end, string, reserved; };
struct mb_mmap { uint32_t size; uint64_t base, length; uint32_t type; } __attribute__((packed));
struct mb_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr;
};

/* What lies behind the file system: this, a part for the kernel and each of its modules, and what is in them, each from a page on. */
struct disk_header { char mark[8]; uint32_t parts; uint8_t reserved[2036]; };
struct disk_part { uint32_t size; char words[2044]; };

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
static struct disk_header header;
static struct disk_part parts[MAX_PARTS];
static struct mb_module modules[MAX_PARTS];
extern const char mark[8];

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

struct disk { uint16_t port; uint8_t drive; };

/* False when it has no data for us. */
static int wait_for_data(uint16_t port)
{
	uint8_t status = inb(port + ATA_COMMAND);

	for (uint32_t i = 0; status & ATA_BUSY; i++) {
		if (status == ATA_NONE || i == ATA_PATIENCE)
			return 0;
		status = inb(port + ATA_COMMAND);
	}
	return status & ATA_DATA;
}

static int read_disk(struct disk d, uint32_t sector, void *to, uint32_t count)
{
	uint32_t left = 0;

	outb(d.port + ATA_CONTROL, ATA_NO_IRQ);
	for (; count; count--, sector++) {
		uint32_t words = SECTOR / 2;

		if (!left) {
			left = count < ATA_MOST ? count : ATA_MOST;
			outb(d.port + ATA_DRIVE, (uint8_t)(d.drive | sector >> 24));
			outb(d.port + ATA_COUNT, (uint8_t)left);
			for (int i = 0; i < 3; i++)
				outb((uint16_t)(d.port + ATA_ADDRESS + i), (uint8_t)(sector >> 8 * i));
			outb(d.port + ATA_COMMAND, ATA_READ);
		}
		if (!wait_for_data(d.port))
			return 0;
		__asm__ volatile("rep insw" : "+D"(to), "+c"(words) : "d"(d.port) : "memory");
		left--;
	}
	outb(d.port + ATA_CONTROL, 0);
	return 1;
}

static int is_marked(const char *at)
{
	for (size_t i = 0; i < sizeof(mark); i++)
		if (at[i] != mark[i])
			return 0;
	return 1;
}

/* Finds the disk and reads header and parts; where the first part's content is. */
static uint32_t find_parts(struct disk *d)
{
	static const struct disk disks[] = { { 0x1f0, ATA_LBA }, { 0x1f0, ATA_LBA | ATA_SLAVE }, { 0x170, ATA_LBA }, { 0x170, ATA_LBA | ATA_SLAVE } };
	static uint8_t volume[SECTOR];

	for (size_t i = 0; i < sizeof(disks) / sizeof(*disks); i++) {
		uint32_t end, sectors;

		if (!read_disk(disks[i], VOLUME, volume, 1))
			continue;
		end = *(const uint32_t *)(volume + VOLUME_SIZE) * (2048 / SECTOR);
		if (!read_disk(disks[i], end, &header, sizeof(header) / SECTOR) || !is_marked(header.mark))
			continue;
		if (header.parts < 1 || header.parts > MAX_PARTS)
			die("loader: more parts than it has room for\n");
		sectors = header.parts * (uint32_t)sizeof(*parts) / SECTOR;
		if (!read_disk(disks[i], end + sizeof(header) / SECTOR, parts, sectors))
			die("loader: the disk cannot be read\n");
		*d = disks[i];
		return end + sizeof(header) / SECTOR + sectors;
	}
	die("loader: no disk has what to start\n");
	return 0;
}

static uint32_t pages_of(uint32_t size)
{
	return (size + PAGE - 1) & ~(PAGE - 1);
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

static void load_segment(uint32_t offset, uint32_t to, uint32_t filesz, uint32_t memsz)
{
	copy_words((void *)to, (const uint8_t *)SCRATCH + offset, filesz);
	clear((uint8_t *)to + filesz, memsz - filesz);
}

/* Where to enter it. */
static uint32_t load_linux(void)
{
	const uint8_t *file = (const uint8_t *)SCRATCH;
	const struct elf_header *eh = (const void *)file;
	const struct elf_segment *ph = (const void *)(file + eh->phoff);
	uint32_t entry = 0;

	for (int i = 0; i < eh->phnum; i++, ph++) {
		if (ph->type == PT_NOTE)
			entry = pvh_entry(file + (uint32_t)ph->offset, file + (uint32_t)(ph->offset + ph->filesz));
		if (ph->type == PT_LOAD)
			load_segment((uint32_t)ph->offset, (uint32_t)ph->paddr, (uint32_t)ph->filesz, (uint32_t)ph->memsz);
	}
	return entry;
}

static uint32_t load_multiboot(void)
{
	const uint8_t *file = (const uint8_t *)SCRATCH;
	const struct elf_header_32 *eh = (const void *)file;
	const struct elf_segment_32 *ph = (const void *)(file + eh->phoff);

	for (int i = 0; i < eh->phnum; i++, ph++)
		if (ph->type == PT_LOAD)
			load_segment(ph->offset, ph->paddr, ph->filesz, ph->memsz);
	return eh->entry;
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

/* The kernel to SCRATCH, the modules to the end of RAM, in order and without a gap: where they begin. */
static uint32_t read_parts(uint32_t top)
{
	struct disk d = { 0, 0 };
	uint32_t sector = find_parts(&d);
	uint32_t kernel = pages_of(parts[0].size), at = top;

	for (uint32_t i = 1; i < header.parts; i++)
		at -= pages_of(parts[i].size);
	if (at > top || at < SCRATCH || at - SCRATCH < kernel)
		die("loader: not enough memory\n");
	if (!read_disk(d, sector, (void *)SCRATCH, kernel / SECTOR) ||
	    !read_disk(d, sector + kernel / SECTOR, (void *)at, (top - at) / SECTOR))
		die("loader: the disk cannot be read\n");
	return at;
}

static const void *for_linux(const struct mb_info *mb, uint32_t start, uint32_t end)
{
	module.start = start;
	module.size = end - start;
	info.magic = PVH_MAGIC;
	info.version = 1;
	info.modules = (uint32_t)&module;
	info.module_count = module.size != 0;
	info.cmdline = mb->cmdline;
	info.rsdp = find_rsdp();
	info.map = (uint32_t)map;
	return &info;
}

static const void *for_multiboot(struct mb_info *mb, uint32_t start)
{
	mb->flags |= MB_MODULES;
	mb->mods_count = header.parts - 1;
	mb->mods_addr = (uint32_t)modules;
	for (uint32_t i = 1; i < header.parts; i++) {
		modules[i - 1] = (struct mb_module){ start, start + parts[i].size, (uint32_t)parts[i].words, 0 };
		start += pages_of(parts[i].size);
	}
	return mb;
}

void loader_main(uint32_t magic, struct mb_info *mb);

void loader_main(uint32_t magic, struct mb_info *mb)
{
	const struct elf_header *eh = (const void *)SCRATCH;
	uint32_t top, start, entry;
	const void *argument;

	if (magic != MB_BOOT_MAGIC || !(mb->flags & MB_MAP))
		die("loader: needs multiboot and a memory map\n");
	convert_map(mb);
	top = end_of_ram(KERNEL);
	if (top < 2 * SCRATCH)
		die("loader: needs 256 MiB without a hole\n");
	start = read_parts(top);
	if (eh->ident[4] == ELF32) {
		entry = load_multiboot();
		argument = for_multiboot(mb, start);
	} else {
		entry = load_linux();
		argument = for_linux(mb, start, top);
	}
	if (!entry)
		die("loader: the kernel has no PVH entry\n");
	__asm__ volatile("jmp *%0" : : "r"(entry), "a"(MB_BOOT_MAGIC), "b"(argument) : "memory");
	__builtin_unreachable();
}

__asm__(
	".section .text.start, \"ax\"\n"
	".align 4\n"
	".long 0x1BADB002, 2, -(0x1BADB002 + 2)\n"
	".globl mark\n"
	"mark: .ascii \"NVMXDISK\"\n"
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
