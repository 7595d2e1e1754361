/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* vmcs01 and the host's EPT, as any host would have set them up. */
#include <string.h>
#include "host.h"
#include "vmcs/vmcs.h"

static void put(struct nvmx_host *h, uint64_t at, uint64_t value)
{
	memcpy(fake_at(&h->mem, at), &value, 8);
}

static void add(struct nvmx_host *h, uint32_t field, uint64_t bits)
{
	fake_field_set(&h->cpu, field, fake_field(&h->cpu, field) | bits);
}

/* L1's own local APIC: a table with one descriptor, in which nothing ever is posted. */
static void virtual_ipis(struct nvmx_host *h)
{
	uint64_t table = fake_host_frame(h, FAKE_OF_HOST);

	put(h, table, fake_host_frame(h, FAKE_OF_HOST) | 1);
	add(h, NVMX_PROC_CTLS, NVMX_PROC_TERTIARY | NVMX_PROC_TPR_SHADOW);
	fake_field_set(&h->cpu, NVMX_PROC_CTLS3, NVMX_PROC3_IPI_VIRT);
	fake_field_set(&h->cpu, NVMX_PID_POINTER_TABLE, table);
	fake_field_set(&h->cpu, NVMX_VIRTUAL_APIC_ADDR, fake_host_frame(h, FAKE_OF_HOST));
}

/* What a host of the machine's kind does beside. */
static void controls(struct nvmx_host *h)
{
	bool owns = h->m->flags & NVMX_HOST_OWNS_INTERRUPTS;
	uint32_t pin = (owns ? NVMX_PIN_EXT_INT | NVMX_PIN_NMI | NVMX_PIN_VNMI : 0) |
		       (h->m->flags & NVMX_HOST_OWNS_TIMER ? NVMX_PIN_PREEMPTION_TIMER : 0);

	fake_write_controls(&h->cpu, h->eptp01);
	add(h, NVMX_PIN_CTLS, pin);
	add(h, NVMX_PROC_CTLS, NVMX_PROC_TSC_OFFSET | (h->m->intercept_all_msrs ? 0 : NVMX_PROC_MSR_BITMAPS));
	add(h, NVMX_EXIT_CTLS, owns ? NVMX_EXIT_ACK_INT : 0);
	if (h->m->no_vpid) {
		fake_field_set(&h->cpu, NVMX_PROC_CTLS2, fake_proc2(&h->cpu) & ~NVMX_PROC2_VPID);
		fake_field_set(&h->cpu, NVMX_VPID, 0);
	}
	if (h->m->protection) {
		add(h, NVMX_ENTRY_CTLS, FAKE_PROTECTION_ENTRY);
		add(h, NVMX_EXIT_CTLS, FAKE_PROTECTION_EXIT);
	}
	if (h->m->limits) {
		add(h, NVMX_PROC_CTLS2, NVMX_PROC2_BUS_LOCK | NVMX_PROC2_NOTIFY);
		fake_field_set(&h->cpu, NVMX_INSTR_TIMEOUT, 1000);
	}
	if (h->m->ipis)
		virtual_ipis(h);
	if (h->m->intercepts) {
		fake_field_set(&h->cpu, NVMX_EXCEPTION_BITMAP, ~0u ^ NVMX_BIT(NVMX_VECTOR_MC));
		add(h, NVMX_PROC_CTLS, NVMX_PROC_HLT | NVMX_PROC_INVLPG | NVMX_PROC_MWAIT | NVMX_PROC_RDPMC | NVMX_PROC_MONITOR |
				       NVMX_PROC_PAUSE);
		add(h, NVMX_PROC_CTLS2, NVMX_PROC2_WBINVD | NVMX_PROC2_RDRAND | NVMX_PROC2_RDSEED);
	}
	fake_field_set(&h->cpu, NVMX_TSC_OFFSET, 0x1000);
	fake_field_set(&h->cpu, NVMX_PREEMPTION_TIMER, FAKE_OWN_TIMER_NEVER);
	add(h, NVMX_CR0_MASK, h->m->cr0_mask | (h->m->owns_cr ? FAKE_OWN_CR0 : 0));
	add(h, NVMX_CR4_MASK, h->m->owns_cr ? FAKE_OWN_CR4 : 0);
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
	h->eptp01 = fake_new_ept(&h->cpu);
	fake_watch_anew(h);
	controls(h);
	msr_bitmap(h);
	fake_write_host(&h->cpu);
	fake_write_guest(&h->cpu);
	if (h->m->owns_cr)
		fake_field_set(&h->cpu, NVMX_GUEST_CR4, fake_field(&h->cpu, NVMX_GUEST_CR4) | NVMX_CR4_MCE);
}

void fake_reset_vmcs01(struct nvmx_host *h)
{
	FAKE_ASSERT(h->cpu.vmcs == h->vmcs01);
	for (unsigned i = 0; i < NVMX_ROWS; i++)
		fake_field_set(&h->cpu, nvmx_field_rows[i].encoding, 0);
	h->launched01 = fake_launched(&h->mem, h->vmcs01);
	set_up(h);
	fake_field_set(&h->cpu, NVMX_HOST_RIP, fake_field(&h->cpu, NVMX_HOST_RIP) + 0x1000);
}

void fake_setup_vmcs01(struct nvmx_host *h)
{
	struct fake_cpu *c = &h->cpu;
	FAKE_ASSERT(fake_vmxon(c, fake_host_own(h, fake_new_region(c))) == FAKE_VM_SUCCEED);
	h->vmcs01 = fake_host_own(h, fake_new_region(c));
	FAKE_ASSERT(fake_vmclear(c, h->vmcs01) == FAKE_VM_SUCCEED && fake_vmptrld(c, h->vmcs01) == FAKE_VM_SUCCEED);
	set_up(h);
}
