/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What an embedder can get wrong, one row each: what is set wrong, and the rule by which it is refused.  Each is refused by that
 * rule, in one line that has the words; none is accepted, none crashes, and what was refused can be put right and tried again.
 */
#include <stdio.h>
#include "minihost.h"
#include <nestvmx/checked.h>

#define EXITS01 (NVMX_EXIT_HOST_64 | NVMX_EXIT_SAVE_DEBUG | NVMX_EXIT_SAVE_PAT | NVMX_EXIT_LOAD_PAT | NVMX_EXIT_SAVE_EFER | \
		 NVMX_EXIT_LOAD_EFER)
#define ENTRIES01 (NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_IA32E | NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_EFER)

/* All that a set-up is made of; it works as setup() leaves it. */
static struct wrong {
	struct mini *m;
	struct nvmx_host_ops ops;
	struct nvmx_caps hw, limit;
	struct nvmx_vm_config vm;
	struct nvmx_vcpu_config vcpu;
	void *vm_mem, *vcpu_mem;
	size_t vm_size, vcpu_size;
	const struct nvmx_vm_config *vm_config;
	const struct nvmx_vcpu_config *vcpu_config;
	struct nvmx_vm *vm_made, **vm_out, *given; /* `given` replaces what nvmx_vm_init() made, unless it is MADE */
	struct nvmx_vcpu *vcpu_made, **vcpu_out;
} w;
#define MADE ((struct nvmx_vm *)&w)
static _Alignas(64) unsigned char watches[128 * NVMX_WATCH_SIZE];
static _Alignas(64) unsigned char vm_memory[NVMX_VM_SIZE + 4096], vcpu_memory[NVMX_VCPU_SIZE + 4096];
static _Alignas(4096) uint8_t bitmaps[8192];

static int xlate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	(void)h;
	(void)gpa;
	(void)access;
	(void)out;
	return -1;
}

static void flush_ept(struct nvmx_host *h, uint64_t eptp, unsigned scope)
{
	(void)h;
	(void)eptp;
	(void)scope;
}

static int msr_read(struct nvmx_host *h, uint32_t msr, uint64_t *value)
{
	(void)h;
	(void)msr;
	(void)value;
	return -1;
}

static int msr_write(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	(void)h;
	(void)msr;
	(void)value;
	return -1;
}

static unsigned pending(struct nvmx_host *h)
{
	(void)h;
	return 0;
}

static int ack(struct nvmx_host *h)
{
	(void)h;
	return -1;
}

static int take(struct nvmx_host *h, unsigned event)
{
	(void)h;
	(void)event;
	return 0;
}

static int watch(struct nvmx_host *h, const uint64_t *gpas, size_t n, uint64_t batch)
{
	(void)h;
	(void)gpas;
	(void)n;
	(void)batch;
	return -1;
}

static void end(struct nvmx_host *h, unsigned vector)
{
	(void)h;
	(void)vector;
}

/* The table of the checking layer, and a host that is none of its ledgers, or one that has no table. */
static void only_the_table_is_checked(bool a_ledger)
{
	static struct nvmx_ledger ledger, other;

	ledger = other = (struct nvmx_ledger){ .size = sizeof(ledger), .host = (struct nvmx_host *)w.m };
	w.vm.ops = nvmx_checked_ops(&w.ops, &ledger);
	if (a_ledger)
		w.vcpu.host = nvmx_checked_host(&other);
}

static void fill_ops(struct nvmx_host_ops *ops)
{
	ops->size = sizeof(*ops);
	ops->abi = NVMX_ABI_VERSION;
	ops->translate = xlate;
	ops->flush_ept = flush_ept;
	ops->l1_msr_read = msr_read;
	ops->l1_msr_write = msr_write;
	ops->pending_events = pending;
	ops->ack_interrupt = ack;
	ops->take_event = take;
}

static void setup(struct mini *m)
{
	memset(&w, 0, sizeof(w));
	w.m = m;
	w.ops = m->ops;
	fill_ops(&w.ops);
	w.hw = m->vm->hw;
	w.limit = w.hw;
	w.vm = (struct nvmx_vm_config){ .size = sizeof(w.vm), .caps_size = sizeof(w.hw), .ops = &w.ops, .hw = &w.hw };
	w.vcpu = (struct nvmx_vcpu_config){ .size = sizeof(w.vcpu), .host = &m->host, .vmcs01 = MINI_VMCS01, .vpid02 = 77 };
	w.vm_mem = vm_memory;
	w.vcpu_mem = vcpu_memory;
	w.vm_size = NVMX_VM_SIZE;
	w.vcpu_size = NVMX_VCPU_SIZE;
	w.vm_config = &w.vm;
	w.vcpu_config = &w.vcpu;
	w.vm_out = &w.vm_made;
	w.vcpu_out = &w.vcpu_made;
	w.given = MADE;
	mini_state01(m);
	F01(PIN_CTLS) = NVMX_PIN_EXT_INT | NVMX_PIN_NMI;
	F01(PROC_CTLS) = NVMX_PROC_SECONDARY;
	F01(PROC_CTLS2) = NVMX_PROC2_EPT | NVMX_PROC2_VPID;
	F01(VPID) = 1;
	F01(EXIT_CTLS) = EXITS01;
	F01(ENTRY_CTLS) = ENTRIES01;
	memset(vm_memory, 0xa5, sizeof(vm_memory)); /* what was there before is no VM */
	memset(vcpu_memory, 0xa5, sizeof(vcpu_memory));
}

/* Runs both calls, and takes down what was made; `info` is of the one that failed. */
static int start(struct nvmx_error_info *info)
{
	int error = nvmx_vm_init(w.vm_mem, w.vm_size, w.vm_config, w.vm_out, info);

	if (error) {
		assert_null(w.vm_made);
		return error;
	}
	error = nvmx_vcpu_init(w.vcpu_mem, w.vcpu_size, w.given == MADE ? w.vm_made : w.given, w.vcpu_config, w.vcpu_out, info);
	if (!error)
		nvmx_vcpu_destroy(w.vcpu_made);
	else
		assert_null(w.vcpu_made);
	nvmx_vm_destroy(w.vm_made);
	return error;
}

/* The bits of an MSR that say what may be 1. */
static uint64_t *hw(uint32_t msr)
{
	return &w.hw.msr[msr - NVMX_CAPS_FIRST_MSR];
}
#define MSR(NAME) (*hw(NVMX_MSR_VMX_##NAME))
#define HIGH(bits) ((uint64_t)(bits) << 32)

/* W(name, what is set wrong, error, rule, "words") */
#define MISUSES                                                                                                       \
	W(op_translate, w.ops.translate = NULL, OP_MISSING, OP_MISSING, "ops.translate is NULL, expected a function")  \
	W(op_unwatch, w.ops.watch = watch, OP_MISSING, OP_MISSING, "ops.unwatch is NULL, expected a function")         \
	W(op_map, w.ops.map = NULL, OP_MISSING, OP_MISSING, "ops.map is NULL")                                         \
	W(op_unmap, w.ops.unmap = NULL, OP_MISSING, OP_MISSING, "ops.unmap is NULL")                                   \
	W(op_pin, w.ops.pin = NULL, OP_MISSING, OP_MISSING, "ops.pin is NULL")                                         \
	W(op_unpin, w.ops.unpin = NULL, OP_MISSING, OP_MISSING, "ops.unpin is NULL")                                   \
	W(op_page_alloc, w.ops.page_alloc = NULL, OP_MISSING, OP_MISSING, "ops.page_alloc is NULL")                    \
	W(op_page_free, w.ops.page_free = NULL, OP_MISSING, OP_MISSING, "ops.page_free is NULL")                       \
	W(op_vmcs_load, w.ops.vmcs_load = NULL, OP_MISSING, OP_MISSING, "ops.vmcs_load is NULL")                       \
	W(op_vmcs_clear, w.ops.vmcs_clear = NULL, OP_MISSING, OP_MISSING, "ops.vmcs_clear is NULL")                    \
	W(op_vmcs_read_many, w.ops.vmcs_read_many = NULL, OP_MISSING, OP_MISSING, "ops.vmcs_read_many is NULL")        \
	W(op_vmcs_write_many, w.ops.vmcs_write_many = NULL, OP_MISSING, OP_MISSING, "ops.vmcs_write_many is NULL")     \
	W(op_flush_ept, w.ops.flush_ept = NULL, OP_MISSING, OP_MISSING, "ops.flush_ept is NULL")                       \
	W(op_flush_vpid, w.ops.flush_vpid = NULL, OP_MISSING, OP_MISSING, "ops.flush_vpid is NULL")                    \
	W(op_l1_msr_read, w.ops.l1_msr_read = NULL, OP_MISSING, OP_MISSING, "ops.l1_msr_read is NULL")                 \
	W(op_l1_msr_write, w.ops.l1_msr_write = NULL, OP_MISSING, OP_MISSING, "ops.l1_msr_write is NULL")              \
	W(op_set_cr2, w.ops.set_cr2 = NULL, OP_MISSING, OP_MISSING, "ops.set_cr2 is NULL")                             \
	W(owner_pending_events, (own(), w.ops.pending_events = NULL), OP_MISSING, OP_MISSING, "ops.pending_events")     \
	W(owner_ack_interrupt, (own(), w.ops.ack_interrupt = NULL), OP_MISSING, OP_MISSING, "ops.ack_interrupt")        \
	W(owner_take_event, (own(), w.ops.take_event = NULL), OP_MISSING, OP_MISSING, "ops.take_event")                 \
	W(ops_abi_old, w.ops.abi = NVMX_ABI_VERSION - 1, ABI, OPS_ABI, "ops.abi is 1, expected 2")                      \
	W(ops_abi_new, w.ops.abi = NVMX_ABI_VERSION + 1, ABI, OPS_ABI, "ops.abi is 3, expected 2")                      \
	W(ops_size_zero, w.ops.size = 0, ABI, OPS_SIZE, "ops.size is 0, expected sizeof(struct nvmx_host_ops)")        \
	W(ops_size_tiny, w.ops.size = 8, ABI, OPS_SIZE, "ops.size is 8")                                                \
	W(ops_size_odd, w.ops.size -= 4, ABI, OPS_SIZE, "ops.size is ")                                                 \
	W(ops_size_newer, w.ops.size += 8, ABI, OPS_SIZE, "ops.size is ")                                               \
	W(ops_cut_off, w.ops.size = offsetof(struct nvmx_host_ops, set_cr2), OP_MISSING, OP_MISSING, "ops.set_cr2 is NULL") \
	W(vm_mem_null, w.vm_mem = NULL, ARGUMENT, VM_MEM_NULL, "nvmx_vm_init: mem is NULL, expected 6144 bytes")       \
	W(vm_mem_by_8, w.vm_mem = vm_memory + 8, ARGUMENT, VM_MEM_ALIGN, "expected a multiple of 64")                   \
	W(vm_mem_by_32, w.vm_mem = vm_memory + 32, ARGUMENT, VM_MEM_ALIGN, "nvmx_vm_init: mem is at 0x")                \
	W(vm_size_small, w.vm_size = 64, ARGUMENT, VM_MEM_SIZE, "mem has 64 bytes, expected at least 6144")             \
	W(vm_size_zero, w.vm_size = 0, ARGUMENT, VM_MEM_SIZE, "mem has 0 bytes")                                        \
	W(vm_on_its_config, w.vm_config = onto(vm_memory, &w.vm, sizeof(w.vm)), ARGUMENT, VM_MEM_OVERLAP, "mem overlaps config,") \
	W(vm_on_its_ops, w.vm.ops = onto(vm_memory, &w.ops, sizeof(w.ops)), ARGUMENT, VM_MEM_OVERLAP, "overlaps config->ops") \
	W(vm_on_its_hw, w.vm.hw = onto(vm_memory + 2048, &w.hw, sizeof(w.hw)), ARGUMENT, VM_MEM_OVERLAP, "overlaps config->hw") \
	W(vm_on_its_limit, w.vm.limit = onto(vm_memory, &w.hw, sizeof(w.hw)), ARGUMENT, VM_MEM_OVERLAP, "config->limit") \
	W(vm_on_its_out, w.vm_out = (void *)vm_memory, ARGUMENT, VM_MEM_OVERLAP, "mem overlaps out, which is at 0x")    \
	W(vm_out_null, w.vm_out = NULL, ARGUMENT, VM_OUT_NULL, "nvmx_vm_init: out is NULL")                             \
	W(vm_config_null, w.vm_config = NULL, ARGUMENT, VM_CONFIG_NULL, "nvmx_vm_init: config is NULL")                 \
	W(vm_config_size_0, w.vm.size = 0, ABI, VM_CONFIG_SIZE, "vm_config.size is 0, expected sizeof(struct nvmx_vm_config)") \
	W(vm_config_newer, w.vm.size += 8, ABI, VM_CONFIG_SIZE, "vm_config.size is ")                                   \
	W(vm_config_odd, w.vm.size -= 1, ABI, VM_CONFIG_SIZE, "vm_config.size is ")                                     \
	W(vm_config_cut_off, w.vm.size = offsetof(struct nvmx_vm_config, hw), CONFIG, HW_NULL, "vm_config.hw is NULL")  \
	W(ops_null, w.vm.ops = NULL, CONFIG, OPS_NULL, "vm_config.ops is NULL")                                         \
	W(hw_null, w.vm.hw = NULL, CONFIG, HW_NULL, "vm_config.hw is NULL")                                             \
	W(caps_size_0, w.vm.caps_size = 0, ABI, CAPS_SIZE, "vm_config.caps_size is 0")                                  \
	W(caps_size_newer, w.vm.caps_size += 8, ABI, CAPS_SIZE, "vm_config.caps_size is ")                              \
	W(flag_31, w.vm.flags = NVMX_BIT(31), CONFIG, FLAGS_UNKNOWN, "vm_config.flags has the unknown bits 0x80000000,") \
	W(flag_30, w.vm.flags = NVMX_BIT(30) | NVMX_COMPATIBLE, CONFIG, FLAGS_UNKNOWN, "unknown bits 0x40000000, expected none but 0x")   \
	W(posts_end_interrupt, (own(), w.vm.flags |= NVMX_HOST_POSTS), OP_MISSING, OP_MISSING, "ops.end_interrupt is NULL") \
	W(posts_without_owning, w.vm.flags = NVMX_HOST_POSTS, CONFIG, FLAGS_POSTS, "NVMX_HOST_POSTS without NVMX_HOST_OWNS_INTERRUPTS (0x1000)") \
	W(perf_both, w.vm.flags = NVMX_HOST_PERF_PASSTHROUGH | NVMX_HOST_PERF_EMULATED, CONFIG, FLAGS_PERF, "expected one of them at most") \
	W(beyond_nothing, w.vm.beyond = 1ull << NVMX_FEATURE_MODE_EXEC, CONFIG, BEYOND, "vm_config.beyond is 0x40000,")  \
	W(beyond_unknown, (w.vm.flags = NVMX_COMPATIBLE, w.vm.beyond = 1ull << 63), CONFIG, BEYOND, "expected bits of enum nvmx_feature") \
	W(posted_vector_of_none, w.vm.posted_vector02 = 0xf1, CONFIG, POSTED_VECTOR, "vm_config.posted_vector02 is 241,") \
	W(posted_vector_low, (own(), w.vm.flags |= NVMX_HOST_POSTS, w.vm.posted_vector02 = 15), CONFIG, POSTED_VECTOR, "posted_vector02 is 15,") \
	W(posted_vector_high, (own(), w.vm.flags |= NVMX_HOST_POSTS, w.vm.posted_vector02 = 256), CONFIG, POSTED_VECTOR, "a vector from 16 to 255") \
	W(flags_apic_of_owner, (own(), w.vm.flags |= NVMX_HOST_APIC_PASSTHROUGH), CONFIG, FLAGS_APIC, "NVMX_HOST_APIC_PASSTHROUGH") \
	W(flags_waits_alone, w.vm.flags = NVMX_HOST_WAITS, CONFIG, FLAGS_WAITS, "NVMX_HOST_WAITS without NVMX_HOST_OWNS_INTERRUPTS") \
	W(withheld_63, w.vm.withheld = NVMX_BIT64(63), CONFIG, WITHHELD_UNKNOWN, "vm_config.withheld has the unknown features 0x8000000000000000") \
	W(withheld_first_unknown, w.vm.withheld = NVMX_BIT64(NVMX_FEATURE_COUNT), CONFIG, WITHHELD_UNKNOWN, "withheld") \
	W(shadow_pages_1, w.vm.shadow_ept_pages = 1, CONFIG, SHADOW_EPT_PAGES, "shadow_ept_pages is 1, expected 0 (for 1024) or at least 16") \
	W(shadow_pages_15, w.vm.shadow_ept_pages = 15, CONFIG, SHADOW_EPT_PAGES, "shadow_ept_pages is 15")              \
	W(watches_null, w.vm.watches_n = 64, CONFIG, WATCHES, "vm_config.watches_n is 64, expected 0, or a power of two, at least 64, and") \
	W(watches_none, w.vm.watches = watches, CONFIG, WATCHES, "vm_config.watches_n is 0")                            \
	W(watches_few, (w.vm.watches = watches, w.vm.watches_n = 32), CONFIG, WATCHES, "vm_config.watches_n is 32")     \
	W(watches_odd, (w.vm.watches = watches, w.vm.watches_n = 96), CONFIG, WATCHES, "vm_config.watches_n is 96")     \
	W(watches_unaligned, (w.vm.watches = watches + 16, w.vm.watches_n = 64), CONFIG, WATCHES, "watches at a multiple of 64") \
	W(watches_overlap, (w.vm.watches = w.vm_mem, w.vm.watches_n = 64), ARGUMENT, VM_MEM_OVERLAP, "config->watches") \
	W(caps_zero, memset(&w.hw, 0, sizeof(w.hw)), CAPS, CAPS_MAXPHYADDR, "hw.maxphyaddr is 0, expected 32 to 52")    \
	W(maxphyaddr_0, w.hw.maxphyaddr = 0, CAPS, CAPS_MAXPHYADDR, "hw.maxphyaddr is 0")                               \
	W(maxphyaddr_31, w.hw.maxphyaddr = 31, CAPS, CAPS_MAXPHYADDR, "hw.maxphyaddr is 31")                            \
	W(maxphyaddr_53, w.hw.maxphyaddr = 53, CAPS, CAPS_MAXPHYADDR, "hw.maxphyaddr is 53")                            \
	W(maxphyaddr_60, w.hw.maxphyaddr = 60, CAPS, CAPS_MAXPHYADDR, "hw.maxphyaddr is 60")                            \
	W(linear_width_0, w.hw.linear_width = 0, CAPS, CAPS_LINEAR_WIDTH, "hw.linear_width is 0, expected 48 or 57")    \
	W(linear_width_52, w.hw.linear_width = 52, CAPS, CAPS_LINEAR_WIDTH, "hw.linear_width is 52")                    \
	W(efer_0, w.hw.efer_valid = 0, CAPS, CAPS_EFER, "hw.efer_valid is 0x0, expected LME and LMA (0x500) in it")     \
	W(efer_without_lma, w.hw.efer_valid &= ~NVMX_EFER_LMA, CAPS, CAPS_EFER, "hw.efer_valid")                        \
	W(basic_32bit, MSR(BASIC) |= NVMX_BIT64(48), CAPS, CAPS_BASIC_ADDRESSES, "IA32_VMX_BASIC is 0x")                \
	W(basic_no_true, MSR(BASIC) &= ~NVMX_BIT64(55), CAPS, CAPS_BASIC_TRUE, "expected bit 55 to be 1")               \
	W(basic_no_size, MSR(BASIC) &= ~(0x1fffull << 32), CAPS, CAPS_BASIC_REGION, "1 to 4096 bytes")                  \
	W(basic_big_region, MSR(BASIC) |= 0x1fffull << 32, CAPS, CAPS_BASIC_REGION, "1 to 4096 bytes")                  \
	W(basic_shadow_revision, MSR(BASIC) |= NVMX_BIT64(31), CAPS, CAPS_BASIC_REGION, "bit 31 to be 0")               \
	W(no_secondary, MSR(TRUE_PROCBASED_CTLS) &= ~HIGH(NVMX_PROC_SECONDARY), CAPS, CAPS_CONTROL_LACKING, "MSR 0x48e lacks the allowed-1 settings 0x80000000") \
	W(no_msr_bitmaps, MSR(TRUE_PROCBASED_CTLS) &= ~HIGH(NVMX_PROC_MSR_BITMAPS), CAPS, CAPS_CONTROL_LACKING, "0x10000000") \
	W(no_ept, MSR(PROCBASED_CTLS2) &= ~HIGH(NVMX_PROC2_EPT), CAPS, CAPS_CONTROL_LACKING, "MSR 0x48b lacks the allowed-1 settings 0x2,") \
	W(no_save_pat, MSR(TRUE_EXIT_CTLS) &= ~HIGH(NVMX_EXIT_SAVE_PAT), CAPS, CAPS_CONTROL_LACKING, "MSR 0x48f")       \
	W(no_exit_efer, MSR(TRUE_EXIT_CTLS) &= ~HIGH(NVMX_EXIT_LOAD_EFER), CAPS, CAPS_CONTROL_LACKING, "MSR 0x48f")     \
	W(no_entry_pat, MSR(TRUE_ENTRY_CTLS) &= ~HIGH(NVMX_ENTRY_LOAD_PAT), CAPS, CAPS_CONTROL_LACKING, "MSR 0x490")    \
	W(no_entry_efer, MSR(TRUE_ENTRY_CTLS) &= ~HIGH(NVMX_ENTRY_LOAD_EFER), CAPS, CAPS_CONTROL_LACKING, "MSR 0x490")  \
	W(must_and_may_not, (MSR(PINBASED_CTLS) = 0x16), CAPS, CAPS_CONTROL_CONTRADICTS, "MSR 0x481 has controls 0x16") \
	W(must_2_and_may_not, (MSR(PROCBASED_CTLS2) = HIGH(2) | 4), CAPS, CAPS_CONTROL_CONTRADICTS, "MSR 0x48b has controls 0x4") \
	W(cr0_fixed_both, (MSR(CR0_FIXED1) = 0x7fffffff), CAPS, CAPS_FIXED_CONTRADICTS, "MSR 0x486 has bits 0x80000000") \
	W(cr4_fixed_both, (MSR(CR4_FIXED1) = 0x1fff), CAPS, CAPS_FIXED_CONTRADICTS, "MSR 0x488 has bits 0x2000")        \
	W(limit_zero, (memset(&w.limit, 0, sizeof(w.limit)), w.vm.limit = &w.limit), CAPS, CAPS_MAXPHYADDR, "limit.maxphyaddr is 0") \
	W(limit_linear, (w.limit.linear_width = 64, w.vm.limit = &w.limit), CAPS, CAPS_LINEAR_WIDTH, "limit.linear_width is 64") \
	W(limit_contradicts, (w.limit.msr[1] = 1, w.vm.limit = &w.limit), CAPS, CAPS_CONTROL_CONTRADICTS, "limit.msr: MSR 0x481") \
	W(vcpu_mem_null, w.vcpu_mem = NULL, ARGUMENT, VCPU_MEM_NULL, "nvmx_vcpu_init: mem is NULL, expected 12288 bytes") \
	W(vcpu_mem_by_1, w.vcpu_mem = vcpu_memory + 1, ARGUMENT, VCPU_MEM_ALIGN, "nvmx_vcpu_init: mem is at 0x")        \
	W(vcpu_size_small, w.vcpu_size = NVMX_VM_SIZE, ARGUMENT, VCPU_MEM_SIZE, "mem has 6144 bytes, expected at least 12288") \
	W(vcpu_on_its_vm, (w.vm_mem = vcpu_memory + 4096), ARGUMENT, VCPU_MEM_OVERLAP, "mem overlaps vm, which is at 0x") \
	W(vcpu_on_its_config, w.vcpu_config = onto(vcpu_memory, &w.vcpu, sizeof(w.vcpu)), ARGUMENT, VCPU_MEM_OVERLAP, "mem overlaps config,") \
	W(vcpu_on_its_out, w.vcpu_out = (void *)(vcpu_memory + 64), ARGUMENT, VCPU_MEM_OVERLAP, "mem overlaps out")     \
	W(vcpu_out_null, w.vcpu_out = NULL, ARGUMENT, VCPU_OUT_NULL, "nvmx_vcpu_init: out is NULL")                     \
	W(vcpu_config_null, w.vcpu_config = NULL, ARGUMENT, VCPU_CONFIG_NULL, "nvmx_vcpu_init: config is NULL")         \
	W(vcpu_config_size_0, w.vcpu.size = 0, ABI, VCPU_CONFIG_SIZE, "vcpu_config.size is 0")                          \
	W(vcpu_config_newer, w.vcpu.size += 8, ABI, VCPU_CONFIG_SIZE, "expected sizeof(struct nvmx_vcpu_config)")       \
	W(vcpu_config_cut_off, w.vcpu.size = 16, CONFIG, VMCS01_ADDRESS, "vcpu_config.vmcs01 is 0x0")                   \
	W(vm_null, w.given = NULL, ARGUMENT, VCPU_VM, "nvmx_vcpu_init: vm (0x0) is no VM")                              \
	W(vm_never_made, w.given = (struct nvmx_vm *)bitmaps, ARGUMENT, VCPU_VM, "expected what nvmx_vm_init() gave")   \
	W(vm_off_by_8, w.given = (void *)(vm_memory + 8), ARGUMENT, VCPU_VM, "is no VM")                                \
	W(host_no_ledger, only_the_table_is_checked(false), CONFIG, HOST_NO_LEDGER, "no ledger that nvmx_checked_ops() has prepared") \
	W(host_of_no_table, only_the_table_is_checked(true), CONFIG, HOST_NO_LEDGER, "expected nvmx_checked_host()'s") \
	W(host_null, w.vcpu.host = NULL, CONFIG, HOST_NULL, "vcpu_config.host is NULL")                                 \
	W(vmcs01_unaligned, w.vcpu.vmcs01 |= 8, CONFIG, VMCS01_ADDRESS, "vcpu_config.vmcs01 is 0x200000008")            \
	W(vmcs01_zero, w.vcpu.vmcs01 = 0, CONFIG, VMCS01_ADDRESS, "vcpu_config.vmcs01 is 0x0")                          \
	W(vmcs01_too_wide, w.vcpu.vmcs01 = NVMX_BIT64(40), CONFIG, VMCS01_ADDRESS, "at most 0xfffffff000")              \
	W(vpid02_is_vpid01, w.vcpu.vpid02 = 1, CONFIG, VPID02_IS_L1S, "vcpu_config.vpid02 (1, and those behind it) has vmcs01's own VPID") \
	W(vpid02_reaches_vpid01, (F01(VPID) = 80, w.vcpu.vpid02_n = 4), CONFIG, VPID02_IS_L1S, "expected all but 80")   \
	W(vpid02_none, w.vcpu.vpid02 = 0, CONFIG, VPID02_NONE, "vpid02 is 0 while vmcs01 has the VPID 1, expected one for L2") \
	W(vpid02_over_the_end, (w.vcpu.vpid02 = 0xfff8, w.vcpu.vpid02_n = 16), CONFIG, VPID02_RANGE, "makes 0x10007 the last VPID") \
	W(vpid02_last_of_all, (w.vcpu.vpid02 = 0xffff, w.vcpu.vpid02_n = 2), CONFIG, VPID02_RANGE, "makes 0x10000 the last VPID") \
	W(vpid02_n_alone, (w.vcpu.vpid02 = 0, w.vcpu.vpid02_n = 2), CONFIG, VPID02_N_ALONE, "vpid02_n is 2 with vpid02 0") \
	W(io_both, (w.vcpu.io_passthrough = true, w.vcpu.io_bitmap01 = bitmaps), CONFIG, IO_BOTH, "io_passthrough is true with an io_bitmap01") \
	W(io_passes_and_exits, (w.vcpu.io_passthrough = true, F01(PROC_CTLS) |= NVMX_PROC_UNCOND_IO), VMCS01, IO_PASSTHROUGH, "while vmcs01 intercepts ports") \
	W(io_passes_and_has_bitmaps, (w.vcpu.io_passthrough = true, F01(PROC_CTLS) |= NVMX_PROC_IO_BITMAPS), VMCS01, IO_PASSTHROUGH, "io_passthrough") \
	W(io_bitmap_unused, w.vcpu.io_bitmap01 = bitmaps, VMCS01, IO_BITMAP_UNUSED, "uses no I/O bitmaps (controls 0x80000000), expected control 0x2000000") \
	W(msr_bitmap_unused, w.vcpu.msr_bitmap01 = bitmaps, VMCS01, MSR_BITMAP_UNUSED, "uses no MSR bitmaps (controls 0x80000000), expected control 0x10000000") \
	W(cr4_kept_and_hidden, (w.vcpu.cr4_kept = w.vcpu.cr4_hidden = NVMX_CR4_MCE), CONFIG, CR4_CONTRADICTS, "cr4_kept and cr4_hidden have the bits 0x40 both") \
	W(cr4_kept_not_there, w.vcpu.cr4_kept = NVMX_BIT64(40), CONFIG, CR4_KEPT, "cr4_kept has bits 0x10000000000 that the processor fixes to 0") \
	W(cr4_kept_unmasked, w.vcpu.cr4_kept = NVMX_CR4_MCE, VMCS01, CR4_UNMASKED, "CR4 guest/host mask is 0x2000, expected it to have VMXE and cr4_kept and cr4_hidden: 0x2040") \
	W(cr4_hidden_unmasked, w.vcpu.cr4_hidden = NVMX_CR4_UMIP, VMCS01, CR4_UNMASKED, "CR4 guest/host mask is 0x2000") \
	W(cr4_vmxe_unmasked, F01(CR4_MASK) = 0, VMCS01, CR4_UNMASKED, "CR4 guest/host mask is 0x0, expected it to have VMXE") \
	W(cr0_ts_alone, F01(CR0_MASK) = NVMX_CR0_TS, VMCS01, CR0_UNMASKED, "CR0 guest/host mask is 0x8, expected CD and NW (0x60000000) too") \
	W(cr0_pg_with_cd, F01(CR0_MASK) = NVMX_CR0_PG | NVMX_CR0_CD, VMCS01, CR0_UNMASKED, "CR0 guest/host mask is 0xc0000000") \
	W(debugctl_unknown, w.vcpu.debugctl_hidden = NVMX_BIT64(16), CONFIG, DEBUGCTL_HIDDEN, "debugctl_hidden is 0x10000, expected bits of IA32_DEBUGCTL: none but 0xffff") \
	W(vmcs01_zeroes, memset(w.m->host.vmcs[MINI_PAGES].field, 0, sizeof(w.m->host.vmcs[0].field)), VMCS01, VMCS01_SECONDARY, "vmcs01: PROC_CTLS is 0x0, expected the bits 0x80000000 in it to be 1") \
	W(vmcs01_no_ept, F01(PROC_CTLS2) = 0, VMCS01, VMCS01_EPT, "vmcs01: PROC_CTLS2 is 0x0, expected the bits 0x2 in it to be 1: L2 runs") \
	W(vmcs01_32bit_host, F01(EXIT_CTLS) &= ~(uint64_t)NVMX_EXIT_HOST_64, VMCS01, VMCS01_HOST_64, "expected the bits 0x200 in it") \
	W(vmcs01_no_save_debug, F01(EXIT_CTLS) &= ~(uint64_t)NVMX_EXIT_SAVE_DEBUG, VMCS01, VMCS01_SAVE_DEBUG, "EXIT_CTLS")    \
	W(vmcs01_no_save_pat, F01(EXIT_CTLS) &= ~(uint64_t)NVMX_EXIT_SAVE_PAT, VMCS01, VMCS01_SAVE_PAT, "0x40000 in it")       \
	W(vmcs01_no_host_pat, F01(EXIT_CTLS) &= ~(uint64_t)NVMX_EXIT_LOAD_PAT, VMCS01, VMCS01_LOAD_HOST_PAT, "0x80000 in it")  \
	W(vmcs01_no_save_efer, F01(EXIT_CTLS) &= ~(uint64_t)NVMX_EXIT_SAVE_EFER, VMCS01, VMCS01_SAVE_EFER, "0x100000 in it")   \
	W(vmcs01_no_host_efer, F01(EXIT_CTLS) &= ~(uint64_t)NVMX_EXIT_LOAD_EFER, VMCS01, VMCS01_LOAD_HOST_EFER, "0x200000 in it") \
	W(vmcs01_no_debug, F01(ENTRY_CTLS) &= ~(uint64_t)NVMX_ENTRY_LOAD_DEBUG, VMCS01, VMCS01_LOAD_DEBUG, "ENTRY_CTLS")       \
	W(vmcs01_no_pat, F01(ENTRY_CTLS) &= ~(uint64_t)NVMX_ENTRY_LOAD_PAT, VMCS01, VMCS01_LOAD_PAT, "0x4000 in it")           \
	W(vmcs01_no_efer, F01(ENTRY_CTLS) &= ~(uint64_t)NVMX_ENTRY_LOAD_EFER, VMCS01, VMCS01_LOAD_EFER, "0x8000 in it")        \
	W(owner_without_exits, (own(), F01(PIN_CTLS) = NVMX_PIN_NMI), VMCS01, VMCS01_OWN_INTERRUPTS, "vmcs01: PIN_CTLS is 0x8, expected the bits 0x9") \
	W(owner_without_ack, (own(), w.vm.flags |= NVMX_HOST_POSTS, w.ops.end_interrupt = end, w.vm.posted_vector02 = 0xf1, F01(EXIT_CTLS) &= ~(uint64_t)NVMX_EXIT_ACK_INT), VMCS01, VMCS01_ACKNOWLEDGE, "EXIT_CTLS is 0x") \
	W(owner_without_nmi_exits, (own(), F01(PIN_CTLS) = NVMX_PIN_EXT_INT), VMCS01, VMCS01_OWN_INTERRUPTS, "PIN_CTLS is 0x1") \
	W(vmcs01_timer, F01(PIN_CTLS) |= NVMX_PIN_PREEMPTION_TIMER, VMCS01, CONTROL_REFUSED, "PIN.PREEMPTION_TIMER (only with NVMX_HOST_OWNS_TIMER)") \
	W(vmcs01_spp, F01(PROC_CTLS2) |= NVMX_PROC2_SPP, VMCS01, CONTROL_REFUSED, "PROC2.SPP (its table is not L2's): bit 23 of 0x800022") \
	W(vmcs01_smm, F01(ENTRY_CTLS) |= NVMX_ENTRY_SMM, VMCS01, CONTROL_REFUSED, "ENTRY.SMM (L1 does not run in SMM): bit 10") \
	W(vmcs01_unknown, F01(PIN_CTLS) |= NVMX_BIT(30), VMCS01, CONTROL_UNKNOWN, "does not know: bit 30 of PIN_CTLS, 0x40000009")

static void own(void)
{
	w.vm.flags = NVMX_HOST_OWNS_INTERRUPTS;
}

/* A structure of the embedder's, in the memory that it gives away. */
static void *onto(void *at, const void *what, size_t size)
{
	return memcpy(at, what, size);
}

#define W(name, set, error, rule, words)                                                                               \
	static void name(struct mini *m)                                                                               \
	{                                                                                                              \
		(void)m;                                                                                               \
		(void)(set);                                                                                           \
	}
MISUSES
#undef W

static const struct misuse {
	const char *name;
	void (*set)(struct mini *m);
	int error;
	unsigned rule;
	const char *words;
} misuses[] = {
#define W(name, set, error, rule, words) { #name, name, NVMX_ERR_##error, NVMX_REFUSED_##rule, words },
	MISUSES
#undef W
};
#define N (sizeof(misuses) / sizeof(*misuses))

/* Whether the line has the number, or is another with another one. */
static bool shows(const char *line, uint64_t number, const struct nvmx_error_info *other)
{
	char with_other[NVMX_DESCRIBE_MAX], text[40];

	nvmx_describe_error(with_other, sizeof(with_other), other);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	return strcmp(line, with_other) != 0 || strstr(line, text);
}

/* What the line does not show of the error is 0. */
static void nothing_is_hidden(const struct nvmx_error_info *info, const char *line, const char *name)
{
	struct nvmx_error_info found = *info, expected = *info;

	found.found ^= 0x15;
	expected.expected ^= 0x15;
	if ((info->found && !shows(line, info->found, &found)) || (info->expected && !shows(line, info->expected, &expected)))
		fail_msg("%s: found %#llx, expected %#llx: \"%s\"", name, (unsigned long long)info->found,
			 (unsigned long long)info->expected, line);
}

/* One line: no end of line in it, and room for all of it. */
static void one_line(const struct nvmx_error_info *info, const char *name, const char *words)
{
	char line[NVMX_DESCRIBE_MAX];
	size_t n = nvmx_describe_error(line, sizeof(line), info);

	if (n >= sizeof(line) || strlen(line) != n || strchr(line, '\n') || strchr(line, '%') || !strstr(line, words) ||
	    !strstr(line, "expected"))
		fail_msg("%s: \"%s\" has not \"%s\"", name, line, words);
	nothing_is_hidden(info, line, name);
}

static void each_is_refused(void **state)
{
	struct mini *m = *state;
	struct nvmx_error_info info;

	for (const struct misuse *u = misuses; u < misuses + N; u++) {
		setup(m);
		assert_int_equal(start(&info), NVMX_OK); /* all is right but for what the row does */
		assert_int_equal(info.refusal, NVMX_REFUSED_NOTHING);
		setup(m);
		u->set(m);
		info = (struct nvmx_error_info){ .error = 1, .name = "not filled in" };
		if (start(&info) != u->error || info.error != u->error || info.refusal != u->rule)
			fail_msg("%s: error %d, rule %u (%s)", u->name, info.error, info.refusal, nvmx_refusal_name(info.refusal));
		one_line(&info, u->name, u->words);
		setup(m);
		u->set(m);
		assert_int_equal(start(NULL), u->error); /* nobody wants the rest */
	}
}

/* Every rule has a line, and a row in this file, or is one that is broken later (answers.c, controls01.c, instr_status.c; those for
 * saved state: unit_fake_state.c). */
static void each_rule_is_broken(void **state)
{
	static const unsigned later[] = {
		NVMX_REFUSED_LOAD_NOT_UNDONE, NVMX_REFUSED_NO_PAGE, NVMX_REFUSED_PAGE_POINTER, NVMX_REFUSED_PAGE_ADDRESS,
		NVMX_REFUSED_PIN_ADDRESS, NVMX_REFUSED_PIN_REFUSED, NVMX_REFUSED_XLATE_SHIFT, NVMX_REFUSED_XLATE_ADDRESS,
		NVMX_REFUSED_XLATE_OFFSET, NVMX_REFUSED_XLATE_RIGHTS, NVMX_REFUSED_XLATE_MEMTYPE, NVMX_REFUSED_VECTOR,
		NVMX_REFUSED_VMX_ABORT, NVMX_REFUSED_ENTRY_VMCS02, NVMX_REFUSED_ENTRY_VMCS01, NVMX_REFUSED_TRIPLE_FAULT, NVMX_REFUSED_NOT_NOW,
	};

	(void)state;
	for (unsigned rule = 1; rule < NVMX_REFUSALS_END; rule++) {
		const char *name = nvmx_refusal_name(rule);
		bool found = false;

		if (!name)
			continue;
		one_line(&(struct nvmx_error_info){ .refusal = rule, .name = "name" }, name, "expected");
		if (!strncmp(name, "VTD_", 4) || !strncmp(name, "STATE_", 6)) /* vtd_regs.c, vtd_flat.c, vtd_config.c */
			continue;
		for (size_t i = 0; i < N; i++)
			found |= misuses[i].rule == rule;
		for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++)
			found |= later[i] == rule;
		if (!found)
			fail_msg("no misuse breaks the rule %s", name);
	}
}

/* What looks like a misuse and is none: each of these starts. */
static void what_is_right(void **state)
{
	struct mini *m = *state;

	for (unsigned i = 0; i < 9; i++) {
		setup(m);
		switch (i) {
		case 0: w.vm.flags = NVMX_HOST_FEW_VPIDS, w.vcpu.vpid02 = 0; break;
		case 1: w.vcpu.vpid02 = 0, F01(PROC_CTLS2) = NVMX_PROC2_EPT; break;
		case 2: w.vcpu.vpid02 = 0xffff; break;
		case 3: w.vcpu.vpid02 = 0xfff0, w.vcpu.vpid02_n = 1000; break; /* 16 of them */
		case 4: w.hw.feature_control = 0; break;	/* L1's firmware writes it */
		case 5: w.vm.flags = NVMX_HOST_EMULATES_CR, F01(CR0_MASK) = NVMX_CR0_TS; break;
		case 6: w.vm.withheld = NVMX_BIT64(NVMX_FEATURE_COUNT) - 1; break;
		case 7: w.vm.limit = &w.limit, w.limit.efer_valid = 0; break; /* an L1 without Intel 64 */
		default: own(), w.vm.flags |= NVMX_HOST_WAITS; break;
		}
		assert_int_equal(start(NULL), NVMX_OK);
	}
}

/* Two vCPUs in one block, or one made twice. */
static void vcpus_overlap(void **state)
{
	struct mini *m = *state;
	struct nvmx_error_info info;
	struct nvmx_vcpu *again = NULL;

	setup(m);
	assert_int_equal(nvmx_vm_init(vm_memory, NVMX_VM_SIZE, &w.vm, &w.vm_made, &info), NVMX_OK);
	assert_int_equal(nvmx_vcpu_init(vcpu_memory, NVMX_VCPU_SIZE, w.vm_made, &w.vcpu, &w.vcpu_made, &info), NVMX_OK);
	for (unsigned at = 0; at <= 4096; at += 4096) {
		assert_int_equal(nvmx_vcpu_init(vcpu_memory + at, NVMX_VCPU_SIZE, w.vm_made, &w.vcpu, &again, &info), NVMX_ERR_ARGUMENT);
		one_line(&info, "again", "nvmx_vcpu_init: mem overlaps a vCPU of the VM, which is at 0x");
	}
	assert_null(again);
	nvmx_vcpu_destroy(w.vcpu_made);
	nvmx_vm_destroy(w.vm_made);
	assert_int_equal(nvmx_vcpu_init(vcpu_memory, NVMX_VCPU_SIZE, w.vm_made, &w.vcpu, &again, &info), NVMX_ERR_ARGUMENT);
	one_line(&info, "destroyed", "is no VM");
}

/* The line where there is no room for it, and for what is no rule. */
static void lines(void **state)
{
	const struct nvmx_error_info info = { .error = NVMX_ERR_OP_MISSING, .refusal = NVMX_REFUSED_OP_MISSING, .name = "map" };
	const struct nvmx_error_info none = { .error = NVMX_OK }, unknown = { .refusal = 999 };
	const char whole[] = "ops.map is NULL, expected a function: this configuration needs the op";
	char line[sizeof(whole) + 1];

	(void)state;
	for (size_t size = 0; size <= sizeof(line); size++) {
		memset(line, '~', sizeof(line));
		assert_int_equal(nvmx_describe_error(line, size, &info), sizeof(whole) - 1);
		assert_int_equal(line[size < sizeof(whole) ? size : sizeof(whole)], '~');
		if (size) {
			assert_int_equal(strlen(line), size < sizeof(whole) ? size - 1 : sizeof(whole) - 1);
			assert_memory_equal(line, whole, strlen(line));
		}
	}
	nvmx_describe_error(line, sizeof(line), &none);
	assert_string_equal(line, "no error");
	nvmx_describe_error(line, sizeof(line), &unknown);
	assert_string_equal(line, "unknown error");
	assert_null(nvmx_refusal_name(999));
	assert_string_equal(nvmx_refusal_name(NVMX_REFUSED_SHADOW_EPT_PAGES), "SHADOW_EPT_PAGES");
	assert_string_equal(nvmx_refusal_name(NVMX_REFUSED_VMCS01_EPT), "VMCS01_EPT");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(each_is_refused), cmocka_unit_test(each_rule_is_broken), MINI_TEST(what_is_right), MINI_TEST(vcpus_overlap),
		cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
