/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "image.h"
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

#define NOTE_PHYS32_ENTRY 18u /* of Xen's */
#define MULTIBOOT_HEADER 0x1badb002u
#define MULTIBOOT_SEARCH 8192u
#define STRINGS_END 0x8000u

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

static uint32_t pvh_entry(const uint8_t *note, uint64_t size)
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

/* 0: it has no PVH entry. */
static uint32_t load_elf64(struct file f)
{
	const Elf64_Ehdr *eh = part(f, 0, sizeof(*eh));
	const Elf64_Phdr *ph = part(f, eh->e_phoff, eh->e_phnum * sizeof(*ph));
	uint32_t entry = 0;

	for (unsigned i = 0; i < eh->e_phnum; i++) {
		const void *content = part(f, ph[i].p_offset, ph[i].p_filesz);

		if (ph[i].p_type == PT_LOAD)
			memcpy(ram(ph[i].p_paddr, ph[i].p_memsz), content, ph[i].p_filesz);
		else if (ph[i].p_type == PT_NOTE && !entry)
			entry = pvh_entry(content, ph[i].p_filesz);
	}
	return entry;
}

static uint32_t load_elf32(struct file f)
{
	const Elf32_Ehdr *eh = part(f, 0, sizeof(*eh));
	const Elf32_Phdr *ph = part(f, eh->e_phoff, eh->e_phnum * sizeof(*ph));

	for (unsigned i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD)
			memcpy(ram(ph[i].p_paddr, ph[i].p_memsz), part(f, ph[i].p_offset, ph[i].p_filesz), ph[i].p_filesz);
	return eh->e_entry;
}

static bool multiboot(struct file f)
{
	uint32_t h[3];

	for (size_t at = 0; at + sizeof(h) <= f.size && at < MULTIBOOT_SEARCH; at += 4) {
		memcpy(h, f.data + at, sizeof(h));
		if (h[0] == MULTIBOOT_HEADER && h[0] + h[1] + h[2] == 0)
			return true;
	}
	return false;
}

/* Multiboot's begin with the file's name (3.3). */
static uint32_t put_arguments(const char *name, const char *arguments)
{
	static uint32_t next = IMAGE_STRINGS;
	uint32_t at = next;
	int n = snprintf(ram(at, STRINGS_END - at), STRINGS_END - at, "%s%s%s", name, *name ? " " : "", arguments);

	if (n < 0 || (unsigned)n >= STRINGS_END - at)
		errx(2, "L1's arguments are too long");
	next += (uint32_t)n + 1;
	return at;
}

/* Modules lie at the top of memory, the first highest. */
static struct image_module load_module(char *module, uint64_t below, bool named)
{
	char *arguments = strchr(module, '=');
	struct image_module m;
	struct file f;

	if (arguments)
		*arguments++ = 0;
	f = map_file(module);
	if (f.size > below)
		errx(2, "L1 has too little memory");
	m = (struct image_module){ .address = (uint32_t)((below - f.size) & ~0xfffull), .size = (uint32_t)f.size,
				   .arguments = put_arguments(named ? module : "", arguments ? arguments : "") };
	memcpy(ram(m.address, m.size), f.data, m.size);
	return m;
}

void image_load(const char *kernel, const char *arguments, char **modules, unsigned n)
{
	struct file f = map_file(kernel);
	const unsigned char *ident = part(f, 0, EI_NIDENT);
	bool wide = ident[EI_CLASS] == ELFCLASS64;
	struct image image = { 0 };
	uint64_t top = machine_ram_size();

	if (memcmp(ident, ELFMAG, SELFMAG) || (!wide && !multiboot(f)) || n > IMAGE_MODULES)
		errx(2, "%s: neither a 64-bit ELF file nor a multiboot kernel, or too many modules", kernel);
	image.entry = wide ? load_elf64(f) : load_elf32(f);
	if (!image.entry)
		errx(2, "%s: no PVH entry", kernel);
	image.arguments = put_arguments(wide ? "" : kernel, arguments);
	for (unsigned i = 0; i < n; i++) {
		image.module[i] = load_module(modules[i], top, !wide);
		top = image.module[i].address;
	}
	image.modules = n;
	if (wide)
		image_start_pvh(&image);
	else
		image_start_multiboot(&image);
}
