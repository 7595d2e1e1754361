/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Memory operands of VMX instructions from VM-exit instruction information (SDM tables 27-13 and 27-14).
 */
#include "paging.h"

#define SCALE(info) ((info) & 3u)
#define ADDRESS_SIZE(info) ((info) >> 7 & 7u) /* 0: 16 bits, 1: 32, 2: 64 */
#define SEGMENT(info) ((info) >> 15 & 7u)
#define INDEX(info) ((info) >> 18 & 15u)
#define INDEX_INVALID(info) ((info) & NVMX_BIT(22))
#define BASE(info) ((info) >> 23 & 15u)
#define BASE_INVALID(info) ((info) & NVMX_BIT(27))

/* Segment numbers of instruction information; the VMCS fields of ES to GS follow each other. */
enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };
#define TYPE_CODE NVMX_BIT(3)
#define TYPE_EXPAND_DOWN NVMX_BIT(2) /* of a data segment */
#define TYPE_WRITABLE NVMX_BIT(1)    /* of a data segment; readable, of a code segment */

static int bad(unsigned segment, struct nvmx_fault *fault)
{
	fault->kind = NVMX_FAULT_RAISED;
	fault->vector = segment == SEG_SS ? NVMX_VECTOR_SS : NVMX_VECTOR_GP;
	fault->error = 0;
	return -1;
}

NVMX_HOT uint64_t effective_address(struct nvmx_vcpu *v, const struct nvmx_regs *regs, uint32_t info)
{
	unsigned size = ADDRESS_SIZE(info);
	uint64_t ea = nvmx_vmread(v, NVMX_EXIT_QUALIFICATION); /* the displacement; RIP-relative: with RIP (27.2.1) */

	if (!BASE_INVALID(info))
		ea += nvmx_gpr_read(v, regs, BASE(info));
	if (!INDEX_INVALID(info))
		ea += nvmx_gpr_read(v, regs, INDEX(info)) << SCALE(info);
	return size > 1 ? ea : ea & (size ? 0xffffffff : 0xffff);
}

/* Type and limit checks outside 64-bit mode (SDM 5.3, 5.4.1, 5.5). */
static bool segment_allows(struct nvmx_vcpu *v, unsigned segment, uint64_t ea, uint32_t len, bool write)
{
	uint32_t ar = (uint32_t)nvmx_vmread(v, NVMX_GUEST_ES_AR + 2 * segment);
	uint64_t limit = (uint32_t)nvmx_vmread(v, NVMX_GUEST_ES_LIMIT + 2 * segment);
	uint64_t last = ea + len - 1;

	if (ar & NVMX_AR_UNUSABLE)
		return false;
	if (ar & TYPE_CODE ? write || !(ar & TYPE_WRITABLE) : write && !(ar & TYPE_WRITABLE))
		return false;
	if (!(ar & TYPE_CODE) && ar & TYPE_EXPAND_DOWN)
		return ea > limit && last <= (ar & NVMX_AR_DB ? 0xffffffffu : 0xffffu);
	return last <= limit;
}

static bool is_in_page(uint64_t linear, uint32_t len)
{
	return (linear & NVMX_PAGE_MASK) + len <= 4096;
}

NVMX_HOT int address(struct nvmx_vcpu *v, const struct nvmx_regs *regs, const struct nvmx_l1 *l1, uint32_t len, bool write,
		     uint64_t *linear, struct nvmx_fault *fault)
{
	uint32_t info = (uint32_t)nvmx_vmread(v, NVMX_EXIT_INSTR_INFO);
	unsigned segment = SEGMENT(info);
	uint64_t ea = effective_address(v, regs, info);

	if (!l1->code64) {
		if (!segment_allows(v, segment, ea, len, write))
			return bad(segment, fault);
		*linear = (uint32_t)(nvmx_vmread(v, NVMX_GUEST_ES_BASE + 2 * segment) + ea);
		return 0;
	}
	/* SDM 3.3.7.1: only FS and GS have a base in 64-bit mode, and no segment a limit or a type. */
	if (segment >= SEG_FS)
		ea += nvmx_vmread(v, NVMX_GUEST_ES_BASE + 2 * segment);
	if (!nvmx_l1_canonical(l1->cr4, ea) || (!is_in_page(ea, len) && !nvmx_l1_canonical(l1->cr4, ea + len - 1)))
		return bad(segment, fault);
	*linear = ea;
	return 0;
}

int nvmx_operand_address(struct nvmx_vcpu *v, const struct nvmx_regs *regs, const struct nvmx_l1 *l1, uint32_t len,
			 bool write, uint64_t *linear, struct nvmx_fault *fault)
{
	return address(v, regs, l1, len, write, linear, fault);
}

int nvmx_operand_read(struct nvmx_vcpu *v, const struct nvmx_regs *regs, const struct nvmx_l1 *l1, void *buf, uint32_t len,
		      struct nvmx_fault *fault)
{
	uint64_t linear;

	if (address(v, regs, l1, len, false, &linear, fault))
		return -1;
	if (is_in_page(linear, len) && nvmx_plain_read(v, l1, linear, buf, len))
		return 0;
	return v->not_now ? -1 : nvmx_linear_read(v, l1, linear, buf, len, fault);
}

int nvmx_operand_write(struct nvmx_vcpu *v, const struct nvmx_regs *regs, const struct nvmx_l1 *l1, const void *buf,
		       uint32_t len, struct nvmx_fault *fault)
{
	uint64_t linear;

	if (nvmx_operand_address(v, regs, l1, len, true, &linear, fault))
		return -1;
	return nvmx_linear_write(v, l1, linear, buf, len, fault);
}
