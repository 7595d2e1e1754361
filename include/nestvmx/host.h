/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What the library asks of its host: one table of callbacks, and accessors for the current VMCS.
 *
 * Every op gets the `struct nvmx_host *` of the vCPU on whose behalf it is called (the host defines that structure; the
 * library never looks inside).  All are called on the processor that runs the vCPU, in the context in which the host
 * called the library, and none may re-enter the library for the same vCPU.  Required unless marked optional.
 */
#ifndef NESTVMX_HOST_H
#define NESTVMX_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvmx_host;

/*
 * A port header (NESTVMX_PORT_HEADER) defines
 *	static inline uint64_t nvmx_port_vmread(uint32_t field);
 *	static inline void nvmx_port_vmwrite(uint32_t field, uint64_t value);
 * for the current VMCS.  If all of L1's memory is in the host's address space for good, and it keeps no log of writes to it, the header
 * may define
 *	NVMX_PORT_MAP(host, gpa, write)
 * which answers as the op map does, and takes its place and that of unmap; the ops remain, for a host that is built without.  Where
 * it is needed, there are two macros around the library's spin locks:
 *	NVMX_PORT_LOCK_BEGIN(flags)	before a lock is taken
 *	NVMX_PORT_LOCK_END(flags)	after it was given back
 * `flags` is a variable of type unsigned long of the library's: BEGIN may assign to it, and END of the same lock gets what it
 * was.  Between the two nothing else of the library may run on this processor: BEGIN keeps away whatever calls into the
 * library there.  So if the host calls nvmx_host_invalidate() or nvmx_host_write_protect() (nothing else takes a lock that
 * another call may hold) from
 *	- interrupt handlers: BEGIN saves the interrupt flag in `flags` and disables interrupts, END restores it;
 *	- other threads of a kernel that can preempt the library: BEGIN disables preemption, END enables it;
 *	- threads that are never preempted in a call of the library, on other processors: none is needed.
 * NMI, machine-check and SMI handlers cannot be kept away: they call nothing of the library.  A host that links the prebuilt
 * libnestvmx.a has no macros, and calls these two functions in no context that interrupts or preempts a call of the library on
 * the same processor.
 *
 * One lock is held at a time, over no op, and for at most 512 entries of page tables: long work gives it back in between, to those
 * who wait in the order in which they came.  The macros are called some two to ten times for an EPT violation, and nest in
 * nothing.  (NVMX_PORT_PREEMPT_OFF() and NVMX_PORT_PREEMPT_ON(), without flags, are their former names, and still do where these
 * are not defined.)
 */

#define NVMX_ABI_VERSION 2u
#define NVMX_ABI_CHECKED 0x80000000u /* with it in ops.abi: the table is of nvmx_checked_ops() (<nestvmx/checked.h>), no host sets it */

/* Access rights to a frame. */
#define NVMX_ACCESS_R 1u
#define NVMX_ACCESS_W 2u
#define NVMX_ACCESS_X 4u
#define NVMX_ACCESS_RWX 7u
#define NVMX_ACCESS_PEEK 8u /* translate: for a neighbour of what L2 uses; only what the host has at hand */
#define NVMX_ACCESS_USER 16u /* nvmx_l2_translate, with X: by a user-mode linear address (SDM 28.3.3.2) */

/* Memory types, as EPT entries, MTRRs and IA32_PAT number them (SDM 11.3, 28.3.7). */
enum nvmx_memtype { NVMX_MEMTYPE_UC = 0, NVMX_MEMTYPE_WC = 1, NVMX_MEMTYPE_WT = 4, NVMX_MEMTYPE_WP = 5, NVMX_MEMTYPE_WB = 6 };

/* How the host maps a guest frame of L1. */
struct nvmx_xlate {
	uint64_t hpa;        /* host-physical address of the byte asked for */
	uint8_t rights;      /* NVMX_ACCESS_*: what the host allows L1 there */
	uint8_t page_shift;  /* 12, 21 or 30: the largest aligned block around it that is contiguous with the same rights */
	uint8_t memtype;     /* enum nvmx_memtype */
	bool ignore_pat;
};

/* flush_ept and flush_vpid scopes; the numbers are the INVEPT and INVVPID types (SDM 30.3). */
#define NVMX_FLUSH_ADDRESS 0u
#define NVMX_FLUSH_SINGLE 1u
#define NVMX_FLUSH_ALL 2u
#define NVMX_FLUSH_SINGLE_NON_GLOBAL 3u

/* pending_events: what waits for L1. */
#define NVMX_PENDING_INTR 1u
#define NVMX_PENDING_NMI 2u
#define NVMX_PENDING_INIT 4u
#define NVMX_PENDING_SIPI 8u
#define NVMX_PENDING_SMI 16u

/* barrier: what a change of privilege between L1 and L2 asks for. */
#define NVMX_BARRIER_IBPB 1u        /* L2 -> L1: L2's branch predictions must not steer L1 */
#define NVMX_BARRIER_L2_ENTRY 2u    /* L1 -> L2: flush L1D and MDS buffers if the host does so on VM entry */

/*
 * "Not now, ask again": the answer of map, pin and translate in a host that has the page but not at hand (swapped out, to be
 * allocated) and may not sleep where the library calls it.  The call of the library then returns NVMX_AGAIN, or its own word for
 * it, and has changed nothing that the guests or the host can see; the host makes the page present (nvmx_awaited()) and makes the
 * same call again.  A host that never answers so never gets it.  From the answer on until the call has returned something
 * else, the host keeps present what it has made present: so each repetition gets further, and there are as many as the call
 * needs pages, NVMX_AGAIN_MAX at most.  Asked for twice in one call of the library, a page is not "not now" after it was given
 * or refused.
 */
#define NVMX_NOT_NOW 1                       /* translate, pin */
#define NVMX_MAP_NOT_NOW ((void *)(uintptr_t)1) /* map */
#define NVMX_AGAIN_MAX 64u

/* Pages that one call of the library gets from page_alloc at most, nvmx_vcpu_init() included; `budget` is shadow_ept_pages of
 * nvmx_vm_config, the 1,024 of 0 included. */
#define NVMX_PAGES_PER_CALL(budget) (112u + (budget) / 64u)

/* watch: how many pages at most, and "begun" */
#define NVMX_WATCH_BATCH 32u
#define NVMX_WATCH_BEGUN 1

/* The callbacks. */
struct nvmx_host_ops {
	uint32_t size;  /* sizeof(struct nvmx_host_ops) as the host was compiled */
	uint32_t abi;   /* NVMX_ABI_VERSION */

	/* Guest memory.  Addresses are L1-physical. */

	/* Translates gpa for `access` (set of NVMX_ACCESS_*).  Returns 0, or -1 if the host maps nothing there with such
	 * rights now; the library then asks the host to handle the fault; or NVMX_NOT_NOW, which with NVMX_ACCESS_PEEK means the same
	 * as -1.  May not sleep. */
	int (*translate)(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out);

	/* Maps the 4-KiB frame at gpa (aligned) for the library to read, and to write if `write`.  Returns the address of
	 * all of it, itself a multiple of 4096, or NULL if that is not L1's RAM, or NVMX_MAP_NOT_NOW.  Stays valid until unmap,
	 * which comes before the call of the library returns.  The library holds at most 16 mappings a vCPU. */
	void *(*map)(struct nvmx_host *h, uint64_t gpa, bool write);
	void (*unmap)(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote);

	/* Grants the processor itself access to a frame of L1 (virtual-APIC page, APIC-access page, posted-interrupt
	 * descriptor): it keeps its host-physical address until unpin.  Returns 0, or NVMX_NOT_NOW, or -1 if it is not L1's RAM: the
	 * vCPU is then stopped (NVMX_STOP_HOST_OP).  But an APIC-access page need not be RAM, as the processor never uses what is there
	 * (SDM 29.4): for an L1 with EPT a page from page_alloc stands for it, and the shadow EPT leads to that one wherever
	 * `translate`, too, has nothing.  For L2s without EPT12 the host answers with a page of its own, which EPT01 maps there.
	 * Where a host pins a frame, `translate` leads to the same one. */
	int (*pin)(struct nvmx_host *h, uint64_t gpa, uint64_t *hpa);
	void (*unpin)(struct nvmx_host *h, uint64_t gpa, uint64_t hpa);

	/* NVMX_PAGES_PER_CALL is how often one call of the library may call it.  A host that cannot allocate where it calls the
	 * library fills a reserve up to that before.
	 *
	 * One zeroed 4-KiB page of host memory, below the processor's physical-address width, mapped at the address
	 * returned; NULL if there is none (the library then does without, or stops the VM with a reason).  A page goes back by the
	 * page_free of the vCPU that got it; with NVMX_HOST_PAGES_OF_VM, by that of any vCPU of the VM. */
	void *(*page_alloc)(struct nvmx_host *h, uint64_t *hpa);
	void (*page_free)(struct nvmx_host *h, void *page, uint64_t hpa);

	/* VMX operations of the processor. */

	/* VMPTRLD / VMCLEAR of the VMCS region at hpa.  The library passes only vmcs01 and regions it got by page_alloc. */
	void (*vmcs_load)(struct nvmx_host *h, uint64_t hpa);
	void (*vmcs_clear)(struct nvmx_host *h, uint64_t hpa);

	/* VMREAD / VMWRITE of n fields of the current VMCS.  Required only where no port header is used. */
	void (*vmcs_read_many)(struct nvmx_host *h, const uint32_t *fields, uint64_t *values, size_t n);
	void (*vmcs_write_many)(struct nvmx_host *h, const uint32_t *fields, const uint64_t *values, size_t n);

	/* INVEPT of `scope` SINGLE or ALL for an EPT pointer that the library made.  Required if L1 is offered EPT. */
	void (*flush_ept)(struct nvmx_host *h, uint64_t eptp, unsigned scope);
	/* INVVPID of `scope` for a VPID that the host gave in nvmx_vcpu_config.  Never called without VPIDs. */
	void (*flush_vpid)(struct nvmx_host *h, uint16_t vpid, unsigned scope, uint64_t linear);

	/* L1's registers that no VMCS holds. */

	/* RDMSR / WRMSR on behalf of L1 with the host's own policy, used for L1's MSR lists.  0, or -1 for #GP.
	 * IA32_TIME_STAMP_COUNTER is L1's, without L2's offset.  Written by a VM entry's list, where vmcs02 is current and merged, it
	 * moves what L2 reads as well: a host that makes an offset of it adds as much to vmcs02's, times L1's multiplier if L1 scales. */
	int (*l1_msr_read)(struct nvmx_host *h, uint32_t msr, uint64_t *value);
	int (*l1_msr_write)(struct nvmx_host *h, uint32_t msr, uint64_t value);
	/* Optional: vmcs01's guest state was replaced by a VM exit to L1, in the current VMCS. */
	void (*l1_state_loaded)(struct nvmx_host *h);

	/* Events.  Required for a host that owns interrupts (NVMX_HOST_OWNS_INTERRUPTS). */

	/* What waits for L1 and could be delivered if L1 ran with interrupts open: set of NVMX_PENDING_*. */
	unsigned (*pending_events)(struct nvmx_host *h);
	/* Takes the pending external interrupt from L1's interrupt controller: its vector, or -1 (none any more). */
	int (*ack_interrupt)(struct nvmx_host *h);
	/* Optional: queues an exception for L1 in the host's own queue.  Absent: the library writes vmcs01's event field. */
	void (*inject_l1)(struct nvmx_host *h, unsigned vector, bool has_error, uint32_t error);

	/* Optional: the vCPU has gone from L2 to L1, or to L2, by whatever way: a VM exit or entry, nvmx_smi() and nvmx_rsm() (SMM
	 * is L1's), restored state, reset, the vCPU's end.  What a barrier of NVMX_BARRIER_L2_ENTRY asks for is due right before
	 * L2 runs: the host may only remember it here.  A VMCS of the vCPU is current, not necessarily the new guest's. */
	void (*barrier)(struct nvmx_host *h, unsigned kinds);
	/* Makes every vCPU of the VM that is in L2 on another processor than the calling one leave it, and returns when each
	 * has.  Before it runs L2 again it calls nvmx_before_l2(); after the first two calls below a flush of all EPT contexts of its
	 * processor will do.  Called by nvmx_host_invalidate(), nvmx_host_write_protect(), nvmx_host_changed() and
	 * nvmx_hv_flush_guest_mapping() alone, in their context, with no lock held, several at once if they are: a host that calls
	 * them with more than one vCPU has this op.  `h` is that of the calling vCPU, or of another one of the VM. */
	void (*kick_others)(struct nvmx_host *h);
	/* Optional: a record of <nestvmx/trace.h>.  May be called between any two of the library's steps: looks at no VMCS, calls
	 * nothing of the library but names, does not sleep. */
	void (*trace)(struct nvmx_host *h, unsigned what, uint64_t a, uint64_t b, uint64_t c);

	/* Required for a host that owns interrupts: a VM exit to L1 has taken the pending NMI, INIT or SIPI (one of
	 * NVMX_PENDING_*), which the host forgets.  Returns the vector of a SIPI, else 0. */
	int (*take_event)(struct nvmx_host *h, unsigned event);

	/* Required: sets the guest's CR2, for a #PF that the library raises. */
	void (*set_cr2)(struct nvmx_host *h, uint64_t cr2);

	/* Optional: as inject_l1, for L2, which is current.  L1 does not intercept the exception. */
	void (*inject_l2)(struct nvmx_host *h, unsigned vector, bool has_error, uint32_t error);

	/* Optional: the vmcs02 at hpa, current, is new, or nvmx_vmcs01_changed() was called: the host writes its host-state
	 * area, and the addresses and counts of its own MSR areas, and keeps both up to date; entry loads and exit saves PAT,
	 * EFER and debug controls, exit loads PAT and EFER.  It then need not save PAT and EFER in vmcs01, but has L1's values
	 * in vmcs01's guest area whenever it calls the library, and takes them from there in l1_state_loaded.
	 * Absent: copied from vmcs01, the addresses and counts of its three MSR areas (SDM 24.7.2, 24.8.2) too: an MSR that the
	 * host swaps through them for L1 is L1's and L2's alike, and l1_msr_read and l1_msr_write work on what the VM-entry
	 * area holds.  None of the three may name an MSR that a guest-state field of vmcs02 holds (EFER, PAT, DEBUGCTL, the
	 * SYSENTER MSRs, the FS and GS base, and what the entry controls of vmcs01 load): it would undo L2's value. */
	void (*make_vmcs02)(struct nvmx_host *h, uint64_t hpa);

	/* Optional: a #DB that the host gave to nvmx_inject_exception() goes into the current guest, whose DR6, which no VMCS
	 * holds, gets its conditions, in the format of the exit qualification (SDM table 27-1, 17.2.3): bits 3:0 replace B0 to
	 * B3; BD (13) and BS (14) are set where they are 1, and RTM (16), which DR6 has inverted, is cleared.  Absent: the host
	 * does it before the call, if nvmx_l1_wants_exception() says that there will be no VM exit. */
	void (*set_dr6)(struct nvmx_host *h, uint64_t conditions);

	/*
	 * Optional, and only with `unwatch` and nvmx_vm_config.watches: write tracking.  The host is to tell when one of the 4-KiB frames
	 * gpas[0..n) of L1's memory is written, n being 1 to NVMX_WATCH_BATCH.  They hold tables of L1's EPT that are quiet: what
	 * is watched an INVEPT need not compare.  `batch` is a number of the library's, each higher than the one before; no batch is
	 * begun before the last one is armed or refused.
	 *
	 * From the call on, until the frame's write was told of or it is unwatched,
	 *   - EPT01 gives no right to write to the frame, which is a 4-KiB page of its own there; so the first write of L1, or of an L2
	 *     without EPT12, is an exit of the host's: it calls nvmx_watch_written(), gives the right back, and lets the guest go on;
	 *   - `translate` gives no right to write to it either, and refuses who asks for that: NVMX_HOST, which the host answers in the
	 *     same way.  What the shadow EPT has already the library sees to;
	 *   - whatever else the host writes there for L1 it tells of: instructions that it emulates, devices that it emulates, what its
	 *     IOMMU library writes.  What the library itself writes by `map`, and what is pinned, it need not.
	 * The host tells of a write before the guest can see it or, at the latest, before the instruction or transfer that wrote has
	 * ended.  It is told of once: then the frame is watched no more, and the library asks for it again if it is quiet again.
	 *
	 * The host tells of the write, and then gives the right back, under the lock under which `watch` takes it: so no frame is watched
	 * again between the two.
	 *
	 * A host that lets a device of L1's write memory by DMA where it does not see it (pass-through, a process of its own that maps
	 * L1's memory) has no `watch`, or refuses; before it begins to, it calls nvmx_watch_written() for all of L1's memory.
	 *
	 * The frames are *armed* when no processor can still write by what it has cached of EPT01: each that ran L1, or an L2 on EPT01,
	 * was flushed since, or will be before it runs them again.  Until then the library compares, as if the frame were not watched.
	 * 0: they are armed.  NVMX_WATCH_BEGUN: the host calls nvmx_watch_armed() with `batch` when they are, be it when the last processor
	 * happens to have come by.  -1: not now, and nothing is watched; the library asks again later, and ever more rarely.  A single
	 * frame that the host cannot watch it tells of as written, at once, from within the op if it likes.  A frame that is watched
	 * already stays so.  May not sleep.
	 */
	int (*watch)(struct nvmx_host *h, const uint64_t *gpas, size_t n, uint64_t batch);
	/* The frame at gpa need not be watched any more; one that is not is no error.  All of them with the end of the VM's last vCPU,
	 * without a call.  May not sleep. */
	void (*unwatch)(struct nvmx_host *h, uint64_t gpa);

	/* Required with NVMX_HOST_POSTS: the interrupt that ack_interrupt gave last, `vector`, was L1's notification of posted interrupts,
	 * and no interrupt handler will end it: as if 0 were written to the EOI register of L1's local APIC (SDM 29.6). */
	void (*end_interrupt)(struct nvmx_host *h, unsigned vector);
};

#ifdef __cplusplus
}
#endif

#endif
