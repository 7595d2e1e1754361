// SPDX-License-Identifier: GPL-2.0-only
/*
 * L1's memory for the library: what it reads and writes, and what it maps for L2, by KVM's memory slots.
 *
 * Frames that the library reads and writes stay at hand with a reference to their page, until an MMU notifier or the
 * removal of a slot takes them away (revoke.c).  Frames that the processor itself uses are pinned as long as vmcs02 names them.
 */
#include "nest.h"

#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>
#include <asm/cpufeature.h>
#include <asm/e820/api.h>
#include <asm/memtype.h>

#define LEVEL_SHIFT_2M 21
#define LEVEL_SHIFT_1G 30
extern bool itlb_multihit_kvm_mitigation;	/* the kernel's; kvm.ko sets it with nx_huge_pages */

#define TYPE_UC 0
#define TYPE_WB 6

/* SMM has an address space of its own, and no VMX (SDM 34.14): what is done for L1 meanwhile is done in L1's. */
static struct kvm_memory_slot *visible_slot(struct kvm_vcpu *vcpu, gfn_t gfn)
{
	struct kvm_memory_slot *slot = __gfn_to_memslot(__kvm_memslots(vcpu->kvm, 0), gfn);

	return slot && kvm_is_visible_memslot(slot) ? slot : NULL;
}

/* What the host's page tables hold for an address. */
struct host_page {
	unsigned int shift;	/* of the page that they map it by; 0: none, or none that is known to be memory */
	kvm_pfn_t pfn;		/* of the address */
	bool writable;		/* without the host's being asked: it also knows already that the page is not clean */
};

static void found(struct host_page *p, pte_t entry, kvm_pfn_t first, unsigned int shift, unsigned long hva)
{
	if (!pte_access_permitted(entry, false))
		return;
	p->shift = shift;
	p->pfn = first + ((hva & ((1ul << shift) - 1)) >> PAGE_SHIFT);
	p->writable = pte_access_permitted(entry, true) && pte_dirty(entry);
}

/* Interrupts are off, so the tables stay; each entry is read once, since it may become a large page at any moment. */
static void walk(struct mm_struct *mm, unsigned long hva, struct host_page *p)
{
	pgd_t pgd = READ_ONCE(*pgd_offset(mm, hva));
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;
	pte_t pte;

	if (!pgd_present(pgd))
		return;
	p4d = READ_ONCE(*p4d_offset(&pgd, hva));
	if (!p4d_present(p4d))
		return;
	pud = READ_ONCE(*pud_offset(&p4d, hva));
	if (!pud_present(pud) || pud_devmap(pud))
		return;
	if (pud_leaf(pud))
		return found(p, __pte(pud_val(pud)), pud_pfn(pud), LEVEL_SHIFT_1G, hva);
	pmd = READ_ONCE(*pmd_offset(&pud, hva));
	if (!pmd_present(pmd) || pmd_devmap(pmd))
		return;
	if (pmd_leaf(pmd))
		return found(p, __pte(pmd_val(pmd)), pmd_pfn(pmd), LEVEL_SHIFT_2M, hva);
	pte = READ_ONCE(*pte_offset_kernel(&pmd, hva));
	if (!pte_special(pte) && !pte_devmap(pte))
		found(p, pte, pte_pfn(pte), PAGE_SHIFT, hva);
}

static struct host_page host_page(struct mm_struct *mm, unsigned long hva)
{
	struct host_page p = { 0 };
	unsigned long flags;

	local_irq_save(flags);
	walk(mm, hva, &p);
	local_irq_restore(flags);
	return p;
}

/* The largest block around gfn that the slot holds wholly and maps to host memory with the same offset. */
static unsigned int slot_page_shift(const struct kvm_memory_slot *slot, gfn_t gfn, unsigned int shift)
{
	for (; shift > PAGE_SHIFT; shift -= 9) {
		gfn_t pages = 1ull << (shift - PAGE_SHIFT), first = gfn & ~(pages - 1);

		if (first >= slot->base_gfn && first + pages <= slot->base_gfn + slot->npages &&
		    !((slot->base_gfn ^ (slot->userspace_addr >> PAGE_SHIFT)) & (pages - 1)) && !nest_has_tracked(slot, gfn, shift))
			break;
	}
	return shift;
}

static unsigned int block_shift(const struct kvm_memory_slot *slot, gfn_t gfn, const struct host_page *p)
{
	/* KVM takes care that no executable large page brings the processor down (CVE-2018-12207). */
	if (p->shift <= PAGE_SHIFT || READ_ONCE(itlb_multihit_kvm_mitigation) || kvm_slot_dirty_track_enabled(slot) ||
	    !pfn_valid(p->pfn) || PageReserved(pfn_to_page(p->pfn)))
		return PAGE_SHIFT;
	return slot_page_shift(slot, gfn, p->shift);
}

/*
 * A range that an MMU notifier has begun and not ended may still be mapped as it was: nothing in it is to be used.  The
 * library starts again if one begins after this.
 */
static void wait_for_notifiers(struct nest *n)
{
	if (unlikely(atomic_read(&n->vm->invalidating)))
		wait_event(n->vm->invalidated, !atomic_read(&n->vm->invalidating));
}

/*
 * Device memory, which is never to be cached.  A page structure is no sign of RAM: the hole below 1 MiB has them.  Neither is
 * a reserved page one of a device: persistent memory is cached, as the kernel's map of it tells, which knows nothing of that hole.
 */
static bool is_device(kvm_pfn_t pfn)
{
	u64 first = pfn_to_hpa(pfn), last = first + PAGE_SIZE - 1;

	if (!pfn_valid(pfn))
		return !e820__mapped_raw_any(first, last, E820_TYPE_RAM);
	return PageReserved(pfn_to_page(pfn)) && !is_zero_pfn(pfn) &&
	       (!pat_enabled() || is_ISA_range(first, last) || pat_pfn_immune_to_uc_mtrr(pfn));
}

static void memory_type(struct nest *n, gfn_t gfn, kvm_pfn_t pfn, struct nvmx_xlate *out)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);

	out->ignore_pat = !kvm_arch_has_noncoherent_dma(vcpu->kvm);
	out->memtype = TYPE_WB;
	if (is_device(pfn)) {
		out->memtype = TYPE_UC;
		out->ignore_pat = false;
		n->uncached++;
	} else if (!out->ignore_pat && n->vm->mtrrs) {
		out->memtype = nest_guest_memory_type(vcpu, gfn);
	}
}

/* What the host maps already, without asking it: no reference is needed, since a notifier takes back what is given. */
static int peek(struct nest *n, struct kvm_memory_slot *slot, gfn_t gfn, struct nvmx_xlate *out)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);
	struct host_page p;

	if (atomic_read(&n->vm->invalidating))
		return -1;
	p = host_page(vcpu->kvm->mm, __gfn_to_hva_memslot(slot, gfn));
	if (!p.shift)
		return -1;
	out->hpa = p.pfn << PAGE_SHIFT;
	out->rights = NVMX_ACCESS_R | NVMX_ACCESS_X;
	if (p.writable && !(slot->flags & KVM_MEM_READONLY) && !kvm_slot_dirty_track_enabled(slot) && !nest_is_tracked(slot, gfn))
		out->rights |= NVMX_ACCESS_W;
	out->page_shift = block_shift(slot, gfn, &p);
	memory_type(n, gfn, p.pfn, out);
	return 0;
}

/* Has the host map the page as L2's access needs it. */
static int ask(struct nest *n, struct kvm_memory_slot *slot, gfn_t gfn, bool write, struct nvmx_xlate *out)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);
	bool logged, writable = false;
	struct nest_held held;
	struct host_page p;

	wait_for_notifiers(n);
	logged = kvm_slot_dirty_track_enabled(slot);
	held = nest_hold(slot, gfn, write, &writable);
	if (is_error_noslot_pfn(held.pfn))
		return -1;
	out->hpa = held.pfn << PAGE_SHIFT;
	out->rights = NVMX_ACCESS_R | NVMX_ACCESS_X;
	if (writable && !(slot->flags & KVM_MEM_READONLY) && (write || !logged) && !nest_is_tracked(slot, gfn))
		out->rights |= NVMX_ACCESS_W;
	p = host_page(vcpu->kvm->mm, __gfn_to_hva_memslot(slot, gfn));
	if (p.pfn != held.pfn)
		p.shift = 0;
	out->page_shift = block_shift(slot, gfn, &p);
	memory_type(n, gfn, held.pfn, out);
	if (write && logged) {
		nest_may_write(n->vm, gfn);
		mark_page_dirty_in_slot(vcpu->kvm, slot, gfn);
	}
	nest_let_go(held, out->rights & NVMX_ACCESS_W);	/* L2 writes behind the host's page tables */
	return 0;
}

int nest_op_translate(struct nvmx_host *host, u64 gpa, unsigned int access, struct nvmx_xlate *out)
{
	struct nest *n = nest_of_host(host);
	gfn_t gfn = gpa_to_gfn(gpa);
	struct kvm_memory_slot *slot = visible_slot(nest_vcpu(n), gfn);
	bool write = access & NVMX_ACCESS_W;
	int error;

	if (!slot || (write && slot->flags & KVM_MEM_READONLY))
		return -1;
	if (write && !(access & NVMX_ACCESS_PEEK) && nest_is_tracked(slot, gfn))
		nest_before_write(nest_vcpu(n)->kvm, gfn, NULL);
	error = peek(n, slot, gfn, out);
	if (!(access & NVMX_ACCESS_PEEK) && (error || (write && !(out->rights & NVMX_ACCESS_W)))) {
		nest_settle(n);
		error = ask(n, slot, gfn, write, out);
	}
	out->hpa |= offset_in_page(gpa);
	return error;
}

/*
 * Why nest_op_translate() gave nothing for an access.  0: it is no memory, and KVM emulates it.  1: the instruction runs again,
 * once a signal is dealt with, if there is one.  Or an error for user space.
 */
int nest_frame_fault(struct nest *n, u64 gpa, bool write)
{
	struct kvm_memory_slot *slot = visible_slot(nest_vcpu(n), gpa_to_gfn(gpa));
	struct nest_held held;
	bool writable;

	if (!slot)
		return 0;
	held = nest_hold(slot, gpa_to_gfn(gpa), write, &writable);
	if (held.pfn == KVM_PFN_ERR_HWPOISON) {
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)__gfn_to_hva_memslot(slot, gpa_to_gfn(gpa)), PAGE_SHIFT, current);
		return 1;
	}
	if (is_noslot_pfn(held.pfn) || held.pfn == KVM_PFN_ERR_RO_FAULT)
		return 0;
	if (is_error_pfn(held.pfn))
		return -EFAULT;
	nest_let_go(held, false);
	return 1;
}

static void put_frame(struct nest_frame *f)
{
	put_page(virt_to_page(f->page));
	f->page = NULL;
	nest_returned(NEST_FRAME);
}

static struct nest_frame *set_of(struct nest *n, gfn_t gfn)
{
	return n->frames[gfn % NEST_SETS];
}

/* In the set of gfn, or in another one if L1 has the library use a set's worth of frames at once. */
static struct nest_frame *free_frame(struct nest *n, gfn_t gfn)
{
	struct nest_frame *f;
	int i;

	for (f = set_of(n, gfn), i = 0; i < NEST_WAYS; i++)	/* the first ones are found soonest */
		if (!f[i].page && !atomic_read(&f[i].users))
			return f + i;
	for (i = 0; i < NEST_SETS * NEST_WAYS; i++) {
		f = set_of(n, gfn + i / NEST_WAYS) + n->next_frame++ % NEST_WAYS;

		if (atomic_read(&f->users))
			continue;
		if (f->page)
			put_frame(f);
		return f;
	}
	return NULL;
}

/* The frame of a set that nest_op_map() gave as `page`. */
static inline struct nest_frame *frame_in_set(struct nest_frame *f, gfn_t gfn, const void *page)
{
	struct nest_frame *end = f + NEST_WAYS;

	for (; f < end; f++)
		if (f->page == page && f->gfn == gfn && atomic_read(&f->users))
			return f;
	return NULL;
}

/* ... which new_frame() had to put into another set than its own. */
static noinline struct nest_frame *frame_elsewhere(struct nest *n, gfn_t gfn, const void *page)
{
	struct nest_frame *f = NULL;
	int i;

	for (i = 1; i < NEST_SETS && !f; i++)
		f = frame_in_set(set_of(n, gfn + i), gfn, page);
	return f;
}

/* Looks the frame up and keeps it; it is not kept for longer than its use if the host's map changed meanwhile. */
static noinline void *new_frame(struct nest *n, gfn_t gfn, bool write)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);
	struct kvm_memory_slot *slot = visible_slot(vcpu, gfn);
	u64 before = atomic64_read(&n->vm->invalidations);
	bool writable = false;
	struct nest_held held;
	struct nest_frame *f;

	if (!slot || (write && slot->flags & KVM_MEM_READONLY))
		return NULL;
	held = nest_hold(slot, gfn, write, &writable);
	if (is_error_noslot_pfn(held.pfn))
		return NULL;
	if (!nest_is_counted(&held)) {
		nest_let_go(held, false);
		return NULL;
	}
	spin_lock(&n->frames_lock);
	f = free_frame(n, gfn);
	if (f) {
		f->gfn = gfn;
		f->page = page_address(pfn_to_page(held.pfn));
		f->writable = writable && !(slot->flags & KVM_MEM_READONLY);
		f->gone = atomic_read(&n->vm->invalidating) || atomic64_read(&n->vm->invalidations) != before;
		atomic_set(&f->users, 1);
	}
	spin_unlock(&n->frames_lock);
	if (f)
		nest_took(NEST_FRAME);
	else
		nest_let_go(held, false);
	return f ? f->page : NULL;
}

static noinline void give_back(struct nest *n, struct nest_frame *f)
{
	spin_lock(&n->frames_lock);
	if (f->page && f->gone && !atomic_read(&f->users))
		put_frame(f);
	spin_unlock(&n->frames_lock);
}

static void leave_frame(struct nest *n, struct nest_frame *f)
{
	if (atomic_dec_and_test(&f->users) && READ_ONCE(f->gone))
		give_back(n, f);
}

/* A frame that is at hand; NULL, and `*went`, if one was that has just gone. */
static __always_inline void *frame_at_hand(struct nest *n, gfn_t gfn, bool write, struct nest_frame **went)
{
	struct nest_frame *f = set_of(n, gfn), *end = f + NEST_WAYS;
	void *page;

	for (; f < end; f++) {
		page = READ_ONCE(f->page);
		if (f->gfn != gfn || !page || READ_ONCE(f->gone) || (write && !f->writable))
			continue;
		atomic_inc(&f->users);
		smp_mb__after_atomic();
		if (likely(!READ_ONCE(f->gone)))
			return page;
		*went = f;
		break;
	}
	return NULL;
}

static noinline void *map_slowly(struct nest *n, gfn_t gfn, bool write, struct nest_frame *went)
{
	void *page = NULL;

	if (went)
		leave_frame(n, went);
	if (n->away) {
		nest_settle(n);
		went = NULL;
		page = frame_at_hand(n, gfn, write, &went);
		if (went)
			leave_frame(n, went);
	}
	if (!page)
		page = new_frame(n, gfn, write);
	if (!page && n->restoring)
		n->incomplete = true;
	return page;
}

/* While a shadow VMCS is current the way is longer: what has to be looked up may sleep. */
void *nest_op_map(struct nvmx_host *host, u64 gpa, bool write)
{
	struct nest *n = nest_of_host(host);
	struct nest_frame *went = NULL;
	void *page = likely(!n->away) ? frame_at_hand(n, gpa_to_gfn(gpa), write, &went) : NULL;

	return likely(page) ? page : map_slowly(n, gpa_to_gfn(gpa), write, went);
}

static noinline void wrote_frame(struct nest *n, gfn_t gfn, void *page)
{
	mark_page_dirty(nest_vcpu(n)->kvm, gfn);
	SetPageDirty(virt_to_page(page));
}

void nest_op_unmap(struct nvmx_host *host, u64 gpa, void *page, bool wrote)
{
	struct nest *n = nest_of_host(host);
	gfn_t gfn = gpa_to_gfn(gpa);
	struct nest_frame *f;

	if (wrote) {
		wrote_frame(n, gfn, page);
		if (atomic_read(&nest_vcpu(n)->kvm->online_vcpus) > 1)
			nest_before_write(nest_vcpu(n)->kvm, gfn, n->vm);
	}
	f = frame_in_set(set_of(n, gfn), gfn, page);
	if (unlikely(!f))
		f = frame_elsewhere(n, gfn, page);
	if (f)
		leave_frame(n, f);
}

void nest_lose_frames(struct nest *n, gfn_t first, gfn_t last)
{
	struct nest_frame *f = n->frames[0];
	int i;

	spin_lock(&n->frames_lock);
	for (i = 0; i < NEST_SETS * NEST_WAYS; i++, f++) {
		if (!f->page || f->gfn < first || f->gfn > last)
			continue;
		WRITE_ONCE(f->gone, true);
		smp_mb();
		if (!atomic_read(&f->users))
			put_frame(f);
	}
	spin_unlock(&n->frames_lock);
}

void nest_frames_drop(struct nest *n)
{
	nest_lose_frames(n, 0, ~0ull);
}

/* Memory that is not there yet: a page stands for it until nest_complete_state(), and L2 does not run on it. */
static struct nest_held stand_in(struct nest *n)
{
	struct page *page = n->restoring ? alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO) : NULL;

	if (!page)
		return (struct nest_held){ .pfn = KVM_PFN_ERR_FAULT };
	n->incomplete = true;
	WRITE_ONCE(n->pins_moved, true);
	return (struct nest_held){ page_to_pfn(page), page };
}

/*
 * The processor caches what it reads and writes of a virtual-APIC page and of a posted-interrupt descriptor (SDM 24.6.8), which the
 * adapter reads too; an APIC-access page it only compares.
 */
static bool has_to_be_ram(struct nest *n, u64 gpa)
{
	const struct nvmx_vmcs12 *v12;
	struct nvmx_view view;

	nvmx_view(n->v, &view, sizeof(view));
	v12 = view.vmcs12;
	return v12 && (v12->virtual_apic_addr == gpa ||
		       (v12->pin_ctls & PIN_BASED_POSTED_INTR && gpa_to_gfn(v12->posted_int_desc_addr) == gpa_to_gfn(gpa)));
}

int nest_op_pin(struct nvmx_host *host, u64 gpa, u64 *hpa)
{
	struct nest *n = nest_of_host(host);
	struct nest_pin *pin = n->pins, *end = pin + NEST_PINS;
	gfn_t gfn = gpa_to_gfn(gpa);
	struct nest_held held;
	bool writable;

	nest_settle(n);
	while (pin < end && pin->used)
		pin++;
	if (pin == end)
		return -1;
	held = nest_hold(__gfn_to_memslot(__kvm_memslots(nest_vcpu(n)->kvm, 0), gfn), gfn, true, &writable);
	if (is_error_noslot_pfn(held.pfn))
		held = stand_in(n);
	if (is_error_noslot_pfn(held.pfn))
		return -1;
	if ((!pfn_valid(held.pfn) || is_device(held.pfn)) && has_to_be_ram(n, gpa)) {
		nest_let_go(held, false);
		return -1;
	}
	*pin = (struct nest_pin){ true, gfn, held };
	smp_mb();
	nest_before_write(nest_vcpu(n)->kvm, pin->gfn, NULL);
	nest_took(NEST_PIN);
	n->pinned++;
	*hpa = pfn_to_hpa(held.pfn);
	return 0;
}

void nest_op_unpin(struct nvmx_host *host, u64 gpa, u64 hpa)
{
	struct nest *n = nest_of_host(host);
	struct nest_pin *pin;

	nest_settle(n);
	for (pin = n->pins; pin < n->pins + NEST_PINS; pin++) {
		if (!pin->used || pin->gfn != gpa_to_gfn(gpa) || pfn_to_hpa(pin->held.pfn) != hpa)
			continue;
		mark_page_dirty(nest_vcpu(n)->kvm, pin->gfn);
		nest_let_go(pin->held, true);
		pin->used = false;
		n->pinned--;
		nest_returned(NEST_PIN);
		return;
	}
}

/* The processor writes to them behind KVM's back. */
void nested_mark_vmcs12_pages_dirty(struct kvm_vcpu *vcpu)
{
	struct nest *n = nest_of(to_vmx(vcpu));
	int i;

	for (i = 0; n->pinned && i < NEST_PINS; i++)
		if (n->pins[i].used)
			kvm_vcpu_mark_page_dirty(vcpu, n->pins[i].gfn);
}

void *nest_op_page_alloc(struct nvmx_host *host, u64 *hpa)
{
	struct nest *n = nest_of_host(host);
	struct page *page;
	int pages;

	nest_settle(n);
	page = alloc_page((preemptible() ? GFP_KERNEL : GFP_ATOMIC) | __GFP_ACCOUNT | __GFP_ZERO);
	if (!page)
		return NULL;
	nest_took(NEST_PAGE);
	pages = atomic_inc_return(&n->vm->pages);
	if (pages > atomic_read(&n->vm->most_pages))
		atomic_set(&n->vm->most_pages, pages);	/* for the figures: it need not be exact */
	*hpa = page_to_phys(page);
	return page_address(page);
}

/* Any vCPU's that is there: pages are the VM's. */
void nest_op_page_free(struct nvmx_host *host, void *page, u64 hpa)
{
	struct nest *n = nest_of_host(host);

	/* The shadow of vmcs01, cleared: KVM must not clear what becomes of the page when the vCPU moves from here on. */
	if (unlikely(page == n->vmx->vmcs01.shadow_vmcs))
		n->vmx->vmcs01.shadow_vmcs = NULL;
	atomic_dec(&n->vm->pages);
	nest_returned(NEST_PAGE);
	free_page((unsigned long)page);
}
