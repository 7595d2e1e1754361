/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What nvmx_vcpu_init() refuses of its arguments, and of vmcs01. */
#include "../ept/ept.h"
#include "../mem.h"
#include "port.h"
#include "refuse.h"
#include <nestvmx/checked.h>

#define DEBUGCTL_BITS 0xffffull /* SDM 17.4.1 */

static int refuse_memory(const void *mem, size_t size, const struct nvmx_vm *vm, const struct nvmx_vcpu_config *config,
			 struct nvmx_vcpu **out, struct nvmx_error_info *info)
{
	if (!mem)
		return nvmx_refuse(info, NVMX_REFUSED_VCPU_MEM_NULL, 0, NVMX_VCPU_SIZE);
	if ((uintptr_t)mem % 64)
		return nvmx_refuse(info, NVMX_REFUSED_VCPU_MEM_ALIGN, (uintptr_t)mem, 64);
	if (size < sizeof(struct nvmx_vcpu))
		return nvmx_refuse(info, NVMX_REFUSED_VCPU_MEM_SIZE, size, NVMX_VCPU_SIZE);
	if (!vm || (uintptr_t)vm % 64 || vm->magic != NVMX_VM_MAGIC)
		return nvmx_refuse(info, NVMX_REFUSED_VCPU_VM, (uintptr_t)vm, 0);
	if (!out)
		return nvmx_refuse(info, NVMX_REFUSED_VCPU_OUT_NULL, 0, 0);
	if (!config)
		return nvmx_refuse(info, NVMX_REFUSED_VCPU_CONFIG_NULL, 0, 0);
	if (!nvmx_fair_size(config->size, sizeof(*config)))
		return nvmx_refuse(info, NVMX_REFUSED_VCPU_CONFIG_SIZE, config->size, sizeof(*config));
	return NVMX_OK;
}

static int refuse_overlaps(const void *mem, size_t size, struct nvmx_vm *vm, const struct nvmx_vcpu_config *config,
			   struct nvmx_vcpu **out, struct nvmx_error_info *info)
{
	const struct nvmx_vcpu *other = nvmx_ept_vcpu_in(vm, mem, size);
	const struct nvmx_block block = { "mem", mem, size }, others[] = {
		{ "vm", vm, sizeof(*vm) }, { "config", config, config->size }, { "out", out, sizeof(void *) },
		{ "a vCPU of the VM", other, sizeof(*other) },
	};

	return nvmx_refuse_overlap(info, NVMX_REFUSED_VCPU_MEM_OVERLAP, &block, others, sizeof(others) / sizeof(*others));
}

/* How many VPIDs a configuration gives to L2s. */
static uint32_t vpids(const struct nvmx_vcpu_config *c)
{
	if (!c->vpid02)
		return 0;
	return c->vpid02_n > NVMX_VPIDS ? NVMX_VPIDS : c->vpid02_n ? c->vpid02_n : 1;
}

/* The checked table's ops take their host for a ledger, whose first member is its size. */
static bool is_ledger(const struct nvmx_host *host)
{
	const struct nvmx_ledger *l = (const struct nvmx_ledger *)(const void *)host;

	return l->size == sizeof(*l) && l->table.abi & NVMX_ABI_CHECKED;
}

static int refuse_values(const struct nvmx_vm *vm, const struct nvmx_vcpu_config *c, struct nvmx_error_info *info)
{
	uint64_t last = ((1ull << vm->hw.maxphyaddr) - 1) & ~0xfffull, cr4 = nvmx_caps_get(&vm->hw, NVMX_MSR_VMX_CR4_FIXED1);
	uint32_t end = c->vpid02 + vpids(c);

	if (!c->host)
		return nvmx_refuse(info, NVMX_REFUSED_HOST_NULL, 0, 0);
	if (vm->ops->abi & NVMX_ABI_CHECKED && !is_ledger(c->host))
		return nvmx_refuse(info, NVMX_REFUSED_HOST_NO_LEDGER, (uintptr_t)c->host, 0);
	if (!c->vmcs01 || c->vmcs01 % 4096 || c->vmcs01 > last)
		return nvmx_refuse(info, NVMX_REFUSED_VMCS01_ADDRESS, c->vmcs01, last);
	if (end > 0x10000)
		return nvmx_refuse(info, NVMX_REFUSED_VPID02_RANGE, end - 1, 0xffff);
	if (c->vpid02_n && !c->vpid02)
		return nvmx_refuse(info, NVMX_REFUSED_VPID02_N_ALONE, c->vpid02_n, 0);
	if (c->io_passthrough && c->io_bitmap01)
		return nvmx_refuse(info, NVMX_REFUSED_IO_BOTH, (uintptr_t)c->io_bitmap01, 0);
	if (c->cr4_kept & c->cr4_hidden)
		return nvmx_refuse(info, NVMX_REFUSED_CR4_CONTRADICTS, c->cr4_kept & c->cr4_hidden, 0);
	if (c->cr4_kept & ~cr4)
		return nvmx_refuse(info, NVMX_REFUSED_CR4_KEPT, c->cr4_kept & ~cr4, cr4);
	if (c->debugctl_hidden & ~DEBUGCTL_BITS)
		return nvmx_refuse(info, NVMX_REFUSED_DEBUGCTL_HIDDEN, c->debugctl_hidden, DEBUGCTL_BITS);
	return NVMX_OK;
}

int nvmx_refuse_vcpu(const void *mem, size_t size, struct nvmx_vm *vm, const struct nvmx_vcpu_config *config,
		     struct nvmx_vcpu **out, struct nvmx_vcpu_config *c, struct nvmx_error_info *info)
{
	int error = refuse_memory(mem, size, vm, config, out, info);

	if (!error)
		error = refuse_overlaps(mem, size, vm, config, out, info);
	if (error)
		return error;
	*c = (struct nvmx_vcpu_config){ 0 };
	nvmx_memcpy(c, config, config->size);
	return refuse_values(vm, c, info);
}

enum when { ALWAYS, COPIED, OWNED, POSTED };

static const struct row {
	uint16_t rule;
	uint8_t word, when;
	uint32_t ones;
} rows[] = {
#define WORD_PIN_CTLS NVMX_WORD_PIN
#define WORD_PROC_CTLS NVMX_WORD_PROC
#define WORD_PROC_CTLS2 NVMX_WORD_PROC2
#define WORD_EXIT_CTLS NVMX_WORD_EXIT
#define WORD_ENTRY_CTLS NVMX_WORD_ENTRY
#define NVMX_V(number, NAME, FIELD, ones, when, why) { number, WORD_##FIELD, when, ones },
#include <nestvmx/vmcs01.def>
};

static bool applies(const struct nvmx_vcpu *v, const struct row *r)
{
	switch (r->when) {
	case COPIED: return !v->ops->make_vmcs02; /* else its contract is in <nestvmx/host.h> */
	case OWNED: return v->vm->flags & NVMX_HOST_OWNS_INTERRUPTS;
	case POSTED: return v->vm->posted_vector02;
	default: return true;
	}
}

static const uint32_t capability_of_word[NVMX_WORDS] = {
	NVMX_MSR_VMX_TRUE_PINBASED_CTLS, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, NVMX_MSR_VMX_PROCBASED_CTLS2,
	NVMX_MSR_VMX_TRUE_EXIT_CTLS, NVMX_MSR_VMX_TRUE_ENTRY_CTLS,
};

/* The controls of a word of vmcs01 that the host has on by choice: what the processor forces to 1, vmcs02 has, too. */
static uint64_t chosen01(const struct nvmx_vcpu *v, unsigned w)
{
	return w < NVMX_WORDS ? v->vmcs01.ctl[w] & ~nvmx_caps_must(&v->vm->hw, capability_of_word[w]) : v->vmcs01.proc3;
}

static int refuse_control(struct nvmx_error_info *info, unsigned word, unsigned bit, uint64_t found)
{
	const char *name = nvmx_control_refusal(word, bit);

	if (name)
		return nvmx_refuse_named(info, NVMX_REFUSED_CONTROL_REFUSED, name, found, bit);
	return nvmx_refuse_named(info, NVMX_REFUSED_CONTROL_UNKNOWN, nvmx_word_name(word), found, bit);
}

int nvmx_refuse_controls(const struct nvmx_vcpu *v, struct nvmx_error_info *info)
{
	for (const struct row *r = rows; r < rows + sizeof(rows) / sizeof(*rows); r++)
		if (applies(v, r) && ~v->vmcs01.ctl[r->word] & r->ones)
			return nvmx_refuse(info, r->rule, v->vmcs01.ctl[r->word], r->ones);
	for (unsigned w = 0; w < NVMX_WORDS_ALL; w++) {
		int bit = nvmx_control_refused((enum nvmx_word)w, chosen01(v, w));

		if (bit >= 0)
			return refuse_control(info, w, (unsigned)bit, chosen01(v, w));
	}
	if (v->vmcs01.ctl[NVMX_WORD_PIN] & NVMX_PIN_PREEMPTION_TIMER && !(v->vm->flags & NVMX_HOST_OWNS_TIMER))
		return refuse_control(info, NVMX_WORD_PIN, 6, v->vmcs01.ctl[NVMX_WORD_PIN]);
	return NVMX_OK;
}

/* vmcs01 uses the bitmaps that the host shows, or intercepts all or nothing as it says. */
static int refuse_bitmaps(const struct nvmx_vcpu *v, struct nvmx_error_info *info)
{
	uint32_t proc = v->vmcs01.ctl[NVMX_WORD_PROC], io = proc & (NVMX_PROC_IO_BITMAPS | NVMX_PROC_UNCOND_IO);

	if (v->config.msr_bitmap01 && !(proc & NVMX_PROC_MSR_BITMAPS))
		return nvmx_refuse(info, NVMX_REFUSED_MSR_BITMAP_UNUSED, proc, NVMX_PROC_MSR_BITMAPS);
	if (v->config.io_bitmap01 && !(io & NVMX_PROC_IO_BITMAPS))
		return nvmx_refuse(info, NVMX_REFUSED_IO_BITMAP_UNUSED, proc, NVMX_PROC_IO_BITMAPS);
	if (v->config.io_passthrough && io)
		return nvmx_refuse(info, NVMX_REFUSED_IO_PASSTHROUGH, proc, NVMX_PROC_IO_BITMAPS | NVMX_PROC_UNCOND_IO);
	return NVMX_OK;
}

static int refuse_vpids(const struct nvmx_vcpu *v, struct nvmx_error_info *info)
{
	uint32_t first = v->config.vpid02, n = vpids(&v->config);

	if (v->vmcs01.vpid && !n && !(v->vm->flags & NVMX_HOST_FEW_VPIDS))
		return nvmx_refuse(info, NVMX_REFUSED_VPID02_NONE, v->vmcs01.vpid, 0);
	if (v->vmcs01.vpid && v->vmcs01.vpid >= first && v->vmcs01.vpid < first + n)
		return nvmx_refuse(info, NVMX_REFUSED_VPID02_IS_L1S, first, v->vmcs01.vpid);
	return NVMX_OK;
}

static int refuse_masks(struct nvmx_vcpu *v, struct nvmx_error_info *info)
{
	const uint64_t cache = NVMX_CR0_CD | NVMX_CR0_NW, cr4 = NVMX_CR4_VMXE | v->config.cr4_kept | v->config.cr4_hidden;
	uint64_t mask0 = nvmx_vmread(v, NVMX_CR0_MASK), mask4 = nvmx_vmread(v, NVMX_CR4_MASK);

	if (~mask4 & cr4)
		return nvmx_refuse(info, NVMX_REFUSED_CR4_UNMASKED, mask4, cr4);
	if (!(v->vm->flags & NVMX_HOST_EMULATES_CR) && mask0 & (NVMX_CR0_TS | NVMX_CR0_PG) && ~mask0 & cache)
		return nvmx_refuse(info, NVMX_REFUSED_CR0_UNMASKED, mask0, cache);
	return NVMX_OK;
}

int nvmx_refuse_vmcs01(struct nvmx_vcpu *v, struct nvmx_error_info *info)
{
	int error = nvmx_refuse_controls(v, info);

	if (!error)
		error = refuse_bitmaps(v, info);
	if (!error)
		error = refuse_vpids(v, info);
	return error ? error : refuse_masks(v, info);
}
