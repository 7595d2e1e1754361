/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1's kernel: an ELF file with a PVH entry (Linux's vmlinux), or a 32-bit one with a multiboot header (Xen). */
#ifndef VTD_VMM_IMAGE_H
#define VTD_VMM_IMAGE_H

#include <stdint.h>

#define IMAGE_MODULES 4u
#define IMAGE_START_INFO 0x1000u /* and on: what the kernel is told */
#define IMAGE_STRINGS 0x2000u

/* A file in L1's memory, and where its arguments are. */
struct image_module {
	uint32_t address, size, arguments;
};
struct image {
	uint32_t entry, arguments;
	struct image_module module[IMAGE_MODULES];
	unsigned modules;
};

/* Loads a kernel and its modules, FILE or FILE=ARGUMENTS, and prepares the processor to start it. */
void image_load(const char *kernel, const char *arguments, char **modules, unsigned n);

void image_start_pvh(const struct image *image);
void image_start_multiboot(const struct image *image);

#endif
