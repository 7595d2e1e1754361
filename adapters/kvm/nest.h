/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the adapter share: a vCPU's nested VMX as KVM and libnestvmx see it together.
 */
#ifndef NEST_NEST_H
#define NEST_NEST_H

#include <linux/kvm_host.h>
#include <linux/mmu_notifier.h>

#include "x86.h"
#include "nested.h"
#include "vmx.h"

#include "compat.h"

#include <nestvmx/nestvmx.h>

#define NEST_SLOTS 5		/* vmcs12s that the library keeps warm on a vCPU, each with a vmcs02, and one to restore */
#define NEST_SETS 16		/* frames of L1 that stay at hand for the library to read and write, */
#define NEST_WAYS 4		/* in sets by their number */
#define NEST_PINS (3 * NEST_SLOTS)
#define NEST_WRITTEN 512	/* frames of slots with a log that L2s may write to, each known */
#define NEST_SHADOW_EPT_PAGES 8192	/* for each vCPU that the VM has when its first one needs them, */
#define NEST_WATCHES 4096	/* and frames with tables of L1's EPT that are watched at a time */
#define NEST_VCPUS_MAX 64	/* counted so */
#define NEST_FLAGS (NVMX_HOST_OWNS_INTERRUPTS | NVMX_HOST_POSTS | NVMX_HOST_REINJECTS | NVMX_HOST_OWNS_TIMER | NVMX_HOST_EMULATES_CR | \
		    NVMX_COMPATIBLE | NVMX_HOST_NO_PML_IN_L2 | NVMX_HOST_WAITS | NVMX_HOST_EPTP_SWITCHING | NVMX_HOST_FEW_VPIDS | \
		    NVMX_HOST_PERF_EMULATED)
#define NEST_PAGES_KEPT 16	/* for each vCPU, which the kernel is not told of as shrinkable */
#define NEST_ALL_PAGES (1ull << (52 - PAGE_SHIFT))
#define NEST_TIMER_SHIFT 5	/* L1's VMX-preemption timer counts TSC ticks / 32 (SDM A.6) */

/*
 * A frame of L1's memory with a reference to its page.  Its vCPU takes and leaves it without a lock; a notifier sets `gone`
 * before it looks at `users`, the vCPU looks at `gone` after it has changed `users`, and who gives the page back holds the
 * lock.
 */
struct nest_frame {
	gfn_t gfn;
	void *page;		/* NULL: free */
	atomic_t users;
	bool writable;
	bool gone;		/* KVM's map has changed: not to be used anew */
};

/* A frame that the processor uses itself, with a reference to what is there. */
struct nest_pin {
	bool used;
	gfn_t gfn;
	struct nest_held held;
};

/* L1's registers of which KVM has copies. */
struct nest_regs {
	bool known;		/* not in an L2 that was restored */
	unsigned long cr0, cr4;
	u64 efer;
};

/*
 * The vCPUs of a KVM VM that are offered the same, which as a rule are all of it: one VM of the library's, with what the host's memory
 * management and KVM tell of L1's memory.  There from the first one's start to the last one's end.
 */
struct nest_vm {
	struct nvmx_vm *lib;
	struct kvm *kvm;
	struct list_head others;	/* all of them, of every KVM VM, */
	struct list_head watching;	/* as watch.c has them */
	struct list_head nests;
	unsigned int users;
	struct nvmx_caps limit;
	bool mtrrs;		/* L1's MTRRs count, which each vCPU has for itself */

	/* space.c */
	struct mmu_notifier notifier;
	atomic_t invalidating;	/* ranges that have begun and not ended */
	atomic64_t invalidations;
	wait_queue_head_t invalidated;
	atomic_t pages;		/* given to the library and not given back, */
	atomic_t most_pages;	/* and the most there were */
	atomic_t wanted;	/* of them, by the shrinker, */
	atomic_t asked;		/* and how many vCPUs have not answered yet */

	/* revoke.c: what one vCPU does for all, and the others wait for before they enter L2. */
	struct mutex following;
#if !NEST_SLOT_NOTIFIER
	u64 slots_seen;		/* generation of the memory slots after which nothing older is in use */
#endif
	u64 protected_in;	/* generation of the memory slots in which all that had a log were protected */
	spinlock_t written_lock;
	gfn_t written[NEST_WRITTEN];	/* of slots with a log: what L2s may write to since all of them were protected */
	gfn_t protecting[NEST_WRITTEN];
	unsigned int written_n;	/* more than NEST_WRITTEN: not all are known */

#if NEST_SLOT_NOTIFIER || NEST_WATCH
	struct kvm_page_track_notifier_node track;
#endif
#if NEST_WATCH
	struct xarray watched;	/* frames; in which address spaces they are tracked */
	u64 watches_begun, watches_ended;
#endif
	void *watches;

	u8 memory[NVMX_VM_SIZE] __aligned(64);
};

struct nest {
	struct vcpu_vmx *vmx;
	struct nest_vm *vm;
	struct list_head beside;	/* of the VM */
	struct nvmx_vcpu *v;
	struct nvmx_view view;
	struct loaded_vmcs vmcs02[NEST_SLOTS];
	bool away;		/* a shadow VMCS is current or none is, and preemption is off: nest_settle() */
	struct vmcs *shadow;	/* the shadow VMCS that is current or was last, while away */
	bool l1_reloaded;	/* a VM exit to L1 has replaced the guest state of vmcs01 */
	bool has_ibpb;
	bool in_smm;		/* the library knows that the vCPU is in SMM */
	bool traced;		/* the library makes records */
	bool to_user;		/* user space has to see vcpu->run */
	bool froze;		/* a VMCS may have the host's FREEZE_WHILE_SMM */
	bool window02;		/* vmcs02, when it was left, had an interrupt window: L1's own, or one for an interrupt of KVM's */
	bool interrupt01;	/* L1's own virtual interrupt waits in vmcs01 */
	bool ept12;		/* L2 runs on the library's shadow of L1's EPT */
	bool restoring;		/* memory that is not there yet is no error */
	bool incomplete;	/* ... and there was some: nest_complete_state() */
	struct loaded_vmcs *mirrored;	/* the vmcs02 whose controls `view` holds */
	struct loaded_vmcs *kept;	/* current before KVM had vmcs01 current */
	struct nest_regs l1;	/* when L1 entered L2 */
	u64 efer01, efer02;	/* what GUEST_IA32_EFER of vmcs01 holds, and of vmcs02 */
	u64 l1_rip;		/* for the trace point of the VM entry */
	u64 tsc_offset01, tsc_ratio01;	/* what vmcs01 holds */
	u64 timer_tsc_offset;	/* L1's when its VMX-preemption timer was started */
	unsigned int autoload_guest, autoload_host;	/* counts of the MSR areas in vmcs01 */
	u64 controls01[6];	/* controls01_changed(): when the library read vmcs01 */

	/* Guest memory. */
	struct nest_frame frames[NEST_SETS][NEST_WAYS];
	unsigned int next_frame;
	struct nest_pin pins[NEST_PINS];
	unsigned int pinned;	/* how many of them */
	bool pins_moved;	/* KVM's map may have changed where they are; a notifier sets it */
	spinlock_t frames_lock;
	bool asked;		/* by the shrinker, for pages */
	u64 given;		/* to it */
	u64 uncached;		/* how often it was given a frame of a device */

	struct kvm_mmu own_mmu;	/* nest_mmu(): vcpu->arch.mmu while L2 runs with EPT, and vcpu->arch.nested_mmu the other one: */
	struct nest_regs walked;	/* what KVM has made it of, */
	u64 walked_role;	/* and what it was then */

	u8 vcpu_memory[NVMX_VCPU_SIZE] __aligned(64);
};

/* hv_evmcs belongs to the enlightened VMCS, which this adapter does not offer: the place for its own state. */
static inline struct nest *nest_of(struct vcpu_vmx *vmx)
{
	return (struct nest *)vmx->nested.hv_evmcs;
}

static inline struct nest *nest_of_host(struct nvmx_host *host)
{
	return (struct nest *)host;
}

static inline struct kvm_vcpu *nest_vcpu(struct nest *n)
{
	return &n->vmx->vcpu;
}

static inline struct nvmx_vmcs12 *nest_vmcs12(struct nest *n)
{
	return n->view.vmcs12;
}

static inline struct nvmx_regs *nest_gprs(struct kvm_vcpu *vcpu)
{
	BUILD_BUG_ON(VCPU_REGS_RCX != 1 || VCPU_REGS_RSP != 4 || VCPU_REGS_R15 != 15);
	return (struct nvmx_regs *)vcpu->arch.regs;
}

void nest_come_back(struct nest *n);
void nest_write_back_dirty(struct kvm_vcpu *vcpu);

/* The VMCS that KVM takes for current is. */
static inline void nest_settle(struct nest *n)
{
	if (unlikely(n->away))
		nest_come_back(n);
}

/* GUEST_RSP, GUEST_RIP and GUEST_CR3 of the current VMCS get what KVM's emulation has left in its cache. */
static inline void nest_write_back(struct kvm_vcpu *vcpu)
{
	if (nest_has_written(vcpu))
		nest_write_back_dirty(vcpu);
}

/* ledger.c */
enum nest_thing { NEST_VM, NEST_VCPU, NEST_PAGE, NEST_FRAME, NEST_PIN, NEST_VMCS02, NEST_THINGS };
void nest_took(enum nest_thing thing);
void nest_returned(enum nest_thing thing);
void nest_ledger_close(void);

/* create.c */
extern const struct nvmx_host_ops nest_ops;
int nest_create(struct kvm_vcpu *vcpu);
void nest_destroy(struct kvm_vcpu *vcpu);

/* caps.c */
void nest_caps_of_processor(struct nvmx_caps *hw);
void nest_caps_of_vcpu(struct kvm_vcpu *vcpu, struct nvmx_caps *limit);
void nest_caps_setup(struct nested_vmx_msrs *msrs);
u64 nest_withheld(void);
u64 nest_beyond(void);
extern bool nest_shadow_vmcs;

/* vmcs.c */
void nest_forget_vmcs02(struct nest *n);
void nest_op_vmcs_load(struct nvmx_host *host, u64 hpa);
void nest_op_vmcs_clear(struct nvmx_host *host, u64 hpa);
void nest_op_make_vmcs02(struct nvmx_host *host, u64 hpa);

/* memory.c */
int nest_op_translate(struct nvmx_host *host, u64 gpa, unsigned int access, struct nvmx_xlate *out);
void *nest_op_map(struct nvmx_host *host, u64 gpa, bool write);
void nest_op_unmap(struct nvmx_host *host, u64 gpa, void *page, bool wrote);
int nest_op_pin(struct nvmx_host *host, u64 gpa, u64 *hpa);
void nest_op_unpin(struct nvmx_host *host, u64 gpa, u64 hpa);
void *nest_op_page_alloc(struct nvmx_host *host, u64 *hpa);
void nest_op_page_free(struct nvmx_host *host, void *page, u64 hpa);
void nest_frames_drop(struct nest *n);
void nest_lose_frames(struct nest *n, gfn_t first, gfn_t last);
int nest_frame_fault(struct nest *n, u64 gpa, bool write);

/* vm.c */
void *nest_zalloc(size_t size);
extern struct mutex nest_joining;	/* who comes and goes; who must not wait for them walks nests otherwise */
extern struct list_head nest_vms;	/* under it */
extern struct srcu_struct nest_walking;	/* a vCPU that goes waits for who looks at it */
#define for_each_nest(n, vm) list_for_each_entry_srcu(n, &(vm)->nests, beside, srcu_read_lock_held(&nest_walking))
int nest_vm_join(struct nest *n);
void nest_vm_leave(struct nest *n);
void nest_print_vm(const struct nest_vm *vm);
void nest_op_kick_others(struct nvmx_host *host);
void nest_remind(struct nest *n);
void nest_remind_all(void);

/* space.c */
int nest_space_begin(struct nest_vm *vm);
void nest_space_end(struct nest_vm *vm);
void nest_give_pages(struct nest *n);
void nest_want_no_pages(struct nest *n);
int nest_shrinker_begin(void);
void nest_shrinker_end(void);

/* tracing.c */
void nest_follow_tracing(struct nest *n);
void nest_op_trace(struct nvmx_host *host, unsigned int what, u64 a, u64 b, u64 c);

/* revoke.c */
void nest_take_back(struct nest_vm *vm, gfn_t gfn, gfn_t pages);
void nest_may_write(struct nest_vm *vm, gfn_t gfn);
void nest_protect_logged(struct nest *n);
void nest_watch_slots(struct nest_vm *vm);
#if NEST_SLOT_NOTIFIER
static inline bool nest_slots_changed(const struct nest_vm *vm)
{
	return false;
}

static inline void nest_follow_slots(struct nest *n)
{
}
#else
bool nest_slots_changed(const struct nest_vm *vm);
void nest_follow_slots(struct nest *n);
#endif

/* watch.c */
#if NEST_WATCH
int nest_watch_create(struct nest_vm *vm);
void nest_watch_destroy(struct nest_vm *vm);
void nest_watch_lose(struct nest_vm *vm, gfn_t first, gfn_t last);
bool nest_is_tracked(const struct kvm_memory_slot *slot, gfn_t gfn);
bool nest_has_tracked(const struct kvm_memory_slot *slot, gfn_t gfn, unsigned int shift);
void nest_before_write(struct kvm *kvm, gfn_t gfn, const struct nest_vm *but);
void nest_before_l1_write(struct kvm_vcpu *vcpu);
int nest_op_watch(struct nvmx_host *host, const u64 *gpas, size_t count, u64 batch);
void nest_op_unwatch(struct nvmx_host *host, u64 gpa);

/* A device that is assigned to the VM writes its memory unseen. */
static inline bool nest_unseen_dma(struct kvm *kvm)
{
	return atomic_read(&kvm->arch.assigned_device_count);
}
#else
#if NEST_SLOT_NOTIFIER
static inline int nest_watch_create(struct nest_vm *vm) { return nest_track_begin(vm->kvm, &vm->track); }
static inline void nest_watch_destroy(struct nest_vm *vm) { nest_track_end(vm->kvm, &vm->track); }
#else
static inline int nest_watch_create(struct nest_vm *vm) { return 0; }
static inline void nest_watch_destroy(struct nest_vm *vm) { }
#endif
static inline void nest_watch_lose(struct nest_vm *vm, gfn_t first, gfn_t last) { }
static inline bool nest_is_tracked(const struct kvm_memory_slot *slot, gfn_t gfn) { return false; }
static inline bool nest_has_tracked(const struct kvm_memory_slot *slot, gfn_t gfn, unsigned int shift) { return false; }
static inline void nest_before_write(struct kvm *kvm, gfn_t gfn, const struct nest_vm *but) { }
static inline void nest_before_l1_write(struct kvm_vcpu *vcpu) { }
static inline bool nest_unseen_dma(struct kvm *kvm) { return false; }
#endif

/* mmu.c */
void nest_mmu_init(struct nest *n);
void nest_mmu_enter(struct nest *n);
void nest_mmu_leave(struct nest *n, bool same);
void nest_mmu_before_l2(struct nest *n);
int nest_handle_ept_fault(struct kvm_vcpu *vcpu);
gpa_t nest_translate_gpa(struct kvm_vcpu *vcpu, gpa_t gpa, u64 access, struct x86_exception *exception, u64 pte_access);

/* run.c */
bool nest_outdated(struct nest *n);
int nest_handle_instruction(struct kvm_vcpu *vcpu);
void nest_finish(struct nest *n, enum nvmx_verdict verdict, bool was_l2);
void nest_exit(struct kvm_vcpu *vcpu, struct nvmx_l2_exit *exit);
void nest_leave_behind(struct nest *n);
void nest_smi(struct nest *n);
void nest_rsm(struct nest *n);

/* switch.c: KVM's copies follow a VM entry or exit */
void nest_entered_l2(struct nest *n);
void nest_enter_activity(struct nest *n);
void nest_left_l2(struct nest *n, bool loaded);
void nest_left_behind(struct nest *n);
void nest_restore_posted(struct nest *n);
void nest_l1_state(struct nest *n, bool loaded);
void nest_l2_state(struct nest *n);
void nest_activity(struct kvm_vcpu *vcpu);
void nest_view(struct nest *n);

/* events.c */
int nest_check_events(struct kvm_vcpu *vcpu);
bool nest_has_events(struct kvm_vcpu *vcpu, bool for_injection);
bool nest_virtual_interrupt(struct nest *n);
void nest_queue_interrupt(struct kvm_vcpu *vcpu, unsigned int vector);
bool nest_is_exception_vmexit(struct kvm_vcpu *vcpu, u8 vector, u32 error);
void nest_triple_fault(struct kvm_vcpu *vcpu);
enum hrtimer_restart nest_timer_rings(struct hrtimer *timer);
void nest_timer_start(struct nest *n);
void nest_timer_restart(struct nest *n, u64 deadline);
void nest_timer_stop(struct nest *n, bool ran);
void nest_timer_follow_tsc(struct nest *n);
unsigned int nest_op_pending_events(struct nvmx_host *host);
int nest_op_ack_interrupt(struct nvmx_host *host);
void nest_op_end_interrupt(struct nvmx_host *host, unsigned int vector);
int nest_op_take_event(struct nvmx_host *host, unsigned int event);

/* state.c */
int nest_get_state(struct kvm_vcpu *vcpu, struct kvm_nested_state __user *to, unsigned int size);
bool nest_complete_state(struct kvm_vcpu *vcpu);
int nest_set_state(struct kvm_vcpu *vcpu, struct kvm_nested_state __user *from, struct kvm_nested_state *header);

#endif
