/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A software VMX processor for the tests.
 *
 * Guests are scripts: arrays of abstract instructions.  Each has a definite length, so RIP is an ordinary address; an
 * instruction that causes a VM exit puts into the VMCS what the SDM says.  The same script of a guest hypervisor (L1),
 * with the script of its guest (L2), runs
 *
 *   bare    directly on this processor: L1 is in VMX root operation, and
 *   nested  as the guest of a small host (host.c) that embeds libnestvmx and runs on this processor,
 *
 * and what the guests can see, the trace, must be the same.
 *
 * Time is the number of instructions that guests began (an instruction that exits to L0 and is begun again counts once),
 * so external events come at the same place of a script in both runs.
 */
#ifndef NVMX_FAKE_H
#define NVMX_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <nestvmx/host.h>
#include "vmcs/vmcs.h"

#define FAKE_PAGE 4096u

/* Scripts */

#define FAKE_OP_PRIVILEGED 1u
enum fake_op {
#define OP(NAME, length, flags, reason, rule, bit) FAKE_##NAME,
#include "ops.def"
	FAKE_OPS
};

#define FAKE_NO_REG 16u
#define FAKE_DS 3u /* segment numbers as in the instruction-information field */

struct fake_insn {
	uint8_t op;
	uint8_t reg, reg2;               /* register operands */
	bool mem;                        /* has a memory operand */
	uint8_t seg, base, index, scale; /* of the memory operand */
	uint8_t asize, size;             /* bytes of an address; of the datum */
	uint64_t disp;
	uint64_t imm;                    /* MSR, port, CR number, vector ... */
};

struct fake_code {
	uint64_t linear;
	const struct fake_insn *insn;
	size_t n;
	const uint16_t *index;   /* by offset in bytes: number of the instruction there plus one, or 0 */
	size_t bytes;
};

unsigned fake_length(const struct fake_insn *i);
const char *fake_op_name(unsigned op);

/* Registers */

enum { FAKE_SEG_ES, FAKE_SEG_CS, FAKE_SEG_SS, FAKE_SEG_DS, FAKE_SEG_FS, FAKE_SEG_GS, FAKE_SEG_LDTR, FAKE_SEG_TR };

struct fake_seg {
	uint16_t sel;
	uint32_t limit, ar;
	uint64_t base;
};

struct fake_arch {
	uint64_t gpr[16], rip, rflags;
	uint64_t cr0, cr2, cr3, cr4, cr8, dr[4], dr6, dr7, xcr0;
	struct fake_seg seg[8];
	uint64_t gdtr_base, idtr_base;
	uint32_t gdtr_limit, idtr_limit;
	uint64_t efer, pat, debugctl, perf, sysenter_cs, sysenter_esp, sysenter_eip, bndcfgs, xss, s_cet, ssp, ssp_table;
	uint64_t pkrs, tsc_aux, star, lstar, fmask, kernel_gs;
	uint64_t pdpte[4], pending_dbg;
	uint32_t activity, blocking;  /* activity and interruptibility state in the VMCS's encoding */
};

/* What guests can see */

enum fake_seen {
	FAKE_SEEN_FETCH,  /* an instruction begins; the state that it finds */
	FAKE_SEEN_VMREAD, /* info: field, error: value */
	FAKE_SEEN_EVENT,  /* info: interruption information, error: error code */
	FAKE_SEEN_STOP    /* info: enum fake_stop, error: VMX-abort indicator */
};

struct fake_record {
	uint8_t seen;
	uint64_t rip, rflags, info, error;
	uint64_t gpr, control, segment, rest; /* digests of general registers; CRs and MSRs; segments and tables; the rest */
};

#define FAKE_TRACE_MAX 4096
struct fake_trace {
	struct fake_record record[FAKE_TRACE_MAX];
	size_t n;
	struct fake_arch *keep; /* if not NULL: FAKE_TRACE_MAX states, to print differences */
	uint32_t last_reason;  /* the exit reason last read: tells which exit-information fields are defined */
	uint32_t last_intr;    /* likewise VM-exit interruption information, */
	uint32_t last_vect;    /* IDT-vectoring information, */
	uint64_t last_qual;    /* and exit qualification */
};

/* Events from outside */

enum fake_source { FAKE_EXT_INT, FAKE_NMI, FAKE_INIT, FAKE_SIPI };
struct fake_outside {
	uint64_t clock;  /* not before this many instructions */
	uint8_t source, vector;
};

/* Memory: guest RAM, and pages of the host that come and go. */

#define FAKE_RAM_FRAMES 128u
#define FAKE_RAM_SIZE (FAKE_RAM_FRAMES * FAKE_PAGE)
#define FAKE_HOST_FRAMES 1024u
#define FAKE_HOST_BASE 0x10000000ull
#define FAKE_RAM_BASE 0x40000000ull /* where a nested guest's RAM is; bare it starts at 0 */

struct fake_mem {
	uint64_t ram_base;
	uint8_t *ram;                     /* in guest-physical order */
	uint8_t *host[FAKE_HOST_FRAMES];
	unsigned host_used;
};

/* The processor */

enum fake_stop {
	FAKE_RUNNING,
	FAKE_EXITED,      /* a VM exit to a host that is not a script */
	FAKE_STOP_END,    /* the script's END */
	FAKE_STOP_SHUTDOWN,
	FAKE_STOP_HUNG,   /* halted, and nothing will come */
	FAKE_STOP_ABORT,  /* VMX abort */
	FAKE_STOP_STEPS   /* too many steps */
};

#define FAKE_TIMER_FAR 0x80000000u /* a preemption timer that no run lives to see */
#define FAKE_TLB 64u
struct fake_tlb_entry {
	uint64_t linear, hpa, eptp;
	uint16_t vpid;
	uint8_t rights;  /* NVMX_ACCESS_*; 0: free */
	bool dirty, user;
	uint64_t mode;   /* the bits of control registers and EFER by which the rights were judged */
};

/* What this processor refuses although the SDM allows it: a value of a VMCS field, by VMfail or by an entry failure. */
struct fake_dislike {
	uint32_t field;
	uint64_t value;
	uint32_t error;           /* VM-instruction error; 0: exit 33 */
};

#define FAKE_OUTSIDE_MAX 16
struct fake_cpu {
	struct fake_arch a;
	const struct nvmx_caps *caps;
	const struct fake_dislike *dislike; /* or NULL */
	size_t dislikes;
	struct fake_mem *mem;
	const struct fake_code *code;
	size_t codes;
	bool native;              /* VMX root operation is the C host */
	uint64_t vmxon, vmcs;     /* VMXON pointer and current VMCS; FAKE_NONE: none */
	bool guest;               /* VMX non-root operation */
	uint64_t feature_control;
	enum fake_stop stop;
	uint64_t clock, last_fetch, steps;
	const struct fake_insn *last_insn;
	struct fake_outside outside[FAKE_OUTSIDE_MAX];
	size_t outsides, outside_next;
	uint64_t intr[4];         /* pending external interrupts */
	bool nmi, init, sipi;
	uint8_t sipi_vector;
	bool mtf;                 /* a pending MTF VM exit */
	uint64_t tsc_base;
	uint64_t last_field;      /* what the VMREAD last begun reads */
	uint64_t timer;           /* VMX-preemption timer */
	bool timer_on;
	uint32_t vectoring, vectoring_error, vectoring_len; /* the event being delivered */
	bool supervisor;          /* the access is the processor's own, whatever the CPL */
	struct fake_tlb_entry tlb[FAKE_TLB];
	uint64_t flushes;
	uint64_t switches;        /* of EPT pointers by VMFUNC */
	struct fake_trace *trace;
	uint32_t refused_error;   /* of the last VM entry that failed: the error, or the qualification */
	const char *refused;      /* and the row */
};
#define FAKE_NONE (~0ull)
/* Bits of CR0 that a VM transition leaves as they are (SDM 26.3.2.1, 27.5.1). */
#define FAKE_CR0_KEPT (NVMX_CR0_ET | NVMX_CR0_CD | NVMX_CR0_NW | 0xffffffff1ffaffc0ull)
/* Those that MOV to CR0 leaves (volume 2): ET and reserved ones. */
#define FAKE_CR0_IGNORED (NVMX_CR0_ET | 0x1ffaffc0ull)
#define FAKE_MAX_STEPS 20000u

/* mem.c */
void fake_mem_init(struct fake_mem *m, uint64_t ram_base);
void fake_mem_free(struct fake_mem *m);
uint64_t fake_host_page(struct fake_mem *m);  /* 0: none left */
void fake_host_page_free(struct fake_mem *m, uint64_t hpa);
/* The byte at hpa, or NULL; an access must not cross its page. */
void *fake_at(const struct fake_mem *m, uint64_t hpa);
bool fake_is_ram(const struct fake_mem *m, uint64_t hpa);
uint64_t fake_ram_hpa(const struct fake_mem *m, uint64_t gpa);
uint64_t fake_phys_read(const struct fake_cpu *c, uint64_t hpa, unsigned len);
void fake_phys_write(struct fake_cpu *c, uint64_t hpa, uint64_t value, unsigned len);

/* trace.c */
void fake_see(struct fake_cpu *c, enum fake_seen seen, uint64_t info, uint64_t error);
/* Of what a VMREAD gave, what may be compared: 0 where the SDM leaves the field undefined. */
uint64_t fake_comparable(struct fake_trace *t, uint32_t field, uint64_t value);
/* CR0 or CR4 as the running guest reads it. */
uint64_t fake_visible_cr(const struct fake_cpu *c, unsigned cr);
/* -1 if the traces are equal, else the index of the first record that differs. */
long fake_trace_differs(const struct fake_trace *x, const struct fake_trace *y);
/* Prints, to standard error, the registers in which two states differ. */
void fake_arch_differences(const struct fake_arch *x, const struct fake_arch *y);
void fake_trace_print(const struct fake_trace *t, const char *name, size_t from, size_t to);

/* vmcs.c: VMCS regions in the processor's own format. */
struct fake_region {
	uint32_t revision, abort, launched, pad;
	uint64_t value[NVMX_ROWS];
};
struct fake_region *fake_region(const struct fake_cpu *c);
uint64_t fake_field(const struct fake_cpu *c, uint32_t field);
void fake_field_set(struct fake_cpu *c, uint32_t field, uint64_t value);
uint32_t fake_proc2(const struct fake_cpu *c);
/* vmx.c: the VMX instructions; each takes its operand and returns the VM-instruction outcome. */
#define FAKE_VM_SUCCEED 0
#define FAKE_VM_INVALID (-1)
#define FAKE_VM_ENTERED (-2) /* VMLAUNCH, VMRESUME: in the guest, or out again */
int fake_vmxon(struct fake_cpu *c, uint64_t addr);
int fake_vmclear(struct fake_cpu *c, uint64_t addr);
int fake_vmptrld(struct fake_cpu *c, uint64_t addr);
int fake_vmread(struct fake_cpu *c, uint64_t field, uint64_t *value);
int fake_vmwrite(struct fake_cpu *c, uint64_t field, uint64_t value);
int fake_invept(struct fake_cpu *c, uint64_t type, uint64_t eptp, uint64_t reserved);
int fake_invvpid(struct fake_cpu *c, uint64_t type, uint64_t low, uint64_t linear);
void fake_vmx_insn(struct fake_cpu *c, const struct fake_insn *i);
/* entry.c */
int fake_vmenter(struct fake_cpu *c, bool launch);

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
/* Registers that an entry loads under a control and each exit saves where the processor has them (SDM 26.3.2.1, 27.3.1). */
struct fake_protection {
	uint32_t msr;                   /* 0: SSP, which is none */
	uint16_t guest, host;           /* fields; 0: the exit clears it */
	uint32_t load, undo;
	uint16_t offset;                /* in struct fake_arch */
};
#define FAKE_PROTECTIONS 5
extern const struct fake_protection fake_protections[FAKE_PROTECTIONS];
bool fake_has(const struct fake_cpu *c, const struct fake_protection *p);
static inline uint64_t *fake_protection(struct fake_cpu *c, const struct fake_protection *p)
{
	return (uint64_t *)(void *)((char *)&c->a + p->offset);
}
bool fake_rdmsr(struct fake_cpu *c, uint32_t msr, uint64_t *value);
bool fake_wrmsr(struct fake_cpu *c, uint32_t msr, uint64_t value);
uint64_t fake_tsc(const struct fake_cpu *c);
void fake_cpuid(uint32_t leaf, uint64_t gpr[16]);
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
int fake_highest(const uint64_t set[4]); /* the highest interrupt vector in the set, or -1 */
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

/* insn.c */
/* Linear address of the memory operand; false: a fault was raised. */
bool fake_operand(struct fake_cpu *c, const struct fake_insn *i, unsigned len, uint64_t *linear);
const struct fake_insn *fake_insn_at(const struct fake_cpu *c, uint64_t linear);
/* RIP of the instruction after the one at the linear address, or 0. */
uint64_t fake_after(const struct fake_cpu *c, uint64_t linear);
void fake_retire(struct fake_cpu *c, const struct fake_insn *i);
/* Where VMX non-root operation intercepts; true: a VM exit was made. */
bool fake_intercepts(struct fake_cpu *c, const struct fake_insn *i);
bool fake_io_exits(const struct fake_cpu *c, unsigned port, unsigned size);
bool fake_msr_exits(const struct fake_cpu *c, uint32_t msr, bool write);
/* cr.c: MOV to and from CR, CLTS, LMSW. */
void fake_cr_insn(struct fake_cpu *c, const struct fake_insn *i);
/* Runs until the script ends or, with a native host, the next VM exit. */
void fake_run(struct fake_cpu *c);
void fake_idle(struct fake_cpu *c);
/* Moves due outside events to pending. */
void fake_take_outside(struct fake_cpu *c);

static inline bool fake_is_64(const struct fake_cpu *c)
{
	return (c->a.efer & NVMX_EFER_LMA) && (c->a.seg[FAKE_SEG_CS].ar & NVMX_AR_L);
}

#endif
