// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's MMU while L2 runs.
 *
 * With EPT in vmcs12, L2 runs on the library's shadow EPT.  vcpu->arch.mmu is then a struct kvm_mmu that has the shadow's
 * root for its root and no page tables of KVM's: KVM loads and flushes it like one of its own, but fills nothing.  Its
 * gva_to_gpa walks L1's EPT, so that KVM's emulator finds what L2 means.  Without EPT in vmcs12, L2's guest-physical
 * addresses are L1's, and KVM's MMU serves both.
 */
#include "nest.h"

#include "mmu.h"
#include "trace.h"

/* KVM does not say whether a linear address is a user-mode one: those that L2 fetches from at CPL 3 are. */
static unsigned int access_of(struct kvm_vcpu *vcpu, u64 error)
{
	if (error & PFERR_WRITE_MASK)
		return NVMX_ACCESS_W | NVMX_ACCESS_R;
	if (!(error & PFERR_FETCH_MASK))
		return NVMX_ACCESS_R;
	return vmx_get_cpl(vcpu) == 3 ? NVMX_ACCESS_X | NVMX_ACCESS_USER : NVMX_ACCESS_X;
}

/* KVM's emulator has a guest-physical address of L2. */
static gpa_t l2_gpa_to_gpa(struct kvm_vcpu *vcpu, struct kvm_mmu *mmu, gpa_t gpa2, u64 access,
			   struct x86_exception *exception)
{
	struct nest *n = nest_of(to_vmx(vcpu));
	struct nvmx_l2_exit exit;
	u64 gpa;
	int r;

	do
		r = nvmx_l2_translate(n->v, gpa2, access_of(vcpu, access), &gpa, &exit);
	while (r > 0 && !signal_pending(current));
	nest_settle(n);
	if (!r)
		return gpa;
	if (exception) {
		exception->vector = PF_VECTOR;
		exception->error_code_valid = true;
		exception->error_code = access;
		exception->nested_page_fault = true;
		exception->address = gpa2;
		exception->async_page_fault = false;
	}
	return INVALID_GPA;
}

/* ... and L1's EPT does not map it: the exit that L2's own access would have caused. */
static void inject_ept_fault(struct kvm_vcpu *vcpu, struct x86_exception *fault)
{
	struct nest *n = nest_of(to_vmx(vcpu));
	struct nvmx_l2_exit exit;
	u64 gpa;

	if (nvmx_l2_translate(n->v, fault->address, access_of(vcpu, fault->error_code), &gpa, &exit) < 0) {
		nest_settle(n);
		nest_exit(vcpu, &exit);
	}
	nest_settle(n);	/* else L1 has mapped it meanwhile: the instruction runs again */
}

/* As the later of 6.12's updates call it; who met the fault does not matter here. */
static void inject_any_fault(struct kvm_vcpu *vcpu, struct x86_exception *fault, bool from_hardware)
{
	inject_ept_fault(vcpu, fault);
}

/* Nothing calls it: EPT faults of L2 are the library's, and what it leaves, nest_handle_ept_fault() takes. */
static int no_page_fault(struct kvm_vcpu *vcpu, struct kvm_page_fault *fault)
{
	KVM_BUG_ON(1, vcpu->kvm);
	return -EIO;
}

void nest_mmu_init(struct nest *n)
{
	struct kvm_mmu *mmu = nest_mmu(n);
	int i;

	mmu->root.hpa = INVALID_PAGE;
	for (i = 0; i < KVM_MMU_NUM_PREV_ROOTS; i++)
		mmu->prev_roots[i].hpa = INVALID_PAGE;
	mmu->root_role.direct = true;
	mmu->gva_to_gpa = l2_gpa_to_gpa;
	mmu->inject_page_fault = __builtin_choose_expr(__same_type(mmu->inject_page_fault, &inject_ept_fault), inject_ept_fault,
		inject_any_fault);
	mmu->page_fault = no_page_fault;
}

static void set_root(struct nest *n, u64 eptp)
{
	nest_mmu(n)->root.hpa = eptp & GENMASK_ULL(51, 12);
	nest_mmu(n)->root.pgd = eptp;
	nest_mmu(n)->root_role.level = (eptp & VMX_EPTP_PWL_MASK) == VMX_EPTP_PWL_5 ? 5 : 4;
}

/* Emulating a MOV to CR3 of L2, or where it gives up roots, KVM looks for one of its own, which may never be used. */
static void give_back_kvms_root(struct nest *n)
{
	if (unlikely(nest_mmu(n)->root.hpa != (nest_mmu(n)->root.pgd & GENMASK_ULL(51, 12))))
		kvm_mmu_free_roots(nest_vcpu(n)->kvm, nest_mmu(n), KVM_MMU_ROOTS_ALL);
}

bool nested_ept_ad_enabled(struct kvm_vcpu *vcpu)
{
	struct nest *n = nest_of(to_vmx(vcpu));

	return !n->ept12 || nest_mmu(n)->root.pgd & VMX_EPTP_AD_ENABLE_BIT;
}

/*
 * KVM's walker of L2's own page tables is made of L2's control registers (CR0.TS has no part in it).  It is made anew if they,
 * or what KVM made of it since, differ from the last time.
 */
static void init_walker(struct nest *n)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);
	struct nest_regs *r = &n->walked;
	union kvm_cpu_role *role = &vcpu->arch.nested_mmu.cpu_role;

	if (likely(r->known && role->as_u64 == n->walked_role && !((vcpu->arch.cr0 ^ r->cr0) & ~(unsigned long)X86_CR0_TS) &&
		   vcpu->arch.cr4 == r->cr4 && vcpu->arch.efer == r->efer && !is_smm(vcpu)))
		return;
	kvm_init_mmu(vcpu);
	*r = (struct nest_regs){ !is_smm(vcpu), vcpu->arch.cr0, vcpu->arch.cr4, vcpu->arch.efer };
	n->walked_role = role->as_u64;
}

/* vmcs02 is current, vcpu->arch holds L2's control registers. */
void nest_mmu_enter(struct nest *n)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);

	n->ept12 = nested_cpu_has2(get_vmcs12(vcpu), SECONDARY_EXEC_ENABLE_EPT);
	if (n->ept12) {
		set_root(n, n->view.eptp);
		vcpu->arch.mmu = nest_mmu(n);
		vcpu->arch.walk_mmu = &vcpu->arch.nested_mmu;
		init_walker(n);
		return;
	}
	kvm_init_mmu(vcpu);
	kvm_mmu_new_pgd(vcpu, kvm_read_cr3(vcpu));
	kvm_make_request(KVM_REQ_LOAD_MMU_PGD, vcpu);
}

/* vmcs01 is current.  `same`: L1's CR0, CR4 and EFER are what they were when it entered L2. */
void nest_mmu_leave(struct nest *n, bool same)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);

	vcpu->arch.mmu = &vcpu->arch.root_mmu;
	vcpu->arch.walk_mmu = &vcpu->arch.root_mmu;
	if (n->ept12) {
		give_back_kvms_root(n);
		nest_mmu(n)->root.hpa = INVALID_PAGE;	/* KVM must not find it when the library has given it up */
	}
	if (n->ept12 && same)
		return;
	kvm_init_mmu(vcpu);
	if (!n->ept12) {
		kvm_mmu_new_pgd(vcpu, kvm_read_cr3(vcpu));
		kvm_make_request(KVM_REQ_LOAD_MMU_PGD, vcpu);
	}
}

/* Preemption is off. */
void nest_mmu_before_l2(struct nest *n)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);

	if (!n->ept12)
		return;
	if (unlikely(nest_unseen_dma(vcpu->kvm)))
		nest_watch_lose(n->vm, 0, ULONG_MAX);
	if (nvmx_before_l2(n->v) == NVMX_STOP) {
		kvm_vm_bugged(vcpu->kvm);
		return;
	}
	nvmx_view(n->v, &n->view, sizeof(n->view));
	if (likely(nest_mmu(n)->root.pgd == n->view.eptp && VALID_PAGE(nest_mmu(n)->root.hpa)))
		return;
	give_back_kvms_root(n);
	set_root(n, n->view.eptp);
	vmcs_write64(EPT_POINTER, n->view.eptp);
}

/* An EPT violation of L2 at a frame of L1 that is not memory: device memory of L1's machine, to be emulated. */
int nest_handle_ept_fault(struct kvm_vcpu *vcpu)
{
	struct nest *n = nest_of(to_vmx(vcpu));
	unsigned int access;
	u64 gpa;
	int r;

	nvmx_host_fault(n->v, &gpa, &access);
	trace_kvm_page_fault(vcpu, gpa, access);
	r = nest_frame_fault(n, gpa, access & NVMX_ACCESS_W);
	return r ? r : kvm_emulate_instruction(vcpu, 0);
}

#if NEST_7
gpa_t nest_translate_gpa(struct kvm_vcpu *vcpu, gpa_t gpa, u64 access, struct x86_exception *exception, u64 pte_access)
{
	return l2_gpa_to_gpa(vcpu, vcpu->arch.mmu, gpa, access, exception);
}
#endif
