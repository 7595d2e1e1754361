/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A machine of QEMU's, its memory mapped here: an intel-iommu and three devices of type edu, driven through qtest.  Its
 * processor halts at once; all that happens, this program does.
 */
#ifndef VTD_QEMU_MACHINE_H
#define VTD_QEMU_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOW_RAM 0x80000000ull   /* RAM is at 0 and, the rest of it, at 4 GiB */
#define HIGH_BASE 0x100000000ull
#define HIGH_RAM 0x80000000ull
#define DEVICES 3u

/* Starts QEMU; it ends with this program.  Exits with a message if there is none. */
void machine_start(void);
void machine_stop(void);

/* The memory at a host-physical address. */
void *machine_memory(uint64_t hpa);

/* Registers of the remapping unit. */
uint64_t unit_read(uint32_t offset, unsigned size);
void unit_write(uint32_t offset, unsigned size, uint64_t value);

/* The requester id of a device, bus << 8 | device << 3 | function. */
uint16_t edu_source_id(unsigned device);
/* Moves up to 4,095 bytes between the bus and the device's own 4-KiB buffer. */
void edu_read(unsigned device, uint64_t address, unsigned len);
void edu_write(unsigned device, uint64_t address, unsigned len);

#endif
