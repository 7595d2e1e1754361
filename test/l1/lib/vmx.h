/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* VMX instructions with their results: 0 VMsucceed, 1 VMfailInvalid, 2 VMfailValid, or VMX_FAULT with trap_last. */
#ifndef L1_VMX_H
#define L1_VMX_H

#include "vmcs.h"

enum vmx_result { VMX_OK = 0, VMX_FAIL_INVALID = 1, VMX_FAIL_VALID = 2, VMX_FAULT = 3 };

static inline enum vmx_result vmx_result(bool cf, bool zf)
{
	return cf ? VMX_FAIL_INVALID : zf ? VMX_FAIL_VALID : VMX_OK;
}

#define DEFINE_VMX_POINTER(insn) \
	static inline enum vmx_result insn(u64 pa) \
	{ \
		bool cf, zf; \
		asm volatile(#insn " %2" : "=@ccc"(cf), "=@ccz"(zf) : "m"(pa) : "memory"); \
		return vmx_result(cf, zf); \
	}
DEFINE_VMX_POINTER(vmxon)
DEFINE_VMX_POINTER(vmclear)
DEFINE_VMX_POINTER(vmptrld)

static inline enum vmx_result vmxoff(void)
{
	bool cf, zf;

	asm volatile("vmxoff" : "=@ccc"(cf), "=@ccz"(zf) : : "memory");
	return vmx_result(cf, zf);
}

static inline u64 vmptrst(void)
{
	u64 pa;

	asm volatile("vmptrst %0" : "=m"(pa) : : "memory", "cc");
	return pa;
}

static inline enum vmx_result vmread_try(u64 field, u64 *v)
{
	bool cf, zf;
	u64 got = *v;

	asm volatile("vmread %3, %2" : "=@ccc"(cf), "=@ccz"(zf), "+r"(got) : "r"(field) : "memory");
	*v = got;
	return vmx_result(cf, zf);
}

static inline enum vmx_result vmwrite_try(u64 field, u64 v)
{
	bool cf, zf;

	asm volatile("vmwrite %3, %2" : "=@ccc"(cf), "=@ccz"(zf) : "r"(field), "r"(v) : "memory");
	return vmx_result(cf, zf);
}

static inline u64 vmread(u64 field)
{
	u64 v;

	asm volatile("vmread %1, %0" : "=r"(v) : "r"(field) : "cc", "memory");
	return v;
}

static inline void vmwrite(u64 field, u64 v)
{
	asm volatile("vmwrite %1, %0" : : "r"(field), "r"(v) : "cc", "memory");
}

struct inv_desc { u64 first, second; };
#define DEFINE_VMX_INV(insn) \
	static inline enum vmx_result insn(u64 type, u64 first, u64 second) \
	{ \
		struct inv_desc d = { first, second }; \
		bool cf, zf; \
		asm volatile(#insn " %2, %3" : "=@ccc"(cf), "=@ccz"(zf) : "m"(d), "r"(type) : "memory"); \
		return vmx_result(cf, zf); \
	}
DEFINE_VMX_INV(invept)
DEFINE_VMX_INV(invvpid)

/* What the processor offers, read once by vmx_init(). */
struct vmx_caps {
	u64 basic, misc, ept_vpid, vmfunc, vmcs_enum;
	u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	u64 pin, proc, proc2, exit, entry;	/* low half: must be 1; high half: may be 1 (TRUE_* where they exist) */
	u64 proc3, exit2;			/* bits that may be 1 */
	u32 revision;
	unsigned phys_bits, linear_bits;
	bool supported, has_true;
};
extern struct vmx_caps caps;

static inline bool can(u64 capability, u64 bits) { return !(bits & ~(capability >> 32)); }
static inline u32 fit(u64 capability, u64 bits) { return ((u32)bits | (u32)capability) & (u32)(capability >> 32); }

/* False when the processor has no VMX or the firmware has locked it off. */
bool vmx_init(void);
/* CR0 and CR4 made fit and VMXON executed with a region of our own; fatal on failure. */
void vmx_enable(void);
void vmx_enable_on(u8 *vmxon_region);	/* of another processor */
extern u8 *vmxon_region;
/* A fresh VMCS region with the right revision identifier. */
u8 *vmcs_alloc(void);

#endif
