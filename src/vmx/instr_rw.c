/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * VMREAD and VMWRITE of L1, and of an L2 to whom L1 gave VMCS shadowing (SDM 30.3).
 *
 * L1's: with register operands and in a mode that the processor has vouched for, they cost a handful of VMREADs; L1 without a
 * hardware shadow executes dozens of them for each exit of L2.
 */
#include "../mem.h"
#include "instr.h"
#include "trace.h"

#define INFO_REGISTER(info) ((info) & NVMX_BIT(10))
#define INFO_REG1(info) ((info) >> 3 & 15u)  /* the operand that is not the encoding, if a register */
#define INFO_REG2(info) ((info) >> 28 & 15u) /* the encoding */
#define ENCODING_HIGH 1u                     /* access type: bits 63:32 of a 64-bit field */
#define WIDTH_64(encoding) (((encoding) >> 13 & 3u) == 1)

struct rw {
	struct nvmx_vcpu *v;
	struct nvmx_regs *regs;
	uint32_t info;
	bool wide; /* 64-bit mode: operands of 64 bits, else of 32 */
};

/* An access that cannot go on: at CPL above 0, or without a current VMCS. */
static enum nvmx_verdict fail_access(struct nvmx_vcpu *v, unsigned cpl)
{
	return cpl ? nvmx_raise_gp0(v) : nvmx_vmfail_invalid(v);
}

/* An access with a register operand.  False: it cannot go on, and *cpl says why. */
static inline bool start_register(struct rw *a, unsigned *cpl)
{
	*cpl = NVMX_AR_DPL((uint32_t)nvmx_vmread(a->v, NVMX_GUEST_SS_AR));
	a->wide = nvmx_vmread(a->v, NVMX_ENTRY_CTLS) & NVMX_ENTRY_IA32E;
	return !*cpl && a->v->cur;
}

/* The same with a memory operand.  False: *verdict says how the instruction ended. */
static bool start_memory(struct rw *a, struct nvmx_l1 *l1, enum nvmx_verdict *verdict)
{
	nvmx_l1_mode(a->v, l1);
	a->wide = l1->code64;
	if (nvmx_bad_mode(l1)) {
		*verdict = nvmx_raise_ud(a->v);
		return false;
	}
	if (l1->cpl || !a->v->cur) {
		*verdict = fail_access(a->v, l1->cpl);
		return false;
	}
	return true;
}

/* The row that the encoding in the register names for L1, or -1. */
static inline int named_row(const struct rw *a, uint32_t *encoding)
{
	uint64_t operand = nvmx_gpr_read(a->v, a->regs, INFO_REG2(a->info));
	int row;

	*encoding = (uint32_t)operand;
	if (*encoding & ENCODING_HIGH && !WIDTH_64(*encoding))
		return -1;
	row = nvmx_field_find(a->wide ? operand : *encoding);
	return row >= 0 && nvmx_set_has(&a->v->vm->rows, (unsigned)row) ? row : -1;
}

/* The part of a field's value that the access delivers. */
static inline uint64_t to_operand(const struct rw *a, uint32_t encoding, uint64_t value)
{
	if (encoding & ENCODING_HIGH)
		value >>= 32;
	return a->wide ? value : (uint32_t)value;
}

/* Whether L1's latest value is elsewhere: in vmcs02, or in the hardware shadow, where the access exited in spite of it. */
static inline bool unsettled(const struct nvmx_vcpu *v, unsigned row)
{
	return nvmx_set_has(&v->cur->stale, row) || (v->hw_shadow_on && nvmx_set_has(&v->hw_written, row));
}

/* Whether the hardware shadow has the row, or may have, so that it has to get what L1 writes. */
static inline bool is_shadowed(const struct nvmx_vcpu *v, unsigned row)
{
	return v->hw_shadow_on &&
	       (nvmx_field_rows[row].shadow != NVMX_H_NO || (v->hw_read && nvmx_set_has(&v->vm->rare, row)));
}

static void settle(struct nvmx_vcpu *v, unsigned row, bool reads)
{
	if (nvmx_set_has(&v->cur->stale, row)) {
		nvmx_slot_freshen_row(v, v->cur, row);
		if (reads && v->hw_shadow_on && nvmx_set_has(&v->vm->hw_rare, row)) {
			nvmx_reads_asked(v, v->cur, nvmx_field_rows[row].group);
			nvmx_vmcs_load(v, v->config.vmcs01);
		}
	}
	if (v->hw_shadow_on && nvmx_set_has(&v->hw_written, row)) {
		nvmx_shadow_pull(v, v->cur);
		nvmx_vmcs_load(v, v->config.vmcs01);
	}
}

/* The value that the access delivers.  False: the field does not exist. */
static inline bool read_field(const struct rw *a, uint64_t *value)
{
	uint32_t encoding;
	int row = named_row(a, &encoding);

	if (row < 0)
		return false;
	a->v->field_exits[0][row]++;
	settle(a->v, (unsigned)row, true);
	*value = to_operand(a, encoding, nvmx_v12_get(a->v->cur->v12, (unsigned)row));
	return true;
}

/* A fault on the destination comes after the check of the field. */
static enum nvmx_verdict vmread_memory(struct rw *a)
{
	enum nvmx_verdict verdict;
	struct nvmx_fault fault;
	struct nvmx_l1 l1;
	uint64_t value;

	if (!start_memory(a, &l1, &verdict))
		return verdict;
	if (!read_field(a, &value))
		return nvmx_vmfail(a->v, NVMX_VMERR_UNSUPPORTED_FIELD);
	if (nvmx_operand_write(a->v, a->regs, &l1, &value, a->wide ? 8 : 4, &fault))
		return nvmx_raise_fault(a->v, &fault);
	return nvmx_vmsucceed(a->v);
}

static __attribute__((__noinline__)) enum nvmx_verdict vmread_slowly(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t info)
{
	struct rw a = { .v = v, .regs = regs, .info = info };
	uint64_t value;
	unsigned cpl;

	if (!INFO_REGISTER(info))
		return vmread_memory(&a);
	if (!start_register(&a, &cpl))
		return fail_access(v, cpl);
	if (!read_field(&a, &value))
		return nvmx_vmfail(v, NVMX_VMERR_UNSUPPORTED_FIELD);
	nvmx_gpr_write(v, regs, INFO_REG1(info), value);
	return nvmx_vmsucceed(v);
}

/* All but the end of one whose value is in vmcs12.  False: it is not, or the operand is not a register, or the instruction fails. */
NVMX_HOT bool vmread_at_hand(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t info)
{
	struct rw a = { .v = v, .regs = regs, .info = info };
	uint32_t encoding;
	unsigned cpl;
	int row;

	if (!INFO_REGISTER(info) || !start_register(&a, &cpl) || (row = named_row(&a, &encoding)) < 0 || unsettled(v, (unsigned)row))
		return false;
	v->field_exits[0][row]++;
	nvmx_gpr_write(v, regs, INFO_REG1(info), to_operand(&a, encoding, nvmx_v12_get(v->cur->v12, (unsigned)row)));
	return true;
}

enum nvmx_verdict nvmx_vmread_insn(struct nvmx_vcpu *v, struct nvmx_regs *regs)
{
	uint32_t info = (uint32_t)nvmx_vmread(v, NVMX_EXIT_INSTR_INFO);

	return vmread_at_hand(v, regs, info) ? nvmx_vmsucceed(v) : vmread_slowly(v, regs, info);
}

/* What the field becomes that holds `old`. */
static uint64_t merge_halves(uint32_t encoding, uint64_t old, uint64_t value)
{
	return encoding & ENCODING_HIGH ? value << 32 | (uint32_t)old : value;
}

static bool writable(const struct nvmx_vcpu *v, uint32_t encoding)
{
	return nvmx_field_type(encoding) != NVMX_TYPE_EXIT_INFO ||
	       nvmx_caps_get(&v->vm->caps, NVMX_MSR_VMX_MISC) & NVMX_MISC_VMWRITE_RO;
}

static enum nvmx_verdict write_field(const struct rw *a, uint64_t value)
{
	struct nvmx_vcpu *v = a->v;
	uint32_t encoding;
	int row = named_row(a, &encoding);

	if (row < 0)
		return nvmx_vmfail(v, NVMX_VMERR_UNSUPPORTED_FIELD);
	if (!writable(v, encoding))
		return nvmx_vmfail(v, NVMX_VMERR_READ_ONLY_FIELD);
	v->field_exits[1][row]++;
	settle(v, (unsigned)row, false);
	value = a->wide ? value : (uint32_t)value;
	nvmx_slot_write(v->cur, (unsigned)row, merge_halves(encoding, nvmx_v12_get(v->cur->v12, (unsigned)row), value));
	if (v->hw_shadow_on && nvmx_field_rows[row].shadow != NVMX_H_NO)
		nvmx_shadow_write(v, v->cur, (unsigned)row);
	if (v->hw_shadow_on && nvmx_reads_write(v, v->cur, (unsigned)row))
		nvmx_vmcs_load(v, v->config.vmcs01);
	return nvmx_vmsucceed(v);
}

/* A fault on the source comes before the check of the field. */
static enum nvmx_verdict vmwrite_memory(struct rw *a)
{
	enum nvmx_verdict verdict;
	struct nvmx_fault fault;
	struct nvmx_l1 l1;
	uint64_t value = 0;

	if (!start_memory(a, &l1, &verdict))
		return verdict;
	if (nvmx_operand_read(a->v, a->regs, &l1, &value, a->wide ? 8 : 4, &fault))
		return nvmx_raise_fault(a->v, &fault);
	return write_field(a, value);
}

static __attribute__((__noinline__)) enum nvmx_verdict vmwrite_slowly(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t info)
{
	struct rw a = { .v = v, .regs = regs, .info = info };
	unsigned cpl;

	if (!INFO_REGISTER(info))
		return vmwrite_memory(&a);
	if (!start_register(&a, &cpl))
		return fail_access(v, cpl);
	return write_field(&a, nvmx_gpr_read(v, regs, INFO_REG1(info)));
}

/* All but the end of one of a field that is vmcs12's alone.  False: it is not, or the operand is not a register, or the instruction fails. */
NVMX_HOT bool vmwrite_at_hand(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t info)
{
	struct rw a = { .v = v, .regs = regs, .info = info };
	uint32_t encoding;
	uint64_t value;
	unsigned cpl;
	int row;

	if (!INFO_REGISTER(info) || !start_register(&a, &cpl) || (row = named_row(&a, &encoding)) < 0 || encoding & ENCODING_HIGH ||
	    nvmx_field_type(encoding) == NVMX_TYPE_EXIT_INFO || unsettled(v, (unsigned)row) || is_shadowed(v, (unsigned)row))
		return false;
	v->field_exits[1][row]++;
	value = nvmx_gpr_read(v, regs, INFO_REG1(info));
	nvmx_slot_write(v->cur, (unsigned)row, a.wide ? value : (uint32_t)value);
	return true;
}

enum nvmx_verdict nvmx_vmwrite_insn(struct nvmx_vcpu *v, struct nvmx_regs *regs)
{
	uint32_t info = (uint32_t)nvmx_vmread(v, NVMX_EXIT_INSTR_INFO);

	return vmwrite_at_hand(v, regs, info) ? nvmx_vmsucceed(v) : vmwrite_slowly(v, regs, info);
}

bool nvmx_handle_exit_at_once(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason)
{
	bool write = reason == NVMX_XR_VMWRITE;
	uint32_t info;

	if (v->stop || v->in_l2 || v->vmxon_ptr == NVMX_NO_ADDR || (reason != NVMX_XR_VMREAD && !write) ||
	    nvmx_traced(v, NVMX_TRACE_OF_EXIT))
		return false;
	info = (uint32_t)nvmx_vmread(v, NVMX_EXIT_INSTR_INFO);
	if (write ? !vmwrite_at_hand(v, regs, info) : !vmread_at_hand(v, regs, info))
		return false;
	v->counters[NVMX_CNT_INSTR]++;
	nvmx_vmsucceed(v);
	nvmx_vmwrite_flush(v);
	return true;
}

/* SDM 24.6.15, 25.1.3: bit 14:0 of the operand in L1's bitmap decides, and an operand with higher bits always exits. */
static bool exits_to_l1(const struct rw *a, uint64_t bitmap)
{
	uint64_t operand = nvmx_gpr_read(a->v, a->regs, INFO_REG2(a->info));
	uint8_t byte;

	if (!a->wide)
		operand = (uint32_t)operand;
	if (operand >> 15 || nvmx_gpa_read(a->v, bitmap + operand / 8, &byte, 1))
		return true;
	return byte >> operand % 8 & 1;
}

/* The field of the VMCS behind vmcs12's link pointer: active here if L1 loaded it, else in L1's memory. */
static uint64_t linked_read(struct nvmx_vcpu *v, unsigned row)
{
	uint64_t link = v->cur->v12->vmcs_link_pointer, value = 0;
	struct nvmx_slot *s = nvmx_slot_find(v, link);

	if (s) {
		nvmx_slot_freshen_row(v, s, row);
		return nvmx_v12_get(s->v12, row);
	}
	if (nvmx_gpa_read(v, link + nvmx_field_rows[row].offset, &value, nvmx_field_rows[row].size)) /* or it comes again */
		nvmx_memset(&value, 0xff, nvmx_field_rows[row].size); /* as a read of what is not RAM */
	return value;
}

static void linked_write(struct nvmx_vcpu *v, unsigned row, uint64_t value)
{
	uint64_t link = v->cur->v12->vmcs_link_pointer;
	struct nvmx_slot *s = nvmx_slot_find(v, link);

	if (s) {
		nvmx_slot_write(s, row, value);
		s->mirrored = false;
	} else {
		nvmx_gpa_write(v, link + nvmx_field_rows[row].offset, &value, nvmx_field_rows[row].size);
	}
}

/* The operand that is not the encoding, in a register or in L2's memory.  0, or -1 and *fault. */
static int l2_operand_read(struct rw *a, uint64_t *value, struct nvmx_fault *fault)
{
	struct nvmx_l1 l2;

	*value = 0;
	if (INFO_REGISTER(a->info)) {
		*value = nvmx_gpr_read(a->v, a->regs, INFO_REG1(a->info));
	} else {
		nvmx_l2_mode(a->v, &l2);
		if (nvmx_operand_read(a->v, a->regs, &l2, value, a->wide ? 8 : 4, fault))
			return -1;
	}
	if (!a->wide)
		*value = (uint32_t)*value;
	return 0;
}

static int l2_operand_write(struct rw *a, uint64_t value, struct nvmx_fault *fault)
{
	struct nvmx_l1 l2;

	if (INFO_REGISTER(a->info)) {
		nvmx_gpr_write(a->v, a->regs, INFO_REG1(a->info), value);
		return 0;
	}
	nvmx_l2_mode(a->v, &l2);
	return nvmx_operand_write(a->v, a->regs, &l2, &value, a->wide ? 8 : 4, fault);
}

/* After the encoding has passed L1's bitmap and CPL.  A fault on VMWRITE's source comes before the checks of the field, one
 * on VMREAD's destination after them.  0, or -1 and *fault. */
static int linked_access(struct rw *a, bool write, struct nvmx_fault *fault)
{
	struct nvmx_vcpu *v = a->v;
	uint64_t value, operand = 0;
	uint32_t encoding;
	int row;

	if (v->cur->v12->vmcs_link_pointer == NVMX_NO_ADDR) {
		nvmx_vmfail_invalid(v);
		return 0;
	}
	if (write && l2_operand_read(a, &operand, fault))
		return -1;
	row = named_row(a, &encoding);
	if (row < 0 || (write && !writable(v, encoding))) {
		nvmx_vmfail(v, row < 0 ? NVMX_VMERR_UNSUPPORTED_FIELD : NVMX_VMERR_READ_ONLY_FIELD);
		return 0;
	}
	value = linked_read(v, (unsigned)row);
	if (v->not_now)
		return -1;
	if (write)
		linked_write(v, (unsigned)row, merge_halves(encoding, value, operand));
	else if (l2_operand_write(a, to_operand(a, encoding, value), fault))
		return -1;
	if (v->not_now)
		return -1;
	nvmx_vmsucceed(v);
	return 0;
}

bool nvmx_l2_shadow_access(struct nvmx_vcpu *v, struct nvmx_regs *regs, bool write, enum nvmx_verdict *verdict)
{
	const struct nvmx_vmcs12 *v12 = v->cur->v12;
	struct rw a = { .v = v, .regs = regs };
	struct nvmx_fault fault = { 0 }; /* compilers do not see that a failing access fills it */

	a.info = (uint32_t)nvmx_vmread(v, NVMX_EXIT_INSTR_INFO);
	a.wide = nvmx_vmread(v, NVMX_ENTRY_CTLS) & NVMX_ENTRY_IA32E;
	if (exits_to_l1(&a, write ? v12->vmwrite_bitmap : v12->vmread_bitmap))
		return false;
	*verdict = NVMX_RESUME_L2;
	if (NVMX_AR_DPL((uint32_t)nvmx_vmread(v, NVMX_GUEST_SS_AR)))
		*verdict = nvmx_inject_exception(v, regs, NVMX_VECTOR_GP, true, 0, 0);
	else if (linked_access(&a, write, &fault))
		*verdict = nvmx_l2_fault(v, regs, &fault);
	return true;
}
