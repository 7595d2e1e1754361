/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * libnestvmx: nested Intel VMX for an existing hypervisor.
 *
 * The host (L0) runs a guest (L1) with vmcs01, as it always did.  It gives each vCPU some memory, a table of callbacks
 * (<nestvmx/host.h>) and the address of vmcs01, and calls nvmx_handle_exit() from its exit loop.  When L1 enters a guest
 * of its own (L2), the library makes vmcs02 current; the host resumes whatever is current.
 *
 *	for (;;) {
 *		vm_enter(&regs);                                   // VMLAUNCH or VMRESUME of the current VMCS
 *		while ((verdict = nvmx_handle_exit(vcpu, &regs)) == NVMX_AGAIN)
 *			make_present(vcpu);                        // only if map, pin or translate answered "not now"
 *		switch (verdict) {
 *		case NVMX_AGAIN: case NVMX_RESUME_L1: case NVMX_RESUME_L2: break;
 *		case NVMX_HOST: handle_as_before(&regs); break;    // an exit of the current VMCS that is the host's
 *		case NVMX_STOP: nvmx_stop_info(vcpu, &info); stop_vm(&info); return; // nvmx_describe_error() makes a line of it
 *		}
 *	}
 *
 * No call sleeps, allocates outside the callbacks, or touches a global.  A vCPU's calls come from one processor at a
 * time; different vCPUs may call at the same time.
 */
#ifndef NESTVMX_NESTVMX_H
#define NESTVMX_NESTVMX_H

#include <nestvmx/arch.h>
#include <nestvmx/caps.h>
#include <nestvmx/error.h>
#include <nestvmx/fields.h>
#include <nestvmx/host.h>
#include <nestvmx/state.h>
#include <nestvmx/trace.h>
#include <nestvmx/version.h>
#include <nestvmx/vmcs12.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The host acknowledges every external interrupt itself (KVM, bhyve) rather than passing them through to L1: vmcs01 has
 * "external-interrupt exiting" and "NMI exiting" (nvmx_vcpu_init() looks), and machine checks are the host's.  L1 is offered no
 * activity state that would hold back the host's interrupts, and posted interrupts with NVMX_HOST_POSTS alone (nvmx_caps_of_host()). */
#define NVMX_HOST_OWNS_INTERRUPTS 1u
/* Offer only what Linux 6.1's nested VMX knows, so that saved state moves between the two. */
#define NVMX_COMPATIBLE 2u
/* After every exit of L2 that L1 does not see, the host itself delivers again the event whose delivery the exit interrupted
 * (IDT-vectoring information, SDM 27.2.4).  Else the library does. */
#define NVMX_HOST_REINJECTS 4u
/* The host uses the VMX-preemption timer while L2 runs, and emulates L1's own: it starts it when L2 was entered, exits to
 * L1 with nvmx_exit_to_l1(), unless an INIT or SMI waits, which goes first (SDM 25.5.1), and keeps vmcs12's value.  vmcs02
 * has vmcs01's timer control, and reason 52 is the host's. */
#define NVMX_HOST_OWNS_TIMER 8u
/* The host emulates a MOV to CR0 or CR4, CLTS or LMSW of L2 that exits for the sake of its own bits alone (NVMX_HOST), and
 * then writes into vmcs12 (nvmx_view) the bits that L2 does not own by the guest/host mask of vmcs02.  Else the library
 * does: it executes the whole instruction (SDM volume 2; 25.3), with its #GP, PDPTEs and TLB flush.  CR0.CD and CR0.NW, which no
 * VM entry loads (SDM 26.3.2.1), then hold for L2, and for L1 after it, only where the host has them in vmcs01's guest/host
 * mask: a host that has other bits of L2's there (TS, PG) has to have these two. */
#define NVMX_HOST_EMULATES_CR 16u
/* L1 gets what <nestvmx/enlighten.h> describes; the host shows it the CPUID leaves. */
#define NVMX_ENLIGHTENED 32u
/* L1 has the processor's own local APIC: the host neither emulates nor virtualizes it.  Where the host's MSR bitmap lets L1 at
 * 800H to 8FFH and IA32_TSC_DEADLINE, L2 gets there too if L1 lets it (SDM 29.5).  Without, L2 reaches of 800H to 8FFH only
 * what vmcs02 virtualizes out of L1's virtual-APIC page, whatever the host's bitmap says: bits may be 0 there only because
 * vmcs01 virtualizes those MSRs for L1.  For a host that owns interrupts it is never right. */
#define NVMX_HOST_APIC_PASSTHROUGH 64u
/* The host has hypercalls for an L1 in VMX operation, too: its VMCALL is NVMX_HOST, whatever its mode and CPL, unless EAX is a
 * number of <nestvmx/enlighten.h> and NVMX_ENLIGHTENED is set.  Without, VMCALL in VMX root operation fails (SDM 30.3).
 * Outside VMX operation L1's VMCALL is NVMX_HOST with each host, which raises #UD if it has no hypercalls. */
#define NVMX_HOST_HYPERCALLS 128u
/* While an L2 without EPT of L1's runs on the host's own EPT, the host does not look at vmcs01's page-modification log: it finds
 * what L2 writes in another way.  vmcs02 then never has "enable PML".  Without: such a vmcs02 has vmcs01's "enable PML", its
 * log and its index, which goes back to vmcs01 with the exit to L1; on PML-full (NVMX_HOST) or whenever it likes the host
 * empties the log and writes the index of the VMCS that is current (SDM 28.3.6). */
#define NVMX_HOST_NO_PML_IN_L2 256u
/* Only with NVMX_HOST_OWNS_INTERRUPTS.  In the wait-for-SIPI state the processor would hold back the host's interrupts and NMIs
 * (SDM 26.7.2): where L1 enters L2 in it vmcs02 is in the active state, and the host keeps the vCPU from running
 * (nvmx_l2_waits()).  The L1 of such a host without this flag is not offered the state (IA32_VMX_MISC[8]); shutdown (bit 7)
 * it is never offered. */
#define NVMX_HOST_WAITS 512u
/* L1 has the processor's own IA32_PERF_GLOBAL_CTRL: the host neither uses it nor switches it.  L1 is then offered to load it for
 * L2 though vmcs01 does not undo that: what L2 leaves there is L1's, and what L1's host-state area has goes to l1_msr_write. */
#define NVMX_HOST_PERF_PASSTHROUGH 1024u
/* The processor itself switches L2 between EPT pointers of L1's (VMFUNC, SDM 25.5.6.3) where the library has them ready, without a
 * VM exit, unless NVMX_FEATURE_HW_EPTP_SWITCHING is withheld.  Without the flag each VMFUNC of L2 exits and is done by the
 * library; L1 sees no difference.  Off unless asked for: docs/features.md says what to consider. */
#define NVMX_HOST_EPTP_SWITCHING 8192u
/*
 * Only with NVMX_HOST_OWNS_INTERRUPTS: L1 is offered posted interrupts (SDM 29.6), whose notification is an interrupt of L1's own
 * interrupt controller then.  While L2 runs it is not delivered, but has the library move what is posted into L2's virtual APIC:
 *   - nvmx_check_events() does so when ack_interrupt gives L1's notification vector, which end_interrupt then ends.  A host needs
 *     to do no more than that;
 *   - a host that sees at once who an interrupt is for spares L2 the exit: see posted_vector02 of nvmx_vm_config.
 */
#define NVMX_HOST_POSTS 4096u
/* L1's IA32_PERF_GLOBAL_CTRL is the host's in software: where L1 loads it by VM entry or VM exit, or in its MSR areas, the host gets
 * l1_msr_write.  vmcs02 has the control for the host's own register, as vmcs01.  Not with NVMX_HOST_PERF_PASSTHROUGH. */
#define NVMX_HOST_PERF_EMULATED 16384u
/* Pages are the VM's: page_free of one vCPU may get what page_alloc of another one gave, also when that one is gone; and `translate`
 * answers all vCPUs alike.  vCPUs then have the shadow of each of L1's EPT tables of 4-KiB or 2-MiB pages in common, made once for all of
 * them; without, each makes its own. */
#define NVMX_HOST_PAGES_OF_VM 32768u
/* VPIDs are scarce: a vCPU may have vpid02 0 though vmcs01 has a VPID.  Each VM entry and exit of its L2 then flushes the TLB. */
#define NVMX_HOST_FEW_VPIDS 2048u

/*
 * Both configurations, and the table of ops, begin with their size as the host was compiled.  A host built against older headers
 * passes a smaller one: what lies behind it is taken as 0, which is the default of each member (an op is absent).  A larger one
 * than this library knows is refused: the host may count on what is not there.  They are copied; only *msr_bitmap01 and
 * *io_bitmap01 are read later.
 */
#define NVMX_SHADOW_EPT_PAGES_MIN 16u
#define NVMX_WATCH_SIZE 16u
#define NVMX_WATCHES_MIN 64u

/* What a VM is made of. */
struct nvmx_vm_config {
	uint32_t size;                /* sizeof(struct nvmx_vm_config) */
	uint32_t caps_size;           /* sizeof(struct nvmx_caps), of *hw and of *limit */
	const struct nvmx_host_ops *ops; /* the callbacks */
	const struct nvmx_caps *hw;   /* the processor's own capabilities */
	uint64_t withheld;            /* set of enum nvmx_feature not to offer; no other bits */
	uint32_t flags;               /* NVMX_HOST_OWNS_INTERRUPTS, NVMX_COMPATIBLE, ...; no other bits */
	uint32_t shadow_ept_pages;    /* budget of pages for shadow EPT tables, for the whole VM, at least
	                                 NVMX_SHADOW_EPT_PAGES_MIN; 0: 1024 */
	const struct nvmx_caps *limit; /* NULL, or: L1 is offered no more than this (nvmx_caps_restrict()) */
	/* For a host with the op `watch`: NVMX_WATCH_SIZE bytes for each frame of L1's that may be watched at a time, 64-byte aligned,
	 * the library's alone until nvmx_vm_destroy().  watches_n is a power of two, at least NVMX_WATCHES_MIN; one for each table of
	 * L1's EPT that L2s use, a 2-MiB region of theirs, serves best.  NULL and 0: nothing is watched. */
	void *watches;
	uint32_t watches_n;
	/* With NVMX_HOST_POSTS, an interrupt vector of the host's own, 16 to 255, or 0: none.  It is the notification vector in
	 * vmcs02, so that the processor itself takes in what is posted, without a VM exit, if the host sends it this interrupt.
	 * When an interrupt with L1's notification vector (vmcs12's) comes up for a vCPU whose L2 runs, the host sends the vector
	 * to the processor that runs it instead of queueing the interrupt, and calls nvmx_posted_notification() before it resumes
	 * L2 next: the vector may have come too late.  Outside vmcs02 it is ignored, and so it is no vector for anything else. */
	uint32_t posted_vector02;
	uint64_t beyond;              /* with NVMX_COMPATIBLE: set of enum nvmx_feature to offer though Linux 6.1 has them not; saved
	                                 state that uses one goes to no host without */
};

/* What a vCPU is made of. */
struct nvmx_vcpu_config {
	uint32_t size;                /* sizeof(struct nvmx_vcpu_config) */
	uint16_t vpid02;              /* the first VPID for L2; neither it nor those behind it are vmcs01's.  0: the host uses no
	                                 VPIDs, in vmcs01 neither (NVMX_HOST_FEW_VPIDS) */
	uint16_t vpid02_n;            /* how many in a row from there are the vCPU's alone; 0: one (or, with vpid02 0, none), more
	                                 than 16: 16.  L2s with VPIDs of their own then do not flush each other */
	struct nvmx_host *host;       /* handed to every op; not NULL */
	uint64_t vmcs01;              /* host-physical address of vmcs01, which is current in nvmx_vcpu_init */
	/* The host's MSR bitmap for L1 (4 KiB); NULL: the host intercepts every MSR.  L2 may reach an MSR that neither this
	 * nor L1's own bitmap intercepts, if it is one that the library knows to mean the same under vmcs02's controls as
	 * under vmcs01's; every other is NVMX_HOST.  Read when L2 first uses the MSR and at each VM entry of L2; a host that
	 * sets bits while L2 is current calls nvmx_bitmaps01_changed(). */
	const uint8_t *msr_bitmap01;  /* only where vmcs01 has "use MSR bitmaps" */
	/* The host's I/O bitmaps A and B for L1 (8 KiB), where vmcs01 has "use I/O bitmaps"; NULL: see io_passthrough */
	const uint8_t *io_bitmap01;
	bool io_passthrough;          /* with io_bitmap01 NULL: vmcs01 intercepts no port, rather than every port */
	/* Bits of CR4 that stay 1 in hardware whatever the guest has (the host's MCE), and that stay 0 (what the host emulates,
	 * such as UMIP, and L1 is offered in IA32_VMX_CR4_FIXED1).  Both are in vmcs01's CR4 guest/host mask. */
	uint64_t cr4_kept, cr4_hidden;
	/* Bits of IA32_DEBUGCTL that are the host's alone while a guest runs: those that it accepts from L1 and ignores (LBR), and
	 * those that it sets in vmcs02 for itself (FREEZE_WHILE_SMM), which it does after each VM entry, RSM and restored state.
	 * The library loads none of them for L2, and saves none: vmcs12 keeps its own.  0: none. */
	uint64_t debugctl_hidden;
};

/* Opaque, caller-owned, 64-byte aligned. */
#define NVMX_VM_SIZE 6144
#define NVMX_VCPU_SIZE 12288
struct nvmx_vm;
struct nvmx_vcpu;

/* Registers that no VMCS holds, in the encoding's order (RAX RCX RDX RBX RSP RBP RSI RDI R8..R15); [4] is not used. */
struct nvmx_regs {
	uint64_t gpr[16];
};

/* What the host does next. */
enum nvmx_verdict {
	NVMX_RESUME_L1 = 0, /* vmcs01 is current: resume */
	NVMX_RESUME_L2 = 1, /* a vmcs02 is current: resume; VMLAUNCH if nvmx_must_launch() */
	NVMX_HOST = 2,      /* the exit of the current VMCS is the host's to handle; of L2's, those that L1 did not ask for, and
			     * those of nvmx_reflect().  Having emulated the instruction it calls nvmx_complete_instruction(), or,
			     * to have it executed again, sets RFLAGS.RF (17.3.1.1), which the exit saved as 0: else L2 meets its
			     * own breakpoint there twice */
	NVMX_STOP = 3,      /* L1 cannot go on: nvmx_stop_info().  It is final: each later call gives it again, until
			     * nvmx_state_reset(), nvmx_state_drop() or nvmx_state_restore() */
	NVMX_AGAIN = 4      /* map, pin or translate has answered "not now" (<nestvmx/host.h>): the host makes the page of
			     * nvmx_awaited() present, where it may sleep, and makes the same call again, with the same arguments and the
			     * same VMCS, its exit information unchanged.  Until then it calls nothing else for the vCPU but
			     * nvmx_vcpu_park() and nvmx_vcpu_unpark(), and what only looks.  Counters and trace records count each
			     * repetition; nothing else happens twice */
};

/*
 * Prepares a VM in `mem`, `size` bytes (NVMX_VM_SIZE as the host was compiled), 64-byte aligned, that overlap nothing else.  Any
 * context.  Returns NVMX_OK and *out, or a negative enum nvmx_error, of which *info (may be NULL) tells the rest:
 *	ARGUMENT, ABI, CONFIG, CAPS, OP_MISSING: rules 1 to 38 of <nestvmx/refusals.def>.
 * On error `mem` is not a VM, and *out is as it was.
 */
int nvmx_vm_init(void *mem, size_t size, const struct nvmx_vm_config *config, struct nvmx_vm **out, struct nvmx_error_info *info);
/* Gives every page of the VM back; all its vCPUs must have been destroyed.  `mem` is the host's again. */
void nvmx_vm_destroy(struct nvmx_vm *vm);
/* What L1 is offered. */
const struct nvmx_caps *nvmx_vm_caps(const struct nvmx_vm *vm);
/* Takes from L1's capabilities *c (nvmx_caps_compute()) what a host with these flags of nvmx_vm_config cannot let the processor do:
 * one that owns interrupts offers posted interrupts with NVMX_HOST_POSTS alone, and no activity state that would hold back its own.
 * nvmx_vm_init() does so by itself; this is for a host that shows L1's MSRs before there is a VM.  Pure; any context. */
void nvmx_caps_of_host(struct nvmx_caps *c, uint32_t flags);

/*
 * Prepares a vCPU in `mem`, `size` bytes (NVMX_VCPU_SIZE as the host was compiled), 64-byte aligned, that overlap nothing else.
 * vmcs01 is the current VMCS and fully set up: what it must hold is the table <nestvmx/vmcs01.def>; vmcs02 keeps its controls, or
 * the call refuses them by name.  Context: as nvmx_handle_exit().  Returns NVMX_OK and *out, or a negative enum nvmx_error, of
 * which *info (may be NULL) tells the rest:
 *	ARGUMENT, ABI, CONFIG: rules 50 to 72;  VMCS01: rules 65 to 76 and the table's.
 * On error `mem` is not a vCPU, *out is as it was, and vmcs01 is unchanged and current.
 *
 * While L2 is current, vmcs01's guest state is as L1's VM entry has left it: a VM exit to L1 writes there what it loads
 * otherwise.  A host that has set it anew meanwhile has taken the vCPU out of L2 before (nvmx_smi(), nvmx_state_reset()).
 *
 * What a VM entry loads for L2, a VM exit has to undo for the host: "load" of IA32_PERF_GLOBAL_CTRL, IA32_BNDCFGS, CET state or
 * PKRS is offered to L1 only where vmcs01 has both that VM-entry control and the VM-exit control that loads or clears the
 * register for the host (SDM 26.3.2.1, 27.5.1), or, the first of them, with NVMX_HOST_PERF_PASSTHROUGH or NVMX_HOST_PERF_EMULATED.
 * What vmcs01 lacks of that is taken from the VM's capabilities here; so all vCPUs of a VM have the same, and nvmx_vm_caps() is final
 * when they are made.
 */
int nvmx_vcpu_init(void *mem, size_t size, struct nvmx_vm *vm, const struct nvmx_vcpu_config *config, struct nvmx_vcpu **out,
		   struct nvmx_error_info *info);
/* Leaves VMX operation without touching L1's state and gives every page and mapping back.  vmcs01 becomes current.  Waits for
 * calls of nvmx_host_invalidate() and nvmx_host_write_protect() that are under way, so it is called in no context that interrupts
 * one. */
void nvmx_vcpu_destroy(struct nvmx_vcpu *v);
/*
 * Handles the VM exit of the current VMCS.  Flags of the exit reason that are the host's (bit 26, bus-lock detection: SDM
 * 24.9.1) the host looks at before the call; L1 never sees them.  `regs` are the guest's registers at the exit and are changed in place.
 * Runs with the current VMCS loaded on this processor, interrupts as the host likes, and does not sleep.
 * Work is bounded: at most a few hundred VMREAD/VMWRITE, one MSR list of the announced maximum, or one shadow fill.
 */
enum nvmx_verdict nvmx_handle_exit(struct nvmx_vcpu *v, struct nvmx_regs *regs);
/* The same for a host that has read the exit reason already: `reason` is all of the field of the current VMCS. */
enum nvmx_verdict nvmx_handle_exit_reason(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason);
/*
 * Optional, for a host that handles some exits where interrupts are off and goes on with the guest at once.  True: it was a VMREAD or
 * VMWRITE of L1's, and is done: NVMX_RESUME_L1.  False: nothing has changed, and the exit is to be handled as any other.  It calls no op
 * but vmcs_read_many and vmcs_write_many, which a host with a port header has not, and no other VMCS becomes current.  An L1 without VMCS
 * shadowing executes dozens of them for each exit of its L2.
 */
bool nvmx_handle_exit_at_once(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason);

/*
 * For a host that owns interrupts: to be called before each resume of L2 and whenever a new event has become pending.
 * Delivers pending events of L1 by a VM exit to L1 if vmcs12 asks for it.  Same context as nvmx_handle_exit.
 * Returns NVMX_RESUME_L1 (L2 was left), NVMX_RESUME_L2 (go on), NVMX_HOST (an event that is for the current guest and
 * not intercepted: the host injects it as before), or NVMX_STOP.
 */
enum nvmx_verdict nvmx_check_events(struct nvmx_vcpu *v, struct nvmx_regs *regs);

/*
 * In a host with NVMX_HOST_POSTS and posted_vector02: an interrupt with the notification vector of L1's current vmcs12 has come while L2
 * runs, and was not queued.  What is posted goes into L2's virtual APIC (SDM 29.6); what the processor has taken in already is not
 * there any more.  Same context as nvmx_handle_exit().  NVMX_RESUME_L2; NVMX_AGAIN; NVMX_STOP; or NVMX_HOST: L2 does not run, or is in
 * a state that holds interrupts back, or L1 has no posted interrupts for it: it is an ordinary interrupt, which the host queues.
 */
enum nvmx_verdict nvmx_posted_notification(struct nvmx_vcpu *v);

/*
 * Whether the processor would deliver a virtual interrupt to L2 (current) as soon as it ran (SDM 29.2.1, with VPPR as VM entry
 * computes it, 29.1.3): then HLT of L2 is over, for a host that puts it to sleep in place of a VM entry.  To be asked where L2 goes to
 * sleep, and after nvmx_check_events() and nvmx_posted_notification().  1; 0; or -1, where `map` answers NVMX_MAP_NOT_NOW, to be asked again.
 */
int nvmx_l2_virtual_interrupt(struct nvmx_vcpu *v);

/*
 * In a host with NVMX_HOST_WAITS, after each NVMX_RESUME_L2: whether L2 (current) is in the wait-for-SIPI state.  The host then
 * does not enter vmcs02 but puts the vCPU to sleep, and calls nvmx_check_events() when something has become pending.  A SIPI
 * ends the wait by a VM exit to L1; interrupts, NMIs, INIT and SMIs stay pending (SDM 26.7.2).  nvmx_l2_ran() is not called for
 * such an entry: it says that L2 is in the state no longer, as entering vmcs02 does.  nvmx_state_save() and
 * nvmx_state_restore() keep it.  No VMCS is touched.
 */
bool nvmx_l2_waits(const struct nvmx_vcpu *v);

/*
 * Whether an event for L1 waits that must not be delivered before L2 has run once (its VM entry may inject an event,
 * SDM 26.6): so after each VM entry of L1's at which one waits.  The host makes the processor leave L2 at once, by an interrupt to itself
 * while interrupts are disabled or by a VMX-preemption timer of 0, then calls nvmx_check_events() again.  A host that does not runs L2 past
 * where a processor would have left it.
 */
bool nvmx_wants_immediate_exit(struct nvmx_vcpu *v);

/* Host-physical address of the VMCS that must be current when the vCPU is resumed: vmcs01 or a vmcs02.  After nvmx_vcpu_park(), too:
 * a host whose register accessors make a VMCS current for a moment takes that one, and VMCLEARs it again. */
uint64_t nvmx_current_vmcs(const struct nvmx_vcpu *v);
/*
 * For a host that moves vCPUs between processors (SDM 24.11.1).  park: on the old processor, VMCLEARs every VMCS of the
 * library's; the host VMCLEARs vmcs01 itself.  unpark: on the new one, makes the right VMCS current and forgets what the
 * processor may have cached.  unpark_here: on the same one as before, on which no other vCPU has used this one's VPIDs (vpid02 and
 * those behind it) meanwhile: only makes the VMCS current.  A host that parks at each return from its run loop remembers the
 * processor and chooses; nvmx_before_l2() follows either of them.
 *
 * Host state that differs between processors (TR, GS and GDTR base, SDM 24.5): the host writes it into the VMCS that is current after
 * unpark, as it does without the library.  Where L2 is current that is vmcs02, and vmcs01 and other vmcs02s do not know: the host
 * remembers it, and calls nvmx_vmcs01_changed() when L1 is current again, with vmcs01's host state right, before its next VM entry.
 */
void nvmx_vcpu_park(struct nvmx_vcpu *v);
void nvmx_vcpu_unpark(struct nvmx_vcpu *v);
void nvmx_vcpu_unpark_here(struct nvmx_vcpu *v);
/* The host changed what is not L1's own in vmcs01 (host-state fields, control fields, MSR areas): vmcs02s take it over at their next
 * VM entry.  What the library keeps of vmcs01 it reads here and nowhere else, but for the TSC offset, which it looks at with each
 * VM entry, and at init, at the end of SMM, at a reset and a restore.  L1 is current, or the call changes nothing and returns
 * NVMX_ERR_IN_L2: vmcs02 is what L2 runs on, or will at the end of SMM.  Nothing is remembered then: a host that changes vmcs01 while
 * L2 is current calls again when L1 is, before its next VM entry.  Else NVMX_OK. */
int nvmx_vmcs01_changed(struct nvmx_vcpu *v);
/* The host set bits in msr_bitmap01 or io_bitmap01: what was open to L2 is closed at once.  Whoever is current. */
void nvmx_bitmaps01_changed(struct nvmx_vcpu *v);
/*
 * L1's memory may have got other frames than those that the host granted with `pin` (virtual-APIC page, APIC-access page,
 * posted-interrupt descriptor; SDM 24.6.8): each is given back by `unpin`, and the next VM entry of its vmcs12 pins anew.
 * Those of an L2 that runs, or is about to, stay until L1 enters it again.  As nvmx_handle_exit() is called: by the vCPU's own
 * thread, between its calls, where `unpin` may be.  No VMCS is touched.
 */
void nvmx_pins_moved(struct nvmx_vcpu *v);
/*
 * The processor refused VMLAUNCH or VMRESUME of vmcs02 (current, VM-instruction error in it) with VMfailValid.  vmcs12 had passed
 * every check of the SDM, so this processor is stricter in something that L1 chose, as it would be without the library: the
 * VM goes on, and the failure is L1's.  Nothing repeats by itself; an L1 that tries again fails again.
 *
 * NVMX_RESUME_L1: vmcs01 is current, and L1 got either
 *   - VMfailValid with the processor's error, 7 or 8 (SDM 30.2), behind its VMLAUNCH or VMRESUME, as if it had failed a check:
 *     vmcs12, its launch state, and L1's registers and MSRs are as before the instruction, but for RIP and RFLAGS.  The op
 *     l1_state_loaded is not called, and a host that keeps copies of L1's state finds it unchanged (DR7 is not 400H); or
 *   - the VM exit of a VM-entry failure (reason 33, SDM 26.8), whose host state vmcs12 holds, with l1_state_loaded: where L1 is
 *     not at such an instruction any more (L2 had run, or came by RSM or nvmx_state_restore()), or its entry had loaded more
 *     MSRs than can be put back, which then L1's own VM-exit MSR-load list does.
 * NVMX_STOP: another error (VMLAUNCH in place of VMRESUME or the reverse, MOV SS blocking, no current VMCS), or vmcs02 is not
 * current: a bug of the host.  nvmx_stop_detail() is the error.
 *
 * Counted in NVMX_CNT_ENTRY_REFUSED and told to the op trace (NVMX_TRACE_ENTRY_REFUSED).  A VM exit of vmcs02 for an entry
 * failure (bit 31 of the reason) goes to nvmx_handle_exit(), which gives L1 its own.  Context as nvmx_handle_exit().
 */
enum nvmx_verdict nvmx_entry_refused(struct nvmx_vcpu *v);

/*
 * "Not mine": after NVMX_HOST for an exit of L2 that the host has to see first although L1 asked for it too, the host gives it to
 * L1.  These exits are
 *   - exception #DB (1) or #AC (17), intercepted by vmcs01 and by L1: bus locks, split locks and the host's own debugging come
 *     so.  Found to be none of these, it is L1's;
 *   - exception #MC (18), intercepted by vmcs01 or in a host with NVMX_HOST_OWNS_INTERRUPTS, and by L1; and a VM-entry failure
 *     because of a machine check (reason 80000029H, SDM 26.9): L1 gets it after the host has dealt with the hardware.
 * NVMX_RESUME_L1: L1 has the exit, as the processor told of it.  NVMX_HOST: L1 did not ask for it, nothing happened; the host
 * goes on as if nvmx_reflect() did not exist.  NVMX_STOP: as from nvmx_handle_exit().
 * vmcs02 is current and, with its exit information, unchanged since the exit.  Context as nvmx_handle_exit().
 */
enum nvmx_verdict nvmx_reflect(struct nvmx_vcpu *v, struct nvmx_regs *regs);

/*
 * Before the host lets L1 (not L2) load `value` into CR0 or CR4: 0, or -1 if VMX operation forbids it and L1 gets #GP
 * (SDM 23.8).  The host keeps CR4.VMXE set in hardware and shows L1 its own bit through the read shadow.
 */
int nvmx_l1_cr_check(const struct nvmx_vcpu *v, unsigned cr, uint64_t value);

/* Whether L1 is in VMX operation; whether L2 is current (vmcs02); whether vmcs02, which is current then, needs VMLAUNCH: of vmcs01 the
 * host knows that itself. */
bool nvmx_in_vmx_operation(const struct nvmx_vcpu *v);
bool nvmx_in_l2(const struct nvmx_vcpu *v);
bool nvmx_must_launch(const struct nvmx_vcpu *v);

/*
 * L1 or L2 executes RDMSR or WRMSR of an MSR that this library owns (IA32_FEATURE_CONTROL, 480H to 49FH), in a host that
 * decodes these exits itself.  Returns 0, 1 if the MSR is not the library's, -1 for #GP: what L1 is not offered is not there.
 * The host's MSR bitmap intercepts all of them for L1.
 */
int nvmx_msr_read(struct nvmx_vcpu *v, uint32_t msr, uint64_t *value);
int nvmx_msr_write(struct nvmx_vcpu *v, uint32_t msr, uint64_t value);
/*
 * The host itself sets L1's IA32_FEATURE_CONTROL, locked or not: it is no part of the nested state, so a host that restores
 * a vCPU's registers restores it with this call, before or after nvmx_state_restore(), which leaves it alone.  0, or -1 if
 * `value` has a bit that nvmx_msr_write() would refuse.  Any context in which no other call for the vCPU is under way.
 */
int nvmx_feature_control_set(struct nvmx_vcpu *v, uint64_t value);

/*
 * An exception found by the host while it emulated for the current guest: goes to L1 by a VM exit if vmcs12's exception
 * bitmap asks for it, else into the current guest.  `payload` is, of #PF, the linear address (CR2); of #DB, the conditions
 * that DR6 would get, as the exit qualification has them (SDM table 27-1: B0 to B3, BD, BS; RTM), which the VM exit reports and
 * else DR6 gets (op set_dr6).  Of other vectors it is 0.  A data or I/O breakpoint that an emulated instruction has met is a
 * trap: the host gives it to nvmx_complete_instruction() instead.  #BP and #OF are those of INT3 and INTO, one byte long: software
 * exceptions (SDM 24.8.3).  RIP is that of the instruction; RF, which the image of a
 * fault has (SDM 17.3.1.1, 27.3.3), is the library's to set, and so is a pending single-step trap that the entry wants to see.
 * Same context as nvmx_handle_exit.  Returns NVMX_RESUME_L1, NVMX_RESUME_L2 or NVMX_STOP.
 */
enum nvmx_verdict nvmx_inject_exception(struct nvmx_vcpu *v, struct nvmx_regs *regs, unsigned vector, bool has_error,
					uint32_t error, uint64_t payload);

/*
 * The host has executed the instruction of the current guest (L1 or L2) that caused the exit, and it ends as on a processor:
 * RIP behind it (32 bits outside 64-bit mode), RFLAGS.RF 0, blocking by STI and MOV SS over, a single-step trap pending if
 * RFLAGS.TF was 1 and IA32_DEBUGCTL.BTF does not forbid it (SDM 17.3.1.4, 17.4.3, 24.4.2), and an MTF VM exit pending if the
 * "monitor trap flag" of the VMCS is 1 (SDM 25.5.2), for which the VM-entry event field is used (SDM 26.6.2).  RFLAGS is as the
 * instruction found it; other flags that it changes the host writes afterwards.
 *
 * `length` is the instruction's, in bytes; 0: what the exit tells (VM-exit instruction length), if it tells (SDM 27.2.4).
 * `flags` is a set of NVMX_INSN_*.  `traps` are breakpoints that its accesses have met, as pending debug exceptions (SDM
 * 24.4.2: bits 3:0, and 12 if one of them is enabled), else 0.
 *
 * The current VMCS is loaded, and no call since the exit has changed which it is; same context as nvmx_handle_exit.  Any host
 * may call it, once for each instruction, in place of its own code.  Returns NVMX_RESUME_L1 or NVMX_RESUME_L2, whichever is
 * current; NVMX_STOP where the VM was stopped before.
 */
#define NVMX_INSN_BRANCH 1u /* it was a branch that is taken: RIP has its target already, and BTF does not hold the trap back */
#define NVMX_INSN_MOV_SS 2u /* it was MOV SS or POP SS: blocking by MOV SS begins */
#define NVMX_INSN_STI 4u    /* it was STI, and RFLAGS.IF had been 0: blocking by STI begins */
#define NVMX_INSN_HLT 8u    /* it was HLT: the activity state becomes HLT, which a pending trap or MTF VM exit ends */
enum nvmx_verdict nvmx_complete_instruction(struct nvmx_vcpu *v, unsigned length, unsigned flags, uint64_t traps);

/*
 * For a host that finds by itself that L2 has to exit (a triple fault, its own timer, an event it keeps): VM exit to L1 with
 * this information (SDM 27.2).  An event that L2 was to receive is lost unless it is in idt_info.  L2 is current.  RF is saved
 * as 27.3.3 has it for the reason and the event.
 */
struct nvmx_l2_exit {
	uint32_t reason;   /* the exit-information fields of this and the following names (SDM 24.9) */
	uint32_t intr_info, intr_error; /* VM-exit interruption information and error code */
	uint32_t idt_info, idt_error;   /* IDT-vectoring information and error code */
	uint32_t instr_len;
	uint64_t qualification;
	uint64_t physical; /* EPT violations and misconfigurations */
};
enum nvmx_verdict nvmx_exit_to_l1(struct nvmx_vcpu *v, const struct nvmx_l2_exit *exit);
/* L2 has run and exited for the host alone: for a host that does not pass such an exit to nvmx_handle_exit(), or that put L2
 * to sleep in place of a VM entry into HLT.  vmcs02 is current.  Each exit of L2 comes to one of the two before the library is
 * called for anything else: L2 may have switched its EPT pointer. */
void nvmx_l2_ran(struct nvmx_vcpu *v);
/*
 * HLT of L2 that is the host's (NVMX_HOST with reason 12, or L2 was resumed with activity state HLT), in a host that puts the vCPU to
 * sleep in place of a VM entry.  L1's VMX-preemption timer goes on in that state and ends it (SDM 25.5.1, 27.1), but vmcs02's
 * counts while L2 runs alone.  So the host
 *   - sleeps no longer than nvmx_l2_timer(): time-stamp counter ticks of the processor until L1's timer expires; ~0: never; 0, too, where
 *     what waits in vmcs02 ends the state at once: an event or MTF VM exit, a trap, an interrupt or NMI window that L1 wants and is
 *     open (SDM 26.7.3, 26.7.5, 26.7.6);
 *   - tells nvmx_l2_slept() how many ticks L2 was kept from running, before it resumes L2 or calls nvmx_check_events();
 *   - resumes L2, with the activity state HLT, if the timer is why it wakes, or if there is nothing to sleep: the processor does the rest;
 *   - resumes L2 likewise, or does not put it to sleep, if nvmx_l2_virtual_interrupt() says so.
 * With NVMX_HOST_OWNS_TIMER the timer is the host's own business: ~0 or 0, and nothing happens.  vmcs02 is current; as
 * nvmx_handle_exit().
 */
uint64_t nvmx_l2_timer(struct nvmx_vcpu *v);
void nvmx_l2_slept(struct nvmx_vcpu *v, uint64_t ticks);
/* Whether L1 intercepts this exception of L2 (SDM 25.2). */
bool nvmx_l1_wants_exception(const struct nvmx_vcpu *v, unsigned vector, uint32_t error);
/* Whether L1 intercepts port access [port, port + size) of L2; `size` is 1 to 4.  Reads L1's bitmaps.  1, 0, or, where `map` answers
 * NVMX_MAP_NOT_NOW, -1: to be asked again. */
int nvmx_l1_wants_port(struct nvmx_vcpu *v, uint16_t port, unsigned size);

/*
 * Right before L2 is resumed, in a host whose ops translate or kick_others can be called while L2 is out, or that moves
 * vCPUs: performs the flush that waits and gives vmcs02 (current) the EPT pointer of the shadow.  A few instructions when
 * nothing happened.  Does not call page_alloc while the shadow's root exists.  Calls map, to look at what was named by
 * nvmx_hv_flush_guest_mapping() since.  NVMX_RESUME_L2 or NVMX_STOP.
 */
enum nvmx_verdict nvmx_before_l2(struct nvmx_vcpu *v);

/* L2 (current) uses `gpa2` for `access` (set of NVMX_ACCESS_*; USER counts with mode-based execute control): where L1's EPT leads,
 * setting its accessed and dirty flags.
 * 0 and *gpa1; -1 and the exit that the access causes; 1: try again; 2: as NVMX_AGAIN.  Without EPT in vmcs12 the address is L1's. */
int nvmx_l2_translate(struct nvmx_vcpu *v, uint64_t gpa2, unsigned access, uint64_t *gpa1, struct nvmx_l2_exit *exit);

/*
 * The host takes L1's memory [gpa, gpa + length) away or moves it, or only the right to write to it (dirty logging,
 * sharing): when the call returns, no shadow EPT entry of any vCPU leads to what was there, or none allows a write, and no
 * processor uses one that it had cached.
 *
 * First the host changes its map, so that `translate` answers anew; then it calls, before it uses the frames otherwise.  A
 * fill that is under way on another vCPU meanwhile is done again.  What L2 then touches is an EPT violation, answered from
 * the new map, or given to the host where `translate` refuses (nvmx_host_fault()).
 *
 * `self` is the vCPU loaded on the calling processor, which is not executing L2; or NULL.  If other vCPUs had such a mapping
 * they are kicked (op kick_others, called without a lock of the library's; with `self` NULL for one vCPU of the VM, whose
 * struct nvmx_host must outlive the call); each calls nvmx_before_l2() before it runs L2 again, or flushes every EPT
 * context of its processor, and from that on until the VM entry the host lets no call of these two in on its processor.
 *
 * Any processor, any context in which kick_others may be called and which the port header's macros keep out of the library's
 * locks (NVMX_PORT_LOCK_BEGIN in <nestvmx/host.h>; without them none that can interrupt or preempt another call of the library
 * on its processor).  Several may call at once, for the same frames, too: of two, each returns when what both took is gone.
 * The second therefore kicks as well if the first one's kick is not done yet, and waits for nothing.
 *
 * Frames that the host granted with `pin` stay its own until `unpin`: these calls do not reach them, nvmx_pins_moved()
 * does.  Neither do they reach EPT01, on which L1 runs, and L2 if L1 uses no EPT for it: the host flushes that as it always
 * did.
 *
 * Work: the mappings of the range in each vCPU's shadow, found by a reverse map, and a look-up for each 4 KiB of the range,
 * 2 MiB and 1 GiB, but no more than the reverse map has chains (16 for each page of the budget, 262,144 at most).  Interrupts, or
 * what else the macros keep away, are away for 512 entries of it at most.
 */
void nvmx_host_invalidate(struct nvmx_vm *vm, struct nvmx_vcpu *self, uint64_t gpa, uint64_t length);
void nvmx_host_write_protect(struct nvmx_vm *vm, struct nvmx_vcpu *self, uint64_t gpa, uint64_t length);

/*
 * Whether a shadow EPT leads to a part of L1's memory [gpa, gpa + length): L2 has used it since the host took it away last.  For a host
 * that ages its memory and finds no accessed flags in EPT01 of what L2 uses: it takes for young what is used, and gives it the chance to
 * be used again with nvmx_host_invalidate().  Contexts and work as for that, but that nobody is kicked.
 */
bool nvmx_host_uses(struct nvmx_vm *vm, uint64_t gpa, uint64_t length);

/*
 * "The map has changed somewhere": nvmx_host_invalidate() of everything for a host that does not know what, or not cheaply.  O(1) for
 * each vCPU, whatever its shadow holds: it is marked out of date, and given up when the vCPU next comes by nvmx_before_l2() or
 * enters L2; its pages are recycled as new ones are needed.  What L2 uses from then on is asked for anew, up to 512 entries with
 * an EPT violation.  Contexts, `self` and the order of things as for nvmx_host_invalidate(): when the call returns, no L2 of
 * the VM uses what was there, for
 *   - one that ran was made to leave by kick_others, and calls nvmx_before_l2() before it runs again.  That is what the host owes:
 *     a vCPU that goes on in L2 without it goes on with the old map, and so does one whose kick the host only queues;
 *   - `self` is not in L2, and owes the same call.
 * Pinned frames and EPT01 are not reached, as by nvmx_host_invalidate().
 */
void nvmx_host_changed(struct nvmx_vm *vm, struct nvmx_vcpu *self);

/*
 * The host is short of memory: gives up to `pages` pages of the vCPU's shadow back by page_free, those that wait for use first, then
 * those of tables, which L2 has made again when it needs them.  Returns how many; the rest is the top table that L2 is in, and what
 * the vCPU needs once.  As nvmx_handle_exit() is called: by the vCPU's own thread, between its calls; nvmx_before_l2() follows
 * if L2 is current.  Work: what is given back.  No VMCS is touched.
 */
uint32_t nvmx_give_pages(struct nvmx_vcpu *v, uint32_t pages);

/*
 * For a host with the op `watch`.  written: L1's memory [gpa, gpa + length) was written, or is about to be; what is watched there is
 * watched no more.  Frames that are not cost a look each and are no error; the host need not keep books.  armed: the frames of the
 * batch of that number are armed; of another one than the last it says nothing.
 *
 * Any processor, any context, NMI handlers included, from within an op, too: no lock is taken, and nothing is called.  Of one page
 * O(1), of a range no more than nvmx_vm_config.watches_n looks.  nvmx_host_invalidate() and nvmx_host_changed() include the first:
 * what is not where it was is not watched.
 */
void nvmx_watch_written(struct nvmx_vm *vm, uint64_t gpa, uint64_t length);
void nvmx_watch_armed(struct nvmx_vm *vm, uint64_t batch);

/* What a host that mirrors VMCS fields of its own must know after each call of the library.  A later version's is longer.
 * A page that page_free gets is none of it any more: a host that VMCLEARs the shadow when a vCPU moves within a call forgets it then. */
struct nvmx_view {
	void *vmcs12;              /* L1's current vmcs12 (struct nvmx_vmcs12), or NULL; the host may change what it emulates */
	uint64_t vmcs12_gpa;       /* of it; ~0: none */
	uint64_t vmxon_gpa;        /* ~0: not in VMX operation */
	uint64_t shadow_vmcs;      /* host-physical address of the shadow VMCS in vmcs01's link pointer, or ~0 */
	/* The rest only while L2 is current. */
	uint32_t pin, proc, proc2, exit, entry; /* vmcs02's controls */
	const void *msr_bitmap;    /* vmcs02's, or NULL */
	uint64_t eptp;
};
/* Into *out, of which the host has `size` bytes (sizeof(struct nvmx_view) as it was compiled): an older host gets what it knows, and
 * what a newer one has beyond this version's stays as it was. */
void nvmx_view(const struct nvmx_vcpu *v, struct nvmx_view *out, size_t size);

/* After NVMX_HOST for an EPT violation or misconfiguration of L2 whose L1 frame the host does not map: the L1-physical
 * address, and the access (set of NVMX_ACCESS_*; READ after a misconfiguration, whose access the processor does not tell). */
bool nvmx_host_fault(const struct nvmx_vcpu *v, uint64_t *gpa, unsigned *access);

/* After NVMX_AGAIN, or another call's word for it: the L1-physical address, and the access (set of NVMX_ACCESS_*). */
void nvmx_awaited(const struct nvmx_vcpu *v, uint64_t *gpa, unsigned *access);

/* Why NVMX_STOP: a stable code, a number that goes with it, and all of it as of a call that refused something. */
enum nvmx_stop {
	NVMX_STOP_NONE = 0,
	NVMX_STOP_VMX_ABORT,        /* SDM 27.7; detail: the indicator */
	NVMX_STOP_NO_MEMORY,        /* page_alloc gave no page where the library cannot do without; detail: what for, an address or 0 */
	NVMX_STOP_ENTRY_VMCS02,     /* nvmx_entry_refused(): vmcs02 was entered in a wrong way, or the entry was vmcs01's: a bug of the host;
				     * detail: the VM-instruction error */
	NVMX_STOP_HOST_OP,          /* an op failed where it must not, or answered what it must not; detail: what was found */
	NVMX_STOP_CONTROL,          /* after nvmx_vmcs01_changed(): vmcs01 is no longer what nvmx_vcpu_init() accepts; detail: the rule */
	NVMX_STOP_TRIPLE_FAULT      /* L1's processor shuts down (SDM 6.15, #DF), in a host that owns interrupts: the shutdown state
				     * would hold back the host's.  Elsewhere vmcs01 is put into that state */
};
enum nvmx_stop nvmx_stop_code(const struct nvmx_vcpu *v);
uint64_t nvmx_stop_detail(const struct nvmx_vcpu *v);
/* *info is what stopped the vCPU, for nvmx_describe_error(); all 0 if it is not stopped.  Any context; as nvmx_stop_code(). */
void nvmx_stop_info(const struct nvmx_vcpu *v, struct nvmx_error_info *info);

/* Counters, all monotonic.  Names by nvmx_counter_name(). */
enum nvmx_counter {
	NVMX_CNT_ENTRY,           /* VM entries of L1 into L2 that passed every check, and whose MSRs were loaded */
	NVMX_CNT_ENTRY_FAIL,      /* that failed: a check, an MSR, or as NVMX_CNT_ENTRY_REFUSED says */
	NVMX_CNT_EXIT_TO_L1,      /* VM exits of L2 delivered to L1 */
	NVMX_CNT_EXIT_L0,         /* exits of L2 handled by the library without L1 */
	NVMX_CNT_EXIT_HOST,       /* exits of L2 given to the host */
	NVMX_CNT_INSTR,           /* VMX instructions of L1 emulated */
	NVMX_CNT_VMREAD,          /* VMREADs executed by the library */
	NVMX_CNT_VMWRITE,
	NVMX_CNT_VMPTRLD,
	NVMX_CNT_VMCLEAR,
	NVMX_CNT_INVEPT,
	NVMX_CNT_INVVPID,
	NVMX_CNT_EPT_PAGES,       /* pages that the shadow EPT got from page_alloc and keeps */
	NVMX_CNT_EPT_FILL,        /* shadow EPT entries made */
	NVMX_CNT_EPT_FAULT,       /* EPT violations of L2 answered by the shadow EPT */
	NVMX_CNT_MSR_GRANT,       /* bits opened in vmcs02's MSR and I/O bitmaps */
	NVMX_CNT_ENTRY_REFUSED,   /* VM entries that passed every check and that the processor refused: nvmx_entry_refused(),
				   * or a VM exit with bit 31 of the reason.  Counted by NVMX_CNT_ENTRY, too */
	NVMX_CNT_AGAIN,           /* "not now" of map, pin or translate */
	NVMX_CNT_HV_FLUSH,        /* nvmx_hv_flush_guest_mapping() that flushed */
	NVMX_CNT_COUNT
};
uint64_t nvmx_counter(const struct nvmx_vcpu *v, enum nvmx_counter c);
const char *nvmx_counter_name(unsigned c);

/* What an L1 spends its VMREAD and VMWRITE exits on: those of one field that exited because VMCS shadowing did not serve them. */
struct nvmx_field_exits {
	const char *name;         /* the SDM's (appendix B) */
	uint32_t encoding;
	uint64_t vmreads, vmwrites;
};
/* Of the n-th field of the library's table, from 0 on.  false: there is none. */
bool nvmx_field_exits(const struct nvmx_vcpu *v, unsigned n, struct nvmx_field_exits *out);

#ifdef __cplusplus
}
#endif

#endif
