/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the adapter share.
 *
 * A vCPU calls the library in vmx_run(), or in nest_outside_begin(): always in a critical section, in state VCPU_RUNNING, where
 * neither sleeping nor malloc() nor a default mutex is allowed.  What would need one waits for nest_prepare().
 */
#ifndef NEST_BHYVE_H
#define NEST_BHYVE_H

#include "compat.h"
#include "nest.h"

#include <nestvmx/nestvmx.h>

MALLOC_DECLARE(M_NEST);
SYSCTL_DECL(_hw_vmm_nested);

#define NEST_VPIDS 4	/* for the L2s of a vCPU */
#define NEST_PINS 64	/* frames that the processor uses itself: some three for each of the library's vmcs02s */
#define NEST_GIVEN 64	/* frames given in one call */
#define NEST_DENIED 8	/* frames of RAM that cannot be had */

/* A page of the reserve, while nobody uses it. */
struct nest_page {
	SLIST_ENTRY(nest_page) next;
};
SLIST_HEAD(nest_pages, nest_page);

/* A frame that `map` gave in the call under way: not taken back before its end. */
struct nest_given {
	uint64_t gpa;
	void *page;
	bool write;
};

/* A frame that is wired for the processor.  users 0: for nobody any more, and to be given back where that may sleep. */
struct nest_pin {
	vm_page_t page;		/* NULL: free */
	uint64_t gpa;
	u_int users;
};

/* VMCS fields of the host's part that make_vmcs02 copies.  The first four change when a vCPU moves. */
enum { NEST_HOST_CHANGING = 4, NEST_HOST_FIELDS = 27 };

/* Whose call the library has to get again. */
enum nest_again { NEST_NOTHING, NEST_EXIT, NEST_EXCEPTION, NEST_EVENTS, NEST_OWN_EXIT };

/* Why vmx_run() has to return before the guest runs. */
enum nest_leave { NEST_STAY, NEST_FOR_PAGE, NEST_FOR_HLT, NEST_FOR_GOOD };

/* A virtual machine with nested VMX. */
struct nest_vm {
	struct vmx *vmx;
	struct sx lock;		/* who makes `lib` */
	struct nvmx_vm *lib;	/* NULL until a vCPU runs */
	void *memory;
	bool refused;		/* by the library: L1 is shown no VMX */
	void *apic_page;	/* nest_apic_page() */
	uint64_t apic_hpa;
	volatile u_long eptgen;	/* pmap->pm_eptgen that the library has been told of */
	struct nest *volatile vcpus; /* grows only, while the VM is there */
};

/* Its vCPU; the struct nvmx_host of its ops. */
struct nest {
	struct vmx_vcpu *vcpu;
	struct nest_vm *vm;
	struct nest *next;
	struct nvmx_vcpu *v;
	void *memory;
	struct nvmx_regs regs;
	uint16_t vpid[NEST_VPIDS];
	u_int vpids;

	/* Which VMCS is where. */
	uint64_t loaded;	/* the current one, while the library is called */
	uint64_t host[NEST_HOST_FIELDS];
	uint64_t pat01;		/* what vmcs01's guest area holds */
	bool away;		/* nvmx_vcpu_park() */
	bool moved;		/* its TLB entries are to go, as if it were now on another processor than ... */
	int lastcpu;
	bool launched01;
	bool live;		/* the processor has the guest's MSRs: vmx_msr_guest_enter() */
	bool changed;		/* controls or host state of vmcs01, and the library has not been told */
	bool caps_changed;	/* since the vCPU was made: vmcs02s are told, too */
	volatile u_int running;	/* odd: L2 is executing, or about to, */
	int cpu;		/* on this processor */

	/* What is under way. */
	enum nest_again again;
	enum nest_leave leave;
	bool no_exit, entry_refused;
	bool emulating;		/* an instruction of L2 that bhyve has to emulate */
	uint64_t event;		/* NEST_EXCEPTION: as from vm_entry_intinfo() */
	struct nvmx_l2_exit exit; /* NEST_OWN_EXIT */
	bool faulted;		/* nest_gpa() has filled `exit` */
	uint64_t awaited_gpa;
	u_int awaited_access;
	bool awaits;

	/* HLT of L2. */
	struct callout timer;
	bool halted;
	bool sleeping;
	volatile u_int rang;
	uint64_t slept_since;	/* TSC */

	/* L1's memory and the host's. */
	const struct nest_meaning *meaning; /* of EPT01's entries */
	u_long *table;		/* of EPT01, the last one that led to a page, in the call under way; and which 2 MiB it is for */
	uint64_t table_for;
	struct nest_given given[NEST_GIVEN];
	u_int givens;
	uint64_t denied[NEST_DENIED]; /* in the call that is repeated */
	u_int denials;
	struct nest_pin pins[NEST_PINS];
	void *held[NVMX_AGAIN_MAX]; /* vm_gpa_hold()'s cookies */
	u_int helds;
	struct nest_pages reserve;
	u_int reserves;
	bool posted;		/* the virtual-APIC page of vmcs01 has changed behind its GUEST_INTR_STATUS */
};

static inline struct nest *nest_of_host(struct nvmx_host *host)
{
	return ((struct nest *)host);
}

static inline bool nest_is_l2(const struct nest *n)
{
	return (nvmx_in_l2(n->v));
}

/* caps.c */
extern struct nvmx_caps nest_hw;
extern const char *nest_lacks;	/* what the processor lacks for nested VMX; NULL: nothing */
extern u_int nest_shadow_pages;
extern int nest_kick_vector;
bool nest_is_named(const char *vm);
uint64_t nest_withheld(uint32_t proc_ctls2);

/* create.c */
void nest_create(struct vmx_vcpu *vcpu);

/* ops.c */
extern const struct nvmx_host_ops nest_ops;

/* pages.c */
void nest_pages_fill(struct nest *n);
void nest_pages_drop(struct nest *n);
void *nest_op_page_alloc(struct nvmx_host *h, uint64_t *hpa);
void nest_op_page_free(struct nvmx_host *h, void *page, uint64_t hpa);

/* memory.c: EPT01, inside of smr_enter(pm_eptsmr) */
void nest_memory_init(struct nest *n);
void nest_memory_begin(struct nest *n);
int nest_op_translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out);
void *nest_op_map(struct nvmx_host *h, uint64_t gpa, bool write);
void nest_op_unmap(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote);
bool nest_is_ram(uint64_t hpa);
bool nest_can_come(struct nest *n, uint64_t gpa);

/* pins.c */
int nest_op_pin(struct nvmx_host *h, uint64_t gpa, uint64_t *hpa);
void nest_op_unpin(struct nvmx_host *h, uint64_t gpa, uint64_t hpa);
void nest_pins_review(struct nest *n);
void nest_pins_drop(struct nest *n);
int nest_hold(struct nest *n);
void nest_release(struct nest *n);

/* vmcs02.c */
void nest_op_vmcs_load(struct nvmx_host *h, uint64_t hpa);
void nest_op_vmcs_clear(struct nvmx_host *h, uint64_t hpa);
void nest_op_make_vmcs02(struct nvmx_host *h, uint64_t hpa);
void nest_host_read(struct nest *n, u_int fields);
void nest_host_write(const struct nest *n, u_int fields);
bool nest_host_follow(struct nest *n);
uint64_t nest_to_vmcs01(struct nest *n);
void nest_from_vmcs01(struct nest *n, uint64_t loaded);
void nest_tell_changes(struct nest *n);
void nest_follow_caps(struct nest *n);

/* msr.c */
int nest_op_l1_msr_read(struct nvmx_host *h, uint32_t msr, uint64_t *value);
int nest_op_l1_msr_write(struct nvmx_host *h, uint32_t msr, uint64_t value);
uint64_t nest_l1_tsc(struct nest *n);
void nest_op_l1_state_loaded(struct nvmx_host *h);

/* vapic.c: L1's local APIC where vmcs01 has "virtual-interrupt delivery" */
bool nest_has_vid(const struct nest *n);
int nest_vid_pending(struct nest *n);
int nest_vid_highest(struct nest *n);
void nest_vid_accept(struct nest *n, int vector);
void nest_vid_settle(struct nest *n);

/* events.c */
unsigned nest_op_pending_events(struct nvmx_host *h);
int nest_op_ack_interrupt(struct nvmx_host *h);
int nest_op_take_event(struct nvmx_host *h, unsigned event);
void nest_window_close(struct nest *n, uint32_t reason);

/* run.c */
void nest_begin(struct nest *n);
void nest_end(struct nest *n);
void nest_unpark(struct nest *n);
void nest_park(struct nest *n);
void nest_await(struct nest *n, enum nest_again call);
void nest_stopped(struct nest *n);
void nest_op_kick_others(struct nvmx_host *h);

/* halt.c */
void nest_halt_init(struct nest *n);
void nest_halt_end(struct nest *n);
bool nest_halts(struct nest *n);
void nest_halt(struct nest *n, struct vm_exit *vme);
void nest_awake(struct nest *n);

/* outside.c */
void nest_outside_begin(struct nest *n);
void nest_outside_end(struct nest *n);

/* trace.c */
void nest_op_trace(struct nvmx_host *h, unsigned what, uint64_t a, uint64_t b, uint64_t c);
void nest_trace_follow(struct nest *n);

#endif
