/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Nested state: what of a vCPU a processor would hold inside because L1 uses VMX, as a blob that another vCPU takes over,
 * of this host or of another machine.
 *
 * The blob is Linux's `struct kvm_nested_state` of format 0 (VMX), so that an L1 with its L2s moves between Linux's KVM and
 * any host of this library.  It says whether L1 is in VMX operation, which VMCS is current and what it holds, and whether
 * L2 runs.  Beside it a host moves, as it always did, L1's memory and the registers of the guest that runs: L2's if L2
 * runs, L1's else.  Of L2's registers the blob holds those that are in the current VMCS, so that a host may leave them to
 * it; what VMCSs do not hold (general registers, CR2, CR8, debug and extended state, other MSRs) it never does.
 *
 * Order: nvmx_state_save() writes VMCSs that are active but not current back to L1's memory, so memory is saved after it.
 * nvmx_state_restore() reads L1's memory if L2 runs (what vmcs12 points to), so memory is restored before it.
 */
#ifndef NESTVMX_STATE_H
#define NESTVMX_STATE_H

#include <nestvmx/error.h>
#include <nestvmx/version.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvmx_vcpu;

#define NVMX_STATE_FORMAT_VMX 0u /* nvmx_state_header.format: that of VMX */

/* nvmx_state_header.flags */
#define NVMX_STATE_GUEST_MODE 1u    /* L2 runs: the registers that the host saves are L2's */
#define NVMX_STATE_RUN_PENDING 2u   /* L1 has executed VMLAUNCH or VMRESUME and L2 has not run since */
#define NVMX_STATE_EVMCS 4u         /* an enlightened VMCS: not offered, refused */
#define NVMX_STATE_MTF_PENDING 8u   /* an MTF VM exit is due before L2's next instruction (SDM 25.5.2) */
/* .smm_flags: L1's processor is in SMM and was, when the SMI came ... (SDM 34.14) */
#define NVMX_STATE_SMM_GUEST_MODE 1u /* ... in VMX non-root operation: RSM returns to L2 */
#define NVMX_STATE_SMM_VMXON 2u      /* ... in VMX operation: RSM returns to it */
/* .vmx_flags */
#define NVMX_STATE_DEADLINE 1u      /* preemption_timer_deadline counts */

#define NVMX_STATE_NO_ADDR (~0ull) /* vmxon_pa, vmcs12_pa: there is none */

/* Linux's struct kvm_nested_state up to the VMCS. */
struct nvmx_state_header {
	uint16_t flags;           /* NVMX_STATE_GUEST_MODE ... */
	uint16_t format;          /* NVMX_STATE_FORMAT_VMX */
	uint32_t size;            /* bytes of the blob with this header */
	uint64_t vmxon_pa;        /* the VMXON pointer; NVMX_STATE_NO_ADDR: not in VMX operation */
	uint64_t vmcs12_pa;       /* the current-VMCS pointer; NVMX_STATE_NO_ADDR: none */
	uint16_t smm_flags;       /* NVMX_STATE_SMM_GUEST_MODE ... */
	uint16_t pad;             /* 0 */
	uint32_t vmx_flags;       /* NVMX_STATE_DEADLINE */
	uint64_t preemption_timer_deadline; /* L1's TSC / 32 when the VMX-preemption timer expires */
	uint8_t reserved[88];     /* 0 when saved, ignored when restored */
};
NVMX_STATIC_ASSERT(sizeof(struct nvmx_state_header) == 128, "Linux's header");

/*
 * Without vmcs12_pa the blob is the header; with it the vmcs12 page (struct nvmx_vmcs12) follows, and if L2 runs with "VMCS
 * shadowing" and a link pointer, the VMCS that it links to.
 */
struct nvmx_state {
	struct nvmx_state_header header;
	uint8_t vmcs12[4096];
	uint8_t shadow_vmcs12[4096];
};
#define NVMX_STATE_MAX_SIZE 8320u
NVMX_STATIC_ASSERT(NVMX_STATE_MAX_SIZE == sizeof(struct nvmx_state), "the whole of it");

/*
 * What of a running L2 is in no field of vmcs12, at NVMX_STATE_LIVE_OFFSET of the vmcs12 page.  Linux neither reads nor
 * writes that place: from a blob of Linux's the values are those of vmcs01 at nvmx_state_restore(), or of vmcs02 if L2 runs
 * then, where its users put them, and no event waits.
 *
 * A blob of this version restores in each later one: what is added comes behind the last member, `size` tells how much of it
 * a blob has, and a register that it has not is taken as from a blob of Linux's.
 */
#define NVMX_STATE_LIVE_OFFSET 2048u
#define NVMX_STATE_LIVE_MAGIC 0x3145564958564d4eull /* "NMVXIVE1": present */
#define NVMX_STATE_LIVE_RUN_PENDING 1u /* NVMX_STATE_RUN_PENDING, also in SMM, where Linux's flag may not be set */
/* It. */
struct nvmx_state_live {
	uint64_t magic;
	uint64_t efer, pat, debugctl, dr7; /* where a VM exit does not save them (SDM 27.3.1) */
	uint64_t bndcfgs, perf_global_ctrl; /* likewise */
	uint64_t pdpte[4];                 /* of a PAE L2 without EPT */
	uint64_t timer_deadline;           /* as preemption_timer_deadline, to the tick */
	uint32_t event_info, event_error, event_len; /* what waits in vmcs02 to be delivered: VM-entry event fields */
	uint32_t flags;                    /* NVMX_STATE_LIVE_RUN_PENDING */
	uint32_t size;                     /* bytes of this structure that are there; 0: up to here */
	uint32_t pad;
	uint64_t pkrs;                     /* where the host, for L1, loads them with "load PKRS", */
	uint64_t s_cet, ssp, int_ssp_table; /* "load CET state" */
};

/* What the library cannot know of the vCPU. */
struct nvmx_state_context {
	uint64_t l1_tsc; /* L1's time-stamp counter now, the processor's times vmcs01's multiplier plus its offset: the VMX-preemption timer
	                  * runs on while the state is away */
	bool smm;        /* the vCPU is in SMM */
};

/*
 * The three calls below are made on the processor that runs the vCPU, with its VMCS current, between an exit that has been
 * handled (any verdict but NVMX_STOP; after NVMX_AGAIN the call that is to come again comes first, or the event that the exit has
 * interrupted would be lost) and the next entry; never inside a callback.  They sleep in callbacks only.
 */

/*
 * Writes the state into `blob` (8-byte aligned), `bytes` long; *needed gets its size also if that is too small.  Nothing of
 * the vCPU changes, and the same VMCS is current after.  An event that waits in the current VMCS to be injected into L2
 * travels in nvmx_state_live, which Linux does not read: a host that keeps a queue of its own takes it out before.
 * With NVMX_HOST_OWNS_TIMER the host writes NVMX_STATE_DEADLINE and the deadline into the header itself, and reads them.
 * Returns NVMX_OK, or a negative enum nvmx_error (<nestvmx/error.h>), of which *info (may be NULL) tells the rest: ARGUMENT (too
 * small, or not aligned), STOPPED, AGAIN: rules 160 to 162, 176.  Linux's errno: E2BIG, EINVAL, and the call again.
 */
int nvmx_state_save(struct nvmx_vcpu *v, void *blob, size_t bytes, uint64_t l1_tsc, size_t *needed, struct nvmx_error_info *info);

/*
 * Replaces the nested state of the vCPU by that in `blob` (8-byte aligned), of which `bytes` are there.  What the vCPU had is
 * dropped without being written back.  The blob is hostile: it is copied once, and a running L2 passes the checks of
 * VMLAUNCH (SDM 26.2, 26.3).  Returns NVMX_OK, or a negative enum nvmx_error, of which *info (may be NULL) tells the rest: ARGUMENT
 * (not aligned), STATE (rules 163 to 175; info->name of NVMX_REFUSED_STATE_CHECKS is the id of the check), MEMORY (page_alloc gave no page), ANSWER (an op
 * answered what it may not, and the vCPU is stopped), AGAIN.  Linux's errno: EINVAL, ENOMEM for MEMORY.  Any error but ANSWER changes
 * nothing.  Afterwards nvmx_current_vmcs() is current: with L2 running a vmcs02 whose guest state is L2's (of vmcs01's nothing has to be
 * moved then: the VM exit to L1 loads it), else vmcs01, whose guest state is the host's to restore.  A stopped vCPU runs again.
 */
int nvmx_state_restore(struct nvmx_vcpu *v, const void *blob, size_t bytes, const struct nvmx_state_context *context,
		       struct nvmx_error_info *info);

/*
 * RESET of L1's processor (SDM table 9-1): drops the nested state without writing it back, and IA32_FEATURE_CONTROL is what
 * L1 is offered (struct nvmx_caps; 0: L1's firmware writes it anew).  Afterwards vmcs01 is current and L1 not in VMX
 * operation; a stopped vCPU runs again.  What the library knows of vmcs01 it reads anew: the host may have set up its
 * controls and host state from scratch before the call.  Same context as above, any verdict included.
 */
void nvmx_state_reset(struct nvmx_vcpu *v);
/* The same without IA32_FEATURE_CONTROL, which INIT leaves as it is (SDM 23.7): for a host that carries out an INIT, or ends
 * L1's VMX operation, by force.  A processor in VMX operation blocks INITs or exits (SDM 25.2): nvmx_check_events(). */
void nvmx_state_drop(struct nvmx_vcpu *v);

/*
 * For a host that emulates SMM: the default treatment of SMIs (SDM 34.14.1, 34.14.2).  smi: after the host has taken the
 * registers of the guest that runs (L2's, from the current VMCS, if nvmx_in_l2()) for the state-save area, and before it
 * loads those of SMM; leaves VMX operation for the time being, with vmcs01 current.  rsm: before the host loads the
 * registers from the state-save area; goes back to where it was, to L2 with vmcs02 current if nvmx_in_l2() says so.  In between CR4.VMXE is
 * reserved (34.14.3): nvmx_l1_cr_check().  In between, too, the host may change vmcs01 as it likes (the guest-state area,
 * the mode in the VM-entry controls), call nvmx_pins_moved(), move the vCPU, save and restore; vmcs02 waits.  An smi in SMM
 * and an rsm outside do nothing.  nvmx_rsm() returns false if the vCPU was stopped (nvmx_stop_info()): there is no memory
 * for L2's shadow EPT.  Same context as above.
 */
void nvmx_smi(struct nvmx_vcpu *v);
bool nvmx_rsm(struct nvmx_vcpu *v);

#ifdef __cplusplus
}
#endif

#endif
