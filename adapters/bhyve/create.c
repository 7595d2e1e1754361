/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library's VM and its vCPUs, from the moment when a vCPU first runs: then bhyve's user has said what vmcs01's controls are.
 */
#include "bhyve.h"

#define BLOCK 64	/* alignment of the library's memory */

void nest_vm_init(struct vmx *vmx)
{
	struct nest_vm *vm;

	if (nest_lacks != NULL || !nest_is_named(vm_name(vmx->vm)))
		return;
	vm = malloc(sizeof(*vm), M_NEST, M_WAITOK | M_ZERO);
	vm->vmx = vmx;
	sx_init(&vm->lock, "nested VM");
	vm->memory = malloc_aligned(NVMX_VM_SIZE, BLOCK, M_NEST, M_WAITOK | M_ZERO);
	vm->apic_page = malloc_aligned(PAGE_SIZE, PAGE_SIZE, M_NEST, M_WAITOK | M_ZERO);
	vm->apic_hpa = vtophys(vm->apic_page);
	vmx->nest = vm;
}

uint64_t nest_apic_page(const struct vmx *vmx, uint64_t bhyves)
{
	return (vmx->nest != NULL ? vmx->nest->apic_hpa : bhyves);
}

void nest_vm_cleanup(struct vmx *vmx)
{
	struct nest_vm *vm = vmx->nest;

	if (vm == NULL)
		return;
	if (vm->lib != NULL)
		nvmx_vm_destroy(vm->lib);
	sx_destroy(&vm->lock);
	free(vm->apic_page, M_NEST);
	free(vm->memory, M_NEST);
	free(vm, M_NEST);
	vmx->nest = NULL;
}

static void refused(struct nest_vm *vm, const struct nvmx_error_info *info)
{
	char line[NVMX_DESCRIBE_MAX];

	nvmx_describe_error(line, sizeof(line), info);
	printf("vmm: %s: no nested VMX: %s\n", vm_name(vm->vmx->vm), line);
	vm->refused = true;
}

/* vm->lock is held. */
static void make_vm(struct nest_vm *vm, const struct vmx_vcpu *vcpu)
{
	struct nvmx_vm_config config = {
		.size = sizeof(config),
		.caps_size = sizeof(nest_hw),
		.ops = &nest_ops,
		.hw = &nest_hw,
		.withheld = nest_withheld(vcpu->cap.proc_ctls2),
		.flags = NVMX_HOST_OWNS_INTERRUPTS | NVMX_HOST_FEW_VPIDS,
		.shadow_ept_pages = nest_shadow_pages,
	};
	struct nvmx_error_info info;

	if (nvmx_vm_init(vm->memory, NVMX_VM_SIZE, &config, &vm->lib, &info) != NVMX_OK)
		refused(vm, &info);
}

/* VPIDs in a row, of no other vCPU: those that bhyve shares when there are no more are not used. */
static void take_vpids(struct nest *n)
{
	u_int i;

	if (n->vcpu->state.vpid == 0)
		return;
	for (i = 0; i < NEST_VPIDS; i++) {
		n->vpid[i] = nest_vpid_alloc(n->vcpu->vcpuid);
		if (n->vpid[i] <= vm_maxcpu || (i > 0 && n->vpid[i] != n->vpid[i - 1] + 1)) {
			nest_vpid_free(n->vpid[i]);
			break;
		}
		n->vpids++;
	}
}

static void give_vpids_back(struct nest *n)
{
	while (n->vpids > 0)
		nest_vpid_free(n->vpid[--n->vpids]);
}

/* vmcs01 is current.  L1 must not set bits of CR4 with which it could not be in VMX operation. */
static void hide_cr4(struct nest_vm *vm)
{
	uint64_t there = nvmx_caps_get(&nest_hw, NVMX_MSR_VMX_CR4_FIXED1);

	vmcs_write(VMCS_CR4_MASK, vmcs_read(VMCS_CR4_MASK) | (nvmx_caps_cr4_hidden(nvmx_vm_caps(vm->lib)) & there));
}

static int make_vcpu(struct nest *n)
{
	struct vmx_vcpu *vcpu = n->vcpu;
	struct nvmx_vcpu_config config = {
		.size = sizeof(config),
		.host = (struct nvmx_host *)n,
		.vmcs01 = vtophys(vcpu->vmcs),
		.msr_bitmap01 = (const uint8_t *)vcpu->vmx->msr_bitmap,
		.vpid02 = n->vpids != 0 ? n->vpid[0] : 0,
		.vpid02_n = n->vpids,
	};
	struct nvmx_error_info info;
	int error;

	critical_enter();
	VMPTRLD(vcpu->vmcs);
	nest_host_read(n, NEST_HOST_FIELDS);
	error = nvmx_vcpu_init(n->memory, NVMX_VCPU_SIZE, n->vm->lib, &config, &n->v, &info);
	if (error == NVMX_OK) {
		hide_cr4(n->vm);
		nvmx_vcpu_park(n->v);
	}
	VMCLEAR(vcpu->vmcs);
	critical_exit();
	if (error != NVMX_OK)
		refused(n->vm, &info);
	return (error);
}

static void give_back(struct nest *n)
{
	nest_halt_end(n);
	nest_pages_drop(n);
	give_vpids_back(n);
	free(n->memory, M_NEST);
	free(n, M_NEST);
}

/* vm->lock is held. */
static void make_nest(struct nest_vm *vm, struct vmx_vcpu *vcpu)
{
	struct nest *n;

	n = malloc(sizeof(*n), M_NEST, M_WAITOK | M_ZERO);
	n->vcpu = vcpu;
	n->vm = vm;
	n->away = n->changed = true;
	n->lastcpu = NOCPU;
	n->pat01 = ~vcpu->guest_msrs[IDX_MSR_PAT];
	n->memory = malloc_aligned(NVMX_VCPU_SIZE, BLOCK, M_NEST, M_WAITOK | M_ZERO);
	SLIST_INIT(&n->reserve);
	nest_memory_init(n);
	nest_halt_init(n);
	take_vpids(n);
	nest_pages_fill(n);
	if (make_vcpu(n) != NVMX_OK) {
		give_back(n);
		return;
	}
	n->next = vm->vcpus;
	atomic_store_rel_ptr((volatile uintptr_t *)&vm->vcpus, (uintptr_t)n);
	vcpu->nest = n;
}

/* May sleep.  If the library refuses, L1 has not run yet, and finds a processor without VMX. */
void nest_create(struct vmx_vcpu *vcpu)
{
	struct nest_vm *vm = vcpu->vmx->nest;

	if (vm == NULL || vm->refused)
		return;
	sx_xlock(&vm->lock);
	if (vm->lib == NULL && !vm->refused)
		make_vm(vm, vcpu);
	if (!vm->refused)
		make_nest(vm, vcpu);
	sx_xunlock(&vm->lock);
}

void nest_vcpu_cleanup(struct vmx_vcpu *vcpu)
{
	struct nest *n = vcpu->nest, **at;
	struct nest_pin *p;

	if (n == NULL)
		return;
	for (at = __DEVOLATILE(struct nest **, &n->vm->vcpus); *at != n; at = &(*at)->next)
		;
	*at = n->next;
	critical_enter();
	VMPTRLD(vcpu->vmcs);
	nvmx_vcpu_unpark(n->v);
	nvmx_vcpu_destroy(n->v);
	VMCLEAR(vcpu->vmcs);
	critical_exit();
	for (p = n->pins; p < n->pins + NEST_PINS; p++)
		KASSERT(p->users == 0, ("%s: %#jx is still pinned", __func__, (uintmax_t)p->gpa));
	nest_release(n);
	nest_pins_drop(n);
	give_back(n);
	vcpu->nest = NULL;
}

void nest_prepare(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = vmm_is_intel() ? nest_cookie(vcpu) : NULL;
	struct nest *n;

	if (v == NULL || v->vmx->nest == NULL)
		return;
	if (v->nest == NULL)
		nest_create(v);
	n = v->nest;
	if (n == NULL)
		return;
	if (n->awaits)
		nest_hold(n);
	else if (n->again == NEST_NOTHING)
		nest_release(n);
	nest_pins_drop(n);
	nest_pages_fill(n);
}

/* L1 sees VMX, and nothing that would keep it from VMX operation. */
void nest_cpuid(struct vcpu *vcpu, u_int leaf, u_int subleaf, u_int regs[4])
{
	struct vmx_vcpu *v = vmm_is_intel() ? nest_cookie(vcpu) : NULL;

	if (v == NULL || v->nest == NULL)
		return;
	if (leaf == 1)
		regs[2] |= CPUID2_VMX;
	nvmx_caps_cpuid(nvmx_vm_caps(v->nest->vm->lib), leaf, subleaf, regs);
}
