/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways out: each ends with the power off.
 */
#include <stdarg.h>

#include "metal.h"

#define SLEEP_ENABLE 0x2000

void log_line_arguments(const char *prefix, const char *format, va_list arguments);

void power_off(void)
{
	const char *shutdown = "Shutdown";

	if (machine.power_port)
		outw(machine.power_port, SLEEP_ENABLE);
	while (*shutdown)
		outb(0x8900, (uint8_t)*shutdown++);	/* emulators without ACPI */
	for (;;)
		__asm__ volatile("cli; hlt");
}

void stop(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_line_arguments("stop: ", format, arguments);
	va_end(arguments);
	report_print();
	power_off();
}

/* L1 did on this processor what ends it. */
void stop_cpu(struct cpu *cpu, const char *reason)
{
	stop("%s (cpu %lu, exit %lx qualification %lx, cs %lx:%lx rflags %lx cr0 %lx cr3 %lx cr4 %lx, rax %lx rsp %lx)",
	     reason, (uint64_t)cpu->index, vmread(EXIT_REASON), vmread(EXIT_QUALIFICATION),
	     vmread(GUEST_CS_SELECTOR), vmread(GUEST_RIP), vmread(GUEST_RFLAGS), vmread(GUEST_CR0),
	     vmread(GUEST_CR3), vmread(GUEST_CR4), cpu->regs[RAX], vmread(GUEST_RSP));
}

/* In the order of SDM volume 3, appendix C. */
static const char *const exit_names[EXIT_REASONS] = {
	"exception", "external_interrupt", "triple_fault", "init", "sipi", "io_smi", "other_smi", "interrupt_window",
	"nmi_window", "task_switch", "cpuid", "getsec", "hlt", "invd", "invlpg", "rdpmc", "rdtsc", "rsm", "vmcall", "vmclear",
	"vmlaunch", "vmptrld", "vmptrst", "vmread", "vmresume", "vmwrite", "vmxoff", "vmxon", "cr", "dr", "io", "rdmsr",
	"wrmsr", "entry_guest_state", "entry_msr_loading", NULL, "mwait", "monitor_trap", NULL, "monitor", "pause",
	"entry_machine_check", NULL, "tpr_threshold", "apic_access", "virtual_eoi", "gdtr_idtr", "ldtr_tr", "ept_violation",
	"ept_misconfiguration", "invept", "rdtscp", "preemption_timer", "invvpid", "wbinvd", "xsetbv", "apic_write", "rdrand",
	"invpcid", "vmfunc", "encls", "rdseed", "pml_full", "xsaves", "xrstors",
};

static void stats_print(void)
{
	uint64_t total, all = 0, writes = 0;
	uint32_t reason, i;

	for (reason = 0; reason < EXIT_REASONS; reason++) {
		for (total = 0, i = 0; i < machine.cpus; i++)
			total += machine.cpu[i]->exits[reason];
		all += total;
		if (total && exit_names[reason])
			log_line("stat exits_%s %lu", exit_names[reason], total);
		else if (total)
			log_line("stat exits_%lu %lu", (uint64_t)reason, total);
	}
	for (i = 0; i < machine.cpus; i++)
		writes += machine.cpu[i]->own_memory_writes;
	log_line("stat exits %lu", all);
	log_line("stat own_memory_writes %lu", writes);
	nest_stats();
	vtd_stats();
}

/* In the middle of a run; the line before tells one time's from another's. */
void counters_print(void)
{
	if (!machine.stats)
		return;
	log_line("stat mark %lu", rdtsc());
	stats_print();
}

/* What is asked for at the end. */
void report_print(void)
{
	if (machine.stats)
		stats_print();
	trace_print();
}
