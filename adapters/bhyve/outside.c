/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library called outside of vmx_run(), by the vCPU's own thread or by one that has frozen it.
 */
#include "bhyve.h"

/* As vm_run() does for vmx_run(); the VMCS of the guest that goes on is current. */
void nest_outside_begin(struct nest *n)
{
	struct vcpu *vcpu = n->vcpu->vcpu;
	int error __diagused;

	critical_enter();
	error = vcpu_set_state(vcpu, VCPU_RUNNING, false);
	KASSERT(error == 0, ("%s: vcpu %d cannot run: %d", __func__, n->vcpu->vcpuid, error));
	VMPTRLD(n->vcpu->vmcs);
	nest_unpark(n);
	nest_begin(n);
}

void nest_outside_end(struct nest *n)
{
	int error __diagused;

	nest_end(n);
	nest_park(n);
	VMCLEAR(n->vcpu->vmcs);
	error = vcpu_set_state(n->vcpu->vcpu, VCPU_FROZEN, false);
	KASSERT(error == 0, ("%s: vcpu %d cannot freeze: %d", __func__, n->vcpu->vcpuid, error));
	critical_exit();
}

struct vmcs *nest_vmcs(struct vmx_vcpu *vcpu)
{
	if (!nest_in_l2(vcpu))
		return (vcpu->vmcs);
	return ((struct vmcs *)PHYS_TO_DMAP(nvmx_current_vmcs(vcpu->nest->v)));
}

static unsigned access_of(int prot)
{
	if ((prot & VM_PROT_WRITE) != 0)
		return (NVMX_ACCESS_R | NVMX_ACCESS_W);
	return ((prot & VM_PROT_EXECUTE) != 0 ? NVMX_ACCESS_X : NVMX_ACCESS_R);
}

static int translate(struct nest *n, uint64_t gpa, int prot, uint64_t *gpa1)
{
	int answer;

	nest_outside_begin(n);
	answer = nvmx_l2_translate(n->v, gpa, access_of(prot), gpa1, &n->exit);
	if (answer == 2)
		nest_await(n, NEST_NOTHING);
	nest_outside_end(n);
	return (answer);
}

static struct nest *nest_of_vcpu(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = vmm_is_intel() ? nest_cookie(vcpu) : NULL;

	return (v != NULL ? v->nest : NULL);
}

int nest_gpa(struct vcpu *vcpu, uint64_t gpa, int prot, uint64_t *gpa1)
{
	struct nest *n = nest_of_vcpu(vcpu);
	int answer;

	*gpa1 = gpa;
	if (n == NULL || !nest_is_l2(n))
		return (0);
	if (n->again != NEST_NOTHING) /* somebody looks at a vCPU that is in the middle of something */
		return (EBUSY);
	for (;;) {
		answer = translate(n, gpa, prot, gpa1);
		if (answer == 2 && nest_hold(n) != 0)
			answer = EFAULT;
		if (answer != 1 && answer != 2)
			break;
		maybe_yield();
	}
	nest_release(n);
	n->faulted = answer < 0;
	return (answer < 0 ? 1 : answer);
}

bool nest_faulted(struct vcpu *vcpu, bool check_only)
{
	struct nest *n = nest_of_vcpu(vcpu);

	if (n == NULL || !n->faulted)
		return (false);
	n->faulted = false;
	if (check_only)
		return (true);
	vm_restart_instruction(vcpu);
	n->emulating = false;
	n->again = NEST_OWN_EXIT;
	return (true);
}
