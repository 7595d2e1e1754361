/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What the cases have of the model: a VM in bhyve with nested VMX, its guests' scripts, and what happens around them. */
#ifndef BHYVE_MACHINE_H
#define BHYVE_MACHINE_H

#include <nestvmx/fake.h>
#include <nestvmx/nestvmx.h>

#define MACHINE_VCPUS 2
#define MACHINE_CPUS 4
#define MACHINE_OTHER 3 /* the processor on which `other` runs */

/* Of each vCPU. */
struct machine_vcpu {
	const struct fake_code *code;
	size_t codes;
	uint64_t cr3;                       /* of L1 as it begins; 0: FAKE_L1_TABLES */
	const struct fake_outside *outside;
	size_t outsides;
};

struct machine {
	struct machine_vcpu vcpu[MACHINE_VCPUS];
	unsigned vcpus;                     /* 0: one */
	const char *named;                  /* hw.vmm.nested.vms; NULL: the VM */
	const char *withheld;               /* hw.vmm.nested.withheld */
	unsigned shadow_pages;              /* 0: 64 */
	bool emulated_ad;                   /* the processor's EPT has no accessed and dirty flags */
	bool halt_exit, pause_exit;         /* of bhyve(8): -H, -P */
	bool begins_yielding;               /* as if by machine_yield(), for each vCPU */
	bool lets_monitor;                  /* MONITOR and MWAIT do not exit, as they do in bhyve, which raises #UD */
	bool sets_tsc;                      /* WRMSR of the time-stamp counter is no #GP */
	bool vid;                           /* the processor delivers L1's virtual interrupts */
	bool pic;                           /* interrupts come by the virtual PIC */
	uint32_t interleave;                /* not 0: seed; other processors come in between at atomic operations */
	void (*prepare)(uint8_t *ram);      /* more of the memory image */
	/* Between two calls of vm_run()'s loop, in the vCPU's thread, where one may sleep; true ends the run. */
	bool (*between)(unsigned vcpu);
	/* In vm_run(), when the vCPU is prepared and before it enters its critical section. */
	void (*entering)(unsigned vcpu);
	/* Before an instruction is emulated. */
	void (*emulating)(unsigned vcpu);
	unsigned unwirable;                 /* so often vm_page_wire_mapped() fails */
	/* A thread of somebody else's on another processor. */
	void (*other)(void);
};

/* What came of it. */
struct machine_result {
	enum fake_stop stop[MACHINE_VCPUS];
	struct fake_trace trace[MACHINE_VCPUS];
	uint64_t counters[MACHINE_VCPUS][NVMX_CNT_COUNT];
	uint8_t ram[FAKE_RAM_SIZE];
	unsigned long steps, kicks, barriers, invalidations, tables_gone, hlts, user, emulated, entries;
	char said[4096];
};
extern struct machine_result nested;

/* Makes the VM; runs it to its end; tears everything down, which has to leave nothing. */
void machine_begin(const struct machine *m);
void machine_run(void);
void machine_end(void);
/* The three in a row. */
void machine_all(const struct machine *m);

/* While it is there.  What L1 is offered; NULL: no nested VMX. */
const struct nvmx_caps *machine_caps(void);
struct nvmx_vcpu *machine_library(unsigned vcpu);
bool machine_in_l2(unsigned vcpu);
unsigned long machine_turns(unsigned vcpu);  /* calls of `between` so far */
unsigned long machine_user(unsigned vcpu);   /* returns to user space: port accesses */
void machine_move(unsigned vcpu, int cpu);    /* its thread goes on there */
void machine_preempt(unsigned vcpu);           /* the same, now */
void machine_suspend(void);                    /* the VM ends */
bool machine_page_out(uint64_t gpa);
bool machine_page_clean(uint64_t gpa);
void machine_write(uint64_t gpa, const void *from, size_t size); /* another processor of L1 */
bool machine_is_present(uint64_t gpa);
bool machine_is_dirty(uint64_t gpa);
void machine_invalidate(void);                /* pm_eptgen moves, and nothing else */
void machine_nmi(unsigned vcpu);
void machine_interrupt(unsigned vcpu, unsigned vector);
void machine_yield(unsigned vcpu);             /* its thread gives the processor up when the guest has run once */
int machine_setcap(unsigned vcpu, unsigned cap, bool on);
uint64_t machine_field(unsigned vcpu, uint32_t field); /* as bhyvectl sees it */
void machine_set_field(unsigned vcpu, uint32_t field, uint64_t value);
unsigned long machine_pages(void);            /* hw.vmm.nested.pages */
unsigned long machine_wirings(void);
void machine_drain(unsigned vcpu);            /* takes the pages that it has in reserve */
void machine_time(unsigned microseconds);

/* For `other`: lets the vCPUs run, until this one is inside of L2 (false: all have ended). */
bool machine_await_l2(unsigned vcpu);
void machine_await(unsigned turns);

/*
 * Stops the vCPU as for a debugger; `between` finds it stopped.  When all are, what bhyve saves can go into another VM, which takes
 * the place of this one: L1's memory first, then each vCPU by vmx_vcpu_snapshot().  0 or the errno of a vCPU that is refused
 * because `spoil` has changed its part, with the nested state in the last bytes.
 */
void machine_stop(unsigned vcpu);
bool machine_stopped(unsigned vcpu);
int machine_reborn(void (*spoil)(uint8_t *state, size_t size));

#endif
