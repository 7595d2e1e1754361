/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The metal host: what its files share. README.md gives the order in which to read them.
 */
#ifndef METAL_H
#define METAL_H

#include "layout.h"
#include "metal_port.h"
#include "vmx.h"

#include <nestvmx/nestvmx.h>

#define PAGE 4096ull
#define LARGE_PAGE (2ull << 20)
#define HUGE_PAGE (1ull << 30)
#define GIB4 (4ull << 30)
#define MAP_TOP (512ull << 30)	/* metal and L1 see the physical memory below this address */
#define OWN_SIZE (32ull << 20)	/* what metal keeps for itself */
#define VTD_REGISTERS 0xfed90000ull
#define MAX_CPUS 16
#define MAX_RANGES 64

enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

struct range {
	uint64_t start, size;
	uint32_t type;			/* as E820 counts: 1 is memory to use, 2 reserved */
} __attribute__((packed));

#define DUE_FLUSH 1			/* EPT01 has lost rights: see watch.c */
#define DUE_KICK 2			/* it has to leave L2: see kick.c */

struct cpu {
	uint8_t stack[CPU_STACK];
	uint64_t regs[16];		/* the guest's, in the order of enum gpr; RSP and RIP live in the VMCS */
	struct cpu *self;
	uint8_t nmi_pending;		/* an NMI hit metal itself: it belongs to L1 */
	uint8_t launched;		/* the current VMCS: VMRESUME instead of VMLAUNCH */
	uint8_t in_l2;			/* L2's VMCS is the current one */
	uint8_t halted;			/* L1 executed HLT with interrupts off here */
	uint8_t refused;		/* it was logged that the processor refused a VM entry of L1's */
	uint8_t due;			/* DUE_*, by other processors, too */
	uint8_t kicks;			/* it waits until the others have left L2, and is not there itself */
	uint8_t started;		/* L1 runs here: the boot processor, or a SIPI came */
	volatile uint8_t ready;		/* to run L1 */
	volatile uint32_t sipi;		/* L1's, while the processor waits in metal */
	uint32_t index, apic_id;
	uint64_t vmxon_region, vmcs01;
	uint64_t apic_base;		/* IA32_APIC_BASE as L1 sees it */
	uint64_t feature_control;	/* IA32_FEATURE_CONTROL as the BIOS left it */
	struct nvmx_vcpu *vcpu;
	struct nvmx_host host;		/* what the library knows of it */
	uint64_t eptp, *apic_entry;	/* EPT01, and its entry for the local APIC */
	uint64_t flushed;		/* the batch of watch.c that what it has cached of EPT01 is not older than */
	uint64_t apic_page;		/* the APIC's address when L1 started */
	uint64_t apic_copy;		/* page that takes the place of the APIC for one instruction */
	uint64_t apic_offset;		/* register that L1 is writing */
	uint8_t stepping;
	uint64_t step_flags, step_btf;	/* L1's own TF and IF, and BTF */
	uint64_t gdt[5];
	uint8_t tss[104];
	uint64_t fault_stack[2][256];	/* one for exceptions, one for NMIs */
	uint64_t assist_page;		/* MSR of Hyper-V's interface */
	uint64_t exits[EXIT_REASONS];
	uint64_t own_memory_writes;
	struct trace_record *trace;	/* a ring of machine.trace_records; NULL: none */
	uint64_t traced;		/* how many there were */
};

struct machine {
	uint64_t own_base;		/* metal's memory, OWN_SIZE from here */
	uint64_t low_page;		/* metal's page of conventional memory */
	uint64_t page_table;
	volatile uint8_t watch_apic;	/* a processor still waits for L1's SIPI: see apic.c */
	uint64_t io_bitmaps, msr_bitmap;
	uint16_t power_port;		/* PM1a control, from the FADT */
	uint16_t serial;		/* metal's serial port, not L1's */
	uint8_t boot_drive;		/* the BIOS's number; 0: the BIOS's next */
	uint8_t stats;
	uint8_t enlightened;		/* L1 is told that it is nested, and what that gives it */
	uint8_t hyperv;			/* and finds Hyper-V's interface */
	uint8_t vtd;			/* L1 has a VT-d unit */
	volatile uint8_t dma;		/* devices of L1's may write memory unseen: see dma.c */
	uint64_t rsdp;			/* page that L1 finds where the BIOS has its RSDP at `rsdp_at`, or 0 */
	uint64_t rsdp_at;
	uint64_t acpi_page;		/* of L1's memory, for tables that metal adds */
	uint32_t trace_records;		/* that each processor keeps */
	uint64_t withheld;		/* features not to offer to L1: bits by enum nvmx_feature */
	uint32_t ranges, cpus;
	struct range range[MAX_RANGES];
	uint32_t apic_ids, apic_id[MAX_CPUS];
	struct cpu *cpu[MAX_CPUS];
};
extern struct machine machine;

/* log.c: lines "nestvmx: ..." on metal's serial port. The format knows %s %lu %lx. */
void log_init(uint16_t port);
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* power.c: the ways out, none returns */
void power_off(void) __attribute__((noreturn));
void stop(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void stop_cpu(struct cpu *cpu, const char *reason) __attribute__((noreturn));
void report_print(void);
void counters_print(void);

/* trace.c: the last records of what nested VMX did, on each processor */
struct trace_record {
	uint64_t time, value[3];
	uint32_t what;
};
void trace_create(struct cpu *cpu);
void trace_record(struct cpu *cpu, uint32_t what, uint64_t a, uint64_t b, uint64_t c);
void trace_print(void);

/* string.c */
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
bool word_is(const char *word, size_t length, const char *name);

/* pages.c */
void pages_init(uint64_t first, uint64_t last);
uint64_t page_try(void);
uint64_t page_alloc(void);
void *pages_alloc(size_t size);
void page_free(uint64_t page);

/* cmdline.c, memory.c, paging.c, acpi.c */
void cmdline_parse(const char *line);
void memory_read_map(uint32_t multiboot_info);
void memory_choose_own(void);
void memory_hide_own(void);
const struct range *memory_ram(uint64_t address);
void paging_relocate(void);
void acpi_read(void);
void acpi_add_table(const void *table, size_t size);

/* descriptors.c, smp.c: a processor as metal uses it */
static inline struct cpu *this_cpu(void)
{
	struct cpu *self;

	__asm__ volatile("mov %%gs:%c1, %0" : "=r"(self) : "i"(CPU_SELF));
	return self;
}
struct cpu *cpu_create(void);
void cpu_load_descriptors(struct cpu *cpu);
void cpu_enable_vmx(struct cpu *cpu);
void smp_start(struct cpu *self);

/* ept.c, mtrr.c */
void ept_create(void);
bool ept_own_memory_write(struct cpu *cpu, uint64_t address);
void ept_own_memory_restore(struct cpu *cpu);
bool is_own(uint64_t address);
uint8_t ept_page_shift(uint64_t address, bool *is_protected);
uint64_t ept_host_page(uint64_t page);
void ept_create_cpu(struct cpu *cpu);
void ept_set_page(struct cpu *cpu, uint64_t *entry, uint64_t page, bool writable);
bool ept_protect(uint64_t page);
bool ept_unprotect(uint64_t page);
void mtrr_read(void);
uint8_t mtrr_type(uint64_t address);
bool mtrr_uniform(uint64_t address, uint64_t size);

/* watch.c, dma.c: who writes to tables of L1's EPT */
void watch_create(struct nvmx_vm *of);
int watch_begin(struct cpu *cpu, const uint64_t *pages, size_t n, uint64_t number);
void watch_forget(uint64_t page);
bool watch_written(uint64_t address);
void watch_flush(struct cpu *cpu);
void watch_arm(void);
void watch_end(void);
void dma_create(void);
void dma_watch(void);
bool dma_owns(uint16_t port, uint32_t size);
void dma_write(uint16_t port, uint32_t size, uint32_t value);
void dma_begins(void);

/* kick.c: processors that have to leave L2 */
void kick_others(struct cpu *self);
bool kick_came(struct cpu *cpu);

/* hyperv.c: Hyper-V's interface */
bool hyperv_cpuid(struct cpu *cpu, uint32_t leaf);
bool hyperv_msr_read(struct cpu *cpu, uint32_t msr, uint64_t *value);
bool hyperv_msr_write(struct cpu *cpu, uint32_t msr, uint64_t value);
bool hyperv_call(struct cpu *cpu);

/* step.c: one instruction of L1 */
void step_begin(struct cpu *cpu);
void step_end(struct cpu *cpu);

/* apic.c: interprocessor interrupts, metal's and L1's */
bool apic_is_x2(const struct cpu *self);
uint32_t apic_id(const struct cpu *self);
void apic_send(const struct cpu *self, uint32_t to, uint32_t command);
void apic_send_init(const struct cpu *self, uint32_t to);
bool apic_write(struct cpu *cpu, uint64_t address);
void apic_write_done(struct cpu *cpu, bool written);
void apic_command(struct cpu *self, uint32_t to, uint32_t command);
void apic_watch(struct cpu *cpu);
void apic_watch_update(void);
uint32_t apic_wait_for_sipi(struct cpu *cpu);

/* vmcs.c: vmcs01, and L1's processor as RESET and SIPI leave it */
void bitmaps_create(void);
void msr_pass_through(uint32_t msr);
void io_intercept(uint16_t port, bool on);
void vmcs_create(struct cpu *cpu);
void vmcs_start_bsp(struct cpu *cpu);
void vmcs_start_ap(struct cpu *cpu, uint32_t vector);
void vmcs_wait_for_sipi(void);

/* exit.c, msr.c, io.c, control.c: what L1 does that metal must see */
void skip_instruction(struct cpu *cpu);
void skip_bytes(uint64_t length);
void inject_exception(struct cpu *cpu, uint8_t vector, bool has_error_code);
bool msr_read(struct cpu *cpu, uint32_t msr, uint64_t *value);
bool msr_write(struct cpu *cpu, uint32_t msr, uint64_t value);
void exit_rdmsr(struct cpu *cpu);
void exit_wrmsr(struct cpu *cpu);
void exit_rdmsr_immediate(struct cpu *cpu);
void exit_wrmsrns_immediate(struct cpu *cpu);
void exit_io(struct cpu *cpu);
void exit_cr_access(struct cpu *cpu);
uint64_t gpr_read(struct cpu *cpu, uint32_t n);
void exit_xsetbv(struct cpu *cpu);

/* nmi.c */
void exit_monitor_trap(void);
void exit_give_nmi(struct cpu *cpu);

/* mmio.c: one MOV of L1's to or from memory that is not there */
struct mmio {
	uint64_t value;			/* written */
	uint8_t length, size;		/* of the instruction, of what is in memory: bytes */
	uint8_t extended;		/* bytes of the register that a read changes; 4 and more change all of it */
	uint8_t reg;
	bool write, immediate, high;	/* high: AH, CH, DH, BH */
};
bool mmio_decode(struct cpu *cpu, struct mmio *m);
void mmio_complete(struct cpu *cpu, const struct mmio *m, uint64_t value);

/* vtd.c: a VT-d unit */
void vtd_create(void);
bool vtd_owns(uint64_t address);
bool vtd_access(struct cpu *cpu, uint64_t address);
void vtd_stats(void);

/* nest.c, hardware.c: libnestvmx */
void nest_create(struct cpu *cpu);
void nest_create_cpu(struct cpu *cpu);
bool nest_other_verdict(struct cpu *cpu, enum nvmx_verdict verdict);
void nest_stats(void);
bool nest_cpuid(struct cpu *cpu);
uint64_t nest_cr4_hidden(void);
void nest_hide(struct cpu *cpu, uint32_t leaf, uint32_t subleaf);
void hardware_read(struct nvmx_caps *caps);

static inline void nest_resume_l1(struct cpu *cpu)
{
	cpu->launched = 1;		/* vmcs01 has always been */
	cpu->in_l2 = 0;
}

static inline void nest_resume_l2(struct cpu *cpu)
{
	cpu->launched = !nvmx_must_launch(cpu->vcpu);
	cpu->in_l2 = 1;
}

/* What the library decided; true if the exit is left for metal. */
static inline bool nest_verdict(struct cpu *cpu, enum nvmx_verdict verdict)
{
	if (verdict != NVMX_RESUME_L1)
		return nest_other_verdict(cpu, verdict);
	nest_resume_l1(cpu);
	return false;
}

/* entry.S */
void enter_l1(struct cpu *cpu) __attribute__((noreturn));
void wait_for_nmi(volatile uint32_t *flag);
extern char vm_exit[], entry_check[], entry_end[], wait_check[], wait_end[];

#endif
