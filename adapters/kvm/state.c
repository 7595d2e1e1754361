// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_NESTED_STATE and KVM_SET_NESTED_STATE: the library's saved state is KVM's.  The host's part are the preemption
 * timer, a pending monitor trap and what SMM keeps.
 */
#include "nest.h"

#include <linux/slab.h>
#include <linux/uaccess.h>

static u64 l1_tsc(struct kvm_vcpu *vcpu)
{
	return kvm_read_l1_tsc(vcpu, rdtsc());
}

static void empty_header(struct nvmx_state_header *h)
{
	memset(h, 0, sizeof(*h));
	h->format = NVMX_STATE_FORMAT_VMX;
	h->size = sizeof(*h);
	h->vmxon_pa = NVMX_STATE_NO_ADDR;
	h->vmcs12_pa = NVMX_STATE_NO_ADDR;
}

static void add_hosts_part(struct nest *n, struct nvmx_state_header *h)
{
	struct nested_vmx *nested = &n->vmx->nested;

	if (nested->mtf_pending)
		h->flags |= NVMX_STATE_MTF_PENDING;
	if (nest_run_pending(nest_vcpu(n)))
		h->flags |= NVMX_STATE_RUN_PENDING;
	if ((h->flags & NVMX_STATE_GUEST_MODE || h->smm_flags & NVMX_STATE_SMM_GUEST_MODE) && nested->has_preemption_timer_deadline) {
		h->vmx_flags |= NVMX_STATE_DEADLINE;
		h->preemption_timer_deadline = nested->preemption_timer_deadline >> NEST_TIMER_SHIFT;
	}
}

/* The bytes of the state, or an error.  VMCSs go back to L1's memory, so its slots must stay; KVM does not see to that here. */
static int save(struct kvm_vcpu *vcpu, struct nest *n, struct nvmx_state *state)
{
	int idx = srcu_read_lock(&vcpu->kvm->srcu), error;
	size_t needed;

	nest_follow_slots(n);
	if (is_guest_mode(vcpu))
		nest_l2_state(n);
	else
		nest_write_back(vcpu);
	if (is_smm(vcpu) && to_vmx(vcpu)->nested.smm.vmxon)
		nest_smi(n);
	nest_rsm(n);
	error = nvmx_state_save(n->v, state, sizeof(*state), l1_tsc(vcpu), &needed, NULL);
	nest_settle(n);
	srcu_read_unlock(&vcpu->kvm->srcu, idx);
	if (error)
		return -EINVAL;
	add_hosts_part(n, &state->header);
	return needed;
}

int nest_get_state(struct kvm_vcpu *vcpu, struct kvm_nested_state __user *to, unsigned int size)
{
	struct nvmx_state *state;
	struct nest *n;
	int r;

	BUILD_BUG_ON(sizeof(struct nvmx_state_header) != sizeof(struct kvm_nested_state));
	if (!vcpu)
		return NVMX_STATE_MAX_SIZE;
	n = nest_of(to_vmx(vcpu));
	state = kvzalloc(sizeof(*state), GFP_KERNEL_ACCOUNT);
	if (!state)
		return -ENOMEM;
	empty_header(&state->header);
	r = n ? save(vcpu, n, state) : sizeof(state->header);
	if (r > 0 && r <= size && copy_to_user(to, state, r))
		r = -EFAULT;
	kvfree(state);
	return r;
}

/* The library would put the monitor trap into vmcs02, where it blocks what comes before it. */
static int take_hosts_part(struct nvmx_state_header *h, bool *mtf)
{
	*mtf = h->flags & NVMX_STATE_MTF_PENDING;
	if (*mtf && !(h->flags & NVMX_STATE_GUEST_MODE))
		return -EINVAL;
	h->flags &= ~NVMX_STATE_MTF_PENDING;
	return 0;
}

/* What KVM keeps of L2 as nest_entered_l2() sets it, with the host's part of the blob. */
static void l2_restored(struct nest *n, const struct nvmx_state_header *h, bool mtf)
{
	struct nested_vmx *nested = &n->vmx->nested;
	struct kvm_vcpu *vcpu = nest_vcpu(n);

	nest_entered_l2(n);
	nest_enter_activity(n);
	n->to_user = false;	/* nor is it waited for: KVM_RUN goes on with L2 */
	n->l1.known = false;	/* the exit sets L1's registers, all of them */
	if (!(h->flags & NVMX_STATE_RUN_PENDING))	/* nor is it if L2 sleeps */
		nest_run_pending(vcpu) = 0;
	nested->mtf_pending = mtf;
	kvm_make_request(KVM_REQ_EVENT, vcpu);
}

/* Another L2, or none, has taken the place of the one that ran. */
static void leave_old_l2(struct nest *n)
{
	struct nvmx_host *host = (struct nvmx_host *)n;
	u64 vmcs02 = __pa(n->vmx->loaded_vmcs->vmcs);

	nest_op_vmcs_load(host, __pa(n->vmx->vmcs01.vmcs));
	nest_left_behind(n);
	if (nvmx_in_l2(n->v))
		nest_op_vmcs_load(host, vmcs02);
}

static int restore(struct kvm_vcpu *vcpu, struct nvmx_state *state, size_t size)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	struct nest *n = nest_of(vmx);
	struct nvmx_state_context context = { .l1_tsc = l1_tsc(vcpu), .smm = is_smm(vcpu) };
	bool was_l2 = is_guest_mode(vcpu), mtf;
	struct nvmx_error_info info;
	int r;

	if (take_hosts_part(&state->header, &mtf))
		return -EINVAL;
	nest_follow_slots(n);
	if (was_l2)
		nest_l2_state(n);
	else
		nest_write_back(vcpu);
	if (n->efer01 != vcpu->arch.efer && !was_l2) {
		n->efer01 = vcpu->arch.efer;
		vmcs_write64(GUEST_IA32_EFER, n->efer01);
	}
	n->restoring = true;
	n->incomplete = false;
	r = nvmx_state_restore(n->v, state, size, &context, &info);
	nest_settle(n);
	n->restoring = false;
	if (was_l2)
		kvm_make_request(KVM_REQ_EVENT, vcpu);	/* a window that KVM waits for may have gone with its vmcs02 */
	if (r) {
		char line[NVMX_DESCRIBE_MAX];

		nvmx_describe_error(line, sizeof(line), &info);
		pr_debug("kvm_intel: %s\n", line);
		return r == NVMX_ERR_MEMORY ? -ENOMEM : -EINVAL;
	}
	nest_forget_read(vcpu);
	nest_run_pending(vcpu) = 0;
	if (was_l2)
		leave_old_l2(n);
	n->in_smm = is_smm(vcpu);
	vmx->nested.smm.vmxon = state->header.smm_flags & NVMX_STATE_SMM_VMXON;
	vmx->nested.smm.guest_mode = state->header.smm_flags & NVMX_STATE_SMM_GUEST_MODE;
	vmx->nested.has_preemption_timer_deadline = state->header.vmx_flags & NVMX_STATE_DEADLINE;
	vmx->nested.preemption_timer_deadline = state->header.preemption_timer_deadline << NEST_TIMER_SHIFT;
	if (nvmx_in_l2(n->v))
		l2_restored(n, &state->header, mtf);
	else
		nest_view(n);
	if (nvmx_in_l2(n->v))
		nest_restore_posted(n);
	if (n->incomplete && nvmx_in_l2(n->v))
		kvm_make_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu);
	return 0;
}

static void tell_user(struct kvm_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	vcpu->run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	vcpu->run->internal.ndata = 0;
}

/* Of a PAE L2 without EPT: as user space has set them, or as they are in L1's memory. */
static void find_pdptes(struct kvm_vcpu *vcpu, struct nvmx_state *state)
{
	struct nvmx_state_live *live = (struct nvmx_state_live *)(state->vmcs12 + NVMX_STATE_LIVE_OFFSET);
	int i;

	if (nested_cpu_has2(get_vmcs12(vcpu), SECONDARY_EXEC_ENABLE_EPT) || !is_pae_paging(vcpu))
		return;
	if (!vcpu->arch.pdptrs_from_userspace)
		kvm_read_guest(vcpu->kvm, kvm_read_cr3(vcpu) & GENMASK_ULL(31, 5), live->pdpte, sizeof(live->pdpte));
	for (i = 0; vcpu->arch.pdptrs_from_userspace && i < ARRAY_SIZE(live->pdpte); i++)
		live->pdpte[i] = kvm_pdptr_read(vcpu, i);
}

/*
 * KVM_RUN of an L2 that was restored before all of its memory was there: what is made of memory is made again.  If there still
 * is none, user space hears of it, and the next KVM_RUN tries again.
 */
bool nest_complete_state(struct kvm_vcpu *vcpu)
{
	struct nest *n = nest_of(to_vmx(vcpu));
	struct nvmx_state *state;
	int size;

	if (!is_guest_mode(vcpu) || !n->incomplete)
		return true;
	state = kvzalloc(sizeof(*state), GFP_KERNEL_ACCOUNT);
	size = state ? save(vcpu, n, state) : -ENOMEM;
	if (size > 0)
		find_pdptes(vcpu, state);
	if (size > 0 && !restore(vcpu, state, size) && !n->incomplete)
		kvm_clear_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu);
	else
		n->incomplete = true;
	kvfree(state);
	if (!n->incomplete)
		return true;
	kvm_make_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu);
	tell_user(vcpu);
	return false;
}

/* Out of VMX operation; what follows the header is not looked at. */
static bool is_nothing(const struct kvm_nested_state *header)
{
	return !header->flags && header->hdr.vmx.vmcs12_pa == INVALID_GPA && !header->hdr.vmx.smm.flags &&
	       !(header->hdr.vmx.flags & ~KVM_STATE_VMX_PREEMPTION_TIMER_DEADLINE);
}

int nest_set_state(struct kvm_vcpu *vcpu, struct kvm_nested_state __user *from, struct kvm_nested_state *header)
{
	struct nvmx_state *state;
	size_t size = header->size;
	int r;

	if (header->format != KVM_STATE_NESTED_FORMAT_VMX || size < sizeof(*header) || size > sizeof(*state))
		return -EINVAL;
	if (header->hdr.vmx.vmxon_pa == INVALID_GPA && !nest_of(to_vmx(vcpu)))
		return is_nothing(header) ? 0 : -EINVAL;
	if (header->hdr.vmx.vmxon_pa != INVALID_GPA && !nested_vmx_allowed(vcpu))
		return -EINVAL;
	state = kvzalloc(sizeof(*state), GFP_KERNEL_ACCOUNT);
	if (!state)
		return -ENOMEM;
	memcpy(&state->header, header, sizeof(state->header));	/* KVM has judged this copy */
	r = copy_from_user(state->vmcs12, (char __user *)from + sizeof(*header), size - sizeof(*header)) ? -EFAULT : 0;
	if (nest_of(to_vmx(vcpu)) && nest_outdated(nest_of(to_vmx(vcpu))))
		nest_destroy(vcpu);
	if (!r && !nest_of(to_vmx(vcpu)))
		r = nest_create(vcpu);
	if (!r) {
		nest_watch_lose(nest_of(to_vmx(vcpu))->vm, 0, ULONG_MAX);	/* user space may have filled L1's memory, too */
		r = restore(vcpu, state, size);
	}
	kvfree(state);
	return r;
}
