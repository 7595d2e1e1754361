/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The machine that the model of FreeBSD's kernel runs on, and what its parts share. */
#ifndef BHYVE_WORLD_H
#define BHYVE_WORLD_H

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/malloc.h>
#include <sys/pcpu.h>
#include <sys/proc.h>
#include <sys/smp.h>
#include <sys/smr.h>
#include <vm/vm.h>
#include <vm/pmap.h>
#include <vm/vm_page.h>
#include <vm/vm_param.h>
#include <nestvmx/fake.h>
#include "sim.h"

#define CPUS 4
#define HOST_PAT 0x0606060606060606ul
#define DECOYS 200u
#define RAM_FRAMES FAKE_RAM_FRAMES
#define KICK_VECTOR 0xf5u   /* of vmm.ko; this and those above it are the kernel's own interrupts */
#define OWN_VECTORS 0xf0u

struct smr {
	u_long seq;
};

/* A page of L1's memory. */
struct ram_page {
	vm_page_t m;             /* NULL: it is paged out */
	uint8_t *swap;           /* what was last written out */
};

struct world {
	struct fake_mem mem;
	struct nvmx_caps hw;
	struct fake_cpu cpu[CPUS];
	struct thread thread[CPUS];      /* one for each processor, and the only one there */
	int active[FAKE_HOST_FRAMES];    /* the processor, plus one, on which the VMCS in this frame is active */
	struct vm_page page[FAKE_HOST_FRAMES];
	vm_page_t decoy[DECOYS];         /* frames of somebody else, where L1's had been */
	bool paging;                     /* somebody pages out, and another one does not at the same time */
	unsigned unwirable;              /* so often vm_page_wire_mapped() fails from now on */
	unsigned decoys;                 /* so far */
	struct pmap pmap;
	struct smr smr;
	struct ram_page ram[RAM_FRAMES];
	uint64_t *directory;             /* EPT01's entry for the table of ... */
	uint64_t *leaf;                  /* ... its entries for them; NULL: there is none */
	bool lets_monitor, sets_tsc;
	bool vid;                        /* bhyve uses "virtual-interrupt delivery" */
	uint32_t interleave;             /* seed; 0: none */
	int64_t now;                     /* as sbintime_t */
	u_long kicks, rendezvous, invalidations, wirings, barriers, tables_gone;
	char said[4096];                 /* what the kernel has printed */
	size_t said_n;
};
extern struct world world;

struct fake_cpu *world_cpu(void); /* on which the caller runs */
void world_begin(const struct nvmx_caps *hw);
/* Everything has been given back, or the program ends. */
void world_end(void);

/* kernel.c */
void may_sleep(const char *what);

/* services.c */
void clock_passes(int64_t time);         /* what is due by then, happens */
void timers_end(void);
void sysctl_set_string(const char *name, const char *value);
void sysctl_set_uint(const char *name, unsigned value);
unsigned long sysctl_get_ulong(const char *name);
void sysctl_read(const char *name, char *to, size_t size);

/* memory.c */
void memory_begin(bool emulated_ad);
void memory_end(void);
uint64_t memory_eptp(void);
uint8_t *ram_at(uint64_t gpa);           /* paged in, or in the swap */
/* The page daemon and the fault handler; false: it is wired, or not L1's. */
bool page_out(uint64_t gpa);
bool page_clean(uint64_t gpa);           /* writes it out, and leaves it */
bool page_fault(uint64_t gpa, int kind);
bool page_is_dirty(uint64_t gpa);
void ept_invalidate(void);

#endif
