/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* VMs and vCPUs of the VMX back end come and go, with the controls that bhyve sets. */
#include <machine/specialreg.h>
#include <machine/vmm_snapshot.h>
#include "vmm.h"
#include "vmx_controls.h"
#include "nest.h"

static MALLOC_DEFINE(M_VMX, "vmx", "vmx");
static bool vpids[64];
u_int vm_maxcpu = VCPUS;

uint16_t nest_vpid_alloc(int vcpuid)
{
	(void)vcpuid;
	for (uint16_t i = (uint16_t)(vcpuid + 1); i <= VCPUS && i == vcpuid + 1; i++) {
		if (!vpids[i]) {
			vpids[i] = true;
			return i;
		}
	}
	for (uint16_t i = VCPUS + 1; i < nitems(vpids); i++) {
		if (vpids[i])
			continue;
		vpids[i] = true;
		return i;
	}
	return 0;
}

void nest_vpid_free(int vpid)
{
	if (!vpid)
		return;
	KASSERT(vpid > 0 && vpid < (int)nitems(vpids) && vpids[vpid], ("VPID %d is not in use", vpid));
	vpids[vpid] = false;
}

void *nest_cookie(struct vcpu *vcpu)
{
	return vcpu->cookie;
}

void vmx_modinit(void)
{
	nest_modinit(KICK_VECTOR);
}

static void let(char *bitmap, u_int msr, bool write)
{
	u_int at = (msr & 0x1fff) / 8 + (msr & 0xc0000000 ? 1024 : 0);

	bitmap[at] &= (char)~(1u << msr % 8);
	if (write)
		bitmap[at + 2048] &= (char)~(1u << msr % 8);
}

struct vmx *vmx_init(struct vm *vm, pmap_t pmap)
{
	static const u_int open[] = { MSR_GSBASE, MSR_FSBASE, MSR_SYSENTER_CS_MSR, MSR_SYSENTER_ESP_MSR, MSR_SYSENTER_EIP_MSR,
				      MSR_EFER, MSR_LSTAR, MSR_STAR, MSR_SF_MASK, MSR_KGSBASE };
	struct vmx *vmx = malloc(sizeof(*vmx), M_VMX, M_WAITOK | M_ZERO);

	vmx->vm = vm;
	vmx->pmap = pmap;
	vmx->eptp = memory_eptp();
	vmx->msr_bitmap = malloc_aligned(PAGE_SIZE, PAGE_SIZE, M_VMX, M_WAITOK | M_ZERO);
	memset(vmx->msr_bitmap, 0xff, PAGE_SIZE);
	for (u_int i = 0; i < nitems(open); i++)
		let(vmx->msr_bitmap, open[i], true);
	let(vmx->msr_bitmap, MSR_TSC, false);
	let(vmx->msr_bitmap, MSR_TSC_AUX, false);
	nest_vm_init(vmx);
	return vmx;
}

void vmx_cleanup(struct vmx *vmx)
{
	nest_vm_cleanup(vmx);
	free(vmx->msr_bitmap, M_VMX);
	free(vmx, M_VMX);
	KASSERT(!M_VMX->live, ("vmx: %ld allocations are left over", M_VMX->live));
	for (u_int i = 0; i < nitems(vpids); i++)
		KASSERT(!vpids[i], ("VPID %u is left over", i));
}

static void controls(struct vmx_vcpu *v)
{
	struct fake_cpu *c = world_cpu();

	fake_write_controls(c, v->vmx->eptp);
	vmcs_write(VMCS_PIN_BASED_CTLS, vmcs_read(VMCS_PIN_BASED_CTLS) | PINBASED_EXTINT_EXITING | PINBASED_NMI_EXITING |
		   PINBASED_VIRTUAL_NMI);
	v->cap.proc_ctls = (uint32_t)vmcs_read(VMCS_PRI_PROC_BASED_CTLS) | PROCBASED_SECONDARY_CONTROLS | PROCBASED_MWAIT_EXITING |
			   PROCBASED_MONITOR_EXITING | PROCBASED_IO_EXITING | PROCBASED_MSR_BITMAPS;
	if (world.lets_monitor)
		v->cap.proc_ctls &= ~(PROCBASED_MWAIT_EXITING | PROCBASED_MONITOR_EXITING);
	v->cap.proc_ctls2 = PROCBASED2_ENABLE_EPT | PROCBASED2_ENABLE_VPID | PROCBASED2_UNRESTRICTED_GUEST | PROCBASED2_ENABLE_RDTSCP |
			    PROCBASED2_ENABLE_INVPCID;
	if (world.vid) {
		v->cap.proc_ctls |= PROCBASED_USE_TPR_SHADOW;
		v->cap.proc_ctls2 |= PROCBASED2_APIC_REGISTER_VIRTUALIZATION | PROCBASED2_VIRTUAL_INTERRUPT_DELIVERY;
		vmcs_write(VMCS_VIRTUAL_APIC, vtophys(v->apic_page));
	}
	vmcs_write(VMCS_PRI_PROC_BASED_CTLS, v->cap.proc_ctls);
	vmcs_write(VMCS_SEC_PROC_BASED_CTLS, v->cap.proc_ctls2);
	vmcs_write(VMCS_EXIT_CTLS, (vmcs_read(VMCS_EXIT_CTLS) & ~(uint64_t)(VM_EXIT_SAVE_PAT | VM_EXIT_LOAD_PAT)) |
		   VM_EXIT_ACKNOWLEDGE_INTERRUPT);
	vmcs_write(VMCS_ENTRY_CTLS, vmcs_read(VMCS_ENTRY_CTLS) & ~(uint64_t)VM_ENTRY_LOAD_PAT);
	vmcs_write(VMCS_MSR_BITMAP, vtophys(v->vmx->msr_bitmap));
	vmcs_write(VMCS_VPID, v->state.vpid);
	vmcs_write(VMCS_CR0_MASK, vmcs_read(VMCS_CR0_MASK) | CR0_CD | CR0_NW);
}

struct vmx_vcpu *vmx_vcpu_init(struct vmx *vmx, struct vcpu *vcpu, int n)
{
	struct vmx_vcpu *v = malloc(sizeof(*v), M_VMX, M_WAITOK | M_ZERO);
	struct fake_cpu *c = world_cpu();
	struct fake_arch was = c->a;

	v->vmx = vmx;
	v->vcpu = vcpu;
	v->vcpuid = n;
	v->vmcs = malloc_aligned(PAGE_SIZE, PAGE_SIZE, M_VMX, M_WAITOK | M_ZERO);
	v->apic_page = malloc_aligned(PAGE_SIZE, PAGE_SIZE, M_VMX, M_WAITOK | M_ZERO);
	v->pir_desc = malloc_aligned(sizeof(*v->pir_desc), 64, M_VMX, M_WAITOK | M_ZERO);
	v->vmcs->identifier = (uint32_t)rdmsr(MSR_VMX_BASIC) & 0x7fffffff;
	v->state.vpid = nest_vpid_alloc(n);
	v->state.lastcpu = NOCPU;
	v->state.nextrip = ~0ul;
	v->ctx.pmap = vmx->pmap;
	vcpu->cookie = v;
	if (vmclear(v->vmcs))
		panic("VMCLEAR of a new VMCS");
	VMPTRLD(v->vmcs);
	c->a = vcpu->guest.a;
	fake_write_guest(c);
	fake_write_host(c);
	c->a = was;
	controls(v);
	VMCLEAR(v->vmcs);
	v->guest_msrs[IDX_MSR_LSTAR] = vcpu->guest.a.lstar;
	v->guest_msrs[IDX_MSR_STAR] = vcpu->guest.a.star;
	v->guest_msrs[IDX_MSR_SF_MASK] = vcpu->guest.a.fmask;
	v->guest_msrs[IDX_MSR_KGSBASE] = vcpu->guest.a.kernel_gs;
	v->guest_msrs[IDX_MSR_PAT] = vcpu->guest.a.pat;
	return v;
}

void vmx_vcpu_cleanup(struct vmx_vcpu *v)
{
	nest_vcpu_cleanup(v);
	nest_vpid_free(v->state.vpid);
	free(v->pir_desc, M_VMX);
	free(v->apic_page, M_VMX);
	free(v->vmcs, M_VMX);
	free(v, M_VMX);
}

static const struct {
	int type;
	uint32_t bit;
	bool secondary;
} caps[] = {
	{ VM_CAP_HALT_EXIT, PROCBASED_HLT_EXITING, false },
	{ VM_CAP_MTRAP_EXIT, PROCBASED_MTF, false },
	{ VM_CAP_PAUSE_EXIT, PROCBASED_PAUSE_EXITING, false },
	{ VM_CAP_UNRESTRICTED_GUEST, PROCBASED2_UNRESTRICTED_GUEST, true },
	{ VM_CAP_ENABLE_INVPCID, PROCBASED2_ENABLE_INVPCID, true },
};

int vmx_setcap(struct vmx_vcpu *v, int type, int value)
{
	for (u_int i = 0; i < nitems(caps); i++) {
		uint32_t *word = caps[i].secondary ? &v->cap.proc_ctls2 : &v->cap.proc_ctls;

		if (caps[i].type != type)
			continue;
		*word = value ? *word | caps[i].bit : *word & ~caps[i].bit;
		VMPTRLD(v->vmcs);
		vmcs_write(caps[i].secondary ? VMCS_SEC_PROC_BASED_CTLS : VMCS_PRI_PROC_BASED_CTLS, *word);
		VMCLEAR(v->vmcs);
		nest_changed(v);
		return 0;
	}
	return EINVAL;
}

static const uint32_t saved_fields[] = {
	VMCS_GUEST_CR0, VMCS_GUEST_CR3, VMCS_GUEST_CR4, VMCS_GUEST_DR7, VMCS_GUEST_RSP, VMCS_GUEST_RIP, VMCS_GUEST_RFLAGS,
	VMCS_GUEST_IA32_EFER, VMCS_GUEST_IA32_SYSENTER_CS, NVMX_GUEST_SYSENTER_ESP, NVMX_GUEST_SYSENTER_EIP,
	VMCS_GUEST_INTERRUPTIBILITY, VMCS_GUEST_ACTIVITY, VMCS_ENTRY_CTLS, VMCS_EXIT_CTLS,
	NVMX_GUEST_GDTR_BASE, NVMX_GUEST_GDTR_LIMIT, NVMX_GUEST_IDTR_BASE, NVMX_GUEST_IDTR_LIMIT,
};

static int access_field(struct vmx_vcpu *v, uint32_t field, uint64_t *value, bool write)
{
	struct vmcs *vmcs = nest_vmcs(v);
	bool running = vcpu_is_running(v->vcpu, NULL);
	int error;

	if (!running)
		VMPTRLD(vmcs);
	error = write ? vmwrite(field, *value) : vmread(field, value);
	if (!running)
		VMCLEAR(vmcs);
	return error;
}

int vmx_getfield(struct vmx_vcpu *v, uint32_t field, uint64_t *value)
{
	return access_field(v, field, value, false);
}

int vmx_setfield(struct vmx_vcpu *v, uint32_t field, uint64_t value)
{
	return access_field(v, field, &value, true);
}

static int snapshot_field(struct vmx_vcpu *v, uint32_t field, struct vm_snapshot_meta *meta)
{
	uint64_t value = 0;
	int error = meta->op == VM_SNAPSHOT_SAVE ? vmx_getfield(v, field, &value) : 0;

	if (!error)
		error = vm_snapshot_buf(&value, sizeof(value), meta);
	return error || meta->op == VM_SNAPSHOT_SAVE ? error : vmx_setfield(v, field, value);
}

/* The registers of the guest that goes on, those that no VMCS has, and the nested state. */
int vmx_vcpu_snapshot(struct vmx_vcpu *v, struct vm_snapshot_meta *meta)
{
	int error = 0;

	for (u_int i = 0; !error && i < nitems(saved_fields); i++)
		error = snapshot_field(v, saved_fields[i], meta);
	for (u_int i = 0; !error && i < 8; i++) {
		for (u_int part = 0; !error && part < 4; part++) {
			static const uint32_t first[4] = { NVMX_GUEST_ES_SEL, NVMX_GUEST_ES_LIMIT, NVMX_GUEST_ES_AR, NVMX_GUEST_ES_BASE };

			error = snapshot_field(v, first[part] + 2 * i, meta);
		}
	}
	if (!error)
		error = vm_snapshot_buf(v->guest_msrs, sizeof(v->guest_msrs), meta);
	if (!error)
		error = vm_snapshot_buf(&v->ctx, offsetof(struct vmxctx, inst_fail_status), meta);
	return error ? error : nest_snapshot(v, meta);
}
