/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "conform.h"

/* The same bytes are the same instruction in 64-bit and in 32-bit code: (%rdx) becomes (%edx), %rax %eax. */
#define OP(name, insn) extern const u8 op_##name[]; \
	asm(".pushsection .text\nop_" #name ": " insn "\nint $0x80\n.popsection")
OP(vmxon, "vmxon (%rdx)");
OP(vmxoff, "vmxoff");
OP(vmclear, "vmclear (%rdx)");
OP(vmptrld, "vmptrld (%rdx)");
OP(vmptrst, "vmptrst (%rdx)");
OP(vmread, "vmread %rax, (%rdx)");
OP(vmwrite, "vmwrite (%rdx), %rax");
OP(vmlaunch, "vmlaunch");
OP(vmresume, "vmresume");
OP(vmcall, "vmcall");
OP(vmfunc, "vmfunc");
OP(invept, "invept (%rdx), %rax");
OP(invvpid, "invvpid (%rdx), %rax");

const char *const op_names[OPS] = { "vmxon", "vmxoff", "vmclear", "vmptrld", "vmptrst", "vmread", "vmwrite",
	"vmlaunch", "vmresume", "vmcall", "vmfunc", "invept", "invvpid" };
const char *const mode_names[MODES] = { "kernel64", "user64", "kernel32", "user32" };

static const u8 *const codes[OPS] = { op_vmxon, op_vmxoff, op_vmclear, op_vmptrld, op_vmptrst, op_vmread, op_vmwrite,
	op_vmlaunch, op_vmresume, op_vmcall, op_vmfunc, op_invept, op_invvpid };
static const struct { u16 cs, ss; } selectors[MODES] = { { SEL_CODE64, SEL_DATA },
	{ SEL_CODE64_CPL3, SEL_DATA_CPL3 }, { SEL_CODE32, SEL_DATA }, { SEL_CODE32_CPL3, SEL_DATA_CPL3 } };
static u8 op_stack[4096] __attribute__((aligned(16)));

struct trap op_trap;

const char *op_run(enum op op, enum mode mode, u64 rax, u64 rdx)
{
	u64 stack = (u64)op_stack + sizeof(op_stack), f;

	op_trap = mode_call(codes[op], selectors[mode].cs, selectors[mode].ss, stack, rax, rdx);
	if (op_trap.vector != VEC_RETURN)
		return trap_text(op_trap.vector, op_trap.error);
	f = op_trap.rflags & FLAGS_ARITH;
	if (f & ~(FLAGS_CF | FLAGS_ZF))
		return text("flags %lx", f);
	return result_text(vmx_result(f & FLAGS_CF, f & FLAGS_ZF));
}
