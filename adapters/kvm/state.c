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
	if (nested->nested_run_pending)
		h->flags |= NVMX_STATE_RUN_PENDING;
	if (h->flags & NVMX_STATE_GUEST_MODE && nest_vmcs12(n)->pin_ctls & PIN_BASED_VMX_PREEMPTION_TIMER) {
		h->vmx_flags |= NVMX_STATE_DEADLINE;
		h->preemption_timer_deadline = nested->preemption_timer_deadline >> NEST_TIMER_SHIFT;
	}
}

/* The bytes of the state, or an error.  VMCSs go back to L1's memory, so its slots must stay; KVM does not see to that here. */
static int save(struct kvm_vcpu *vcpu, struct nest *n, struct nvmx_state *state)
{
	int idx = srcu_read_lock(&vcpu->kvm->srcu), error;
	size_t needed;

	nest_write_back(vcpu);
	if (is_smm(vcpu) && to_vmx(vcpu)->nested.smm.vmxon)
		nest_smi(n);
	nest_rsm(n);
	error = nvmx_state_save(n->v, state, sizeof(*state), l1_tsc(vcpu), &needed);
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

/* What KVM keeps of L2 as nest_entered_l2() sets it, with the host's part of the blob. */
static void l2_restored(struct nest *n, const struct nvmx_state_header *h)
{
	struct nested_vmx *nested = &n->vmx->nested;
	struct kvm_vcpu *vcpu = nest_vcpu(n);

	nest_entered_l2(n);
	n->l1.efer = ~0ull;	/* KVM has no copy of L1's registers: the exit sets them all */
	nested->nested_run_pending = !!(h->flags & NVMX_STATE_RUN_PENDING);
	nested->mtf_pending = !!(h->flags & NVMX_STATE_MTF_PENDING);
	if (h->vmx_flags & NVMX_STATE_DEADLINE)
		nest_timer_restart(n, h->preemption_timer_deadline << NEST_TIMER_SHIFT);
	kvm_make_request(KVM_REQ_EVENT, vcpu);
}

static int error_of(int state_error)
{
	switch (state_error) {
	case NVMX_STATE_OK:
		return 0;
	case NVMX_STATE_NO_MEMORY:
		return -ENOMEM;
	default:
		return -EINVAL;
	}
}

static int restore(struct kvm_vcpu *vcpu, const struct nvmx_state *state, size_t size)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	struct nest *n = nest_of(vmx);
	struct nvmx_state_context context = { .l1_tsc = l1_tsc(vcpu), .smm = is_smm(vcpu) };
	bool was_l2 = is_guest_mode(vcpu);
	const char *row = NULL;
	int r;

	nest_write_back(vcpu);
	if (n->efer01 != vcpu->arch.efer && !was_l2) {
		n->efer01 = vcpu->arch.efer;
		vmcs_write64(GUEST_IA32_EFER, n->efer01);
	}
	r = nvmx_state_restore(n->v, state, size, &context, &row);
	nest_settle(n);
	if (r) {
		pr_debug("kvm_intel: nested state refused: %s (%s)\n", nvmx_state_error(r), row ? row : "");
		return error_of(r);
	}
	vcpu->arch.regs_avail = ~VMX_REGS_LAZY_LOAD_SET;
	vmx->nested.nested_run_pending = 0;
	if (was_l2)
		nest_left_behind(n);
	n->in_smm = state->header.smm_flags;
	vmx->nested.smm.vmxon = state->header.smm_flags & NVMX_STATE_SMM_VMXON;
	vmx->nested.smm.guest_mode = state->header.smm_flags & NVMX_STATE_SMM_GUEST_MODE;
	if (nvmx_in_l2(n->v))
		l2_restored(n, &state->header);
	else
		nest_view(n);
	return 0;
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
	if (!r && !nest_of(to_vmx(vcpu)))
		r = nest_create(vcpu);
	if (!r)
		r = restore(vcpu, state, size);
	kvfree(state);
	return r;
}
