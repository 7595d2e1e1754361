/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The processor's insides.  It includes nothing of the library but headers of constants: test/check/layers holds that. */
#ifndef NVMX_FAKE_CPU_H
#define NVMX_FAKE_CPU_H

#include <nestvmx/fake.h>

/* The kinds of an access. */
#define ACCESS_R 1u
#define ACCESS_W 2u
#define ACCESS_X 4u
#define ACCESS_XU 8u /* of rights alone: fetches from user-mode addresses */

/* Types of INVEPT and INVVPID (SDM 30.3). */
enum { INV_ADDRESS, INV_SINGLE, INV_ALL, INV_SINGLE_NON_GLOBAL };

#define FAKE_OP_PRIVILEGED 1u

/* mem.c */
uint64_t fake_phys_read(const struct fake_cpu *c, uint64_t hpa, unsigned len);
void fake_phys_write(struct fake_cpu *c, uint64_t hpa, uint64_t value, unsigned len);

/* trace.c */
/* Of what a VMREAD gave, what may be compared: 0 where the SDM leaves the field undefined. */
uint64_t fake_comparable(struct fake_trace *t, uint32_t field, uint64_t value);
/* CR0 or CR4 as the running guest reads it. */
uint64_t fake_visible_cr(const struct fake_cpu *c, unsigned cr);

/* vmcs.c: VMCS regions in the processor's own format. */
enum {
#define F(NAME, WHERE, bits) FIELD_##NAME,
#include "fields.def"
	FIELDS
};
struct fake_region {
	uint32_t revision, abort, launched, pad;
	uint64_t value[FIELDS];
};
struct fake_region *fake_region(const struct fake_cpu *c);
const char *fake_field_name(uint32_t field);

/* vmx.c: the VMX instructions of a script. */
void fake_vmx_insn(struct fake_cpu *c, const struct fake_insn *i);

/* exit.c */
struct fake_exit {
	uint32_t reason;
	uint64_t qualification;
	uint32_t intr_info, intr_error;
	uint32_t len, info;
	uint64_t linear, physical;
	bool has_len, has_info, has_linear, has_physical;
};
void fake_vmexit(struct fake_cpu *c, const struct fake_exit *x);
/* A VM exit because of instruction `i`. */
void fake_insn_exit(struct fake_cpu *c, const struct fake_insn *i, uint32_t reason, uint64_t qualification);
uint32_t fake_insn_info(const struct fake_cpu *c, const struct fake_insn *i);
/* Loads host state after a failed entry (26.8) or a VM exit. */
void fake_load_host(struct fake_cpu *c);
/* An MSR area: the 1-based number of the entry that failed, or 0. */
uint32_t fake_msr_load(struct fake_cpu *c, uint64_t addr, uint32_t n);

/* msr.c */
static inline uint64_t *fake_protection(struct fake_cpu *c, const struct fake_protection *p)
{
	return (uint64_t *)(void *)((char *)&c->a + p->offset);
}
uint64_t fake_tsc(const struct fake_cpu *c);
/* CR0 or CR4 against what VMX operation fixes (23.8), but for the bits that are free. */
bool fake_fixed(const struct nvmx_caps *caps, unsigned cr, uint64_t value, uint64_t free_bits);
bool fake_cr_valid(const struct fake_cpu *c, unsigned cr, uint64_t value);

/* event.c */
void fake_raise(struct fake_cpu *c, unsigned vector, bool has_error, uint32_t error);
void fake_page_fault(struct fake_cpu *c, uint64_t linear, uint32_t error);
/* The conditions (DR6's B0 to B3) of the instruction breakpoints at a linear address, whatever RF says. */
uint64_t fake_breakpoints(const struct fake_cpu *c, uint64_t linear);
/* The fault of an instruction breakpoint. */
void fake_breakpoint(struct fake_cpu *c, uint64_t conditions);
void fake_deliver(struct fake_cpu *c, uint32_t info, uint32_t error, uint32_t len);
/* What is due at an instruction boundary; true if something happened instead of the next instruction. */
bool fake_boundary(struct fake_cpu *c);
void fake_triple_fault(struct fake_cpu *c);
unsigned fake_cpl(const struct fake_cpu *c);

/* paging.c */
/* Translates a linear address; false: a fault or VM exit was raised. */
bool fake_linear(struct fake_cpu *c, uint64_t linear, unsigned access, uint64_t *hpa);
bool fake_read(struct fake_cpu *c, uint64_t linear, unsigned len, uint64_t *value);
bool fake_write(struct fake_cpu *c, uint64_t linear, unsigned len, uint64_t value);
void fake_tlb_flush(struct fake_cpu *c, bool by_vpid, uint16_t vpid, bool by_eptp, uint64_t eptp, bool by_linear,
		    uint64_t linear);
uint16_t fake_vpid(const struct fake_cpu *c);
bool fake_read_pdptes(struct fake_cpu *c, uint64_t cr3, uint64_t pdpte[4]);

/* apic.c: SDM 29 */
void fake_apic_enter(struct fake_cpu *c);                        /* a VM entry (26.3.2.5) */
bool fake_apic_below_threshold(const struct fake_cpu *c);        /* right after it (26.7.7) */
/* Whether an access to the APIC-access page goes to the virtual-APIC page, and where there. */
bool fake_apic_virtualizes(const struct fake_cpu *c, unsigned offset, unsigned len, unsigned access);
uint64_t fake_apic_address(const struct fake_cpu *c, unsigned offset);
void fake_apic_written(struct fake_cpu *c, unsigned offset);     /* the instruction that wrote there has retired */
void fake_apic_cr8(struct fake_cpu *c, uint64_t value);          /* MOV to CR8 has */
uint64_t fake_apic_tpr(const struct fake_cpu *c);                /* CR8 */
void fake_apic_deliver(struct fake_cpu *c);                      /* a virtual interrupt */
void fake_apic_posted(struct fake_cpu *c);                       /* the notification has arrived */
/* x2APIC MSRs (29.5); false: the processor's own. */
bool fake_x2apic_read(const struct fake_cpu *c, uint32_t msr, uint64_t *value);
bool fake_x2apic_write(struct fake_cpu *c, uint32_t msr, uint64_t value, bool *fault);
void fake_x2apic_written(struct fake_cpu *c, uint32_t msr);

/* insn.c */
/* Linear address of the memory operand; false: a fault was raised. */
bool fake_operand(struct fake_cpu *c, const struct fake_insn *i, unsigned len, uint64_t *linear);
/* RIP of the instruction after the one at the linear address, or 0. */
uint64_t fake_after(const struct fake_cpu *c, uint64_t linear);
void fake_retire(struct fake_cpu *c, const struct fake_insn *i);
/* Where VMX non-root operation intercepts; true: a VM exit was made. */
bool fake_intercepts(struct fake_cpu *c, const struct fake_insn *i);
bool fake_io_exits(const struct fake_cpu *c, unsigned port, unsigned size);
bool fake_msr_exits(const struct fake_cpu *c, uint32_t msr, bool write);
/* branch.c: CALL and RET, with shadow stacks. */
void fake_branch(struct fake_cpu *c, const struct fake_insn *i);
/* cr.c: MOV to and from CR, CLTS, LMSW. */
void fake_cr_insn(struct fake_cpu *c, const struct fake_insn *i);

static inline bool fake_is_64(const struct fake_cpu *c)
{
	return (c->a.efer & NVMX_EFER_LMA) && (c->a.seg[FAKE_SEG_CS].ar & NVMX_AR_L);
}

#endif
