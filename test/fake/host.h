/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A small host on the fake processor that embeds libnestvmx, and holds it to its promises: the ledger of mappings, pins
 * and pages, the protocol of the callbacks, and what may be written into vmcs02.  A broken promise ends the program.
 */
#ifndef NVMX_FAKE_HOST_H
#define NVMX_FAKE_HOST_H

#include <nestvmx/checked.h>
#include <nestvmx/nestvmx.h>
#include <nestvmx/fake.h>

/* What a run is made of. */
struct fake_machine {
	const struct fake_code *code;
	size_t codes;
	const struct fake_outside *outside;
	size_t outsides;
	struct fake_dma dma;
	void (*prepare)(uint8_t *ram, const void *arg); /* more of the memory image; may be NULL */
	const void *arg;
	bool protection;          /* the processor has bounds, CET and PKRS, and a host loads them for its guests */
	uint64_t withheld;        /* features not offered to L1 */
	uint32_t flags;           /* of nvmx_vm_config, beside NVMX_HOST_EPTP_SWITCHING */
	bool exits_on_vmfunc;     /* without that */
	struct fake_arch *keep;   /* FAKE_TRACE_MAX states, or NULL */
	const struct fake_dislike *dislike; /* of the processor */
	size_t dislikes;
	/* nested only */
	bool traced;              /* the result gets the records of the op trace */
	uint64_t fail_at;         /* the callback, counted from 1, that fails; 0: none */
	uint64_t not_now_at;      /* the use of a page, counted from 1, to which the host says "not now"; 0: none */
	bool pageable;            /* each page is "not now" at its first use in each call of the library */
	bool parks;               /* between two steps, and before a call that is repeated, the vCPU is parked */
	bool restless;            /* between two steps the host does whatever it may do then */
	bool parks_again;         /* before a call that is repeated, and at no other time */
	uint32_t mutate;          /* not 0: seed for guest memory that changes between two mappings */
	uint32_t moves;           /* not 0: seed; between two steps the nested state moves to another or the same vCPU */
	bool no_vpid;
	unsigned vpids; /* vpid02_n */
	bool vmcs01_changes;      /* before each run of L1 the host says that it changed vmcs01 */
	bool intercept_all_msrs;  /* no MSR bitmap for L1 */
	bool dma_unseen;          /* devices write L1's memory where the host does not see it: it watches nothing */
	bool msr_areas;           /* the host has the processor swap MSRs that L1 and L2 share: see setup.c */
	uint64_t cr0_mask;        /* more bits of CR0 that the host keeps for itself */
	bool limits;              /* the host has bus-lock and notify exits for its guests */
	bool ipis;                /* and IPI virtualization */
	uint8_t notifies;         /* L1's notification vector, for which others see to it that the processor gets the host's own one */
	bool sleeps;              /* L2's HLT is no state of the processor's: the host lets time pass */
	bool intercepts;          /* exceptions and instructions of its guests exit to the host, who lets them have all of it */
	bool owns_cr;             /* the host owns bits of CR0 and CR4 that its guests change, and keeps its machine checks on */
};

struct fake_traced {
	unsigned what;
	uint64_t a, b, c;
};
#define FAKE_TRACED_MAX 1024

struct fake_result {
	enum fake_stop stop;
	struct fake_trace trace;
	uint8_t ram[FAKE_RAM_SIZE];
	/* nested only */
	uint64_t switches;        /* of EPT pointers by the processor */
	uint64_t callbacks;       /* that could have failed */
	uint64_t watched, watched_writes; /* frames, and writes to them that were told of */
	uint64_t asked, agains;   /* uses of a page; calls that were repeated */
	uint64_t moves;
	uint64_t limits_met;      /* bus-lock and notify exits */
	enum nvmx_stop library_stop;
	uint64_t library_detail;
	bool host_stopped;        /* the run ended by NVMX_STOP */
	uint64_t counters[NVMX_CNT_COUNT];
	const char *refused;      /* the check that vmcs02 failed, or NULL */
	struct fake_traced traced[FAKE_TRACED_MAX];
	size_t traced_n;          /* may be more than there is room for */
};

void fake_hw_caps_of(const struct fake_machine *m, struct nvmx_caps *caps);
#define FAKE_PROTECTION_ENTRY (NVMX_ENTRY_LOAD_BNDCFGS | NVMX_ENTRY_LOAD_CET | NVMX_ENTRY_LOAD_PKRS)
#define FAKE_PROTECTION_EXIT (NVMX_EXIT_CLEAR_BNDCFGS | NVMX_EXIT_LOAD_CET | NVMX_EXIT_LOAD_PKRS)
/* Runs the script with L1 on the processor itself, or as a guest of the host. */
void fake_run_bare(const struct fake_machine *m, struct fake_result *r);
void fake_run_nested(const struct fake_machine *m, struct fake_result *r);
/* The first byte of RAM in which two runs differ, or -1; VMCS regions are left out: their format is the processor's. */
long fake_ram_differs(const struct fake_result *x, const struct fake_result *y);

/* machine.c */
void fake_machine_cpu(struct fake_cpu *c, const struct fake_machine *m, const struct nvmx_caps *caps, struct fake_mem *mem,
		      struct fake_trace *trace);

/* host.c: the library's view of the host. */
struct fake_mapping {
	uint64_t gpa;
	uint8_t *copy, *before;
	unsigned refs;
	bool write;
};
struct fake_pin {
	uint64_t gpa, hpa;
};
#define FAKE_POSTED_VECTOR 0xf1u /* the host's own, by which the processor takes in what is posted for L2 */
#define FAKE_KICK_VECTOR 0xffu /* the host's own interrupt, by which it makes a guest exit at once */
enum fake_owner { FAKE_FREE, FAKE_OF_HOST, FAKE_OF_LIBRARY };

#define FAKE_BUDGET 64u /* of pages for the shadow EPT */
#define FAKE_WATCHES NVMX_WATCHES_MIN
#define FAKE_MAPPINGS 16
#define FAKE_PINS 32
struct nvmx_host {
	struct fake_cpu cpu;
	struct fake_mem mem;
	const struct fake_machine *m;
	struct fake_result *r;
	struct nvmx_caps hw;
	uint8_t owner[FAKE_HOST_FRAMES];
	uint64_t vmcs01, eptp01;
	uint64_t msr_area;                /* host-physical; 0: none */
	bool launched01, inside;          /* inside a call of the library */
	bool smm;                         /* the guest is in SMM */
	unsigned barriers;                /* NVMX_BARRIER_*: of the call that is checked now */
	unsigned barriers_since;          /* since a guest ran */
	bool l2_ran;                      /* the guest that ran last was L2 */
	uint64_t moved_at;                /* instructions begun at the last move */
	uint64_t launched[FAKE_HOST_FRAMES / 64];
	uint8_t msr_bitmap[FAKE_PAGE];
	struct fake_mapping mapping[FAKE_MAPPINGS];
	unsigned mappings;
	struct fake_pin pin[FAKE_PINS];
	unsigned pins;
	uint64_t virq[4];                 /* interrupts that the host holds for L1 */
	int acknowledged;                 /* the one of them that the library has, or -1 */
	bool vnmi, vinit, vsipi;
	uint8_t vsipi_vector;
	bool watched[FAKE_RAM_FRAMES];
	uint64_t batch;           /* that is not armed yet; 0: none */
	bool steady;              /* every page is at hand */
	bool present[FAKE_RAM_FRAMES], away[FAKE_RAM_FRAMES]; /* made so for this call; found not to be in it */
	unsigned repeated;
	unsigned got;                     /* pages, in this call */
	uint32_t random;
	struct nvmx_ledger ledger;        /* every promise of <nestvmx/host.h>, kept by this host and by the library */
	struct nvmx_ledger_page ledger_pages[FAKE_HOST_FRAMES * 2];
	struct nvmx_vm *vm;
	struct nvmx_vcpu *vcpu;
	_Alignas(64) unsigned char watches[FAKE_WATCHES * NVMX_WATCH_SIZE];
	_Alignas(64) unsigned char vm_memory[NVMX_VM_SIZE];
	_Alignas(64) unsigned char vcpu_memory[NVMX_VCPU_SIZE];
};
extern const struct nvmx_host_ops fake_host_ops;
/* Which host the accessors of a port header work on. */
void fake_port_use(struct nvmx_host *h);
uint64_t fake_host_own(struct nvmx_host *h, uint64_t hpa); /* a page that is the host's from now on */
uint64_t fake_host_frame(struct nvmx_host *h, enum fake_owner owner);
void fake_host_clean(const struct nvmx_host *h); /* nothing is left over */
/* vmcs02, current, may be entered: every address in it is the library's or granted. */
void fake_check_vmcs02(struct nvmx_host *h);
/* rebuild.c: vmcs02, of a VM entry that L1 has just made, is as one that is made from nothing, or the program ends. */
void fake_check_rebuilt(struct nvmx_host *h);
/* The same of vmcs12 and vmcs01 after an exit of L2 to L1. */
void fake_check_left(struct nvmx_host *h);
uint32_t fake_host_random(struct nvmx_host *h);
/* run.c: a host and its vCPU, one exit at a time.  `vcpu` is NULL if the host had no memory for it. */
struct nvmx_host *fake_host_new(const struct fake_machine *m, struct fake_result *r);
bool fake_host_step(struct nvmx_host *h); /* false: the run is over */
void fake_host_free(struct nvmx_host *h); /* everything given back, or the program ends */
/* nvmx_handle_exit, and what must hold after it. */
enum nvmx_verdict fake_host_handle(struct nvmx_host *h, struct nvmx_regs *regs);
/* move.c: saves the nested state and restores it. */
#define FAKE_MOVE_FRESH 1u  /* into another vCPU of another VM */
#define FAKE_MOVE_LINUX 2u  /* without what Linux's format does not have, if L2 runs */
#define FAKE_MOVE_IN_SMM 4u /* while the guest is in SMM */
#define FAKE_MOVES 8u
void fake_host_move(struct nvmx_host *h, unsigned how);
/* Moves before every step, but seldom between two attempts at one instruction: a new vCPU has no shadow EPT. */
void fake_host_maybe_move(struct nvmx_host *h);
/* The nested state; the caller frees it.  *size gets its size. */
void *fake_host_save(struct nvmx_host *h, size_t *size);
/* nvmx_state_restore(); a refusal must leave everything as it was.  The rule, and which of those that it is about. */
unsigned fake_host_restore(struct nvmx_host *h, const void *blob, size_t size, const char **row);
bool fake_host_start(struct nvmx_host *h); /* makes h->vm and h->vcpu; false: no memory */
/* The host's events for the guest that is to run next. */
enum nvmx_verdict fake_host_events(struct nvmx_host *h, struct nvmx_regs *regs, enum nvmx_verdict verdict);
/* away.c */
/* Whether the page is not at hand; `peek`: the library does without. */
bool fake_not_now(struct nvmx_host *h, uint64_t gpa, bool peek);
/* After each call of the library that may say NVMX_AGAIN: whether it has, and is to be made again; else the call is over. */
bool fake_come_again(struct nvmx_host *h, bool again);
void fake_between_calls(struct nvmx_host *h);
/* The call, until it says something else. */
#define FAKE_CALL(h, result, call, word)                    \
	do {                                                \
		(h)->inside = true;                         \
		(result) = (call);                          \
	} while (fake_come_again(h, (result) == (word)))

/* watch.c */
int fake_watch(struct nvmx_host *h, const uint64_t *gpas, size_t n, uint64_t batch);
void fake_unwatch(struct nvmx_host *h, uint64_t gpa);
/* The frame is about to be written; whether it was watched. */
bool fake_watch_written(struct nvmx_host *h, uint64_t gpa);
bool fake_watch_trapped(struct nvmx_host *h);
void fake_watch_arm(struct nvmx_host *h);  /* what was begun; before a guest runs */
void fake_watch_anew(struct nvmx_host *h); /* the host has another EPT */
void fake_watch_end(struct nvmx_host *h);  /* the VM ends */

/* own.c: what a host of KVM's kind does itself, by the flags of the machine. */
#define FAKE_LIKE_KVM (NVMX_HOST_OWNS_INTERRUPTS | NVMX_HOST_REINJECTS | NVMX_HOST_OWNS_TIMER | NVMX_HOST_EMULATES_CR | \
		       NVMX_HOST_WAITS | NVMX_HOST_POSTS)
#define FAKE_OWN_TIMER_NEVER 0xffffffffu
void fake_own_reinject(struct nvmx_host *h);
void fake_own_timer_exit(struct nvmx_host *h);  /* after an exit of L2: what is left of it */
void fake_own_timer_start(struct nvmx_host *h); /* L1 has entered L2 */
void fake_own_timer_moved(struct nvmx_host *h); /* L2 goes on with a vmcs02 that may be another: where L1 has no timer, the host's */
void fake_own_timer_stop(struct nvmx_host *h, uint64_t left); /* L2 has exited to L1 */
enum nvmx_verdict fake_own_timer_rings(struct nvmx_host *h);
/* Interrupts with the host's own vector for L1's notification: for L2, or else L1's. */
enum nvmx_verdict fake_own_notify(struct nvmx_host *h, enum nvmx_verdict verdict);
/* L2 sleeps, and nothing waits for it; time passes, false: nothing will come. */
bool fake_own_sleeps(struct nvmx_host *h);
bool fake_own_sleep(struct nvmx_host *h);
bool fake_own_wait(struct nvmx_host *h); /* L2 waits for a SIPI: time passes; false: nothing will come */
/* The host's bits, beside those that VMX operation fixes, if the machine says so.  An instruction that exits for one of them may
 * change CD and NW, too, and no VM entry loads those (SDM 26.3.2.1): a host that owns others owns them. */
#define FAKE_OWN_CR0 (NVMX_CR0_TS | NVMX_CR0_PG | NVMX_CR0_CD | NVMX_CR0_NW)
#define FAKE_OWN_CR4 (NVMX_CR4_PSE | NVMX_CR4_PAE | NVMX_CR4_PGE | NVMX_CR4_MCE)
/* What the guest wants in CR0 or CR4, where it has `before`: MOV, CLTS, LMSW (SDM table 27-3). */
uint64_t fake_own_wanted(struct nvmx_host *h, const struct nvmx_regs *regs, uint64_t q, uint64_t before);
bool fake_own_cr(struct nvmx_host *h, const struct nvmx_regs *regs); /* false: #GP(0) */
/* setup.c: vmcs01 and the host's EPT. */
void fake_setup_vmcs01(struct nvmx_host *h);
/* The guests' value of an MSR in the host's MSR areas, which is in the processor only while a guest runs; NULL: not there. */
uint64_t *fake_area_msr(struct nvmx_host *h, uint32_t msr);
void fake_reset_vmcs01(struct nvmx_host *h); /* the VMCS region set up anew, with another EPT and HOST_RIP */

#endif
