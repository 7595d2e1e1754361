/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* vmcs01 and the host's EPT, as any host would have set them up. */
#include <string.h>
#include "host.h"

static void put(struct nvmx_host *h, uint64_t at, uint64_t value)
{
	memcpy(fake_at(&h->mem, at), &value, 8);
}

/* Guest RAM in 4-KiB pages, nothing else. */
static uint64_t make_ept(struct nvmx_host *h)
{
	uint64_t table[4];

	for (unsigned i = 0; i < 4; i++)
		table[i] = fake_host_frame(h, FAKE_OF_HOST);
	for (unsigned i = 0; i < 3; i++)
		put(h, table[i], table[i + 1] | 7);
	for (unsigned i = 0; i < FAKE_RAM_FRAMES; i++)
		put(h, table[3] + i * 8, fake_ram_hpa(&h->mem, i * FAKE_PAGE) | 0x37);
	return table[0] | 0x1e;
}

static void controls(struct nvmx_host *h)
{
	struct fake_cpu *c = &h->cpu;
	bool owns = h->m->flags & NVMX_HOST_OWNS_INTERRUPTS;
	uint32_t pin = (owns ? NVMX_PIN_EXT_INT | NVMX_PIN_NMI | NVMX_PIN_VNMI : 0) |
		       (h->m->flags & NVMX_HOST_OWNS_TIMER ? NVMX_PIN_PREEMPTION_TIMER : 0);
	uint32_t proc = NVMX_PROC_SECONDARY | NVMX_PROC_TSC_OFFSET | (h->m->intercept_all_msrs ? 0 : NVMX_PROC_MSR_BITMAPS);
	uint32_t proc2 = NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED | NVMX_PROC2_RDTSCP | NVMX_PROC2_INVPCID |
			 NVMX_PROC2_XSAVES | (h->m->no_vpid ? 0 : NVMX_PROC2_VPID);
	uint32_t exit = NVMX_EXIT_SAVE_DEBUG | NVMX_EXIT_HOST_64 | NVMX_EXIT_SAVE_PAT | NVMX_EXIT_LOAD_PAT |
			NVMX_EXIT_SAVE_EFER | NVMX_EXIT_LOAD_EFER | (owns ? NVMX_EXIT_ACK_INT : 0);
	uint32_t entry = NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_IA32E | NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_EFER;

	if (h->m->protection) {
		entry |= FAKE_PROTECTION_ENTRY;
		exit |= FAKE_PROTECTION_EXIT;
	}
	fake_field_set(c, NVMX_PIN_CTLS, pin | nvmx_caps_must(&h->hw, NVMX_MSR_VMX_TRUE_PINBASED_CTLS));
	fake_field_set(c, NVMX_PROC_CTLS, proc | nvmx_caps_must(&h->hw, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS));
	fake_field_set(c, NVMX_PROC_CTLS2, proc2);
	fake_field_set(c, NVMX_EXIT_CTLS, exit | nvmx_caps_must(&h->hw, NVMX_MSR_VMX_TRUE_EXIT_CTLS));
	fake_field_set(c, NVMX_ENTRY_CTLS, entry | nvmx_caps_must(&h->hw, NVMX_MSR_VMX_TRUE_ENTRY_CTLS));
	fake_field_set(c, NVMX_EPT_POINTER, h->eptp01);
	fake_field_set(c, NVMX_VPID, h->m->no_vpid ? 0 : 1);
	fake_field_set(c, NVMX_TSC_OFFSET, 0x1000);
	fake_field_set(c, NVMX_PREEMPTION_TIMER, FAKE_OWN_TIMER_NEVER);
	fake_field_set(c, NVMX_VMCS_LINK_POINTER, FAKE_NONE);
	fake_field_set(c, NVMX_CR0_MASK, NVMX_CR0_NE | h->m->cr0_mask | (h->m->owns_cr ? FAKE_OWN_CR0 : 0));
	fake_field_set(c, NVMX_CR4_MASK, NVMX_CR4_VMXE | (h->m->owns_cr ? FAKE_OWN_CR4 : 0));
}

static void msr_bitmap(struct nvmx_host *h)
{
	uint64_t page = fake_host_frame(h, FAKE_OF_HOST);

	memset(h->msr_bitmap, 0, sizeof(h->msr_bitmap));
	for (uint32_t msr = NVMX_CAPS_FIRST_MSR; msr < NVMX_CAPS_FIRST_MSR + 32; msr++) {
		h->msr_bitmap[msr / 8] |= (uint8_t)(1u << msr % 8);
		h->msr_bitmap[2048 + msr / 8] |= (uint8_t)(1u << msr % 8);
	}
	h->msr_bitmap[NVMX_MSR_FEATURE_CONTROL / 8] |= 1u << NVMX_MSR_FEATURE_CONTROL % 8;
	h->msr_bitmap[2048 + NVMX_MSR_FEATURE_CONTROL / 8] |= 1u << NVMX_MSR_FEATURE_CONTROL % 8;
	memcpy(fake_at(&h->mem, page), h->msr_bitmap, FAKE_PAGE);
	fake_field_set(&h->cpu, NVMX_MSR_BITMAP, page);
}

static void host_state(struct fake_cpu *c)
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

static void guest_state(struct fake_cpu *c, const struct fake_arch *a)
{
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

/* VM-entry load and VM-exit store: the guests' values.  VM-exit load, in the same page: the host's, which no guest may see. */
static const uint32_t area_msrs[] = { 0xc0000081, 0xc0000082, 0xc0000084, 0xc0000102 }; /* STAR, LSTAR, FMASK, KERNEL_GS_BASE */
#define AREA_MSRS (sizeof(area_msrs) / sizeof(*area_msrs))
#define AREA_HOST 2048u

static void msr_areas(struct nvmx_host *h)
{
	struct fake_cpu *c = &h->cpu;

	h->msr_area = fake_host_frame(h, FAKE_OF_HOST);
	for (unsigned i = 0; i < AREA_MSRS; i++) {
		uint64_t value;

		FAKE_ASSERT(fake_rdmsr(c, area_msrs[i], &value));
		put(h, h->msr_area + 16 * i, area_msrs[i]);
		put(h, h->msr_area + 16 * i + 8, value);
		put(h, h->msr_area + AREA_HOST + 16 * i, area_msrs[i]);
		put(h, h->msr_area + AREA_HOST + 16 * i + 8, 0x7777000 + i);
		FAKE_ASSERT(fake_wrmsr(c, area_msrs[i], 0x7777000 + i));
	}
	fake_field_set(c, NVMX_ENTRY_MSR_LOAD_ADDR, h->msr_area);
	fake_field_set(c, NVMX_EXIT_MSR_STORE_ADDR, h->msr_area);
	fake_field_set(c, NVMX_EXIT_MSR_LOAD_ADDR, h->msr_area + AREA_HOST);
	fake_field_set(c, NVMX_ENTRY_MSR_LOAD_COUNT, AREA_MSRS);
	fake_field_set(c, NVMX_EXIT_MSR_STORE_COUNT, AREA_MSRS);
	fake_field_set(c, NVMX_EXIT_MSR_LOAD_COUNT, AREA_MSRS);
}

uint64_t *fake_area_msr(struct nvmx_host *h, uint32_t msr)
{
	for (unsigned i = 0; h->msr_area && i < AREA_MSRS; i++)
		if (area_msrs[i] == msr)
			return fake_at(&h->mem, h->msr_area + 16 * i + 8);
	return NULL;
}

static void set_up(struct nvmx_host *h)
{
	if (h->m->msr_areas)
		msr_areas(h);
	h->eptp01 = make_ept(h);
	controls(h);
	msr_bitmap(h);
	host_state(&h->cpu);
	guest_state(&h->cpu, &h->cpu.a);
	if (h->m->owns_cr)
		fake_field_set(&h->cpu, NVMX_GUEST_CR4, fake_field(&h->cpu, NVMX_GUEST_CR4) | NVMX_CR4_MCE);
}

void fake_reset_vmcs01(struct nvmx_host *h)
{
	struct fake_region *r = fake_at(&h->mem, h->vmcs01);

	FAKE_ASSERT(h->cpu.vmcs == h->vmcs01);
	memset(r->value, 0, sizeof(r->value));
	h->launched01 = r->launched;
	set_up(h);
	fake_field_set(&h->cpu, NVMX_HOST_RIP, fake_field(&h->cpu, NVMX_HOST_RIP) + 0x1000);
}

void fake_setup_vmcs01(struct nvmx_host *h)
{
	struct fake_cpu *c = &h->cpu;
	uint64_t vmxon = fake_host_frame(h, FAKE_OF_HOST);
	uint32_t revision = (uint32_t)nvmx_caps_get(&h->hw, NVMX_MSR_VMX_BASIC);

	memcpy(fake_at(&h->mem, vmxon), &revision, 4);
	FAKE_ASSERT(fake_vmxon(c, vmxon) == FAKE_VM_SUCCEED);
	h->vmcs01 = fake_host_frame(h, FAKE_OF_HOST);
	memcpy(fake_at(&h->mem, h->vmcs01), &revision, 4);
	FAKE_ASSERT(fake_vmclear(c, h->vmcs01) == FAKE_VM_SUCCEED && fake_vmptrld(c, h->vmcs01) == FAKE_VM_SUCCEED);
	set_up(h);
}
