/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A VMM whose guest (L1) has a VT-d unit, a network card that the VMM emulates, and a disk that the VMM has assigned to it by map and
 * unmap calls, as VFIO's.  Nothing of nested VMX is needed for that.
 */
#ifndef EXAMPLE_VMM_H
#define EXAMPLE_VMM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <nestvmx/vtd.h>
#include <cmocka.h>

#define RAM_SIZE 0x100000u
#define CARD 0x0010u /* bus 0, device 2, function 0 */
#define DISK 0x0018u /* bus 0, device 3, function 0 */
#define MAPPINGS 16u

/* What the disk's DMA can reach: what VFIO would have been told. */
struct mapping {
	uint64_t iova, gpa, len;
	unsigned rights;
};

struct nvmx_vtd_host {
	_Alignas(4096) unsigned char ram[RAM_SIZE]; /* L1's memory, from 0 */
	struct nvmx_vtd *unit;
	struct mapping disk[MAPPINGS];
	enum nvmx_vtd_target_kind disk_at;
	unsigned interrupts;          /* of the unit, for L1 */
	uint32_t interrupt_data;
	_Alignas(64) unsigned char unit_memory[NVMX_VTD_SIZE];
};

void vmm_start(struct nvmx_vtd_host *h);
/* L1 uses the unit's register page. */
void vmm_mmio_write(struct nvmx_vtd_host *h, uint32_t offset, unsigned size, uint64_t value);
uint64_t vmm_mmio_read(struct nvmx_vtd_host *h, uint32_t offset, unsigned size);
/* The emulated card moves a packet by DMA.  False: the unit refuses some of it, which L1 hears of. */
bool card_dma(struct nvmx_vtd_host *h, uint64_t iova, void *packet, size_t len, bool to_memory);
/* What the assigned disk finds at an address, or NULL. */
unsigned char *disk_dma(struct nvmx_vtd_host *h, uint64_t iova, unsigned rights);

#endif
