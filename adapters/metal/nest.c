/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nested VMX: all that an embedder of libnestvmx writes. The ops below, one VM, a vCPU for each processor, and
 * nest_exit, which exit.c calls for every exit.
 */
#include "metal.h"

#include <nestvmx/enlighten.h>

#define SHADOW_EPT_PAGES 4096
#define NESTED_LEAF (machine.hyperv ? 0x40000100 : 0x40000000)	/* of CPUID */
#define WATCHES 4096		/* pages of L1's that may be watched at a time */
#define VPIDS 8			/* for the L2s of a processor */
#define MSR_IA32_PRED_CMD 0x49
#define PRED_CMD_IBPB 1
#define CPUID_7_EDX_IBPB (1u << 26)

static struct nvmx_vm *vm;
static uint64_t sink;		/* L2 finds this page wherever L1 maps metal's memory, or the VT-d unit, for it */
static uint32_t shown[3][4];

/* libnestvmx hands this to every op; for metal it is the processor. */
static struct cpu *cpu_of(struct nvmx_host *host)
{
	return (struct cpu *)((char *)host - offsetof(struct cpu, host));
}

static int op_translate(struct nvmx_host *host, uint64_t gpa, unsigned int access, struct nvmx_xlate *out)
{
	bool is_protected;

	(void)host;
	if (gpa >= MAP_TOP)
		return -1;
	out->rights = NVMX_ACCESS_RWX;
	out->ignore_pat = false;
	out->hpa = ept_host_page(gpa & -PAGE) + gpa % PAGE;
	out->page_shift = ept_page_shift(gpa, &is_protected);
	if (is_protected) {
		if ((access & (NVMX_ACCESS_W | NVMX_ACCESS_PEEK)) == NVMX_ACCESS_W)
			watch_written(gpa);	/* L2 is about to */
		else
			out->rights &= (uint8_t)~NVMX_ACCESS_W;
	}
	out->memtype = mtrr_type(gpa);
	if (is_own(gpa) || vtd_owns(gpa)) {
		out->hpa = sink + gpa % PAGE;
		out->page_shift = 12;
		out->memtype = NVMX_MEMTYPE_WB;
	}
	return 0;
}

void *map_elsewhere(struct nvmx_host *host, uint64_t gpa)
{
	const struct range *r = memory_ram(gpa);

	if (!r)
		return NULL;
	host->ram = r->start;
	host->size = r->size;
	return phys(gpa);
}

/* The library goes by NVMX_PORT_MAP. */
static void *op_map(struct nvmx_host *host, uint64_t gpa, bool write)
{
	(void)write;
	return map_frame(host, gpa);
}

static void op_unmap(struct nvmx_host *host, uint64_t gpa, void *page, bool wrote)
{
	(void)host;
	(void)gpa;
	(void)page;
	(void)wrote;
}

/* Metal's map of L1's memory never changes: nothing to hold on to. */
static int op_pin(struct nvmx_host *host, uint64_t gpa, uint64_t *hpa)
{
	(void)host;
	*hpa = gpa;
	return gpa < MAP_TOP && !is_own(gpa) && !vtd_owns(gpa) ? 0 : -1;
}

static void op_unpin(struct nvmx_host *host, uint64_t gpa, uint64_t hpa)
{
	(void)host;
	(void)gpa;
	(void)hpa;
}

static void *op_page_alloc(struct nvmx_host *host, uint64_t *hpa)
{
	(void)host;
	*hpa = page_try();
	return *hpa ? phys(*hpa) : NULL;
}

static void op_page_free(struct nvmx_host *host, void *page, uint64_t hpa)
{
	(void)host;
	(void)page;
	page_free(hpa);
}

static void op_vmcs_load(struct nvmx_host *host, uint64_t hpa)
{
	(void)host;
	if (!vmptrld(hpa))
		stop("VMPTRLD of %lx failed", hpa);
}

static void op_vmcs_clear(struct nvmx_host *host, uint64_t hpa)
{
	(void)host;
	if (!vmclear(hpa))
		stop("VMCLEAR of %lx failed", hpa);
}

static void op_flush_ept(struct nvmx_host *host, uint64_t eptp, unsigned int scope)
{
	(void)host;
	if (!invept(scope, eptp))
		stop("INVEPT type %lu of %lx failed", (uint64_t)scope, eptp);
}

static void op_flush_vpid(struct nvmx_host *host, uint16_t vpid, unsigned int scope, uint64_t linear)
{
	(void)host;
	if (!invvpid(scope, vpid, linear))
		stop("INVVPID type %lu of %lu failed", (uint64_t)scope, (uint64_t)vpid);
}

static int op_l1_msr_read(struct nvmx_host *host, uint32_t msr, uint64_t *value)
{
	return msr_read(cpu_of(host), msr, value) ? 0 : -1;
}

static int op_l1_msr_write(struct nvmx_host *host, uint32_t msr, uint64_t value)
{
	return msr_write(cpu_of(host), msr, value) ? 0 : -1;
}

static unsigned int op_pending_events(struct nvmx_host *host)
{
	return cpu_of(host)->nmi_pending ? NVMX_PENDING_NMI : 0;
}

static void op_barrier(struct nvmx_host *host, unsigned int kinds)
{
	(void)host;
	if (kinds & NVMX_BARRIER_IBPB)
		wrmsr(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
}

static void op_set_cr2(struct nvmx_host *host, uint64_t cr2)
{
	(void)host;
	write_cr2(cr2);
}

/* What L1 chose and this processor does not take is worth a line, once; the rest is in the statistics. */
static void op_trace(struct nvmx_host *host, unsigned int event, uint64_t a, uint64_t b, uint64_t c)
{
	struct cpu *cpu = cpu_of(host);

	if (cpu->trace)
		trace_record(cpu, event, a, b, c);
	if (cpu->refused || (event != NVMX_TRACE_ENTRY_REFUSED && event != NVMX_TRACE_ENTRY_FAILED))
		return;
	cpu->refused = 1;
	if (event == NVMX_TRACE_ENTRY_REFUSED)
		log_line("cpu %lu refused a VM entry of L1's: VM-instruction error %lu, vmcs12 %lx", (uint64_t)cpu->index, a, b);
	else
		log_line("cpu %lu refused a VM entry of L1's: exit reason %lu, qualification %lx", (uint64_t)cpu->index, a, b);
}

static void op_kick_others(struct nvmx_host *host)
{
	kick_others(cpu_of(host));
}

static int op_watch(struct nvmx_host *host, const uint64_t *gpas, size_t n, uint64_t batch)
{
	return watch_begin(cpu_of(host), gpas, n, batch);
}

static void op_unwatch(struct nvmx_host *host, uint64_t gpa)
{
	(void)host;
	watch_forget(gpa);
}

static const struct nvmx_host_ops ops = {
	.size = sizeof(ops),
	.abi = NVMX_ABI_VERSION,
	.translate = op_translate,
	.map = op_map,
	.unmap = op_unmap,
	.pin = op_pin,
	.unpin = op_unpin,
	.page_alloc = op_page_alloc,
	.page_free = op_page_free,
	.vmcs_load = op_vmcs_load,
	.vmcs_clear = op_vmcs_clear,
	.flush_ept = op_flush_ept,
	.flush_vpid = op_flush_vpid,
	.l1_msr_read = op_l1_msr_read,
	.l1_msr_write = op_l1_msr_write,
	.pending_events = op_pending_events,
	.barrier = op_barrier,
	.kick_others = op_kick_others,
	.trace = op_trace,
	.set_cr2 = op_set_cr2,
	.watch = op_watch,
	.unwatch = op_unwatch,
};

/* The library has refused something, or stopped the VM. */
static _Noreturn void stop_for(const struct nvmx_error_info *info, const struct cpu *cpu)
{
	char line[NVMX_DESCRIBE_MAX];

	nvmx_describe_error(line, sizeof(line), info);
	stop("nested VMX on cpu %lu: %s", (uint64_t)cpu->index, line);
}

/* Once, on the boot processor. */
void nest_create(struct cpu *cpu)
{
	static struct nvmx_caps hardware;
	struct nvmx_host_ops own = ops;		/* the library keeps a copy */
	struct nvmx_vm_config config = {
		.size = sizeof(config),
		.caps_size = sizeof(hardware),
		.ops = &own,
		.hw = &hardware,
		.withheld = machine.withheld,
		.shadow_ept_pages = SHADOW_EPT_PAGES,
		.watches = pages_alloc(WATCHES * NVMX_WATCH_SIZE),
		.watches_n = WATCHES,
		.flags = NVMX_HOST_APIC_PASSTHROUGH | NVMX_HOST_PERF_PASSTHROUGH | NVMX_HOST_EPTP_SWITCHING | NVMX_HOST_PAGES_OF_VM |
			 (machine.enlightened ? NVMX_ENLIGHTENED : 0) | (machine.hyperv ? NVMX_HOST_HYPERCALLS : 0),
	};
	struct nvmx_error_info info;

	hardware_read(&hardware);
	hardware.feature_control = cpu->feature_control;
	if (!(cpuid(7, 0).edx & CPUID_7_EDX_IBPB))
		own.barrier = NULL;
	sink = page_alloc();
	if (nvmx_vm_init(pages_alloc(NVMX_VM_SIZE), NVMX_VM_SIZE, &config, &vm, &info))
		stop_for(&info, cpu);
	watch_create(vm);
}

/* CR4 bits that the processor has and L1 may not set: VMX operation would not go with them. */
uint64_t nest_cr4_hidden(void)
{
	return nvmx_caps_cr4_hidden(nvmx_vm_caps(vm));
}

/* What tells L1 of them is hidden: a row for leaf 1 and two for leaf 7, made once. */
static void make_shown(void)
{
	uint32_t i;

	memset(shown, 0xff, sizeof(shown));
	for (i = 0; i < 3; i++)
		nvmx_caps_cpuid(nvmx_vm_caps(vm), i ? 7 : 1, i ? i - 1 : 0, shown[i]);
}

/* In L1's registers, which hold the answer of leaf 1 or 7. */
void nest_hide(struct cpu *cpu, uint32_t leaf, uint32_t subleaf)
{
	const uint32_t *mask = shown[0];

	if (leaf == 7 && subleaf > 1)
		return;
	if (leaf == 7)
		mask = shown[1 + subleaf];
	cpu->regs[RAX] &= mask[0];
	cpu->regs[RBX] &= mask[1];
	cpu->regs[RCX] &= mask[2];
	cpu->regs[RDX] &= mask[3];
}

/* On each processor, behind vmcs_create. */
void nest_create_cpu(struct cpu *cpu)
{
	struct nvmx_vcpu_config config = {
		.size = sizeof(config),
		.host = &cpu->host,
		.vmcs01 = cpu->vmcs01,
		.msr_bitmap01 = phys(machine.msr_bitmap),
		.io_bitmap01 = phys(machine.io_bitmaps),
		.vpid02 = (uint16_t)(MAX_CPUS + 1 + cpu->index * VPIDS),
		.vpid02_n = VPIDS,
	};
	struct nvmx_error_info info;

	if (nvmx_vcpu_init(pages_alloc(NVMX_VCPU_SIZE), NVMX_VCPU_SIZE, vm, &config, &cpu->vcpu, &info))
		stop_for(&info, cpu);
	trace_create(cpu);
	nvmx_trace_select(cpu->vcpu, cpu->trace ? NVMX_TRACE_ALL :
			  NVMX_TRACE_BIT(NVMX_TRACE_ENTRY_REFUSED) | NVMX_TRACE_BIT(NVMX_TRACE_ENTRY_FAILED));
	make_shown();
	vmwrite(CR4_GUEST_HOST_MASK, CR4_VMXE | (nest_cr4_hidden() & rdmsr(MSR_IA32_VMX_CR4_FIXED1)));
}

/* CPUID leaves for an L1 that asks whether it is nested. */
bool nest_cpuid(struct cpu *cpu)
{
	uint32_t regs[4];

	if (!nvmx_cpuid(vm, NESTED_LEAF, (uint32_t)cpu->regs[RAX], regs))
		return false;
	cpu->regs[RAX] = regs[0];
	cpu->regs[RBX] = regs[1];
	cpu->regs[RCX] = regs[2];
	cpu->regs[RDX] = regs[3];
	return true;
}

bool nest_other_verdict(struct cpu *cpu, enum nvmx_verdict verdict)
{
	struct nvmx_error_info info;

	if (verdict == NVMX_STOP) {
		nvmx_stop_info(cpu->vcpu, &info);
		stop_for(&info, cpu);
	}
	if (verdict == NVMX_RESUME_L2 || nvmx_in_l2(cpu->vcpu))
		nest_resume_l2(cpu);
	else
		nest_resume_l1(cpu);
	return verdict == NVMX_HOST;
}

/* VMREADs or VMWRITEs of field n that exited, on all processors.  False: there is no such field. */
static bool field_exits(uint32_t n, bool writes, const char **name, uint64_t *total)
{
	struct nvmx_field_exits f;
	uint32_t i;

	for (*total = 0, i = 0; i < machine.cpus; i++) {
		if (!machine.cpu[i]->vcpu)
			continue;
		if (!nvmx_field_exits(machine.cpu[i]->vcpu, n, &f))
			return false;
		*name = f.name;
		*total += writes ? f.vmwrites : f.vmreads;
	}
	return machine.cpu[0]->vcpu;
}

/* The ten fields whose accesses exited most often.  What was logged last is (below, at): the next is behind it. */
static void top_fields(bool writes)
{
	uint64_t below = ~0ull, best, total;
	const char *name, *best_name;
	uint32_t n, at = 0, best_at, shown;

	for (shown = 0; shown < 10; shown++) {
		for (best = 0, best_at = 0, best_name = NULL, n = 0; field_exits(n, writes, &name, &total); n++) {
			if (total > best && (total < below || (total == below && n > at))) {
				best = total;
				best_at = n;
				best_name = name;
			}
		}
		if (!best)
			return;
		log_line("stat %s_exits %lu %s", writes ? "vmwrite" : "vmread", best, best_name);
		below = best;
		at = best_at;
	}
}

void nest_stats(void)
{
	uint64_t total;
	uint32_t n, i;

	for (n = 0; n < NVMX_CNT_COUNT; n++) {
		for (total = 0, i = 0; i < machine.cpus; i++)
			total += machine.cpu[i]->vcpu ? nvmx_counter(machine.cpu[i]->vcpu, n) : 0;
		log_line("stat %s %lu", nvmx_counter_name(n), total);
	}
	top_fields(false);
	top_fields(true);
}
