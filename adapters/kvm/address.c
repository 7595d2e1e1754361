// SPDX-License-Identifier: GPL-2.0-only
/*
 * The linear address of an instruction's memory operand, for exits that vmx.c handles itself (INVPCID).  SDM 27.2.1 and
 * table 27-13 for the instruction information, 5.3 and 3.3.7.1 for the checks.
 */
#include "nest.h"

#define SEGMENTS_CHECKED_IN_64BIT ((1u << VCPU_SREG_FS) | (1u << VCPU_SREG_GS))

struct nest_operand {
	gva_t offset;
	unsigned int segment, size;
	bool write;
	int len;
};

static gva_t effective_address(struct kvm_vcpu *vcpu, unsigned long displacement, u32 info)
{
	gva_t offset = displacement;

	if (!(info & BIT(27)))
		offset += kvm_register_read_raw(vcpu, info >> 23 & 15);
	if (!(info & BIT(22)))
		offset += kvm_register_read_raw(vcpu, info >> 18 & 15) << (info & 3);
	switch (info >> 7 & 7) {
	case 0:
		return offset & 0xffff;
	case 1:
		return offset & 0xffffffff;
	default:
		return offset;
	}
}

/* Type and limit of the segment; expand-down data segments are valid above the limit. */
static bool segment_allows(const struct kvm_segment *s, const struct nest_operand *o)
{
	bool code = s->type & 8, expand_down = !code && s->type & 4;
	u64 last = o->offset + o->len - 1;

	if (s->unusable || (o->write ? code || !(s->type & 2) : code && !(s->type & 2)))
		return false;
	if (expand_down)
		return o->offset > s->limit && last <= (s->db ? 0xffffffffull : 0xffffull);
	return last <= s->limit;
}

static int fault(struct kvm_vcpu *vcpu, unsigned int segment)
{
	kvm_queue_exception_e(vcpu, segment == VCPU_SREG_SS ? SS_VECTOR : GP_VECTOR, 0);
	return 1;
}

int get_vmx_mem_address(struct kvm_vcpu *vcpu, unsigned long qualification, u32 info, bool wr, int len, gva_t *ret)
{
	struct nest_operand o = { .segment = info >> 15 & 7, .write = wr, .len = len };
	struct kvm_segment s;

	if (info & BIT(10) || o.segment > VCPU_SREG_GS) {
		kvm_queue_exception(vcpu, UD_VECTOR);
		return 1;
	}
	o.offset = effective_address(vcpu, qualification, info);
	vmx_get_segment(vcpu, &s, o.segment);
	if (is_64_bit_mode(vcpu)) {
		if (SEGMENTS_CHECKED_IN_64BIT & 1u << o.segment)
			o.offset += s.base;
		*ret = o.offset;
		return nest_noncanonical(*ret, vcpu) ? fault(vcpu, o.segment) : 0;
	}
	*ret = (u32)(o.offset + s.base);
	return is_protmode(vcpu) && !segment_allows(&s, &o) ? fault(vcpu, o.segment) : 0;
}
