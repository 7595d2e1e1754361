/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <string.h>
#include <nestvmx/fake.h>

void script_start(struct script *s, uint64_t linear)
{
	memset(s, 0, sizeof(*s));
	s->here = linear;
	s->code = (struct fake_code){ .linear = linear, .insn = s->insn, .index = s->index };
}

bool script_full(const struct script *s)
{
	return s->code.n > SCRIPT_INSNS - 400 || s->code.bytes > SCRIPT_BYTES - 6000;
}

void script_add(struct script *s, struct fake_insn i)
{
	FAKE_ASSERT(s->code.n < SCRIPT_INSNS && s->code.bytes + 16 < SCRIPT_BYTES);
	s->index[s->code.bytes] = (uint16_t)(s->code.n + 1);
	s->insn[s->code.n++] = i;
	s->code.bytes += fake_length(&i);
	s->here += fake_length(&i);
}

void script_op(struct script *s, enum fake_op op)
{
	script_add(s, (struct fake_insn){ .op = (uint8_t)op });
}

void script_imm(struct script *s, enum fake_op op, uint64_t imm)
{
	script_add(s, (struct fake_insn){ .op = (uint8_t)op, .imm = imm, .size = 4 });
}

void script_movi(struct script *s, unsigned reg, uint64_t value)
{
	script_add(s, (struct fake_insn){ .op = FAKE_MOVI, .reg = (uint8_t)reg, .imm = value });
}

static struct fake_insn at(enum fake_op op, uint64_t addr)
{
	return (struct fake_insn){ .op = (uint8_t)op, .mem = true, .seg = FAKE_DS, .base = FAKE_NO_REG, .index = FAKE_NO_REG,
				   .asize = 8, .size = 8, .disp = addr };
}

void script_load(struct script *s, unsigned reg, uint64_t addr, unsigned size)
{
	struct fake_insn i = at(FAKE_LOAD, addr);

	i.reg = (uint8_t)reg;
	i.size = (uint8_t)size;
	script_add(s, i);
}

void script_store(struct script *s, uint64_t addr, uint64_t value, unsigned size)
{
	struct fake_insn i = at(FAKE_STORE, addr);

	i.reg = FAKE_NO_REG;
	i.imm = value;
	i.size = (uint8_t)size;
	script_add(s, i);
}

void script_pointer(struct script *s, enum fake_op op, uint64_t gpa)
{
	script_store(s, SCRIPT_POINTER, gpa, 8);
	script_add(s, at(op, SCRIPT_POINTER));
}

void script_invalidate(struct script *s, enum fake_op op, uint64_t type, uint64_t low, uint64_t high)
{
	struct fake_insn i = at(op, SCRIPT_POINTER);

	i.reg2 = SCRIPT_VALUE;
	script_store(s, SCRIPT_POINTER, low, 8);
	script_store(s, SCRIPT_POINTER + 8, high, 8);
	script_movi(s, SCRIPT_VALUE, type);
	script_add(s, i);
}

void script_msr(struct script *s, enum fake_op op, uint32_t msr, uint64_t value)
{
	script_movi(s, 1, msr);
	script_movi(s, 0, (uint32_t)value);
	script_movi(s, 2, value >> 32);
	script_op(s, op);
}

void script_vmwrite(struct script *s, uint32_t field, uint64_t value)
{
	script_movi(s, SCRIPT_FIELD, field);
	script_movi(s, SCRIPT_VALUE, value);
	script_add(s, (struct fake_insn){ .op = FAKE_VMWRITE, .reg = SCRIPT_VALUE, .reg2 = SCRIPT_FIELD });
}

void script_vmread(struct script *s, uint32_t field)
{
	script_movi(s, SCRIPT_FIELD, field);
	script_add(s, (struct fake_insn){ .op = FAKE_VMREAD, .reg = SCRIPT_RESULT, .reg2 = SCRIPT_FIELD });
}

#define PROC_MUST 0x04006172u
const struct script_value script_defaults[] = {
	{ NVMX_PIN_CTLS, 0x16 },
	{ NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_SECONDARY },
	{ NVMX_PROC_CTLS2, NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED },
	{ NVMX_EXIT_CTLS, 0x36dfb | NVMX_EXIT_HOST_64 | NVMX_EXIT_SAVE_DEBUG },
	{ NVMX_ENTRY_CTLS, 0x11fb | NVMX_ENTRY_IA32E | NVMX_ENTRY_LOAD_DEBUG },
	{ NVMX_EPT_POINTER, FAKE_EPT_A | 0x1e },
	{ NVMX_VMCS_LINK_POINTER, FAKE_NONE },
	{ NVMX_MSR_BITMAP, FAKE_MSR_BITMAP },
	{ NVMX_IO_BITMAP_A, FAKE_IO_BITMAP },
	{ NVMX_IO_BITMAP_B, FAKE_IO_BITMAP + FAKE_PAGE },
	{ NVMX_VIRTUAL_APIC_ADDR, FAKE_VAPIC },
	{ NVMX_ENTRY_MSR_LOAD_ADDR, FAKE_MSR_ENTRY },
	{ NVMX_EXIT_MSR_STORE_ADDR, FAKE_MSR_STORE },
	{ NVMX_EXIT_MSR_LOAD_ADDR, FAKE_MSR_EXIT },
	{ NVMX_TSC_MULTIPLIER, 1ull << 48 },
	{ NVMX_VPID, 5 },
	{ NVMX_HOST_CR0, 0x80050033 },
	{ NVMX_HOST_CR3, FAKE_L1_TABLES },
	{ NVMX_HOST_CR4, NVMX_CR4_PAE | NVMX_CR4_VMXE },
	{ NVMX_HOST_CS_SEL, 8 },
	{ NVMX_HOST_SS_SEL, 16 },
	{ NVMX_HOST_DS_SEL, 16 },
	{ NVMX_HOST_ES_SEL, 16 },
	{ NVMX_HOST_FS_SEL, 16 },
	{ NVMX_HOST_GS_SEL, 16 },
	{ NVMX_HOST_TR_SEL, 0x40 },
	{ NVMX_HOST_FS_BASE, 0x1234 },
	{ NVMX_HOST_GDTR_BASE, 0x5000 },
	{ NVMX_HOST_IDTR_BASE, FAKE_L1_IDT },
	{ NVMX_HOST_RSP, FAKE_L1_STACK - 8 },
	{ NVMX_HOST_SYSENTER_CS, 0x55 },
	{ NVMX_HOST_EFER, NVMX_EFER_LME | NVMX_EFER_LMA },
	{ NVMX_HOST_PAT, 0x0007040600070406 },
	{ NVMX_GUEST_EFER, NVMX_EFER_LME | NVMX_EFER_LMA },
	{ NVMX_GUEST_PAT, 0x0007040600070406 },
	{ NVMX_GUEST_CR0, 0x80050033 },
	{ NVMX_GUEST_CR3, FAKE_L2_TABLES },
	{ NVMX_GUEST_CR4, NVMX_CR4_PAE | NVMX_CR4_VMXE },
	{ NVMX_GUEST_DR7, 0x400 },
	{ NVMX_GUEST_RSP, FAKE_L2_STACK + 0xff8 },
	{ NVMX_GUEST_RFLAGS, 2 },
	{ NVMX_GUEST_GDTR_BASE, 0x5000 },
	{ NVMX_GUEST_GDTR_LIMIT, 0x7f },
	{ NVMX_GUEST_IDTR_BASE, FAKE_L2_IDT },
	{ NVMX_GUEST_IDTR_LIMIT, 0xfff },
	{ NVMX_GUEST_ES_SEL, 16 },
	{ NVMX_GUEST_CS_SEL, 8 },
	{ NVMX_GUEST_SS_SEL, 16 },
	{ NVMX_GUEST_DS_SEL, 16 },
	{ NVMX_GUEST_FS_SEL, 16 },
	{ NVMX_GUEST_GS_SEL, 16 },
	{ NVMX_GUEST_TR_SEL, 0x40 },
	{ NVMX_GUEST_ES_LIMIT, 0xffffffff },
	{ NVMX_GUEST_CS_LIMIT, 0xffffffff },
	{ NVMX_GUEST_SS_LIMIT, 0xffffffff },
	{ NVMX_GUEST_DS_LIMIT, 0xffffffff },
	{ NVMX_GUEST_FS_LIMIT, 0xffffffff },
	{ NVMX_GUEST_GS_LIMIT, 0xffffffff },
	{ NVMX_GUEST_TR_LIMIT, 0x67 },
	{ NVMX_GUEST_ES_AR, 0xc093 },
	{ NVMX_GUEST_CS_AR, 0xa09b },
	{ NVMX_GUEST_SS_AR, 0xc093 },
	{ NVMX_GUEST_DS_AR, 0xc093 },
	{ NVMX_GUEST_FS_AR, 0xc093 },
	{ NVMX_GUEST_GS_AR, 0xc093 },
	{ NVMX_GUEST_LDTR_AR, NVMX_AR_UNUSABLE },
	{ NVMX_GUEST_TR_AR, 0x8b },
};
const size_t script_default_count = sizeof(script_defaults) / sizeof(*script_defaults);

uint64_t script_default(uint32_t field)
{
	for (size_t i = 0; i < script_default_count; i++)
		if (script_defaults[i].field == field)
			return script_defaults[i].value;
	return 0;
}

/* What VMCLEAR leaves of the rest is not defined, so the rest is written too. */
static const uint16_t zeroed[] = {
	NVMX_EXCEPTION_BITMAP, NVMX_PF_EC_MASK, NVMX_PF_EC_MATCH, NVMX_CR3_TARGET_COUNT, NVMX_EXIT_MSR_STORE_COUNT,
	NVMX_EXIT_MSR_LOAD_COUNT, NVMX_ENTRY_MSR_LOAD_COUNT, NVMX_ENTRY_INTR_INFO, NVMX_ENTRY_EXC_ERROR_CODE,
	NVMX_ENTRY_INSTR_LEN, NVMX_TPR_THRESHOLD, NVMX_TSC_OFFSET, NVMX_CR0_MASK, NVMX_CR4_MASK, NVMX_CR0_SHADOW,
	NVMX_CR4_SHADOW, NVMX_GUEST_DEBUGCTL, NVMX_GUEST_INTERRUPTIBILITY, NVMX_GUEST_ACTIVITY, NVMX_GUEST_PENDING_DBG,
	NVMX_GUEST_SYSENTER_CS, NVMX_GUEST_SYSENTER_ESP, NVMX_GUEST_SYSENTER_EIP, NVMX_GUEST_ES_BASE, NVMX_GUEST_CS_BASE,
	NVMX_GUEST_SS_BASE, NVMX_GUEST_DS_BASE, NVMX_GUEST_FS_BASE, NVMX_GUEST_GS_BASE, NVMX_GUEST_LDTR_BASE,
	NVMX_GUEST_TR_BASE, NVMX_GUEST_LDTR_SEL, NVMX_GUEST_LDTR_LIMIT, NVMX_HOST_GS_BASE, NVMX_HOST_TR_BASE,
	NVMX_HOST_SYSENTER_ESP, NVMX_HOST_SYSENTER_EIP, NVMX_XSS_EXIT_BITMAP, NVMX_PREEMPTION_TIMER, NVMX_CR3_TARGET0,
	NVMX_CR3_TARGET1, NVMX_CR3_TARGET2, NVMX_CR3_TARGET3,
};

void script_vmcs(struct script *s, uint64_t region, uint64_t rip)
{
	script_pointer(s, FAKE_VMCLEAR, region);
	script_pointer(s, FAKE_VMPTRLD, region);
	for (size_t i = 0; i < script_default_count; i++)
		script_vmwrite(s, script_defaults[i].field, script_defaults[i].value);
	for (size_t i = 0; i < sizeof(zeroed) / sizeof(*zeroed); i++)
		script_vmwrite(s, zeroed[i], 0);
	script_vmwrite(s, NVMX_GUEST_RIP, rip);
}

void script_enter_vmx(struct script *s)
{
	script_pointer(s, FAKE_VMXON, FAKE_VMXON_REGION);
	script_vmcs(s, FAKE_VMCS_A, FAKE_L2_CODE);
}

void script_run(struct script *s, enum fake_op op)
{
	const struct fake_insn movi = { .op = FAKE_MOVI }, write = { .op = FAKE_VMWRITE }, run = { .op = (uint8_t)op };

	script_vmwrite(s, NVMX_HOST_RIP, s->here + 2 * fake_length(&movi) + fake_length(&write) + fake_length(&run));
	script_op(s, op);
}

static const uint16_t information[] = {
	NVMX_EXIT_REASON, NVMX_EXIT_INTR_INFO, NVMX_IDT_VECTORING_INFO, NVMX_EXIT_QUALIFICATION, NVMX_EXIT_INTR_ERROR_CODE,
	NVMX_IDT_VECTORING_ERROR_CODE, NVMX_EXIT_INSTR_LEN, NVMX_EXIT_INSTR_INFO, NVMX_GUEST_LINEAR_ADDR,
	NVMX_GUEST_PHYS_ADDR, NVMX_VM_INSTR_ERROR, NVMX_ENTRY_INTR_INFO, NVMX_GUEST_RIP, NVMX_GUEST_RSP,
	NVMX_GUEST_RFLAGS, NVMX_GUEST_INTERRUPTIBILITY, NVMX_GUEST_ACTIVITY, NVMX_GUEST_PENDING_DBG,
};

static const uint16_t state[] = {
	NVMX_GUEST_CR0, NVMX_GUEST_CR3, NVMX_GUEST_CR4, NVMX_GUEST_DR7, NVMX_GUEST_EFER, NVMX_GUEST_PAT,
	NVMX_GUEST_DEBUGCTL, NVMX_GUEST_SYSENTER_CS, NVMX_GUEST_SYSENTER_ESP, NVMX_GUEST_SYSENTER_EIP, NVMX_GUEST_CS_SEL,
	NVMX_GUEST_CS_AR, NVMX_GUEST_SS_AR, NVMX_GUEST_FS_BASE, NVMX_GUEST_GS_BASE, NVMX_GUEST_GDTR_LIMIT,
	NVMX_GUEST_IDTR_LIMIT, NVMX_GUEST_IDTR_BASE, NVMX_ENTRY_CTLS, NVMX_PREEMPTION_TIMER, NVMX_VMCS_LINK_POINTER,
	NVMX_PROC_CTLS, NVMX_EXCEPTION_BITMAP, NVMX_CR0_SHADOW, NVMX_CR4_MASK, NVMX_HOST_FS_BASE, NVMX_TSC_OFFSET,
	NVMX_EPT_POINTER, NVMX_EPTP_INDEX,
};

void script_look(struct script *s, bool all)
{
	for (size_t i = 0; i < sizeof(information) / sizeof(*information); i++)
		script_vmread(s, information[i]);
	for (size_t i = 0; all && i < sizeof(state) / sizeof(*state); i++)
		script_vmread(s, state[i]);
}

void script_advance(struct script *s)
{
	script_movi(s, SCRIPT_FIELD, NVMX_GUEST_RIP);
	script_add(s, (struct fake_insn){ .op = FAKE_VMREAD, .reg = SCRIPT_L2_RIP, .reg2 = SCRIPT_FIELD });
	script_add(s, (struct fake_insn){ .op = FAKE_NEXT, .reg = SCRIPT_L2_RIP });
	script_add(s, (struct fake_insn){ .op = FAKE_VMWRITE, .reg = SCRIPT_L2_RIP, .reg2 = SCRIPT_FIELD });
}
