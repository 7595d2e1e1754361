/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "image.h"
#include "acpi.h"
#include "machine.h"
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE_PHYS32_ENTRY 18u
#define START_MAGIC 0x336ec578u
#define START_INFO 0x1000u /* and on: what the kernel is told */
#define COMMAND_LINE 0x2000u
#define COMMAND_LINE_MAX 4096u
enum { RAM = 1, RESERVED = 2 };

/* The start-of-day structures of PVH (Xen's public interface, "x86/HVM direct boot ABI"). */
struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, command_line, rsdp, memory_map;
	uint32_t memory_entries, reserved;
};
struct module {
	uint64_t address, size, command_line, reserved;
};
struct memory {
	uint64_t address, size;
	uint32_t type, reserved;
};
struct page {
	struct start_info info;
	struct module initrd;
	struct memory map[3];
};

struct file {
	const uint8_t *data;
	size_t size;
};

static struct file map_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	struct file f = { 0 };

	if (fd < 0 || fstat(fd, &st))
		err(2, "%s", path);
	f.size = (size_t)st.st_size;
	f.data = mmap(NULL, f.size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (f.data == MAP_FAILED)
		err(2, "%s", path);
	close(fd);
	return f;
}

static const void *part(struct file f, uint64_t offset, uint64_t size)
{
	if (offset > f.size || size > f.size - offset)
		errx(2, "the kernel is cut short");
	return f.data + offset;
}

static void *ram(uint64_t gpa, uint64_t size)
{
	void *p = machine_ram(gpa, size);

	if (!p)
		errx(2, "L1 has too little memory");
	return p;
}

static uint32_t find_entry(const uint8_t *note, uint64_t size)
{
	uint64_t at = 0;

	while (at + sizeof(Elf64_Nhdr) <= size) {
		const Elf64_Nhdr *n = (const void *)(note + at);
		uint64_t name = at + sizeof(*n), desc = name + ((n->n_namesz + 3ull) & ~3ull);
		uint32_t entry;

		if (desc + sizeof(entry) <= size && n->n_type == NOTE_PHYS32_ENTRY && n->n_namesz == 4 &&
		    n->n_descsz >= sizeof(entry) && !memcmp(note + name, "Xen", 4)) {
			memcpy(&entry, note + desc, sizeof(entry));
			return entry;
		}
		at = desc + ((n->n_descsz + 3ull) & ~3ull);
	}
	return 0;
}

static uint32_t load_elf(struct file f, const char *path)
{
	const Elf64_Ehdr *eh = part(f, 0, sizeof(*eh));
	const Elf64_Phdr *ph;
	uint32_t entry = 0;

	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_ident[EI_CLASS] != ELFCLASS64)
		errx(2, "%s: no 64-bit ELF file", path);
	ph = part(f, eh->e_phoff, eh->e_phnum * sizeof(*ph));
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		const void *content = part(f, ph[i].p_offset, ph[i].p_filesz);

		if (ph[i].p_type == PT_LOAD)
			memcpy(ram(ph[i].p_paddr, ph[i].p_memsz), content, ph[i].p_filesz);
		else if (ph[i].p_type == PT_NOTE && !entry)
			entry = find_entry(content, ph[i].p_filesz);
	}
	if (!entry)
		errx(2, "%s: no PVH entry", path);
	return entry;
}

/* At the top of memory. */
static struct module load_initrd(const char *path)
{
	struct file f = map_file(path);
	struct module m = { .address = (machine_ram_size() - f.size) & ~0xfffull, .size = f.size };

	memcpy(ram(m.address, f.size), f.data, f.size);
	return m;
}

void image_load(const char *kernel, const char *initrd, const char *arguments)
{
	struct page *page = ram(START_INFO, sizeof(*page));
	uint32_t entry = load_elf(map_file(kernel), kernel);

	if (strlen(arguments) >= COMMAND_LINE_MAX)
		errx(2, "L1's arguments are too long");
	strcpy(ram(COMMAND_LINE, COMMAND_LINE_MAX), arguments);
	if (initrd)
		page->initrd = load_initrd(initrd);
	page->map[0] = (struct memory){ 0, LOW_RAM_END, RAM, 0 };
	page->map[1] = (struct memory){ BIOS_AREA, HIGH_RAM - BIOS_AREA, RESERVED, 0 };
	page->map[2] = (struct memory){ HIGH_RAM, machine_ram_size() - HIGH_RAM, RAM, 0 };
	page->info = (struct start_info){
		.magic = START_MAGIC, .version = 1, .modules = initrd ? 1 : 0,
		.module_list = START_INFO + offsetof(struct page, initrd), .command_line = COMMAND_LINE,
		.rsdp = ACPI_RSDP, .memory_map = START_INFO + offsetof(struct page, map), .memory_entries = 3,
	};
	machine_start(entry, 0, START_INFO);
}
