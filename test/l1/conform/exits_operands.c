/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 27.2.1 and 27.2.5: displacement and VM-exit instruction information of instructions with operands. */
#include "exit.h"

CODE(m_base, "vmptrld (%rbx)");
CODE(m_disp8, "vmptrld 0x12(%rbx)");
CODE(m_disp8_negative, "vmptrld -0x12(%rbx)");
CODE(m_disp32, "vmptrld 0x12345678(%rax)");
CODE(m_disp32_negative, "vmptrld -0x12345678(%rax)");
CODE(m_index1, "vmptrld (%rcx, %rdx, 1)");
CODE(m_index8, "vmptrld 0x40(%rsi, %rdi, 8)");
CODE(m_index_only, "vmptrld 0x1000(, %rbx, 4)");
CODE(m_absolute, "vmptrld 0x12345678");
CODE(m_rip, "vmptrld probe+8(%rip)");
CODE(m_rsp, "vmptrld 8(%rsp)");
CODE(m_rbp, "vmptrld 8(%rbp)");
CODE(m_r12, "vmptrld (%r12)");
CODE(m_r13_r14, "vmptrld 0(%r13, %r14, 2)");
CODE(m_fs, "vmptrld %fs:(%rax)");
CODE(m_gs, "vmptrld %gs:(%r15)");
CODE(m_address32, "vmptrld (%ebx)");
CODE(m_address32_disp, "vmptrld -8(%ebx)");
CODE32(m32_base, "vmptrld (%ebx)");
CODE32(m32_disp, "vmptrld -4(%ebx, %ecx, 4)");
CODE32(m32_es, "vmptrld %es:(%edi)");
CODE32(m32_cs, "vmptrld %cs:(%edi)");
CODE32(m32_ebp, "vmptrld 4(%ebp)");
CODE32(m32_address16, "vmptrld 0x1234(%bx, %si)");
CODE(m_vmread_reg, "vmread %rax, %rbx");
CODE(m_vmread_high, "vmread %r9, %r14");
CODE(m_vmread_mem, "vmread %r10, 0x20(%rdx)");
CODE(m_vmwrite_reg, "vmwrite %rbx, %rax");
CODE(m_vmwrite_mem, "vmwrite 0x20(%rdx), %r11");
CODE(m_invept, "invept 0x30(%r8), %r9");
CODE(m_invvpid, "invvpid (%rcx, %rax, 2), %rsi");
CODE(m_sgdt, "sgdt (%rdx)");
CODE(m_sidt, "sidt 0x8(%rdx)");
CODE(m_lgdt, "lgdt (%rdx, %rcx, 4)");
CODE(m_lidt, "lidt (%rdx)");
CODE(m_sldt_reg, "sldt %eax");
CODE(m_sldt_mem, "sldt 4(%rdx)");
CODE(m_str_reg, "str %ebx");
CODE(m_lldt_reg, "lldt %cx");
CODE(m_lldt_mem, "lldt (%rdx)");
CODE(m_ltr_reg, "ltr %dx");
CODE32(m32_sgdt, "sgdt (%edx)");
CODE32(m32_lgdt16, "lgdtw (%edx)");
CODE32(m32_lgdt32, "lgdtl (%edx)");
CODE(m_rdrand16, "rdrand %cx");
CODE(m_rdrand32, "rdrand %esi");
CODE(m_rdrand64, "rdrand %r13");

#define BASIC(address, segment) INFO_ADDRESS(address) | INFO_SEGMENT(segment)
#define MEM(base) BASIC(ADDRESS64, SEG_DS) | INFO_NO_INDEX | INFO_BASE(base)
#define PTR .reason = R_VMPTRLD, .info_mask = MASK_MEMORY
#define PTR_INDEX .reason = R_VMPTRLD, .info_mask = MASK_MEMORY | MASK_INDEX
#define MASK_NO_BASE (MASK_MEMORY & ~(15u << 23))

static const struct exit_row pointers[] = {
	{ "mem.base", m_base, PTR, .length = 3, .info = MEM(RBX) },
	{ "mem.disp8", m_disp8, PTR, .length = 4, .info = MEM(RBX), .qualification = 0x12 },
	{ "mem.disp8_negative", m_disp8_negative, PTR, .length = 4, .info = MEM(RBX), .qualification = -0x12ull },
	{ "mem.disp32", m_disp32, PTR, .length = 7, .info = MEM(RAX), .qualification = 0x12345678 },
	{ "mem.disp32_negative", m_disp32_negative, PTR, .length = 7, .info = MEM(RAX), .qualification = -0x12345678ull },
	{ "mem.index1", m_index1, PTR_INDEX, .length = 4,
	  .info = BASIC(ADDRESS64, SEG_DS) | INFO_BASE(RCX) | INFO_INDEX(RDX, 0) },
	{ "mem.index8", m_index8, PTR_INDEX, .length = 5, .qualification = 0x40,
	  .info = BASIC(ADDRESS64, SEG_DS) | INFO_BASE(RSI) | INFO_INDEX(RDI, 3) },
	{ "mem.index_only", m_index_only, .reason = R_VMPTRLD, .info_mask = MASK_NO_BASE | MASK_INDEX, .length = 8,
	  .qualification = 0x1000, .info = BASIC(ADDRESS64, SEG_DS) | INFO_NO_BASE | INFO_INDEX(RBX, 2) },
	{ "mem.absolute", m_absolute, .reason = R_VMPTRLD, .info_mask = MASK_NO_BASE, .length = 8,
	  .qualification = 0x12345678, .info = BASIC(ADDRESS64, SEG_DS) | INFO_NO_BASE | INFO_NO_INDEX },
	{ "mem.rsp", m_rsp, PTR, .length = 5, .qualification = 8,
	  .info = BASIC(ADDRESS64, SEG_SS) | INFO_NO_INDEX | INFO_BASE(RSP) },
	{ "mem.rbp", m_rbp, PTR, .length = 4, .qualification = 8,
	  .info = BASIC(ADDRESS64, SEG_SS) | INFO_NO_INDEX | INFO_BASE(RBP) },
	{ "mem.r12", m_r12, PTR, .length = 5, .info = MEM(R12) },
	{ "mem.r13_r14", m_r13_r14, PTR_INDEX, .length = 6,
	  .info = BASIC(ADDRESS64, SEG_DS) | INFO_BASE(R13) | INFO_INDEX(R14, 1) },
	{ "mem.fs", m_fs, PTR, .length = 4, .info = BASIC(ADDRESS64, SEG_FS) | INFO_NO_INDEX | INFO_BASE(RAX) },
	{ "mem.gs", m_gs, PTR, .length = 5, .info = BASIC(ADDRESS64, SEG_GS) | INFO_NO_INDEX | INFO_BASE(R15) },
	{ "mem.address32", m_address32, PTR, .length = 4,
	  .info = BASIC(ADDRESS32, SEG_DS) | INFO_NO_INDEX | INFO_BASE(RBX) },
	{ "mem.address32_disp", m_address32_disp, PTR, .length = 5, .qualification = -8ull,
	  .info = BASIC(ADDRESS32, SEG_DS) | INFO_NO_INDEX | INFO_BASE(RBX) },
};

#define P32 { .start = PROTECTED }
static const struct exit_row pointers32[] = {
	{ "mem32.base", m32_base, P32, PTR, .length = 3, .info = BASIC(ADDRESS32, SEG_DS) | INFO_NO_INDEX | INFO_BASE(RBX) },
	{ "mem32.disp", m32_disp, P32, PTR_INDEX, .length = 5, .qualification = 0xfffffffc,
	  .info = BASIC(ADDRESS32, SEG_DS) | INFO_BASE(RBX) | INFO_INDEX(RCX, 2) },
	{ "mem32.es", m32_es, P32, PTR, .length = 4, .info = BASIC(ADDRESS32, SEG_ES) | INFO_NO_INDEX | INFO_BASE(RDI) },
	{ "mem32.cs", m32_cs, P32, PTR, .length = 4, .info = BASIC(ADDRESS32, SEG_CS) | INFO_NO_INDEX | INFO_BASE(RDI) },
	{ "mem32.ebp", m32_ebp, P32, PTR, .length = 4, .qualification = 4,
	  .info = BASIC(ADDRESS32, SEG_SS) | INFO_NO_INDEX | INFO_BASE(RBP) },
	{ "mem32.address16", m32_address16, P32, PTR_INDEX, .length = 6, .qualification = 0x1234,
	  .info = BASIC(ADDRESS16, SEG_DS) | INFO_BASE(RBX) | INFO_INDEX(RSI, 0) },
};

static const struct exit_row fields[] = {
	{ "vmread.reg", m_vmread_reg, .reason = R_VMREAD, .length = 3, .info_mask = MASK_REG1 | MASK_REG2 | INFO_REGISTER,
	  .info = INFO_REG1(RBX) | INFO_REG2(RAX) | INFO_REGISTER },
	{ "vmread.high_reg", m_vmread_high, .reason = R_VMREAD, .length = 4,
	  .info_mask = MASK_REG1 | MASK_REG2 | INFO_REGISTER, .info = INFO_REG1(R14) | INFO_REG2(R9) | INFO_REGISTER },
	{ "vmread.mem", m_vmread_mem, .reason = R_VMREAD, .length = 5, .qualification = 0x20,
	  .info_mask = MASK_MEMORY | MASK_REG2, .info = MEM(RDX) | INFO_REG2(R10) },
	{ "vmwrite.reg", m_vmwrite_reg, .reason = R_VMWRITE, .length = 3,
	  .info_mask = MASK_REG1 | MASK_REG2 | INFO_REGISTER, .info = INFO_REG1(RBX) | INFO_REG2(RAX) | INFO_REGISTER },
	{ "vmwrite.mem", m_vmwrite_mem, .reason = R_VMWRITE, .length = 5, .qualification = 0x20,
	  .info_mask = MASK_MEMORY | MASK_REG2, .info = MEM(RDX) | INFO_REG2(R11) },
	{ "invept.mem", m_invept, .reason = R_INVEPT, .length = 7, .qualification = 0x30,
	  .info_mask = MASK_MEMORY | MASK_REG2, .info = MEM(R8) | INFO_REG2(R9) },
	{ "invvpid.mem", m_invvpid, .reason = R_INVVPID, .length = 6, .info_mask = MASK_MEMORY | MASK_INDEX | MASK_REG2,
	  .info = BASIC(ADDRESS64, SEG_DS) | INFO_BASE(RCX) | INFO_INDEX(RAX, 1) | INFO_REG2(RSI) },
	{ "rdrand.16", m_rdrand16, { .proc2 = PROC2_RDRAND_EXITING }, .reason = R_RDRAND, .length = 4,
	  .info_mask = MASK_REG1 | 3u << 11, .info = INFO_REG1(RCX) },
	{ "rdrand.32", m_rdrand32, { .proc2 = PROC2_RDRAND_EXITING }, .reason = R_RDRAND, .length = 3,
	  .info_mask = MASK_REG1 | 3u << 11, .info = INFO_REG1(RSI) | 1u << 11 },
	{ "rdrand.64", m_rdrand64, { .proc2 = PROC2_RDRAND_EXITING }, .reason = R_RDRAND, .length = 4,
	  .info_mask = MASK_REG1 | 3u << 11, .info = INFO_REG1(R13) | 2u << 11 },
};

#define DT { .proc2 = PROC2_DESCRIPTOR_TABLE }
#define DT32 { .start = PROTECTED, .proc2 = PROC2_DESCRIPTOR_TABLE }
#define TABLE .reason = R_GDTR_IDTR, .info_mask = MASK_MEMORY | MASK_WHICH
#define TASK .reason = R_LDTR_TR

static const struct exit_row tables[] = {
	{ "sgdt", m_sgdt, DT, TABLE, .length = 3, .info = MEM(RDX) | INFO_WHICH(0) },
	{ "sidt", m_sidt, DT, TABLE, .length = 4, .qualification = 8, .info = MEM(RDX) | INFO_WHICH(1) },
	{ "lgdt", m_lgdt, DT, .reason = R_GDTR_IDTR, .info_mask = MASK_MEMORY | MASK_WHICH | MASK_INDEX, .length = 4,
	  .info = BASIC(ADDRESS64, SEG_DS) | INFO_BASE(RDX) | INFO_INDEX(RCX, 2) | INFO_WHICH(2) },
	{ "lidt", m_lidt, DT, TABLE, .length = 3, .info = MEM(RDX) | INFO_WHICH(3) },
	{ "sgdt.32", m32_sgdt, DT32, TABLE, .length = 3,
	  .info = BASIC(ADDRESS32, SEG_DS) | INFO_NO_INDEX | INFO_BASE(RDX) | INFO_WHICH(0) },
	{ "lgdt.operand16", m32_lgdt16, DT32, .reason = R_GDTR_IDTR, .length = 4,
	  .info_mask = MASK_MEMORY | MASK_WHICH | 1u << 11,
	  .info = BASIC(ADDRESS32, SEG_DS) | INFO_NO_INDEX | INFO_BASE(RDX) | INFO_WHICH(2) },
	{ "lgdt.operand32", m32_lgdt32, DT32, .reason = R_GDTR_IDTR, .length = 3,
	  .info_mask = MASK_MEMORY | MASK_WHICH | 1u << 11,
	  .info = BASIC(ADDRESS32, SEG_DS) | INFO_NO_INDEX | INFO_BASE(RDX) | INFO_WHICH(2) | 1u << 11 },
	{ "sldt.reg", m_sldt_reg, DT, TASK, .length = 3, .info_mask = MASK_REG1 | MASK_WHICH | INFO_REGISTER,
	  .info = INFO_REG1(RAX) | INFO_REGISTER | INFO_WHICH(0) },
	{ "sldt.mem", m_sldt_mem, DT, TASK, .length = 4, .qualification = 4, .info_mask = MASK_MEMORY | MASK_WHICH,
	  .info = MEM(RDX) | INFO_WHICH(0) },
	{ "str.reg", m_str_reg, DT, TASK, .length = 3, .info_mask = MASK_REG1 | MASK_WHICH | INFO_REGISTER,
	  .info = INFO_REG1(RBX) | INFO_REGISTER | INFO_WHICH(1) },
	{ "lldt.reg", m_lldt_reg, DT, TASK, .length = 3, .info_mask = MASK_REG1 | MASK_WHICH | INFO_REGISTER,
	  .info = INFO_REG1(RCX) | INFO_REGISTER | INFO_WHICH(2) },
	{ "lldt.mem", m_lldt_mem, DT, TASK, .length = 3, .info_mask = MASK_MEMORY | MASK_WHICH,
	  .info = MEM(RDX) | INFO_WHICH(2) },
	{ "ltr.reg", m_ltr_reg, DT, TASK, .length = 3, .info_mask = MASK_REG1 | MASK_WHICH | INFO_REGISTER,
	  .info = INFO_REG1(RDX) | INFO_REGISTER | INFO_WHICH(3) },
	{ "sgdt.off", m_sgdt, .rdx = (u64)probe, .reason = R_VMCALL, .skip = 3 },
	{ "sldt.off", m_sldt_reg, .reason = R_VMCALL, .skip = 3 },
};

/* RIP-relative operands: the displacement includes RIP of the next instruction. */
static void rip_relative(void)
{
	struct exit_row row = { "mem.rip", m_rip, .reason = R_VMPTRLD, .info_mask = MASK_NO_BASE, .length = 7,
		.qualification = phys(probe) + 8, .info = BASIC(ADDRESS64, SEG_DS) | INFO_NO_BASE | INFO_NO_INDEX };

	exit_prepare(&row);
	check_true("mem.rip", exit_text(&row) && vmread(EXIT_REASON) == R_VMPTRLD &&
		   vmread(EXIT_QUALIFICATION) == phys(probe) + 8 &&
		   (vmread(EXIT_INSTRUCTION_INFO) & row.info_mask) == row.info);
}

void conform_exits_operands(void)
{
	theme("operand");
	exit_begin();
	exit_rows(pointers, ARRAY_SIZE(pointers));
	exit_rows(pointers32, ARRAY_SIZE(pointers32));
	exit_rows(fields, ARRAY_SIZE(fields));
	exit_rows(tables, ARRAY_SIZE(tables));
	rip_relative();
}
