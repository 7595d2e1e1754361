/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* VMX instructions: 0, or whether they failed. */
#ifndef SHIM_VMX_CPUFUNC_H
#define SHIM_VMX_CPUFUNC_H

#include <sys/systm.h>

struct vmcs;

#define VM_SUCCESS 0
#define VM_FAIL_INVALID 1
#define VM_FAIL_VALID 2

int vmclear(struct vmcs *vmcs);
int vmptrld(struct vmcs *vmcs);
int vmread(uint64_t field, uint64_t *value);
int vmwrite(uint64_t field, uint64_t value);

/* The two that begin and end a time in which the thread stays on its processor. */
static inline __unused void VMPTRLD(struct vmcs *vmcs)
{
	critical_enter();
	if (vmptrld(vmcs))
		panic("VMPTRLD failed");
}

static inline __unused void VMCLEAR(struct vmcs *vmcs)
{
	if (vmclear(vmcs))
		panic("VMCLEAR failed");
	critical_exit();
}

#define INVVPID_TYPE_ADDRESS 0ul
#define INVVPID_TYPE_SINGLE_CONTEXT 1ul
#define INVVPID_TYPE_ALL_CONTEXTS 2ul
struct invvpid_desc {
	uint16_t vpid, _res1;
	uint32_t _res2;
	uint64_t linear_addr;
};
void invvpid(uint64_t type, struct invvpid_desc desc);

#define INVEPT_TYPE_SINGLE_CONTEXT 1ul
#define INVEPT_TYPE_ALL_CONTEXTS 2ul
struct invept_desc {
	uint64_t eptp, _res;
};
void invept(uint64_t type, struct invept_desc desc);

#endif
