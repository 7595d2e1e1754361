/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * State of a VM and of a vCPU, and what the files of this folder offer each other.
 */
#ifndef NVMX_SRC_VCPU_H
#define NVMX_SRC_VCPU_H

#include "../mem.h"
#include "../vmcs/steps.h"
#include <nestvmx/nestvmx.h>

#define NVMX_VPIDS 16         /* VPIDs of the host that are put to use, at most */
#define NVMX_SLOTS 4          /* vmcs12s that stay warm per vCPU */
#define NVMX_SLOT_PLACES (NVMX_SLOTS + 1) /* one more for what is not judged yet: a vmcs12 being loaded, a restored state */
#define NVMX_BATCH 32         /* VMWRITEs collected for vmcs_write_many */
#define NVMX_NO_ADDR (~0ull)  /* no VMXON pointer, no current VMCS, no link pointer */
#define NVMX_GRANT_WORDS 16   /* 64-bit words of a lazily opened bitmap page that may hold a granted bit */
#define NVMX_GVA 6            /* longest paging-structure walk plus one */

struct nvmx_ept;              /* src/ept: shadow EPT state of a VM */
struct nvmx_ept_vcpu;         /* src/ept: of a vCPU */

#define NVMX_VM_MAGIC 0x4d56584d5456534eull /* nvmx_vm_init() has made it */

struct nvmx_vm {
	uint64_t magic;
	const struct nvmx_host_ops *ops; /* the table below: what the host's lacks is NULL there */
	struct nvmx_host_ops table;
	struct nvmx_caps caps;    /* L1's */
	struct nvmx_caps hw;
	uint64_t withheld;
	uint32_t flags;
	uint32_t shadow_ept_pages;
	uint32_t watches_n;
	void *watches;            /* NULL: the host does not watch */
	bool hw_eptp_switching;   /* vmcs02 lets the processor switch */
	uint8_t posted_vector02;
	struct nvmx_control_masks masks;
	struct nvmx_step_masks steps;
	struct nvmx_rowset rows;  /* the fields that exist for L1 */
	struct nvmx_rowset rare;  /* rows that a VM exit leaves stale in vmcs12 (S_RARE) */
	struct nvmx_rowset hw_ro, hw_rw; /* the fields in the hardware shadow VMCS; empty without VMCS shadowing */
	struct nvmx_rowset hw_rare; /* those that are in it as long as L1 asks for them: reads.c */
	_Alignas(64) unsigned char ept[2048]; /* struct nvmx_ept */
};

/* A page of the host. */
struct nvmx_page {
	void *va;
	uint64_t hpa;
};

/* A frame of L1 that the processor itself uses through vmcs02. */
struct nvmx_pin {
	uint64_t gpa, hpa;
	bool held;
	bool own;                   /* hpa is the vCPU's apic_page: the host has granted nothing */
};

/* The pages that a VM exit may need: two MSR areas of 3, the PDPTEs, vmcs12 for its abort indicator; and L2's posted-interrupt
 * descriptor and virtual-APIC page. */
#define NVMX_HELD 10
struct nvmx_held {
	uint64_t gpa;
	void *page;
	bool write, wrote;
};

/* A bitmap page of vmcs02 that starts all ones; bits are opened when neither L1 nor the host intercepts. */
struct nvmx_grants {
	struct nvmx_page page;
	uint16_t word[NVMX_GRANT_WORDS]; /* which words of the page hold an opened bit */
	uint8_t n, next;
};

/* The place of each field that hardware may shadow in a slot's mirror of its shadow VMCS. */
enum nvmx_mirror {
#define NVMX_MIRROR_NO(NAME)
#define NVMX_MIRROR_RO(NAME) NVMX_MIRROR_##NAME,
#define NVMX_MIRROR_RW(NAME) NVMX_MIRROR_##NAME,
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) NVMX_MIRROR_##shadow(NAME)
#include "../vmcs/fields.def"
	NVMX_MIRROR_COUNT
};

#define NVMX_MSR_LOG 16       /* MSRs of an entry's list that can be put back */

enum nvmx_entered {
	NVMX_NOT_BY_L1,      /* restored, or by RSM: L1 is not at a VMLAUNCH or VMRESUME */
	NVMX_BY_VMLAUNCH,
	NVMX_BY_VMRESUME
};

/* What is known of vmcs01's guest state while L2 runs: seen01.def. */
enum nvmx_of_seen {
#define V(FIELD) NVMX_SEEN_##FIELD,
#include "../vmcs/seen01.def"
	NVMX_SEEN_COUNT
};
#define NVMX_UNSEEN (~0ull) /* no legal value of any of them */
#define NVMX_AR_CODE64 0xa09bu /* of CS after a VM exit to 64-bit mode (SDM 27.5.2) */

#define NVMX_LOOK_LAUNCH 1u   /* vmcs02's launch state was "clear" */
#define NVMX_LOOK_EPTP 2u     /* L2 may have switched EPT pointers */
#define NVMX_LOOK_WAITS 4u    /* L2 waits for a SIPI, and the host keeps it from running */
#define NVMX_LOOK_REPEATED 8u /* a call has ended by NVMX_AGAIN: if the next one is for an exit, it is the last one, and L2 has not run */

/* A vmcs12 that is active on this vCPU (SDM 24.1): its copy, its vmcs02 and its hardware shadow. */
struct nvmx_slot {
	uint64_t gpa;               /* NVMX_NO_ADDR: the slot is free */
	uint64_t former;            /* of a free one: the vmcs12 that it was released with, which it still has; else NVMX_NO_ADDR */
	struct nvmx_vmcs12 *v12;    /* in page12 */
	struct nvmx_page page12, page02, page_shadow;
	struct nvmx_rowset dirty;   /* vmcs12 newer than vmcs02 */
	struct nvmx_rowset stale;   /* vmcs02 newer than vmcs12 (S_RARE fields) */
	bool all_dirty;             /* `dirty` has all rows, and `pending` the steps that they call for */
	uint32_t dirty_groups;      /* not yet checked */
	uint8_t look02;             /* what an exit of L2 has to see to: NVMX_LOOK_* */
	bool l1_ia32e;              /* L1's mode at the last checks */
	bool logs01;                /* vmcs02 writes vmcs01's page-modification log */
	bool shadow_synced;         /* the hardware shadow holds what the mirror says */
	bool mirrored;              /* not current: the mirror has the values of vmcs12 */
	bool newer;                 /* vmcs12 may be newer than L1's memory, from which it was loaded */
	struct nvmx_grants msr, io[2];
	struct nvmx_pin vapic, apic_access, posted_int;
	uint64_t pending;           /* merge steps to run, beside those that `dirty` calls for; what an entry could not finish stays */
	uint64_t each;              /* those of every entry, by the controls that the step EACH has seen */
	uint32_t ctl02[NVMX_WORDS]; /* what the control words of vmcs02 hold */
	uint64_t eptp02;            /* what EPT_POINTER of vmcs02 holds */
	uint64_t eptp_list02;       /* what EPTP_LIST_ADDR of vmcs02 holds; 0: it has no VM function */
	uint16_t vpid02;            /* what VPID of vmcs02 holds */
	uint64_t cr0_mask02, cr4_mask02;
	uint32_t exceptions01;      /* vmcs01's exception bitmap when vmcs02's was computed */
	uint64_t last_use;
	uint64_t mirror[NVMX_MIRROR_COUNT]; /* what the hardware shadow holds, once shadow_synced */
};

struct nvmx_vcpu {
	struct nvmx_vm *vm;
	const struct nvmx_host_ops *ops;
	struct nvmx_host *host;
	struct nvmx_vcpu_config config;
	uint64_t loaded;            /* the current VMCS: vmcs01, a slot's page02 or, inside a call, a page_shadow */
	uint64_t vmxon_ptr;         /* NVMX_NO_ADDR: not in VMX operation */
	struct nvmx_slot *cur;      /* L1's current VMCS, or NULL */
	bool in_l2;
	bool run_pending;           /* an entry was emulated and L2 has not run yet */
	uint8_t entered_by;         /* enum nvmx_entered: how L2 came to be current */
	uint64_t seen01[NVMX_SEEN_COUNT]; /* or NVMX_UNSEEN */
	uint64_t flipped_cr0;       /* bits of vmcs12's CR0 that the entry changed */
	struct {
		bool wanted;        /* of this entry */
		bool complete;      /* `old` has all that it replaced */
		uint8_t n;
		struct {
			uint32_t msr;
			uint64_t value;
		} old[NVMX_MSR_LOG];
	} msr_log;
	bool hw_shadow_on;          /* vmcs01 has VMCS shadowing enabled for `cur` ... */
	uint64_t hw_linked;         /* ... and links to this one */
	struct nvmx_rowset hw_written; /* what L1 may write in the hardware shadow now; the VMWRITE bitmap says the same */
	struct nvmx_rowset hw_changed; /* what of that it has changed within the last `hw_pulls` pulls */
	uint8_t hw_pulls, hw_open_n;
	struct {
		uint16_t field;
		uint8_t row, place;
	} hw_open[NVMX_MIRROR_COUNT]; /* hw_written, as a list */
	uint64_t hw_read;           /* RARE rows that L1 may read in the hardware shadow now; the VMREAD bitmap says the same */
	uint64_t hw_moved;          /* those for which it does not have yet what vmcs12 has */
	struct {
		uint8_t at;         /* the exit at which L1 last read a stale row of the group, by the low bits of its number */
		uint8_t streak;     /* exits in a row until then */
	} hw_asked[NVMX_G_INFO + 1];
	uint16_t hw_reads_left;     /* exits until L1 has to ask again */
	struct {
		bool active;        /* L1's processor is in SMM: neither vmxon_ptr nor in_l2 count */
		bool in_l2;         /* what they were when the SMI came */
		uint64_t vmxon_ptr;
	} smm;
	uint32_t traced;            /* records that the op trace gets: set of NVMX_TRACE_BIT() */
	const struct nvmx_regs *trace_regs; /* of the nvmx_handle_exit() that is traced */
	enum nvmx_stop stop;
	uint64_t stop_detail;
	struct nvmx_error_info stop_info; /* of NVMX_STOP_HOST_OP and _CONTROL */
	uint64_t fault_gpa;         /* nvmx_host_fault */
	unsigned fault_access;
	bool not_now;               /* map, pin or translate has answered so in this call, which has to come again */
	uint8_t held_n;             /* pages of L1's that stay mapped until a transition is over: hold.h */
	struct nvmx_held held[NVMX_HELD];
	uint64_t awaited_gpa;       /* nvmx_awaited */
	unsigned awaited_access;
	uint64_t feature_control;   /* L1's IA32_FEATURE_CONTROL */
	uint64_t clock;             /* for last_use */
	struct {
		uint16_t of12;      /* L1's VPID whose translations it holds; 0: it is flushed before it runs one */
		uint64_t last_use;
	} vpid[NVMX_VPIDS];         /* the host's, from config.vpid02 on */
	struct nvmx_vmcs01 vmcs01;  /* what is kept of it: vmcs01.c */
	struct nvmx_error_info refused01; /* vmcs01 has what vmcs02 cannot keep, or lacks what it needs; refusal 0: neither */
	uint64_t counters[NVMX_CNT_COUNT];
	uint64_t field_exits[2][NVMX_ROWS]; /* VMREADs and VMWRITEs of L1 that came here */
	struct nvmx_slot slots[NVMX_SLOT_PLACES];
	struct nvmx_page shadow_bitmap[2]; /* VMREAD and VMWRITE bitmaps of vmcs01 */
	struct nvmx_page apic_page; /* in place of an APIC-access page that the host cannot pin */
	uint64_t apic_mapped;       /* the page of L1's, with bit 0 set, for which the shadow EPT may lead to it; 0: none */
	uint32_t batch_n;
	uint32_t batch_field[NVMX_BATCH];
	uint64_t batch_value[NVMX_BATCH];
	_Alignas(64) unsigned char ept[3584]; /* struct nvmx_ept_vcpu */
};
_Static_assert(sizeof(struct nvmx_vm) <= NVMX_VM_SIZE, "NVMX_VM_SIZE is what the host reserves");
_Static_assert(sizeof(struct nvmx_vcpu) <= NVMX_VCPU_SIZE, "NVMX_VCPU_SIZE is what the host reserves");

/* CR4 in hardware where the guest has `cr4`. */
static inline uint64_t nvmx_hw_cr4(const struct nvmx_vcpu *v, uint64_t cr4)
{
	return (cr4 | nvmx_caps_get(&v->vm->hw, NVMX_MSR_VMX_CR4_FIXED0) | v->config.cr4_kept) & ~v->config.cr4_hidden;
}

/* Whether vmcs02's timer is L1's: it may be the host's own, who then emulates L1's. */
static inline bool nvmx_timer_is_l1s(const struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12)
{
	return v12->pin_ctls & NVMX_PIN_PREEMPTION_TIMER && !(v->vm->flags & NVMX_HOST_OWNS_TIMER);
}

/* What vmcs12 uses of its page; the rest is neither read nor written. */
#define NVMX_VMCS12_USED offsetof(struct nvmx_vmcs12, pad6)

/* Some kernels have their compiler clear each local variable: not those that are large and written before they are read. */
#if __has_attribute(uninitialized)
#define NVMX_NOT_CLEARED __attribute__((uninitialized))
#else
#define NVMX_NOT_CLEARED
#endif

/* For what each VM entry or exit runs through: a copy for each caller instead of a call. */
#define NVMX_HOT static inline __attribute__((always_inline))

/* Bits of CR0 that neither a VM entry nor a VM exit loads (SDM 26.3.2.1, 27.5.1). */
#define NVMX_CR0_UNTOUCHED (NVMX_CR0_ET | NVMX_CR0_CD | NVMX_CR0_NW | 0x1ff80000ull | NVMX_BIT64(17) | 0xffc0ull)

/* Whether L2's state is in the vmcs02 of v->cur: it runs, or waits for the end of SMM. */
static inline bool nvmx_l2_lives(const struct nvmx_vcpu *v)
{
	return v->in_l2 || (v->smm.active && v->smm.in_l2);
}

/* L2 is current, and L1 has not just entered it: nothing is known of vmcs01's guest state. */
static inline void nvmx_not_by_l1(struct nvmx_vcpu *v)
{
	v->entered_by = NVMX_NOT_BY_L1;
	for (unsigned i = 0; i < NVMX_SEEN_COUNT; i++)
		v->seen01[i] = NVMX_UNSEEN;
}

/* vmcs01.c: reads anew what is kept of vmcs01; what has changed runs its steps at the next VM entry.  To be called wherever the
 * host may have changed vmcs01 as it liked: at init, when it says so, at the end of SMM, at a reset and a restore.  vmcs01 is
 * current after. */
void nvmx_vmcs01_read(struct nvmx_vcpu *v);
/* The TSC offset, which hosts change without a word, and the multiplier with it: vmcs01 is current. */
void nvmx_vmcs01_read_tsc(struct nvmx_vcpu *v);
/* init.c: whether vmcs02 can keep all that vmcs01 has on. */
void nvmx_vmcs01_judge(struct nvmx_vcpu *v);

/* Bits of NVMX_CR0_UNTOUCHED that the host has in vmcs01's CR0 guest/host mask. */
static inline uint64_t nvmx_cr0_masked01(const struct nvmx_vcpu *v)
{
	return v->vmcs01.cr0_mask & NVMX_CR0_UNTOUCHED;
}

#define NVMX_RSP 4 /* register number whose value is in the VMCS */

/* exit.c: stops the VM with a named reason. */
enum nvmx_verdict nvmx_stop_vm(struct nvmx_vcpu *v, enum nvmx_stop why, uint64_t detail);
/* answer.c: the same for what the host has wrong: *info names the rule that it breaks.  The batch of VMWRITEs is as it was. */
void nvmx_stop_refused(struct nvmx_vcpu *v, enum nvmx_stop why, const struct nvmx_error_info *info);

/* inject.c: an exception for the guest of the current VMCS (vmcs01 while L1 runs).  Returns the verdict to hand out. */
enum nvmx_verdict nvmx_raise(struct nvmx_vcpu *v, unsigned vector, bool has_error, uint32_t error);
#define nvmx_raise_ud(v) nvmx_raise(v, NVMX_VECTOR_UD, false, 0)
#define nvmx_raise_gp0(v) nvmx_raise(v, NVMX_VECTOR_GP, true, 0)
/* Advances RIP of the current VMCS past the instruction that exited (RIP += VM-exit instruction length, clears RF,
 * STI and MOV-SS blocking; sets a pending #DB if RFLAGS.TF). */
void nvmx_skip(struct nvmx_vcpu *v);

/* slot.c */
/* A place with a vmcs12 as L1's memory has it at gpa, all dirty but where nothing has changed since it was released; what is no RAM has a revision identifier of ones.  It is free until its caller,
 * having judged it, claims it.  NULL: no memory, or not now. */
struct nvmx_slot *nvmx_slot_load(struct nvmx_vcpu *v, uint64_t gpa);
/* The place becomes the slot of the vmcs12 at gpa, which is not active here yet; the least recently used one goes if as many are as
 * may be.  False: not now. */
bool nvmx_slot_claim(struct nvmx_vcpu *v, struct nvmx_slot *s, uint64_t gpa);
/* A place that holds no vmcs12; there is always one. */
struct nvmx_slot *nvmx_slot_free(struct nvmx_vcpu *v);
/* Gives it the pages of a vmcs12 and a vmcs02, and makes it all dirty.  0, or -1: no memory. */
int nvmx_slot_prepare(struct nvmx_vcpu *v, struct nvmx_slot *s);
/* Frees the slot without writing vmcs12 back.  It is not v->cur. */
void nvmx_slot_drop(struct nvmx_vcpu *v, struct nvmx_slot *s);
/* Writes vmcs12, all of it up to date, to L1's memory; the slot stays active.  False: not now.  Which
 * VMCS is current after it is not known, if it is the current vmcs12. */
bool nvmx_slot_write_back(struct nvmx_vcpu *v, struct nvmx_slot *s);
/* Lets go of the frame, if one is held. */
void nvmx_unpin(struct nvmx_vcpu *v, struct nvmx_pin *pin);
/* Makes `pin` hold a page of the vCPU's own in place of L1's frame at gpa.  0, or -1: no memory. */
int nvmx_pin_own(struct nvmx_vcpu *v, struct nvmx_pin *pin, uint64_t gpa);
/* Whether gpa1 is in the APIC-access page of the current vmcs12 and a page of the vCPU's own stands for that: *out. */
static inline bool nvmx_own_apic_page(struct nvmx_vcpu *v, uint64_t gpa1, unsigned access, struct nvmx_xlate *out)
{
	const struct nvmx_pin *pin = v->cur ? &v->cur->apic_access : NULL;

	if (!pin || !pin->own || (gpa1 ^ pin->gpa) >> 12 || access & NVMX_ACCESS_PEEK)
		return false;
	*out = (struct nvmx_xlate){ .hpa = pin->hpa | (gpa1 & 0xfff), .page_shift = 12, .memtype = 6,
				    .rights = NVMX_ACCESS_RWX };
	v->apic_mapped = pin->gpa | 1;
	return true;
}
/* L1 enters the L2 of `s`, for which the page may stand for nothing, or for another one: no shadow leads to it then. */
void nvmx_own_apic_page_review(struct nvmx_vcpu *v, const struct nvmx_slot *s);
/* Finds an active slot, or NULL. */
struct nvmx_slot *nvmx_slot_find(struct nvmx_vcpu *v, uint64_t gpa);
/* Writes vmcs12 back to L1's memory and frees the slot (VMCLEAR, eviction).  False: not now, and nothing has changed. */
bool nvmx_slot_release(struct nvmx_vcpu *v, struct nvmx_slot *s);
/* Makes `s` (or nothing, with NULL) L1's current VMCS and switches the hardware shadow accordingly.  vmcs01 is current. */
void nvmx_slot_make_current(struct nvmx_vcpu *v, struct nvmx_slot *s);
/* Brings S_RARE fields of vmcs12 up to date from vmcs02; the VMCS current before, if there is one, is current after. */
void nvmx_slot_freshen(struct nvmx_vcpu *v, struct nvmx_slot *s);
/* As nvmx_slot_freshen() for one field, and those of its group with it. */
void nvmx_slot_freshen_row(struct nvmx_vcpu *v, struct nvmx_slot *s, unsigned row);
/* vmcs12 learns what vmcs02, which is current, alone has of L2's field, before the library writes another value there.  A VM entry that
 * fails after that has changed nothing of vmcs12 (SDM 26.8). */
void nvmx_slot_learn_row(struct nvmx_vcpu *v, struct nvmx_slot *s, unsigned row);
/* The same for all registers of L2's whose place L1's take in vmcs02 at each entry, before an entry that may fail after the merge.  The
 * VMCS current before, if there is one, is current after. */
void nvmx_slot_learn_shared(struct nvmx_vcpu *v, struct nvmx_slot *s);
/* Makes all slots free; gives back every page and pin of the slots and switches shadowing off (vmcs01 is current after). */
void nvmx_slots_init(struct nvmx_vcpu *v);
void nvmx_slots_destroy(struct nvmx_vcpu *v);
/* These merge steps run at the next VM entry of each vmcs12 that is active, or will be. */
void nvmx_slots_pend(struct nvmx_vcpu *v, uint64_t steps);
/* What vmcs02 holds is not known: all of it is made at the next VM entry of this vmcs12.  vmcs12 is to have nothing to learn. */
void nvmx_slot_anew(struct nvmx_vcpu *v, struct nvmx_slot *s);
/* A page as a VMCS region: gives it the hardware's revision (with `indicator` or'ed in) and VMCLEARs it if there was none
 * before; VMCLEARs it and gives it back.  0, or -1: no memory. */
int nvmx_vmcs_page_get(struct nvmx_vcpu *v, struct nvmx_page *page, uint32_t indicator);
void nvmx_vmcs_page_put(struct nvmx_vcpu *v, struct nvmx_page *page);

/* shadow.c */
/* Takes over what L1 wrote into the hardware shadow / makes the hardware shadow hold what a VM exit of L2 changes of vmcs12.
 * Nothing without a hardware shadow.  Any VMCS may be current before; none is to be relied on after: the caller loads the one it wants. */
void nvmx_shadow_pull(struct nvmx_vcpu *v, struct nvmx_slot *s);
void nvmx_shadow_push(struct nvmx_vcpu *v, struct nvmx_slot *s);
/* vmcs12 has a new value of a row that the hardware shadow has, too, written by a VMWRITE that exited.  vmcs01 is current after. */
void nvmx_shadow_write(struct nvmx_vcpu *v, struct nvmx_slot *s, unsigned row);
/* reads.c */
/* L1 reads, by an exit, a row of `group` of its current vmcs12 that was stale.  Any VMCS may be current before; none is to be relied on after. */
void nvmx_reads_asked(struct nvmx_vcpu *v, struct nvmx_slot *s, unsigned group);
/* An exit of L2, vmcs02 current: what L1 reads in the hardware shadow is not left stale. */
void nvmx_reads_sync(struct nvmx_vcpu *v, struct nvmx_slot *s);
/* `s` is L1's current vmcs12: its hardware shadow gets what an exit has changed / all, as it becomes the current one.  VMCSs as above. */
void nvmx_reads_push(struct nvmx_vcpu *v, struct nvmx_slot *s);
void nvmx_reads_renew(struct nvmx_vcpu *v, struct nvmx_slot *s);
/* The same for a row that a VMWRITE which exited has changed.  False: it is not there, and nothing was loaded. */
bool nvmx_reads_write(struct nvmx_vcpu *v, struct nvmx_slot *s, unsigned row);
/* The host may have written the controls of vmcs01 as they were without it: the hardware shadow is switched on again.  Any VMCS
 * may be current, and is after. */
void nvmx_shadow_renew(struct nvmx_vcpu *v);
/* Sets vmcs01 up for the hardware shadow of v->cur, or for none.  Any VMCS may be current before, vmcs01 is after. */
void nvmx_shadow_switch(struct nvmx_vcpu *v);
/* L1 writes row `row` of vmcs12: by a VMWRITE that exited, or into the hardware shadow. */
static inline void nvmx_slot_write(struct nvmx_slot *s, unsigned row, uint64_t value)
{
	s->newer = true;
	s->dirty_groups |= nvmx_dirty_groups(s->v12, row, value);
	nvmx_set_add(&s->dirty, row);
	if (row == NVMX_I_PROC_CTLS && (s->v12->proc_ctls ^ value) & NVMX_PROC_SECONDARY)
		nvmx_set_add(&s->dirty, NVMX_I_PROC_CTLS2);
	nvmx_set_del(&s->stale, row);
	nvmx_v12_set(s->v12, row, value);
}

/* instr.c: a VMX instruction that exited from L1 (reasons 18 to 27, 50, 53, 59), none of those of nvmx_frequent_instr(). */
enum nvmx_verdict nvmx_other_instr(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason);
/* instr_rw.c: VMREAD or VMWRITE of an L2 for which L1 has set "VMCS shadowing".  False: it exits to L1; else *verdict. */
bool nvmx_l2_shadow_access(struct nvmx_vcpu *v, struct nvmx_regs *regs, bool write, enum nvmx_verdict *verdict);
/* VMsucceed, VMfailInvalid, VMfailValid(error) (or Invalid without a current VMCS) into vmcs01's RFLAGS; skips the
 * instruction (SDM 30.2). */
enum nvmx_verdict nvmx_vmsucceed(struct nvmx_vcpu *v);
enum nvmx_verdict nvmx_vmfail_invalid(struct nvmx_vcpu *v);
enum nvmx_verdict nvmx_vmfail(struct nvmx_vcpu *v, uint32_t error);

/* enter.c: VMLAUNCH and VMRESUME after the instruction's own checks (mode, current VMCS, MOV-SS, launch state), which have read
 * vmcs01's VM-entry controls anew. */
enum nvmx_verdict nvmx_enter_l2(struct nvmx_vcpu *v, bool launch);

struct nvmx_check_input;
/* events.c: whether what waits in the host's queue comes before this exit between two instructions (SDM 6.9, 25.2, 25.5). */
bool nvmx_event_precedes(struct nvmx_vcpu *v, uint32_t reason);
/* events.c: L1 gets the exit after all for which L2 was to go on with what it interrupted (an event, an IRET). */
void nvmx_undo_going_on(struct nvmx_vcpu *v);

struct nvmx_exit_info;

/* instr_vmcs.c: whether a VMCS region with this revision identifier may become current (SDM 30.3, VMPTRLD). */
bool nvmx_revision_known(const struct nvmx_vcpu *v, uint32_t revision);
/* Whether a VMXON or VMCS pointer is 4-KiB aligned and within L1's physical-address width. */
bool nvmx_good_pointer(const struct nvmx_vcpu *v, uint64_t pointer);

/* enter.c: what the checks judge beside vmcs12, L1's memory read once; whether it calls for them at every entry. */
bool nvmx_gather_facts(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12, struct nvmx_check_input *in);
/* enter.c: makes vmcs02 hold vmcs12, which passes the checks with `in`.  vmcs02 is current after.
 * False: the VM was stopped (no memory, a frame that could not be pinned). */
bool nvmx_load_vmcs02(struct nvmx_vcpu *v, struct nvmx_slot *s, const struct nvmx_check_input *in);

/* sync.c: what a guest-state field of vmcs02 (current) says of L2, for vmcs12: without the bits that are the host's. */
uint64_t nvmx_read_row(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12, unsigned row);

/* RARE rows of these groups that are stale are read from vmcs02, which is current. */
void nvmx_sync_rare(struct nvmx_vcpu *v, struct nvmx_slot *s, uint32_t groups);

/* vmcs12 learns what L2 left in vmcs02 (current): HOT and CALC rows now, RARE ones become stale. */
void nvmx_sync_from_l2(struct nvmx_vcpu *v, struct nvmx_slot *s);
/* The same into a copy of vmcs12, with all RARE rows; nothing of the slot changes. */
void nvmx_sync_copy(struct nvmx_vcpu *v, const struct nvmx_slot *s, struct nvmx_vmcs12 *copy);

/* cr.c: an access of L2 to CR0 or CR4 that exits for the host's bits alone.  NVMX_HOST: not one of those. */
enum nvmx_verdict nvmx_l2_cr_access(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint64_t qualification);
/* What a MOV to a control register loads: the register of the exit qualification, of which outside 64-bit mode 32 bits. */
uint64_t nvmx_cr_operand(struct nvmx_vcpu *v, const struct nvmx_regs *regs, uint64_t qualification);

/* ve.c: whether the EPT violation becomes a #VE of L2; its information area is written then. */
bool nvmx_ve(struct nvmx_vcpu *v, const struct nvmx_exit_info *exit);

/* posted.c: posted interrupts in a host that owns interrupts (SDM 29.6). */
/* Whether an interrupt of L1's with this vector is the notification for its L2, which is current. */
bool nvmx_is_notification(const struct nvmx_vcpu *v, int vector);
/* What is posted goes into L2's virtual APIC.  False: the VM was stopped. */
bool nvmx_take_posted(struct nvmx_vcpu *v);
/* Before it, and before nvmx_l2_virtual_interrupt(): what of L1's memory they need, if anything.  False: not now. */
bool nvmx_hold_posted(struct nvmx_vcpu *v);

/* vmfunc.c */
/* A VM function of L2 that exits; false: it exits to L1.  The caller loads the EPT pointer of vmcs12 into vmcs02. */
bool nvmx_vmfunc(struct nvmx_vcpu *v, const struct nvmx_regs *regs);
/* vmcs12 learns to which EPT pointer the processor has switched; vmcs02 is current. */
void nvmx_eptp_learn(struct nvmx_vcpu *v, struct nvmx_slot *s);

/* Whether EPTP switching writes the EPTP index: with each processor that supports #VE (SDM 25.5.6.3). */
static inline bool nvmx_eptp_index_exists(const struct nvmx_vcpu *v)
{
	return nvmx_caps_may(&v->vm->caps, NVMX_MSR_VMX_PROCBASED_CTLS2) & NVMX_PROC2_VE;
}

/* Loads that need no undoing: the host says that it has no value of its own there. */
static inline uint32_t nvmx_loads_unswitched(const struct nvmx_vcpu *v)
{
	return v->vm->flags & NVMX_HOST_PERF_PASSTHROUGH ? NVMX_ENTRY_LOAD_PERF : 0;
}

/* Loads that no VMCS does for L1: it gets them by l1_msr_write. */
static inline uint32_t nvmx_loads_emulated(const struct nvmx_vcpu *v)
{
	return v->vm->flags & NVMX_HOST_PERF_EMULATED ? NVMX_ENTRY_LOAD_PERF : 0;
}

/* carry.c: the index of vmcs01's page-modification log, where vmcs02 has the log; that VMCS is current after it. */
void nvmx_log_to_l2(struct nvmx_vcpu *v);
void nvmx_log_to_l1(struct nvmx_vcpu *v);

/* caps.c: L1 is no longer offered these VM-entry loads, nor the VM-exit controls of the same registers. */
void nvmx_caps_withhold_loads(struct nvmx_caps *c, uint32_t loads, uint32_t exit);

/* trace.c: the record of an entry; vmcs02 is current. */
__attribute__((__cold__)) void nvmx_trace_enter(struct nvmx_vcpu *v);

/* in_l2 changes here alone: whatever takes the processor from L1 to L2 or back (VM entry and exit, SMI, RSM, restored state,
 * reset, destruction) asks for its barrier. */
static inline void nvmx_l2_begins(struct nvmx_vcpu *v)
{
	v->in_l2 = true;
	if (__builtin_expect(v->traced & NVMX_TRACE_BIT(NVMX_TRACE_ENTER), 0))
		nvmx_trace_enter(v);
	if (v->cur->logs01)
		nvmx_log_to_l2(v);
	if (v->ops->barrier)
		v->ops->barrier(v->host, NVMX_BARRIER_L2_ENTRY);
}

static inline void nvmx_l2_ends(struct nvmx_vcpu *v)
{
	if (!v->in_l2)
		return;
	v->in_l2 = false;
	if (v->cur->logs01)
		nvmx_log_to_l1(v);
	if (v->ops->barrier)
		v->ops->barrier(v->host, NVMX_BARRIER_IBPB);
}

/* nvmx_l2_ran() */
NVMX_HOT void nvmx_l2_has_run(struct nvmx_vcpu *v)
{
	struct nvmx_slot *s = v->cur;

	v->run_pending = false;
	if (!s->look02)
		return;
	if (s->look02 & NVMX_LOOK_REPEATED) /* what the host has cleared since (nvmx_vcpu_park()) is clear */
		s->look02 &= (uint8_t)~NVMX_LOOK_REPEATED;
	else
		s->look02 &= (uint8_t)~(NVMX_LOOK_LAUNCH | NVMX_LOOK_WAITS);
	if (s->look02 & NVMX_LOOK_EPTP)
		nvmx_eptp_learn(v, s);
}

/* So begins each call that may end by NVMX_AGAIN and is not for an exit. */
static inline void nvmx_no_exit(struct nvmx_vcpu *v)
{
	if (v->in_l2)
		v->cur->look02 &= (uint8_t)~NVMX_LOOK_REPEATED;
}

/* enter.c: vmcs02 (current) gets the VPID for vmcs12's. */
void nvmx_load_vpid(struct nvmx_vcpu *v, struct nvmx_slot *s);

/* enter.c: vmcs02 (current) gets the EPT pointer of vmcs12; false: no memory. */
bool nvmx_load_eptp(struct nvmx_vcpu *v, struct nvmx_slot *s);

/* leave.c: a VM exit of L2 to L1 with this exit information; vmcs02 is current. */
struct nvmx_exit_info {
	uint32_t reason;
	uint32_t intr_info, intr_error;
	uint32_t instr_len, instr_info;
	uint64_t qualification;
	uint64_t linear, physical;
	uint32_t idt_info, idt_error;
};
/* Reads what the processor reported of the exit that just happened; vmcs02 is current. */
void nvmx_exit_info_read(struct nvmx_vcpu *v, uint32_t reason, struct nvmx_exit_info *info);
enum nvmx_verdict nvmx_leave_l2(struct nvmx_vcpu *v, const struct nvmx_exit_info *info);
/* The two for the exit that just happened, as it is: most of them. */
enum nvmx_verdict nvmx_leave_l2_as_it_exited(struct nvmx_vcpu *v, uint32_t reason);
/* A VM entry that fails after the checks of controls and host state (SDM 26.8): exit 33 or 34 to L1.  Nothing of L2 ran.
 * Any VMCS of the vCPU may be current. */
enum nvmx_verdict nvmx_fail_entry(struct nvmx_vcpu *v, uint32_t reason, uint64_t qualification);

/* refused.c: a VM exit of vmcs02 for an entry that failed (basic reason 33, 34 or 41). */
enum nvmx_verdict nvmx_entry_exit(struct nvmx_vcpu *v, uint32_t reason);
/* asked.c: whether it is a machine check of the host's that made the entry fail (SDM 26.9). */
bool nvmx_is_hosts_mce(const struct nvmx_vcpu *v, uint32_t reason);

/* IA32_VMX_MISC[27:25] is 0 for L1: an MSR area has so many entries at most (SDM A.6). */
#define NVMX_MSR_LIST_MOST 512u

/* msrlist.c: L1's MSR areas (SDM 24.7.2, 24.8.2).  MSRs that a VMCS holds go to, and come from, the guest state of the
 * current VMCS.  Load returns 0 or the 1-based index of the entry that failed. */
uint32_t nvmx_msr_load_list(struct nvmx_vcpu *v, uint64_t gpa, uint32_t count);
/* The same for a VM entry.  It begins with nvmx_msr_log_begin(): with `log`, nvmx_msr_undo() can put back what was there, if it was not
 * too much. */
void nvmx_msr_log_begin(struct nvmx_vcpu *v, bool log);
uint32_t nvmx_msr_load_entry_list(struct nvmx_vcpu *v, uint64_t gpa, uint32_t count);
/* L1's IA32_PERF_GLOBAL_CTRL, which the host emulates, or has no use for.  False: the host refuses. */
bool nvmx_msr_load_perf(struct nvmx_vcpu *v, uint64_t value);
bool nvmx_msr_load_entry_perf(struct nvmx_vcpu *v, uint64_t value);
/* The entry whose list was loaded does not happen; vmcs02 is current.  False: L1's MSRs are not what they were. */
bool nvmx_msr_undo(struct nvmx_vcpu *v);
/* Store returns 0 or the 1-based index of the entry that failed (VMX abort 1). */
uint32_t nvmx_msr_store_list(struct nvmx_vcpu *v, uint64_t gpa, uint32_t count);

/* memory.c: the host has answered "not now".  NULL. */
__attribute__((__cold__)) void *nvmx_not_now(struct nvmx_vcpu *v, uint64_t gpa, unsigned access);
/* hold.c: the call ends, and the host makes it again: what was mapped for it is given back; NVMX_AGAIN. */
__attribute__((__cold__)) enum nvmx_verdict nvmx_again(struct nvmx_vcpu *v);
/* memory.c: a page that is held; NULL: it is not.  Whether `page` is one, which stays. */
void *nvmx_held_page(struct nvmx_vcpu *v, uint64_t gpa, bool write);
bool nvmx_held_keep(struct nvmx_vcpu *v, const void *page, bool wrote);

/* The ops map and unmap, or what a port header has in their place. */
NVMX_HOT void *nvmx_map_frame(struct nvmx_vcpu *v, uint64_t gpa, bool write)
{
#ifdef NVMX_PORT_MAP
	(void)write;
	return NVMX_PORT_MAP(v->host, gpa, write);
#else
	return v->ops->map(v->host, gpa, write);
#endif
}

NVMX_HOT void nvmx_unmap_frame(struct nvmx_vcpu *v, uint64_t gpa, void *page, bool wrote)
{
#ifdef NVMX_PORT_MAP
	(void)v, (void)gpa, (void)page, (void)wrote;
#else
	v->ops->unmap(v->host, gpa, page, wrote);
#endif
}

static inline bool nvmx_is_mapped(const void *page)
{
	return __builtin_expect((uintptr_t)page > (uintptr_t)NVMX_MAP_NOT_NOW, 1); /* neither that nor NULL */
}

/*
 * L1's frame at gpa; NULL: there is no RAM, or the host says "not now", and v->not_now is set.  Who gets NULL looks at that before
 * it changes anything, and ends by nvmx_again().
 */
static inline void *nvmx_map(struct nvmx_vcpu *v, uint64_t gpa, bool write)
{
	void *page = v->held_n ? nvmx_held_page(v, gpa, write) : NULL;

	if (page)
		return page;
	page = nvmx_map_frame(v, gpa, write);
	if (nvmx_is_mapped(page))
		return page;
	return page ? nvmx_not_now(v, gpa, write ? NVMX_ACCESS_R | NVMX_ACCESS_W : NVMX_ACCESS_R) : NULL;
}

/* What the library writes itself counts as written (op watch), but for the flags that the shadow sets in EPT12: unmap_flags. */
static inline void nvmx_unmap_flags(struct nvmx_vcpu *v, uint64_t gpa, void *page, bool wrote)
{
	if (!v->held_n || !nvmx_held_keep(v, page, wrote))
		nvmx_unmap_frame(v, gpa, page, wrote);
}

static inline void nvmx_unmap(struct nvmx_vcpu *v, uint64_t gpa, void *page, bool wrote)
{
	if (wrote && v->vm->watches)
		nvmx_watch_written(v->vm, gpa, 1);
	nvmx_unmap_flags(v, gpa, page, wrote);
}

/* The same for what can be done without: "not now" is no more than NULL.  To be given back by nvmx_unmap_frame(). */
static inline void *nvmx_map_at_hand(struct nvmx_vcpu *v, uint64_t gpa)
{
	void *page = nvmx_map_frame(v, gpa, false);

	return page != NVMX_MAP_NOT_NOW ? page : NULL;
}

/* memory.c: L1-physical memory through the host, copy once.  Returns 0, or -1 if it is not L1's RAM, or not now: v->not_now. */
int nvmx_gpa_read(struct nvmx_vcpu *v, uint64_t gpa, void *buf, uint32_t len);
/* The same for bytes of one frame. */
static inline int nvmx_frame_read(struct nvmx_vcpu *v, uint64_t gpa, void *buf, uint32_t len)
{
	uint64_t frame = gpa & ~0xfffull;
	char *page = nvmx_map(v, frame, false);

	if (!page)
		return -1;
	if (len == 16) /* a descriptor: without a call */
		nvmx_memcpy(buf, page + (gpa & 0xfff), 16);
	else if (len == 8) /* a pointer */
		nvmx_memcpy(buf, page + (gpa & 0xfff), 8);
	else
		nvmx_memcpy(buf, page + (gpa & 0xfff), len);
	nvmx_unmap(v, frame, page, false);
	return 0;
}
int nvmx_gpa_write(struct nvmx_vcpu *v, uint64_t gpa, const void *buf, uint32_t len);
static inline int nvmx_frame_write(struct nvmx_vcpu *v, uint64_t gpa, const void *buf, uint32_t len)
{
	uint64_t frame = gpa & ~0xfffull;
	char *page = nvmx_map(v, frame, true);

	if (!page)
		return -1;
	nvmx_memcpy(page + (gpa & 0xfff), buf, len);
	nvmx_unmap(v, frame, page, true);
	return 0;
}
/* answer.c: pages of the host, and frames of L1's for the processor.  An answer that <nestvmx/host.h> rules out stops the vCPU
 * (NVMX_STOP_HOST_OP) and is none: NULL, -1.  So is the lack of a page, or of L1's RAM, for which the caller finds the words. */
void *nvmx_page_alloc(struct nvmx_vcpu *v, uint64_t *hpa);
int nvmx_pin_frame(struct nvmx_vcpu *v, uint64_t gpa, uint64_t *hpa);
/* Whether an answer of translate for `access` to gpa is one; the vCPU is stopped if not. */
bool nvmx_xlate_sound(struct nvmx_vcpu *v, uint64_t gpa, unsigned access, const struct nvmx_xlate *x);
/* Likewise a vector that `op` answered. */
bool nvmx_vector_sound(struct nvmx_vcpu *v, const char *op, int vector);

#endif
