/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* VMCS regions, and the VMX instructions' effect on them (SDM 30.3), written apart from the library's. */
#include <string.h>
#include "fake.h"

static struct fake_region *region_at(const struct fake_cpu *c, uint64_t addr)
{
	return addr == FAKE_NONE ? NULL : fake_at(c->mem, addr);
}

struct fake_region *fake_region(const struct fake_cpu *c)
{
	return region_at(c, c->vmcs);
}

uint64_t fake_field(const struct fake_cpu *c, uint32_t field)
{
	return fake_region(c)->value[nvmx_field_find(field)];
}

static uint64_t cut(int row, uint64_t value)
{
	unsigned bits = nvmx_field_rows[row].size * 8u;

	return bits == 64 ? value : value & ((1ull << bits) - 1);
}

void fake_field_set(struct fake_cpu *c, uint32_t field, uint64_t value)
{
	int row = nvmx_field_find(field);

	fake_region(c)->value[row] = cut(row, value);
}

uint32_t fake_proc2(const struct fake_cpu *c)
{
	return fake_field(c, NVMX_PROC_CTLS) & NVMX_PROC_SECONDARY ? (uint32_t)fake_field(c, NVMX_PROC_CTLS2) : 0;
}

static uint32_t revision(const struct fake_cpu *c)
{
	return (uint32_t)nvmx_caps_get(c->caps, NVMX_MSR_VMX_BASIC) & 0x7fffffffu;
}

static bool bad_address(const struct fake_cpu *c, uint64_t addr)
{
	return addr % FAKE_PAGE || addr >> c->caps->maxphyaddr;
}

int fake_vmxon(struct fake_cpu *c, uint64_t addr)
{
	if (bad_address(c, addr) || (uint32_t)fake_phys_read(c, addr, 4) != revision(c))
		return FAKE_VM_INVALID;
	c->vmxon = addr;
	c->vmcs = FAKE_NONE;
	return FAKE_VM_SUCCEED;
}

int fake_vmclear(struct fake_cpu *c, uint64_t addr)
{
	if (bad_address(c, addr))
		return NVMX_VMERR_VMCLEAR_ADDR;
	if (addr == c->vmxon)
		return NVMX_VMERR_VMCLEAR_VMXON_PTR;
	fake_phys_write(c, addr + offsetof(struct fake_region, launched), 0, 4);
	if (addr == c->vmcs)
		c->vmcs = FAKE_NONE;
	return FAKE_VM_SUCCEED;
}

int fake_vmptrld(struct fake_cpu *c, uint64_t addr)
{
	bool shadowing = nvmx_caps_may(c->caps, NVMX_MSR_VMX_PROCBASED_CTLS2) & NVMX_PROC2_SHADOW_VMCS;
	uint32_t found;

	if (bad_address(c, addr))
		return NVMX_VMERR_VMPTRLD_ADDR;
	if (addr == c->vmxon)
		return NVMX_VMERR_VMPTRLD_VMXON_PTR;
	found = (uint32_t)fake_phys_read(c, addr, 4);
	if ((found & 0x7fffffffu) != revision(c) || (found >> 31 && !shadowing))
		return NVMX_VMERR_VMPTRLD_REVISION;
	c->vmcs = addr;
	return FAKE_VM_SUCCEED;
}

/* Bits 63:32 of the encoding must be 0; bit 0 is the high half of a 64-bit field (24.11.2). */
static int find(const struct fake_cpu *c, uint64_t field)
{
	int row = field >> 32 ? -1 : nvmx_field_find((uint32_t)field);

	if (row < 0 || !nvmx_field_exists(&nvmx_field_rows[row], c->caps))
		return -1;
	return (field & 1) && (field >> 13 & 3) != 1 ? -1 : row;
}

/* In VMX non-root operation the instructions work on the VMCS at the link pointer. */
static struct fake_region *target(const struct fake_cpu *c)
{
	return c->guest ? region_at(c, fake_field(c, NVMX_VMCS_LINK_POINTER)) : fake_region(c);
}

int fake_vmread(struct fake_cpu *c, uint64_t field, uint64_t *value)
{
	struct fake_region *r = target(c);
	int row = find(c, field);

	if (!r)
		return FAKE_VM_INVALID;
	if (row < 0)
		return NVMX_VMERR_UNSUPPORTED_FIELD;
	*value = field & 1 ? r->value[row] >> 32 : r->value[row];
	return FAKE_VM_SUCCEED;
}

int fake_vmwrite(struct fake_cpu *c, uint64_t field, uint64_t value)
{
	struct fake_region *r = target(c);
	int row = find(c, field);

	if (!r)
		return FAKE_VM_INVALID;
	if (row < 0)
		return NVMX_VMERR_UNSUPPORTED_FIELD;
	if (nvmx_field_type((uint32_t)field) == NVMX_TYPE_EXIT_INFO &&
	    !(nvmx_caps_get(c->caps, NVMX_MSR_VMX_MISC) & NVMX_MISC_VMWRITE_RO))
		return NVMX_VMERR_READ_ONLY_FIELD;
	if (field & 1)
		r->value[row] = (uint32_t)r->value[row] | value << 32;
	else if (!fake_is_64(c) && nvmx_field_rows[row].size == 8 && (field >> 13 & 3) == 1 && !c->native)
		r->value[row] = (r->value[row] & ~0xffffffffull) | (uint32_t)value;
	else
		r->value[row] = cut(row, value);
	return FAKE_VM_SUCCEED;
}

int fake_invept(struct fake_cpu *c, uint64_t type, uint64_t eptp, uint64_t reserved)
{
	uint64_t cap = nvmx_caps_get(c->caps, NVMX_MSR_VMX_EPT_VPID_CAP);
	(void)reserved; /* the upper half of the descriptor must be 0, but is not checked */

	if ((type != NVMX_FLUSH_SINGLE || !(cap & NVMX_EPT_INVEPT_SINGLE)) &&
	    (type != NVMX_FLUSH_ALL || !(cap & NVMX_EPT_INVEPT_ALL)))
		return NVMX_VMERR_INVALID_OPERAND;
	if (type == NVMX_FLUSH_SINGLE && (((eptp & 7) != 6 && (eptp & 7) != 0) || eptp >> c->caps->maxphyaddr))
		return NVMX_VMERR_INVALID_OPERAND;
	fake_tlb_flush(c, false, 0, type == NVMX_FLUSH_SINGLE, eptp, false, 0);
	return FAKE_VM_SUCCEED;
}

static bool canonical(const struct fake_cpu *c, uint64_t linear)
{
	unsigned shift = 64u - c->caps->linear_width;

	return (uint64_t)((int64_t)(linear << shift) >> shift) == linear;
}

int fake_invvpid(struct fake_cpu *c, uint64_t type, uint64_t low, uint64_t linear)
{
	uint64_t cap = nvmx_caps_get(c->caps, NVMX_MSR_VMX_EPT_VPID_CAP);
	uint16_t vpid = (uint16_t)low;

	if (type > NVMX_FLUSH_SINGLE_NON_GLOBAL || !(cap & (NVMX_EPT_INVVPID_ADDR << type)) || low >> 16)
		return NVMX_VMERR_INVALID_OPERAND;
	if (type != NVMX_FLUSH_ALL && !vpid)
		return NVMX_VMERR_INVALID_OPERAND;
	if (type == NVMX_FLUSH_ADDRESS && !canonical(c, linear))
		return NVMX_VMERR_INVALID_OPERAND;
	fake_tlb_flush(c, type != NVMX_FLUSH_ALL, vpid, false, 0, type == NVMX_FLUSH_ADDRESS, linear);
	return FAKE_VM_SUCCEED;
}
