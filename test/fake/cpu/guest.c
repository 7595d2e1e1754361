/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What a run begins with: vmcs01 and the host's EPT, as any host would set them up; L1 on the processor itself. */
#include <string.h>
#include "cpu.h"

static uint64_t page(struct fake_cpu *c)
{
	uint64_t hpa = fake_host_page(c->mem);

	FAKE_ASSERT(hpa && "there is a host page for the EPT");
	return hpa;
}

uint64_t fake_new_ept(struct fake_cpu *c)
{
	uint64_t table[4];

	for (unsigned i = 0; i < 4; i++)
		table[i] = page(c);
	for (unsigned i = 0; i < 3; i++)
		fake_phys_write(c, table[i], table[i + 1] | 7, 8);
	for (unsigned i = 0; i < FAKE_RAM_FRAMES; i++)
		fake_phys_write(c, table[3] + i * 8, fake_ram_hpa(c->mem, i * FAKE_PAGE) | 0x37, 8);
	return table[0] | 0x1e;
}

static void write_control(struct fake_cpu *c, uint32_t field, uint32_t msr, uint32_t bits)
{
	fake_field_set(c, field, bits | nvmx_caps_must(c->caps, msr));
}

void fake_write_controls(struct fake_cpu *c, uint64_t eptp)
{
	write_control(c, NVMX_PIN_CTLS, NVMX_MSR_VMX_TRUE_PINBASED_CTLS, 0);
	write_control(c, NVMX_PROC_CTLS, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, NVMX_PROC_SECONDARY);
	fake_field_set(c, NVMX_PROC_CTLS2, NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED | NVMX_PROC2_RDTSCP | NVMX_PROC2_INVPCID |
					   NVMX_PROC2_XSAVES | NVMX_PROC2_VPID);
	write_control(c, NVMX_EXIT_CTLS, NVMX_MSR_VMX_TRUE_EXIT_CTLS, NVMX_EXIT_SAVE_DEBUG | NVMX_EXIT_HOST_64 |
		      NVMX_EXIT_SAVE_PAT | NVMX_EXIT_LOAD_PAT | NVMX_EXIT_SAVE_EFER | NVMX_EXIT_LOAD_EFER);
	write_control(c, NVMX_ENTRY_CTLS, NVMX_MSR_VMX_TRUE_ENTRY_CTLS, NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_IA32E |
		      NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_EFER);
	fake_field_set(c, NVMX_EPT_POINTER, eptp);
	fake_field_set(c, NVMX_VPID, 1);
	fake_field_set(c, NVMX_VMCS_LINK_POINTER, FAKE_NONE);
	fake_field_set(c, NVMX_CR0_MASK, NVMX_CR0_NE);
	fake_field_set(c, NVMX_CR4_MASK, NVMX_CR4_VMXE);
}

void fake_write_host(struct fake_cpu *c)
{
	fake_field_set(c, NVMX_HOST_CR0, 0x80010033);
	fake_field_set(c, NVMX_HOST_CR3, 0x7000000);
	fake_field_set(c, NVMX_HOST_CR4, NVMX_CR4_PAE | NVMX_CR4_VMXE);
	fake_field_set(c, NVMX_HOST_CS_SEL, 0x18);
	fake_field_set(c, NVMX_HOST_SS_SEL, 0x20);
	fake_field_set(c, NVMX_HOST_TR_SEL, 0x48);
	fake_field_set(c, NVMX_HOST_RIP, 0xffff800000001000);
	fake_field_set(c, NVMX_HOST_RSP, 0xffff800000002000);
	fake_field_set(c, NVMX_HOST_EFER, NVMX_EFER_LME | NVMX_EFER_LMA | NVMX_EFER_SCE | NVMX_EFER_NXE);
	fake_field_set(c, NVMX_HOST_PAT, 0x0606060606060606);
	fake_field_set(c, NVMX_HOST_SYSENTER_CS, 0x77);
	for (unsigned i = 0; i < FAKE_PROTECTIONS; i++) /* seen in no guest */
		if (fake_has(c, &fake_protections[i]) && fake_protections[i].host)
			fake_field_set(c, fake_protections[i].host, 0x7000 + 8 * i);
}

void fake_write_guest(struct fake_cpu *c)
{
	const struct fake_arch *a = &c->a;

	for (unsigned i = 0; i < 8; i++) {
		fake_field_set(c, NVMX_GUEST_ES_SEL + 2 * i, a->seg[i].sel);
		fake_field_set(c, NVMX_GUEST_ES_LIMIT + 2 * i, a->seg[i].limit);
		fake_field_set(c, NVMX_GUEST_ES_AR + 2 * i, a->seg[i].ar);
		fake_field_set(c, NVMX_GUEST_ES_BASE + 2 * i, a->seg[i].base);
	}
	fake_field_set(c, NVMX_GUEST_CR0, a->cr0);
	fake_field_set(c, NVMX_CR0_SHADOW, a->cr0);
	fake_field_set(c, NVMX_GUEST_CR3, a->cr3);
	fake_field_set(c, NVMX_GUEST_CR4, a->cr4 | NVMX_CR4_VMXE);
	fake_field_set(c, NVMX_CR4_SHADOW, a->cr4);
	fake_field_set(c, NVMX_GUEST_EFER, a->efer);
	fake_field_set(c, NVMX_GUEST_PAT, a->pat);
	fake_field_set(c, NVMX_GUEST_DR7, a->dr7);
	fake_field_set(c, NVMX_GUEST_RIP, a->rip);
	fake_field_set(c, NVMX_GUEST_RSP, a->gpr[4]);
	fake_field_set(c, NVMX_GUEST_RFLAGS, a->rflags);
	fake_field_set(c, NVMX_GUEST_GDTR_BASE, a->gdtr_base);
	fake_field_set(c, NVMX_GUEST_GDTR_LIMIT, a->gdtr_limit);
	fake_field_set(c, NVMX_GUEST_IDTR_BASE, a->idtr_base);
	fake_field_set(c, NVMX_GUEST_IDTR_LIMIT, a->idtr_limit);
}

void fake_setup(struct fake_cpu *c, struct fake_mem *m, uint64_t ram_base, const struct nvmx_caps *caps, const struct fake_code *code,
		size_t codes, struct fake_trace *trace)
{
	fake_mem_init(m, ram_base);
	fake_memory_image(m->ram);
	fake_cpu_init(c, caps, m, trace);
	fake_l1_state(&c->a);
	c->code = code;
	c->codes = codes;
}

uint64_t fake_native(struct fake_cpu *c)
{
	uint64_t vmxon = fake_new_region(c), vmcs = fake_new_region(c);

	c->native = true;
	FAKE_ASSERT(fake_vmxon(c, vmxon) == FAKE_VM_SUCCEED && "there is a host page for VMXON");
	FAKE_ASSERT(fake_vmclear(c, vmcs) == FAKE_VM_SUCCEED && fake_vmptrld(c, vmcs) == FAKE_VM_SUCCEED);
	fake_write_guest(c);
	fake_write_host(c);
	fake_write_controls(c, fake_new_ept(c));
	return vmcs;
}

enum fake_stop fake_run_alone(const struct nvmx_caps *caps, const struct fake_code *code, size_t codes, struct fake_trace *trace)
{
	struct fake_cpu c;
	struct fake_mem m;

	fake_setup(&c, &m, 0, caps, code, codes, trace);
	fake_run(&c);
	fake_mem_free(&m);
	return c.stop;
}
