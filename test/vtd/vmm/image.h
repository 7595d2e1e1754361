/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1's kernel: an ELF file with a PVH entry (Linux's vmlinux). */
#ifndef VTD_VMM_IMAGE_H
#define VTD_VMM_IMAGE_H

/* Loads it and its initrd (may be NULL), and prepares the processor to start it. */
void image_load(const char *kernel, const char *initrd, const char *arguments);

#endif
