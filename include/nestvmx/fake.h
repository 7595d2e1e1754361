/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A fake VMX processor, to unit-test a hypervisor that embeds libnestvmx in an ordinary process (libnestvmx-fake.a; in CMake
 * find_package(nestvmx COMPONENTS fake), target nestvmx::fake; pkg-config nestvmx-fake nestvmx).  It is a library for tests: it uses libc, and what breaks its
 * rules ends the program with a line that names the rule.  Names begin with fake_ and script_.
 *
 * It was written from the SDM apart from libnestvmx and uses nothing of it: what it makes of a VMCS is its own judgement.
 * Section numbers are those of volume 3 in the numbering where VM entries are chapter 26.
 *
 * Guests are scripts: arrays of abstract instructions (enum fake_op), each of a definite length, so that RIP is an ordinary
 * address.  An instruction that causes a VM exit puts into the VMCS what the SDM says, poison where it leaves a field undefined.
 * A script of a guest hypervisor (L1), with a script of its guest (L2), runs
 *
 *   bare    on the processor itself, L1 in VMX root operation, and
 *   nested  as the guest of your host, which runs on this processor too and answers libnestvmx's callbacks,
 *
 * and what the guests could see must be the same: fake_trace_differs().
 *
 * A host of your own, in steps (examples/host is one, whole; examples/owner one that owns interrupts):
 *
 *   1. The guests.  script_start(&l1, FAKE_L1_CODE), script_...(): L1 begins there in 64-bit mode, in memory that has tables for it
 *      and for an L2 at FAKE_L2_CODE (the enum at "Where things are").
 *   2. Memory and a processor.  fake_hw_caps(&caps), which your struct nvmx_vm_config gives as `hw`; fake_setup(&cpu, &mem,
 *      FAKE_RAM_BASE, &caps, code, 2, &trace).  Your pages come from fake_host_page(), and fake_at() is the pointer to a
 *      host-physical address; a guest frame is at fake_ram_hpa().
 *   3. vmcs01 = fake_native(&cpu) is a VMCS, current, in which any host's fields are; by fake_field_set() what yours does otherwise.
 *   4. The loop.  fake_vmenter(&cpu, launch) is VMLAUNCH or VMRESUME of the current VMCS; `launch` is nvmx_must_launch(vcpu) for L2,
 *      and that vmcs01 is not fake_launched() for L1.  With FAKE_VM_ENTERED, fake_run(&cpu) runs the guest until cpu.stop is
 *      FAKE_EXITED (a VM exit: cpu.a.gpr holds the guest's registers, which go into struct nvmx_regs before nvmx_handle_exit() and come
 *      back after it, RSP apart, which VM entry loads; VMREADs give the rest) or says why the run is over.  Any other answer is the VM-instruction error; cpu.refused, if not NULL, is the rule of SDM 26.2 or 26.3 that did not hold.
 *      An event from outside is fake_outside_at(), before the run, for the nested processor and for the bare one alike.
 *   5. Your callbacks are one call each: vmcs_load is fake_vmptrld(), vmcs_read_many fake_vmread(), flush_ept fake_invept() ...  Those that your
 *      test is not about are in <nestvmx/fake_ops.h>, ready made.
 *   6. The comparison.  fake_run_alone(nvmx_vm_caps(vm), code, 2, &bare) is the other run, of a processor with what L1 was offered; with
 *      events from outside it is fake_setup(), fake_outside_at() and fake_run().
 *   7. A move to another machine.  There steps 2 and 3, a copy of the RAM, and fake_cpu_move(): what of the guest no VMCS has.
 *
 * What it models: 64-bit, PAE, 32-bit and unpaged guests with a TLB that goes stale as a real one does; EPT with accessed and dirty
 * flags, VPID, INVEPT, INVVPID; all VMX instructions, VMCS shadowing, EPTP switching; MSR and I/O bitmaps, MSR areas, CR masks and
 * shadows, CR3 targets; exceptions, NMIs, virtual NMIs, external interrupts, INIT, SIPI, windows, the monitor trap flag, the
 * preemption timer, instruction breakpoints, single steps and branch steps; APIC virtualization, in memory and as MSRs, virtual and
 * posted interrupts, IPI virtualization; PML; mode-based execute control; protection keys of supervisor pages; shadow stacks for CALL and
 * RET; #VE; bus-lock and notify exits.  What it does not: segmentation beyond limits, task switches, SMM, caches, several processors.
 *
 * What it asserts of a host: a VMCS field, VMCS region or host page that is named exists; a page is freed once; a script fits.  What
 * it does not see, the ledger of mappings and pins, is for a layer around the callbacks.
 */
#ifndef NESTVMX_FAKE_H
#define NESTVMX_FAKE_H

#include <nestvmx/arch.h>
#include <nestvmx/caps.h>
#include <nestvmx/fields.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FAKE_PAGE 4096u
#define FAKE_NONE (~0ull) /* no VMCS, no VMXON region */

/* Ends the program with a line that names the broken rule. */
#define FAKE_ASSERT(condition)                                       \
	do {                                                         \
		if (!(condition))                                    \
			fake_die(__FILE__, __LINE__, #condition);    \
	} while (0)
__attribute__((noreturn)) void fake_die(const char *file, int line, const char *what);

/*
 * Instructions.  They are not in RAM: what a host does to RAM, or forgets when it moves it, is seen by data that a script stores and loads.
 */

enum fake_op {
	/* The script's own: a MOV of a constant, loads and stores; RIP of a guest past the instruction there (script_advance); its end. */
	FAKE_NOP, FAKE_MOVI, FAKE_LOAD, FAKE_STORE, FAKE_NEXT, FAKE_END,
	/* Those that exit always, or by one control bit. */
	FAKE_CPUID, FAKE_INVD, FAKE_XSETBV, FAKE_HLT, FAKE_MWAIT, FAKE_MONITOR, FAKE_PAUSE, FAKE_RDPMC,
	FAKE_RDTSC, FAKE_WBINVD, FAKE_RDRAND, FAKE_RDSEED, FAKE_SGDT, FAKE_SIDT, FAKE_LGDT, FAKE_LIDT,
	FAKE_SLDT, FAKE_STR, FAKE_LLDT, FAKE_LTR, FAKE_MOV_DR, FAKE_TASK_SWITCH, FAKE_INVLPG,
	/* Those with rules of their own. */
	FAKE_RDTSCP, FAKE_INVPCID, FAKE_XSAVES, FAKE_XRSTORS, FAKE_RDMSR, FAKE_WRMSR, FAKE_IN, FAKE_OUT,
	FAKE_MOV_TO_CR, FAKE_MOV_FROM_CR, FAKE_CLTS, FAKE_LMSW,
	/* A locked access that is split; an instruction that lets no event in for long, the first time that it is begun. */
	FAKE_SPLIT_LOCK, FAKE_STALL,
	/* Events; RAISE is an instruction that has the exception `imm`. */
	FAKE_INT, FAKE_INT3, FAKE_RAISE, FAKE_STI, FAKE_CLI, FAKE_MOV_SS, FAKE_IRET,
	/* Near branches: CALL skips the `imm` bytes behind it. */
	FAKE_CALL, FAKE_RET,
	/* VMX (SDM 30.3). */
	FAKE_VMXON, FAKE_VMXOFF, FAKE_VMCLEAR, FAKE_VMPTRLD, FAKE_VMPTRST, FAKE_VMREAD, FAKE_VMWRITE,
	FAKE_VMLAUNCH, FAKE_VMRESUME, FAKE_VMCALL, FAKE_VMFUNC, FAKE_INVEPT, FAKE_INVVPID,
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

/* Fields that libnestvmx has no use for (SDM appendix B): those of IPI virtualization. */
enum fake_more_fields { NVMX_LAST_PID_POINTER_INDEX = 0x0008, NVMX_PID_POINTER_TABLE = 0x2042 };

/*
 * Registers
 */

enum { FAKE_SEG_ES, FAKE_SEG_CS, FAKE_SEG_SS, FAKE_SEG_DS, FAKE_SEG_FS, FAKE_SEG_GS, FAKE_SEG_LDTR, FAKE_SEG_TR };

struct fake_seg {
	uint16_t sel;
	uint32_t limit, ar;
	uint64_t base;
};

struct fake_arch {
	uint64_t gpr[16], rip, rflags;  /* gpr in the order of struct nvmx_regs */
	uint64_t cr0, cr2, cr3, cr4, cr8, dr[4], dr6, dr7, xcr0;
	struct fake_seg seg[8];
	uint64_t gdtr_base, idtr_base;
	uint32_t gdtr_limit, idtr_limit;
	uint64_t efer, pat, debugctl, perf, sysenter_cs, sysenter_esp, sysenter_eip, bndcfgs, xss, s_cet, ssp, ssp_table;
	uint64_t pkrs, tsc_aux, star, lstar, fmask, kernel_gs, u_cet;
	uint64_t pdpte[4], pending_dbg;
	uint32_t activity, blocking;  /* activity and interruptibility state in the VMCS's encoding */
};

/*
 * What guests can see
 */

enum fake_seen {
	FAKE_SEEN_FETCH,  /* an instruction begins; the state that it finds */
	FAKE_SEEN_VMREAD, /* info: field, error: value; 0 where the SDM leaves the field undefined */
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
	uint32_t last_reason;   /* the exit reason last read: tells which exit-information fields are defined */
	uint32_t last_intr;     /* likewise VM-exit interruption information, */
	uint32_t last_vect;     /* IDT-vectoring information, */
	uint64_t last_qual;     /* and exit qualification */
};

/* -1 if the traces are equal, else the index of the first record that differs. */
long fake_trace_differs(const struct fake_trace *x, const struct fake_trace *y);
/* What VMREADs of `field` into a register gave the guests: the value of the n-th, from 0 on; of those that failed none is counted.
 * False: there were not as many. */
bool fake_trace_read(const struct fake_trace *t, uint32_t field, size_t n, uint64_t *value);
/* Prints records, and the registers in which two states differ, to standard error. */
void fake_trace_print(const struct fake_trace *t, const char *name, size_t from, size_t to);
void fake_arch_differences(const struct fake_arch *x, const struct fake_arch *y);

/*
 * Events from outside.  Time is the number of instructions that guests began (an instruction that exits to the host and is begun
 * again counts once), so that they come at the same place of a script bare and nested.
 */

enum fake_source { FAKE_EXT_INT, FAKE_NMI, FAKE_INIT, FAKE_SIPI };
/* One of them; struct fake_cpu has them in the order of their clocks. */
struct fake_outside {
	uint64_t clock;  /* not before this many instructions */
	uint8_t source, vector;
};
/* And what a device writes: 8 bytes of the guest's RAM.  A clock of 0: none does. */
struct fake_dma {
	uint64_t clock, gpa, value;
};

/*
 * Memory: guest RAM, and pages of the host that come and go, each an allocation of its own, so that a sanitizer sees a use after
 * free.  Elsewhere reads give ones and writes are lost.
 */

#define FAKE_RAM_FRAMES 128u
#define FAKE_RAM_SIZE (FAKE_RAM_FRAMES * FAKE_PAGE)
#define FAKE_HOST_FRAMES 1024u
#define FAKE_HOST_BASE 0x10000000ull
#define FAKE_RAM_BASE 0x40000000ull /* where a nested guest's RAM is; bare it starts at 0 */

struct fake_mem {
	uint64_t ram_base;
	uint8_t *ram;                     /* in guest-physical order, page-aligned */
	uint8_t *host[FAKE_HOST_FRAMES];
	unsigned host_used;
};

void fake_mem_init(struct fake_mem *m, uint64_t ram_base);
void fake_mem_free(struct fake_mem *m);
uint64_t fake_host_page(struct fake_mem *m);  /* a page of zeros; 0: none left */
void fake_host_page_free(struct fake_mem *m, uint64_t hpa);
/* The byte at hpa, or NULL; an access must not cross its page. */
void *fake_at(const struct fake_mem *m, uint64_t hpa);
bool fake_is_ram(const struct fake_mem *m, uint64_t hpa);
/* Where a byte of guest RAM is.  Neighbouring frames change places, so that nothing may take guest frames as contiguous. */
uint64_t fake_ram_hpa(const struct fake_mem *m, uint64_t gpa);

/*
 * The processor
 */

enum fake_stop {
	FAKE_RUNNING,
	FAKE_EXITED,      /* a VM exit to a host that is not a script */
	FAKE_STOP_END,    /* the script's END */
	FAKE_STOP_SHUTDOWN,
	FAKE_STOP_HUNG,   /* halted, and nothing will come */
	FAKE_STOP_ABORT,  /* VMX abort */
	FAKE_STOP_STEPS   /* too many steps */
};

const char *fake_stop_name(enum fake_stop stop); /* "FAKE_STOP_HUNG" */

#define FAKE_TIMER_FAR 0x80000000u /* a preemption timer that no run lives to see */
#define FAKE_MAX_STEPS 20000u
#define FAKE_MAX_ENTRIES 20000u /* of a native host, between which its guest begins no instruction: it loops, and the program ends */
#define FAKE_TLB 64u
struct fake_tlb_entry {
	uint64_t linear, hpa, eptp;
	uint16_t vpid;
	uint8_t rights;  /* bits 0 to 2: read, write, execute; 0: free */
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
	bool hides_nmi_blocking;  /* of this guest that is its host's alone to see: traces leave it out */
	uint64_t feature_control;
	enum fake_stop stop;
	uint64_t clock, last_fetch, steps;
	uint64_t entered_at, entries; /* entries in a row at that clock */
	const struct fake_insn *last_insn;
	struct fake_outside outside[FAKE_OUTSIDE_MAX];
	size_t outsides, outside_next;
	struct fake_dma dma;
	uint64_t intr[4];         /* pending external interrupts */
	bool nmi, init, sipi;
	uint8_t sipi_vector;
	bool mtf;                 /* a pending MTF VM exit */
	bool virtual_interrupt;   /* a virtual interrupt is recognized (29.2.1) */
	bool below_threshold;     /* a pending VM exit of the TPR threshold (26.7.7) */
	uint64_t stalled;         /* the clock of the last STALL that a notify exit interrupted */
	bool apic_write;          /* the instruction writes into the virtual-APIC page, at apic_offset */
	uint16_t apic_offset;
	uint64_t tsc_base;
	uint64_t last_field;      /* what the VMREAD last begun reads */
	uint64_t timer;           /* VMX-preemption timer */
	bool timer_on;
	uint32_t vectoring, vectoring_error, vectoring_len; /* the event being delivered */
	bool supervisor;          /* the access is the processor's own, whatever the CPL */
	bool shadow_stack;        /* it is one to the shadow stack */
	struct fake_tlb_entry tlb[FAKE_TLB];
	uint64_t flushes;
	uint64_t switches;        /* of EPT pointers by VMFUNC */
	struct fake_trace *trace;
	const char *refused;      /* and the rule, with its section; NULL: it did not fail */
};

/* A processor after reset, with these capabilities, on this memory; what its guests see goes to *trace, from the beginning. */
void fake_cpu_init(struct fake_cpu *c, const struct nvmx_caps *caps, struct fake_mem *mem, struct fake_trace *trace);
/* The capabilities of a processor that has all that is modelled, and is offered L1 in one way or another. */
void fake_hw_caps(struct nvmx_caps *caps);
/* It has tertiary controls, too: IPI virtualization. */
void fake_hw_caps_ipis(struct nvmx_caps *caps);
/* Runs until the script ends or, with a native host, the next VM exit. */
void fake_run(struct fake_cpu *c);
/* A moment in which the processor is halted: time passes; FAKE_STOP_HUNG if nothing will come. */
void fake_idle(struct fake_cpu *c);
/* Adds an event from outside; `vector` is an interrupt's or a SIPI's.  At a script's end so far: its code.n instructions. */
void fake_outside_at(struct fake_cpu *c, uint64_t clock, enum fake_source source, uint8_t vector);
/* A guest goes on on another native host's processor, *to, as *from left it at its last VM exit: registers that no VMCS has, scripts, trace, the
 * clock, what is pending and what is still to come from outside.  Memory, VMCSs, TLB, capabilities and IA32_FEATURE_CONTROL are *to's. */
void fake_cpu_move(struct fake_cpu *to, const struct fake_cpu *from);
/* Moves due outside events to pending. */
void fake_take_outside(struct fake_cpu *c);
int fake_highest(const uint64_t set[4]); /* the highest interrupt vector in the set, or -1 */
/* The instruction at a linear address, or NULL: for a host that emulates. */
const struct fake_insn *fake_insn_at(const struct fake_cpu *c, uint64_t linear);
/* Adds to the trace. */
void fake_see(struct fake_cpu *c, enum fake_seen seen, uint64_t info, uint64_t error);

/* MSRs and CPUID as the processor has them; false: #GP. */
bool fake_rdmsr(struct fake_cpu *c, uint32_t msr, uint64_t *value);
bool fake_wrmsr(struct fake_cpu *c, uint32_t msr, uint64_t value);
void fake_cpuid(uint32_t leaf, uint64_t gpr[16]);

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

/* Bits of CR0 that a VM transition leaves as they are (SDM 26.3.2.1, 27.5.1). */
#define FAKE_CR0_KEPT (NVMX_CR0_ET | NVMX_CR0_CD | NVMX_CR0_NW | 0xffffffff1ffaffc0ull)
/* Those that MOV to CR0 leaves (volume 2): ET and reserved ones. */
#define FAKE_CR0_IGNORED (NVMX_CR0_ET | 0x1ffaffc0ull)

/*
 * The VMX instructions of a native host: the outcome is FAKE_VM_SUCCEED, FAKE_VM_INVALID or the VM-instruction error.
 */

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
int fake_vmenter(struct fake_cpu *c, bool launch);

/* A field of the current VMCS, whatever the capabilities. */
uint64_t fake_field(const struct fake_cpu *c, uint32_t field);
void fake_field_set(struct fake_cpu *c, uint32_t field, uint64_t value);
/* The place of a field in the VMCS region at hpa, whose format is the processor's own. */
uint64_t *fake_value(const struct fake_mem *m, uint64_t hpa, uint32_t field);
bool fake_launched(const struct fake_mem *m, uint64_t hpa); /* the launch state of that VMCS */
/* The secondary controls that count. */
uint32_t fake_proc2(const struct fake_cpu *c);
uint64_t fake_proc3(const struct fake_cpu *c);
/* A host page with the processor's revision identifier, for VMXON or for a VMCS; 0: none left. */
uint64_t fake_new_region(struct fake_cpu *c);

/*
 * A guest hypervisor to start with
 */

/* Where things are in guest RAM after fake_memory_image(). */
enum {
	FAKE_L1_TABLES = 0x1000,  /* PML4, PDPT, PD, PT: the first 2 MiB as they are */
	FAKE_L1_IDT = 0x6000,
	FAKE_L1_STACK = 0x8000,
	FAKE_L1_DATA = 0x8000,
	FAKE_L1_CODE = 0x10000,
	FAKE_L2_CODE = 0x20000,
	FAKE_L2_CODE_B = 0x28000,
	FAKE_VMXON_REGION = 0x30000,
	FAKE_VMCS_A = 0x31000,
	FAKE_VMCS_B = 0x32000,
	FAKE_VMCS_SHADOW = 0x33000,
	FAKE_MSR_BITMAP = 0x38000,
	FAKE_IO_BITMAP = 0x39000, /* two pages */
	FAKE_MSR_ENTRY = 0x3b000,
	FAKE_MSR_STORE = 0x3c000,
	FAKE_MSR_EXIT = 0x3d000,
	FAKE_VAPIC = 0x3e000,
	FAKE_VMREAD_BITMAP = 0x3f000,
	FAKE_VMWRITE_BITMAP = 0x40000,
	FAKE_EPT_A = 0x41000,     /* four pages: the first 2 MiB as they are */
	FAKE_EPT_B = 0x45000,     /* four pages: the same with some pages changed */
	FAKE_L2_DATA = 0x50000,   /* eight pages */
	FAKE_L2_STACK = 0x59000,
	FAKE_L2_IDT = 0x5a000,
	FAKE_L2_TABLES = 0x5b000, /* four pages */
	FAKE_EPTP_LIST = 0x60000
};
void fake_memory_image(uint8_t *ram);
void fake_l1_state(struct fake_arch *a);

/*
 * What a native host writes into the current VMCS to run c->a as its guest: the guest state, with CR0.NE and CR4.VMXE kept and the
 * others the guest's own; a host state that no guest may see; the controls that VMX operation fixes, EPT, VPID 1, unrestricted guest,
 * RDTSCP, INVPCID, XSAVES, and of each transition DR7, IA32_DEBUGCTL, PAT and EFER.  No bitmaps: each RDMSR and WRMSR exits.
 */
void fake_write_guest(struct fake_cpu *c);
void fake_write_host(struct fake_cpu *c);
void fake_write_controls(struct fake_cpu *c, uint64_t eptp);
uint64_t fake_new_ept(struct fake_cpu *c); /* an EPT of guest RAM in 4-KiB pages; its EPTP */

/* Memory with the image, and on it a processor with L1's state and these scripts; fake_mem_free() is the caller's. */
void fake_setup(struct fake_cpu *c, struct fake_mem *m, uint64_t ram_base, const struct nvmx_caps *caps, const struct fake_code *code,
		size_t codes, struct fake_trace *trace);
/* The processor is a native host's from now on: in VMX operation, with a VMCS, current, that runs c->a, with VPID 1; its address. */
uint64_t fake_native(struct fake_cpu *c);
/* The scripts with L1 on the processor itself; how the run ended. */
enum fake_stop fake_run_alone(const struct nvmx_caps *caps, const struct fake_code *code, size_t codes, struct fake_trace *trace);

/* Scripts: one call for each instruction, and the sequences that a hypervisor is made of. */
#define SCRIPT_INSNS 6000
#define SCRIPT_BYTES 0x10000

struct script {
	struct fake_insn insn[SCRIPT_INSNS];
	uint16_t index[SCRIPT_BYTES];
	struct fake_code code;
	uint64_t here;  /* address of the next instruction */
};

/* Registers that the sequences use. */
enum { SCRIPT_VALUE = 15, SCRIPT_FIELD = 14, SCRIPT_RESULT = 13, SCRIPT_L2_RIP = 8 };
#define SCRIPT_POINTER (FAKE_L1_DATA + 0xf00) /* where memory operands are */

void script_start(struct script *s, uint64_t linear);
bool script_full(const struct script *s);
void script_add(struct script *s, struct fake_insn i);
void script_op(struct script *s, enum fake_op op);                /* no operand */
void script_imm(struct script *s, enum fake_op op, uint64_t imm); /* operand in imm: vector, port, CR number (register 0) */
void script_movi(struct script *s, unsigned reg, uint64_t value);
void script_load(struct script *s, unsigned reg, uint64_t addr, unsigned size);
void script_store(struct script *s, uint64_t addr, uint64_t value, unsigned size);
/* VMXON, VMCLEAR, VMPTRLD of the region at gpa. */
void script_pointer(struct script *s, enum fake_op op, uint64_t gpa);
void script_invalidate(struct script *s, enum fake_op op, uint64_t type, uint64_t low, uint64_t high);
void script_msr(struct script *s, enum fake_op op, uint32_t msr, uint64_t value);
void script_vmwrite(struct script *s, uint32_t field, uint64_t value);
void script_vmread(struct script *s, uint32_t field);
/* VMXON, VMCLEAR and VMPTRLD of FAKE_VMCS_A, every field of a 64-bit L2 with EPT that starts at FAKE_L2_CODE.  Of the controls those
 * are 1 that must be (SDM A.3), secondary ones with EPT and unrestricted guest, and a 64-bit host: what need not exit, HLT or RDTSC, does
 * not.  script_vmwrite() after it changes a field; script_defaults[] has what was written. */
void script_enter_vmx(struct script *s);
/* In VMX operation: VMCLEAR, VMPTRLD and the fields of another VMCS, whose L2 starts at `rip`. */
void script_vmcs(struct script *s, uint64_t region, uint64_t rip);
/* HOST_RIP for the instruction after, then VMLAUNCH or VMRESUME. */
void script_run(struct script *s, enum fake_op op);
/* VMREADs of exit information and of what of the guest state often changes; all of it with `all`. */
void script_look(struct script *s, bool all);
/* Guest RIP past the instruction that exited: a VMREAD and a VMWRITE, which the trace has, too. */
void script_advance(struct script *s);

/* What script_vmcs() writes, but for fields that are 0. */
struct script_value {
	uint32_t field;
	uint64_t value;
};
extern const struct script_value script_defaults[];
extern const size_t script_default_count;
uint64_t script_default(uint32_t field); /* the value there, or 0: to set a bit more with script_vmwrite() */

#ifdef __cplusplus
}
#endif

#endif
