/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* One KVM virtual machine with one processor: memory, interrupts, the run loop.  Whatever fails ends the program. */
#ifndef VTD_VMM_MACHINE_H
#define VTD_VMM_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* L1's physical addresses. */
#define PCI_WINDOW 0xe0000000u
#define PCI_WINDOW_END 0xf0000000u
#define EDU_BASE 0xe8000000u /* of its BAR, at first */
#define IOAPIC_BASE 0xfec00000u
#define UNIT_BASE 0xfed90000u
#define BIOS_AREA 0xe0000u
#define LOW_RAM_END 0xa0000u
#define HIGH_RAM 0x100000u

/* L1's requester ids. */
#define IOAPIC_SOURCE_ID 0x00f8u
#define DEVICE_SOURCE_ID 0x0020u /* 00:04.0 */
#define EDU_SOURCE_ID 0x0028u /* 00:05.0 */

#define IOAPIC_PINS 24u

/* irqchip: all of KVM's own interrupt controllers and its timer, which no unit remaps; else only its local APIC.  svm: L1 may have guests. */
void machine_create(uint64_t ram, bool irqchip, bool svm);
bool machine_irqchip(void);
/* An edge of one of KVM's pins. */
void machine_edge(unsigned pin);
uint64_t machine_ram_size(void);
uint8_t machine_address_bits(void); /* of L1's physical addresses */
/* L1's memory at gpa, NULL if not all of it is RAM. */
void *machine_ram(uint64_t gpa, uint64_t len);
/* Maps memory of this process at gpa; len 0 takes slot's away. */
void machine_map(unsigned slot, uint64_t gpa, void *memory, uint64_t len);

/* A message to the local APIC, already remapped. */
struct msi {
	uint64_t address;
	uint32_t data;
};
void machine_msi(struct msi msi);
/* Routes from eventfds that KVM listens to by itself. */
struct route {
	int fd;
	struct msi msi;
};
void machine_routes(const struct route *routes, unsigned n);

/* 32-bit protected mode, flat, no paging. */
void machine_start(uint32_t entry, uint32_t eax, uint32_t ebx);
/* Until L1 turns itself off; 0, or 1 if it did anything else, or did not in so many seconds: then its state is printed. */
int machine_run(unsigned seconds);
void machine_turn_off(int status);

#endif
