/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The smallest host that the VMX instructions can be tested on: VMCSs and L1's memory are arrays, and what the library must
 * not do (touch a field without a current VMCS, load a region that was never VMCLEARed, leak a page or a mapping) fails
 * the test.  One machine per test; m->v is in L1, in 64-bit mode, with 4-level paging that maps L1's RAM to itself.
 */
#ifndef TEST_MINIHOST_H
#define TEST_MINIHOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "vmx/hold.h"
#include "vmx/instr.h"

#define MINI_RAM 0x400000u
#define MINI_PAGES 48
#define MINI_PAGE_HPA 0x100000000ull
#define MINI_VMCS01 0x200000000ull
#define MINI_REVISION 0x1234u

/* L1's memory map: paging structures, the VMXON region, VMCS regions, an operand. */
#define MINI_PML4 0x1000u
#define MINI_PDPT 0x2000u
#define MINI_PD 0x3000u
#define MINI_PT 0x4000u
#define MINI_VMXON 0x10000u
#define MINI_VMCS12 0x20000u /* and every 4 KiB after it */
#define MINI_OPERAND 0x80000u

struct mini_vmcs {
	uint64_t hpa;
	bool cleared; /* once */
	bool active;
	uint64_t field[NVMX_ROWS];
};

struct nvmx_host {
	uint8_t *ram;
	uint8_t (*page)[4096];
	bool used[MINI_PAGES];
	unsigned pages_left; /* page_alloc fails when it reaches 0 */
	struct mini_vmcs vmcs[MINI_PAGES + 1];
	struct mini_vmcs *current;
	int mapped;
	unsigned loads, vmreads, vmwrites;
	uint64_t cr2;
	unsigned cr2_sets;
	uint16_t flushed_vpid;
	unsigned flushed_scope, flushes;
	uint64_t flushed_linear;
	unsigned injected, injected_vector;
	int pins;
	uint64_t pins_at;	/* where the frames are that are pinned from now on, beside their guest-physical addresses */
	uint64_t rom, rom_end; /* where L1 may only read */
	void (*on_map)(struct nvmx_host *h, uint64_t gpa); /* what another processor of L1 does meanwhile */
};

struct mini {
	struct nvmx_host host;
	struct nvmx_host_ops ops;
	struct nvmx_vm *vm;
	struct nvmx_vcpu *v;
	struct nvmx_regs regs;
	unsigned entries; /* how often nvmx_enter_l2 was reached, and with what */
	bool launch;
	unsigned invepts;
	uint64_t invept_eptp;
	unsigned ranges;
	uint64_t range, range_end;
};

static struct mini *mini_now;

/* The library's own are not linked in unless something else asks for them; these show that they were reached. */
__attribute__((weak)) enum nvmx_verdict nvmx_enter_l2(struct nvmx_vcpu *v, bool launch)
{
	(void)v;
	mini_now->entries++;
	mini_now->launch = launch;
	return NVMX_RESUME_L2;
}

__attribute__((weak)) enum nvmx_verdict nvmx_stop_vm(struct nvmx_vcpu *v, enum nvmx_stop why, uint64_t detail)
{
	if (!v->stop) {
		v->stop = why;
		v->stop_detail = detail;
	}
	nvmx_release(v);
	return NVMX_STOP;
}

__attribute__((weak)) uint64_t nvmx_ept_shadowed(struct nvmx_vcpu *v, uint64_t eptp02)
{
	(void)v;
	return eptp02;
}

__attribute__((weak)) void nvmx_ept_invept_range(struct nvmx_vcpu *v, uint64_t eptp, uint64_t gpa, uint64_t end)
{
	(void)v;
	mini_now->ranges++;
	mini_now->invept_eptp = eptp;
	mini_now->range = gpa;
	mini_now->range_end = end;
}

static void *mini_map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	assert_int_equal(gpa & 0xfff, 0);
	if (gpa >= MINI_RAM || (write && gpa >= h->rom && gpa < h->rom_end))
		return NULL;
	if (h->on_map)
		h->on_map(h, gpa);
	h->mapped++;
	return h->ram + gpa;
}

static void mini_unmap(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)wrote;
	assert_ptr_equal(page, h->ram + gpa);
	h->mapped--;
}

static int mini_pin(struct nvmx_host *h, uint64_t gpa, uint64_t *hpa)
{
	*hpa = gpa + h->pins_at;
	h->pins++;
	return 0;
}

static void mini_unpin(struct nvmx_host *h, uint64_t gpa, uint64_t hpa)
{
	assert_true(hpa == gpa || hpa == gpa + h->pins_at);
	h->pins--;
}

static void *mini_page_alloc(struct nvmx_host *h, uint64_t *hpa)
{
	if (!h->pages_left)
		return NULL;
	for (unsigned i = 0; i < MINI_PAGES; i++) {
		if (h->used[i])
			continue;
		h->pages_left--;
		h->used[i] = true;
		h->vmcs[i] = (struct mini_vmcs){ .hpa = MINI_PAGE_HPA + 4096ull * i };
		memset(h->vmcs[i].field, 0xa5, sizeof(h->vmcs[i].field)); /* a VMCS's data is undefined at first */
		memset(h->page[i], 0, 4096);
		*hpa = h->vmcs[i].hpa;
		return h->page[i];
	}
	return NULL;
}

static void mini_page_free(struct nvmx_host *h, void *page, uint64_t hpa)
{
	unsigned i = (unsigned)((hpa - MINI_PAGE_HPA) / 4096);

	assert_true(i < MINI_PAGES && h->used[i]);
	assert_ptr_equal(page, h->page[i]);
	assert_ptr_not_equal(h->current, &h->vmcs[i]);
	assert_false(h->vmcs[i].active);
	h->used[i] = false;
	h->pages_left++;
}

static struct mini_vmcs *mini_vmcs(struct nvmx_host *h, uint64_t hpa)
{
	if (hpa == MINI_VMCS01)
		return &h->vmcs[MINI_PAGES];
	assert_true(hpa >= MINI_PAGE_HPA && hpa < MINI_PAGE_HPA + 4096ull * MINI_PAGES && !(hpa & 0xfff));
	assert_true(h->used[(hpa - MINI_PAGE_HPA) / 4096]);
	assert_int_equal(*(uint32_t *)h->page[(hpa - MINI_PAGE_HPA) / 4096] & 0x7fffffffu, MINI_REVISION);
	return &h->vmcs[(hpa - MINI_PAGE_HPA) / 4096];
}

static void mini_vmcs_load(struct nvmx_host *h, uint64_t hpa)
{
	h->loads++;
	h->current = mini_vmcs(h, hpa);
	assert_true(h->current->cleared);
	h->current->active = true;
}

static void mini_vmcs_clear(struct nvmx_host *h, uint64_t hpa)
{
	struct mini_vmcs *c = mini_vmcs(h, hpa);

	c->cleared = true;
	c->active = false;
	if (h->current == c)
		h->current = NULL;
}

static void mini_read_many(struct nvmx_host *h, const uint32_t *fields, uint64_t *values, size_t n)
{
	assert_non_null(h->current);
	h->vmreads += (unsigned)n;
	while (n--) {
		int row = nvmx_field_find(fields[n]);

		assert_true(row >= 0);
		values[n] = h->current->field[row];
	}
}

static void mini_write_many(struct nvmx_host *h, const uint32_t *fields, const uint64_t *values, size_t n)
{
	assert_non_null(h->current);
	h->vmwrites += (unsigned)n;
	for (size_t i = 0; i < n; i++) {
		int row = nvmx_field_find(fields[i]);

		assert_true(row >= 0);
		h->current->field[row] = nvmx_field_rows[row].size == 8 ? values[i]
			: values[i] & ((1ull << nvmx_field_rows[row].size * 8) - 1);
	}
}

static void mini_flush_vpid(struct nvmx_host *h, uint16_t vpid, unsigned scope, uint64_t linear)
{
	h->flushes++;
	h->flushed_vpid = vpid;
	h->flushed_scope = scope;
	h->flushed_linear = linear;
}

static void mini_set_cr2(struct nvmx_host *h, uint64_t cr2)
{
	h->cr2 = cr2;
	h->cr2_sets++;
}

static inline void mini_inject(struct nvmx_host *h, unsigned vector, bool has_error, uint32_t error)
{
	(void)has_error;
	(void)error;
	h->injected++;
	h->injected_vector = vector;
}

static inline uint64_t *mini01(struct mini *m, unsigned row)
{
	return &m->host.vmcs[MINI_PAGES].field[row];
}
#define F01(NAME) (*mini01(m, NVMX_I_##NAME))

static inline uint64_t *mini_ram(struct mini *m, uint64_t gpa)
{
	return (uint64_t *)(void *)(m->host.ram + gpa);
}

static inline void mini_cap(struct mini *m, uint32_t msr, uint64_t value)
{
	m->vm->caps.msr[msr - NVMX_CAPS_FIRST_MSR] = value;
}

/* L1's capabilities: everything that decides about an instruction or a field. */
static inline void mini_caps(struct mini *m)
{
	mini_cap(m, NVMX_MSR_VMX_BASIC, NVMX_VMCS12_REVISION | NVMX_BIT64(55));
	mini_cap(m, NVMX_MSR_VMX_PINBASED_CTLS, ~0ull << 32);
	mini_cap(m, NVMX_MSR_VMX_TRUE_PINBASED_CTLS, ~0ull << 32);
	mini_cap(m, NVMX_MSR_VMX_PROCBASED_CTLS, ~0ull << 32);
	mini_cap(m, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, ~0ull << 32);
	mini_cap(m, NVMX_MSR_VMX_PROCBASED_CTLS2, ~0ull << 32);
	mini_cap(m, NVMX_MSR_VMX_TRUE_ENTRY_CTLS, ~0ull << 32);
	mini_cap(m, NVMX_MSR_VMX_TRUE_EXIT_CTLS, ~0ull << 32);
	mini_cap(m, NVMX_MSR_VMX_VMFUNC, 1);
	mini_cap(m, NVMX_MSR_VMX_MISC, 4u << 16);
	mini_cap(m, NVMX_MSR_VMX_CR0_FIXED0, NVMX_CR0_PE | NVMX_CR0_NE | NVMX_CR0_PG);
	mini_cap(m, NVMX_MSR_VMX_CR0_FIXED1, 0xffffffff);
	mini_cap(m, NVMX_MSR_VMX_CR4_FIXED0, NVMX_CR4_VMXE);
	mini_cap(m, NVMX_MSR_VMX_CR4_FIXED1, 0x3fffff);
	mini_cap(m, NVMX_MSR_VMX_EPT_VPID_CAP,
		 NVMX_EPT_WALK4 | NVMX_EPT_UC | NVMX_EPT_WB | NVMX_EPT_INVEPT | NVMX_EPT_INVEPT_SINGLE |
		 NVMX_EPT_INVEPT_ALL | NVMX_EPT_INVVPID | NVMX_EPT_INVVPID_ADDR | NVMX_EPT_INVVPID_SINGLE |
		 NVMX_EPT_INVVPID_ALL | NVMX_EPT_INVVPID_NON_GLOBAL);
	m->vm->caps.maxphyaddr = 40;
	m->vm->caps.linear_width = 48;
	m->vm->caps.feature_control = NVMX_FC_LOCK | NVMX_FC_VMX_OUTSIDE_SMX;
	m->vm->hw = m->vm->caps;
	m->vm->hw.msr[0] = MINI_REVISION | 4096ull << 32 | 6ull << 50 | NVMX_BIT64(55);
	m->vm->hw.efer_valid = NVMX_EFER_SCE | NVMX_EFER_LME | NVMX_EFER_LMA | NVMX_EFER_NXE;
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		if (nvmx_field_exists(&nvmx_field_rows[row], &m->vm->caps))
			nvmx_set_add(&m->vm->rows, row);
}

/* 64-bit code at CPL 0. */
static inline void mini_state01(struct mini *m)
{
	static const unsigned ar[] = { NVMX_I_GUEST_ES_AR, NVMX_I_GUEST_SS_AR, NVMX_I_GUEST_DS_AR, NVMX_I_GUEST_FS_AR,
				       NVMX_I_GUEST_GS_AR };

	memset(&m->host.vmcs[MINI_PAGES], 0, sizeof(m->host.vmcs[0]));
	m->host.vmcs[MINI_PAGES].hpa = MINI_VMCS01;
	m->host.vmcs[MINI_PAGES].cleared = true;
	F01(GUEST_CR0) = NVMX_CR0_PE | NVMX_CR0_NE | NVMX_CR0_WP | NVMX_CR0_PG;
	F01(GUEST_CR4) = NVMX_CR4_PAE | NVMX_CR4_VMXE;
	F01(CR4_MASK) = NVMX_CR4_VMXE;
	F01(CR4_SHADOW) = NVMX_CR4_VMXE;
	F01(GUEST_CR3) = MINI_PML4;
	F01(GUEST_RFLAGS) = 0x202;
	F01(GUEST_RIP) = 0x5000;
	F01(EXIT_INSTR_LEN) = 4;
	F01(PROC_CTLS) = NVMX_PROC_SECONDARY;
	F01(PROC_CTLS2) = NVMX_PROC2_EPT;
	F01(ENTRY_CTLS) = NVMX_ENTRY_IA32E;
	F01(GUEST_CS_AR) = 0xa09b;
	for (unsigned i = 0; i < 5; i++)
		*mini01(m, ar[i]) = 0xc093;
	for (unsigned i = NVMX_I_GUEST_ES_LIMIT; i <= NVMX_I_GUEST_GS_LIMIT; i++)
		*mini01(m, i) = 0xffffffff;
	F01(VMCS_LINK_POINTER) = ~0ull;
	F01(GUEST_EFER) = NVMX_EFER_LME | NVMX_EFER_LMA | NVMX_EFER_NXE;
	*mini_ram(m, MINI_PML4) = MINI_PDPT | 7;
	*mini_ram(m, MINI_PDPT) = MINI_PD | 7;
	for (unsigned i = 0; i < 512; i++)
		*mini_ram(m, MINI_PD + 8 * i) = (uint64_t)i << 21 | 0x83;
}

static inline int mini_setup(void **state)
{
	struct mini *m = calloc(1, sizeof(*m));

	*state = mini_now = m;
	m->host.ram = aligned_alloc(4096, MINI_RAM);
	memset(m->host.ram, 0, MINI_RAM);
	m->host.page = aligned_alloc(4096, 4096 * MINI_PAGES);
	m->host.pages_left = MINI_PAGES;
	m->ops = (struct nvmx_host_ops){
		.map = mini_map, .unmap = mini_unmap, .pin = mini_pin, .unpin = mini_unpin, .page_alloc = mini_page_alloc,
		.page_free = mini_page_free, .vmcs_load = mini_vmcs_load, .vmcs_clear = mini_vmcs_clear,
		.vmcs_read_many = mini_read_many, .vmcs_write_many = mini_write_many, .flush_vpid = mini_flush_vpid,
		.set_cr2 = mini_set_cr2,
	};
	m->vm = aligned_alloc(64, NVMX_VM_SIZE);
	m->v = aligned_alloc(64, NVMX_VCPU_SIZE);
	memset(m->vm, 0, NVMX_VM_SIZE);
	memset(m->v, 0, NVMX_VCPU_SIZE);
	m->vm->ops = m->v->ops = &m->ops;
	m->v->vm = m->vm;
	m->v->host = &m->host;
	m->v->vmxon_ptr = NVMX_NO_ADDR;
	m->v->feature_control = NVMX_FC_LOCK | NVMX_FC_VMX_OUTSIDE_SMX;
	m->v->config.vmcs01 = MINI_VMCS01;
	m->v->config.vpid02 = 77;
	m->v->loaded = MINI_VMCS01;
	mini_caps(m);
	nvmx_edges_derive(nvmx_edges, nvmx_edge_count, &m->vm->steps);
	nvmx_not_by_l1(m->v);
	nvmx_slots_init(m->v);
	mini_state01(m);
	m->v->vmcs01.ctl[NVMX_WORD_PROC] = NVMX_PROC_SECONDARY; /* as nvmx_vmcs01_read() would */
	m->v->vmcs01.ctl[NVMX_WORD_PROC2] = NVMX_PROC2_EPT;
	m->v->vmcs01.ctl[NVMX_WORD_ENTRY] = (uint32_t)*mini01(m, NVMX_I_ENTRY_CTLS);
	m->v->vmcs01.cr4_mask = NVMX_CR4_VMXE;
	m->host.current = mini_vmcs(&m->host, MINI_VMCS01);
	return 0;
}

static inline int mini_teardown(void **state)
{
	struct mini *m = *state;

	nvmx_slots_destroy(m->v);
	assert_int_equal(m->host.mapped, 0);
	assert_int_equal(m->host.pins, 0);
	assert_int_equal(m->host.pages_left, MINI_PAGES);
	free(m->host.ram);
	free(m->host.page);
	free(m->vm);
	free(m->v);
	free(m);
	return 0;
}
#define MINI_TEST(f) cmocka_unit_test_setup_teardown(f, mini_setup, mini_teardown)

/* Instruction information: [RAX] in DS with 64-bit addresses, register 2 as given. */
#define INFO_MEM(reg2) (2u << 7 | 3u << 15 | NVMX_BIT(22) | (uint32_t)(reg2) << 28)
#define INFO_REG(reg1, reg2) (NVMX_BIT(10) | (uint32_t)(reg1) << 3 | (uint32_t)(reg2) << 28)
enum { RAX, RCX, RDX, RBX, RSP, RBP };

static inline enum nvmx_verdict mini_exec(struct mini *m, uint32_t reason)
{
	enum nvmx_verdict verdict;

	switch (reason) {
	case NVMX_XR_VMREAD:
	case NVMX_XR_VMWRITE:
	case NVMX_XR_VMLAUNCH:
	case NVMX_XR_VMRESUME:
		verdict = nvmx_frequent_instr(m->v, &m->regs, reason);
		break;
	default:
		verdict = nvmx_other_instr(m->v, &m->regs, reason);
	}
	nvmx_vmwrite_flush(m->v);
	return verdict;
}

/* Executes `reason` with the 64-bit memory operand `pointer`. */
static inline enum nvmx_verdict mini_exec_pointer(struct mini *m, uint32_t reason, uint64_t pointer)
{
	F01(EXIT_INSTR_INFO) = INFO_MEM(0);
	m->regs.gpr[RAX] = MINI_OPERAND;
	*mini_ram(m, MINI_OPERAND) = pointer;
	return mini_exec(m, reason);
}

static inline void mini_ended(struct mini *m, enum nvmx_verdict verdict, uint64_t status)
{
	assert_int_equal(verdict, NVMX_RESUME_L1);
	assert_int_equal(F01(ENTRY_INTR_INFO), 0);
	assert_int_equal(F01(GUEST_RFLAGS) & 0x8d5, status);
	assert_int_equal(F01(GUEST_RIP), 0x5004);
	assert_ptr_equal(m->host.current, &m->host.vmcs[MINI_PAGES]);
	F01(GUEST_RIP) = 0x5000;
}

static inline void mini_succeeded(struct mini *m, enum nvmx_verdict verdict)
{
	mini_ended(m, verdict, 0);
}

static inline void mini_failed_invalid(struct mini *m, enum nvmx_verdict verdict)
{
	mini_ended(m, verdict, NVMX_RFLAGS_CF);
}

static inline void mini_failed(struct mini *m, enum nvmx_verdict verdict, uint32_t error)
{
	mini_ended(m, verdict, NVMX_RFLAGS_ZF);
	assert_int_equal(m->v->cur->v12->vm_instr_error, error);
	m->v->cur->v12->vm_instr_error = 0;
}

/* An exception was raised, with the error code unless that is -1; nothing else of vmcs01 changed but RF. */
static inline void mini_faulted(struct mini *m, enum nvmx_verdict verdict, unsigned vector, int64_t error)
{
	assert_int_equal(verdict, NVMX_RESUME_L1);
	assert_int_equal(F01(ENTRY_INTR_INFO), 0x80000300u | vector | (error < 0 ? 0 : NVMX_INTR_DELIVER_EC));
	if (error >= 0)
		assert_int_equal(F01(ENTRY_EXC_ERROR_CODE), error);
	assert_int_equal(F01(GUEST_RIP), 0x5000);
	assert_ptr_equal(m->host.current, &m->host.vmcs[MINI_PAGES]);
	F01(ENTRY_INTR_INFO) = 0;
	F01(GUEST_RFLAGS) &= ~NVMX_RFLAGS_RF;
}

static inline void mini_vmcs_region(struct mini *m, uint64_t gpa, uint32_t revision)
{
	memset(m->host.ram + gpa, 0, 4096);
	*(uint32_t *)(void *)(m->host.ram + gpa) = revision;
}

/*
 * For programs that enter L2: vmcs02 right after a VM entry of L1's, and current, is as one that is made from nothing.  What nobody
 * writes there stays poisoned meanwhile, and has its value again after.
 */
static inline void mini_check_rebuilt(struct mini *m)
{
	struct nvmx_slot *s = m->v->cur;
	struct nvmx_check_input in = { .v12 = s->v12, .caps = &m->vm->caps, .current_vmcs = s->gpa };
	uint64_t before[NVMX_ROWS], poison, *now = m->host.current->field;
	uint16_t vpid = s->vpid02;

	nvmx_gather_facts(m->v, s->v12, &in);
	nvmx_slot_anew(m->v, s);
	memcpy(before, now, sizeof(before));
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		now[row] = 0x5a5a5a5a5a5a5a5aull >> (64 - nvmx_field_rows[row].size * 8);
	assert_true(nvmx_load_vmcs02(m->v, s, &in));
	nvmx_vmwrite_flush(m->v);
	s->vpid02 = vpid;
	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		poison = 0x5a5a5a5a5a5a5a5aull >> (64 - nvmx_field_rows[row].size * 8);
		if (now[row] == poison)
			now[row] = before[row];
		else if (now[row] != before[row])
			fail_msg("vmcs02: %s is %#llx, made from nothing %#llx", nvmx_field_rows[row].name,
				 (unsigned long long)before[row], (unsigned long long)now[row]);
	}
}

/* VMXON, and with `vmcs` VMPTRLD of MINI_VMCS12. */
static inline void mini_enter_vmx(struct mini *m, bool vmcs)
{
	mini_vmcs_region(m, MINI_VMXON, NVMX_VMCS12_REVISION);
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON));
	assert_int_equal(m->v->vmxon_ptr, MINI_VMXON);
	if (!vmcs)
		return;
	mini_vmcs_region(m, MINI_VMCS12, NVMX_VMCS12_REVISION);
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12));
	assert_int_equal(m->v->cur->gpa, MINI_VMCS12);
}

#endif
