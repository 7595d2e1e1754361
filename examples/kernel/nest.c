/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What nested VMX adds: the ops by the processor's own instructions, a VM, a vCPU, and the loop.  Interrupts are the guest's. */
#include "kernel.h"

#define SHADOW_PAGES 512u
static _Alignas(64) unsigned char vm_memory[NVMX_VM_SIZE], vcpu_memory[NVMX_VCPU_SIZE];
static struct nvmx_caps hardware;
static struct nvmx_vm *vm;

struct nvmx_vm *nest_vm(void)
{
	return vm;
}

static uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static int translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	(void)access;
	*out = (struct nvmx_xlate){ .hpa = h->guest_base + gpa, .rights = NVMX_ACCESS_RWX, .page_shift = 12, .memtype = NVMX_MEMTYPE_WB };
	return gpa < GUEST_TOP ? 0 : -1;
}

static void *map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	(void)write;
	return gpa < GUEST_TOP ? phys_to_virt(h->guest_base + gpa) : NULL;
}

static void unmap(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)h, (void)gpa, (void)page, (void)wrote;
}

static int pin(struct nvmx_host *h, uint64_t gpa, uint64_t *hpa)
{
	*hpa = h->guest_base + gpa;
	return gpa < GUEST_TOP ? 0 : -1;
}

static void unpin(struct nvmx_host *h, uint64_t gpa, uint64_t hpa)
{
	(void)h, (void)gpa, (void)hpa;
}

static void *page_alloc(struct nvmx_host *h, uint64_t *hpa)
{
	(void)h;
	*hpa = page_get();
	return *hpa ? phys_to_virt(*hpa) : NULL;
}

static void page_free(struct nvmx_host *h, void *page, uint64_t hpa)
{
	(void)h, (void)page;
	page_put(hpa);
}

static void vmcs_load(struct nvmx_host *h, uint64_t hpa)
{
	bool failed;

	(void)h;
	__asm__ volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(hpa) : "memory");
	if (failed)
		panic("VMPTRLD failed\n");
}

static void vmcs_clear(struct nvmx_host *h, uint64_t hpa)
{
	bool failed;

	(void)h;
	__asm__ volatile("vmclear %1" : "=@ccbe"(failed) : "m"(hpa) : "memory");
	if (failed)
		panic("VMCLEAR failed\n");
}

static void flush_ept(struct nvmx_host *h, uint64_t eptp, unsigned scope)
{
	struct { uint64_t eptp, reserved; } descriptor = { eptp, 0 };

	(void)h;
	__asm__ volatile("invept %0, %1" : : "m"(descriptor), "r"((uint64_t)scope) : "cc", "memory");
}

static void flush_vpid(struct nvmx_host *h, uint16_t vpid, unsigned scope, uint64_t linear)
{
	struct { uint64_t vpid, linear; } descriptor = { vpid, linear };

	(void)h;
	__asm__ volatile("invvpid %0, %1" : : "m"(descriptor), "r"((uint64_t)scope) : "cc", "memory");
}

/* This kernel's guests have no MSRs but those of the VMCS. */
static int l1_msr_read(struct nvmx_host *h, uint32_t msr, uint64_t *value)
{
	(void)h, (void)msr;
	*value = 0;
	return -1;
}

static int l1_msr_write(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	(void)h, (void)msr, (void)value;
	return -1;
}

static void set_cr2(struct nvmx_host *h, uint64_t cr2)
{
	(void)h;
	__asm__ volatile("mov %0, %%cr2" : : "r"(cr2));
}

static const struct nvmx_host_ops ops = {
	.size = sizeof(ops), .abi = NVMX_ABI_VERSION, .translate = translate, .map = map, .unmap = unmap, .pin = pin, .unpin = unpin,
	.page_alloc = page_alloc, .page_free = page_free, .vmcs_load = vmcs_load, .vmcs_clear = vmcs_clear,
	.flush_ept = flush_ept, .flush_vpid = flush_vpid, .l1_msr_read = l1_msr_read, .l1_msr_write = l1_msr_write, .set_cr2 = set_cr2,
};

/* Capability MSRs that an older processor lacks raise #GP: bits of the controls tell of them (SDM appendix A). */
static void read_hardware(struct nvmx_caps *c)
{
	for (uint32_t msr = NVMX_MSR_VMX_BASIC; msr <= NVMX_MSR_VMX_VMFUNC; msr++)
		if (msr != NVMX_MSR_VMX_VMFUNC || nvmx_caps_may(c, NVMX_MSR_VMX_PROCBASED_CTLS2) & NVMX_PROC2_VMFUNC)
			c->msr[msr - NVMX_CAPS_FIRST_MSR] = rdmsr(msr);
	c->efer_valid = NVMX_EFER_SCE | NVMX_EFER_LME | NVMX_EFER_LMA | NVMX_EFER_NXE;
	c->feature_control = NVMX_FC_LOCK | NVMX_FC_VMX_OUTSIDE_SMX;
	c->maxphyaddr = 36; /* as this kernel's CPUID shows the guest */
	c->linear_width = 48;
}

static _Noreturn void stop(const struct nvmx_error_info *info)
{
	char line[NVMX_DESCRIBE_MAX];

	nvmx_describe_error(line, sizeof(line), info);
	panic(line);
}

/* vmcs01 is current and fully set up. */
void nest_start(struct nvmx_host *h)
{
	struct nvmx_vm_config vm_config = {
		.size = sizeof(vm_config), .caps_size = sizeof(hardware), .ops = &ops, .hw = &hardware, .shadow_ept_pages = SHADOW_PAGES,
	};
	struct nvmx_vcpu_config vcpu_config = {
		.size = sizeof(vcpu_config), .host = h, .vmcs01 = h->vmcs01, .vpid02 = VPID_L2, .msr_bitmap01 = phys_to_virt(h->msr_bitmap),
	};
	struct nvmx_error_info info;

	read_hardware(&hardware);
	if (nvmx_vm_init(vm_memory, sizeof(vm_memory), &vm_config, &vm, &info) ||
	    nvmx_vcpu_init(vcpu_memory, sizeof(vcpu_memory), vm, &vcpu_config, &h->vcpu, &info))
		stop(&info);
}

_Noreturn void nest_run(struct nvmx_host *h)
{
	struct nvmx_error_info info;
	enum nvmx_verdict verdict;

	do {
		bool l2 = nvmx_in_l2(h->vcpu);

		if (vm_enter(&h->regs, l2 ? nvmx_must_launch(h->vcpu) : !h->launched01))
			verdict = nvmx_handle_exit(h->vcpu, &h->regs);
		else if (l2)
			verdict = nvmx_entry_refused(h->vcpu);
		else
			panic("vmcs01 is refused\n");
		h->launched01 |= !l2;
		if (verdict == NVMX_HOST)
			guest_exit(h);
	} while (verdict != NVMX_STOP);
	nvmx_stop_info(h->vcpu, &info);
	stop(&info);
}
