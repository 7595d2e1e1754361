/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What nvmx_vm_init() refuses of its arguments, the table of ops and the capabilities. */
#include "../mem.h"
#include "refuse.h"
#include "vcpu.h"

/* Which ops a configuration cannot do without. */
enum need { ALWAYS, NEVER, WITHOUT_PORT, WITH_EPT, WITH_OWNED_INTERRUPTS, WITH_WATCH, WITH_POSTS };

#define OP(name, need) { offsetof(struct nvmx_host_ops, name), need, #name }
static const struct op_row {
	size_t offset;
	enum need need;
	const char *name;
} op_rows[] = {
	OP(translate, ALWAYS),
	OP(map, ALWAYS),
	OP(unmap, ALWAYS),
	OP(pin, ALWAYS),
	OP(unpin, ALWAYS),
	OP(page_alloc, ALWAYS),
	OP(page_free, ALWAYS),
	OP(vmcs_load, ALWAYS),
	OP(vmcs_clear, ALWAYS),
	OP(vmcs_read_many, WITHOUT_PORT),
	OP(vmcs_write_many, WITHOUT_PORT),
	OP(flush_ept, WITH_EPT),
	OP(flush_vpid, ALWAYS),
	OP(l1_msr_read, ALWAYS),
	OP(l1_msr_write, ALWAYS),
	OP(l1_state_loaded, NEVER),
	OP(pending_events, WITH_OWNED_INTERRUPTS),
	OP(ack_interrupt, WITH_OWNED_INTERRUPTS),
	OP(inject_l1, NEVER),
	OP(barrier, NEVER),
	OP(kick_others, NEVER),
	OP(trace, NEVER),
	OP(take_event, WITH_OWNED_INTERRUPTS),
	OP(set_cr2, ALWAYS),
	OP(inject_l2, NEVER),
	OP(make_vmcs02, NEVER),
	OP(set_dr6, NEVER),
	OP(watch, NEVER),
	OP(unwatch, WITH_WATCH),
	OP(end_interrupt, WITH_POSTS),
};

static bool needed(enum need need, const struct nvmx_vm *vm)
{
	switch (need) {
	case ALWAYS: return true;
	case WITH_EPT: return nvmx_caps_may(&vm->caps, NVMX_MSR_VMX_PROCBASED_CTLS2) & NVMX_PROC2_EPT;
	case WITH_POSTS: return vm->flags & NVMX_HOST_POSTS;
	case WITH_OWNED_INTERRUPTS: return vm->flags & NVMX_HOST_OWNS_INTERRUPTS;
	case WITH_WATCH: return vm->ops->watch;
	case WITHOUT_PORT:
#ifdef NESTVMX_PORT_HEADER
		return false;
#else
		return true;
#endif
	default: return false;
	}
}

static bool op_present(const struct nvmx_host_ops *ops, size_t offset)
{
	void (*op)(void);

	nvmx_memcpy(&op, (const char *)ops + offset, sizeof(op));
	return op;
}

int nvmx_refuse_ops(const struct nvmx_vm *vm, struct nvmx_error_info *info)
{
	for (size_t i = 0; i < sizeof(op_rows) / sizeof(*op_rows); i++)
		if (needed(op_rows[i].need, vm) && !op_present(vm->ops, op_rows[i].offset))
			return nvmx_refuse_named(info, NVMX_REFUSED_OP_MISSING, op_rows[i].name, 0, 0);
	return NVMX_OK;
}

/* Controls without which the engine does not work (SDM appendix A). */
static const struct {
	uint32_t msr, bits;
} required_controls[] = {
	{ NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, NVMX_PROC_SECONDARY | NVMX_PROC_MSR_BITMAPS },
	{ NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_EPT },
	{ NVMX_MSR_VMX_TRUE_EXIT_CTLS,
	  NVMX_EXIT_SAVE_PAT | NVMX_EXIT_LOAD_PAT | NVMX_EXIT_SAVE_EFER | NVMX_EXIT_LOAD_EFER },
	{ NVMX_MSR_VMX_TRUE_ENTRY_CTLS, NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_EFER },
};

/* Those whose low half are the controls that must be 1, and whose high half those that may (SDM A.3 to A.5). */
static const uint32_t control_msrs[] = {
	NVMX_MSR_VMX_PINBASED_CTLS, NVMX_MSR_VMX_PROCBASED_CTLS, NVMX_MSR_VMX_EXIT_CTLS, NVMX_MSR_VMX_ENTRY_CTLS,
	NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_MSR_VMX_TRUE_PINBASED_CTLS, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS,
	NVMX_MSR_VMX_TRUE_EXIT_CTLS, NVMX_MSR_VMX_TRUE_ENTRY_CTLS,
};

/* A rule about one MSR. */
static int refuse_msr(struct nvmx_error_info *info, unsigned rule, const char *whose, uint32_t msr, uint64_t found,
		      uint64_t expected)
{
	int error = nvmx_refuse_named(info, rule, whose, found, expected);

	info->about = msr;
	return error;
}

/* What no processor's MSRs say, and what no L1's can be made of (SDM A.3 to A.5, A.7, A.8). */
static int refuse_contradictions(const struct nvmx_caps *c, const char *whose, struct nvmx_error_info *info)
{
	static const uint32_t fixed0[] = { NVMX_MSR_VMX_CR0_FIXED0, NVMX_MSR_VMX_CR4_FIXED0 };

	if (c->maxphyaddr < 32 || c->maxphyaddr > 52)
		return nvmx_refuse_named(info, NVMX_REFUSED_CAPS_MAXPHYADDR, whose, c->maxphyaddr, 52);
	if (c->linear_width != 48 && c->linear_width != 57)
		return nvmx_refuse_named(info, NVMX_REFUSED_CAPS_LINEAR_WIDTH, whose, c->linear_width, 48);
	for (size_t i = 0; i < sizeof(control_msrs) / sizeof(*control_msrs); i++) {
		uint32_t msr = control_msrs[i], both = nvmx_caps_must(c, msr) & ~nvmx_caps_may(c, msr);

		if (both)
			return refuse_msr(info, NVMX_REFUSED_CAPS_CONTROL_CONTRADICTS, whose, msr, both, nvmx_caps_may(c, msr));
	}
	for (size_t i = 0; i < sizeof(fixed0) / sizeof(*fixed0); i++) {
		uint64_t fixed1 = nvmx_caps_get(c, fixed0[i] + 1), both = nvmx_caps_get(c, fixed0[i]) & ~fixed1;

		if (both)
			return refuse_msr(info, NVMX_REFUSED_CAPS_FIXED_CONTRADICTS, whose, fixed0[i], both, fixed1);
	}
	return NVMX_OK;
}

static int refuse_hardware(const struct nvmx_caps *hw, struct nvmx_error_info *info)
{
	uint64_t basic = nvmx_caps_get(hw, NVMX_MSR_VMX_BASIC), region = basic >> 32 & 0x1fff;
	int error = refuse_contradictions(hw, "hw", info);

	if (error)
		return error;
	if (~hw->efer_valid & (NVMX_EFER_LME | NVMX_EFER_LMA))
		return nvmx_refuse_named(info, NVMX_REFUSED_CAPS_EFER, "hw", hw->efer_valid, NVMX_EFER_LME | NVMX_EFER_LMA);
	if (basic & NVMX_BIT64(48)) /* always 0 with Intel 64 (A.1) */
		return nvmx_refuse_named(info, NVMX_REFUSED_CAPS_BASIC_ADDRESSES, "hw", basic, 0);
	if (!(basic & NVMX_BIT64(55)))
		return nvmx_refuse_named(info, NVMX_REFUSED_CAPS_BASIC_TRUE, "hw", basic, 0);
	if (basic & NVMX_BIT64(31) || !region || region > 4096)
		return nvmx_refuse_named(info, NVMX_REFUSED_CAPS_BASIC_REGION, "hw", basic, 4096);
	for (size_t i = 0; i < sizeof(required_controls) / sizeof(*required_controls); i++) {
		uint32_t msr = required_controls[i].msr, bits = required_controls[i].bits;

		if (~nvmx_caps_may(hw, msr) & bits)
			return refuse_msr(info, NVMX_REFUSED_CAPS_CONTROL_LACKING, "hw", msr, ~nvmx_caps_may(hw, msr) & bits, bits);
	}
	return NVMX_OK;
}

#define KNOWN_FLAGS (NVMX_HOST_OWNS_INTERRUPTS | NVMX_COMPATIBLE | NVMX_HOST_REINJECTS | NVMX_HOST_OWNS_TIMER | \
		     NVMX_HOST_EMULATES_CR | NVMX_ENLIGHTENED | NVMX_HOST_APIC_PASSTHROUGH | NVMX_HOST_HYPERCALLS | \
		     NVMX_HOST_NO_PML_IN_L2 | NVMX_HOST_WAITS | NVMX_HOST_PERF_PASSTHROUGH | NVMX_HOST_FEW_VPIDS | \
		     NVMX_HOST_EPTP_SWITCHING | NVMX_HOST_POSTS | NVMX_HOST_PERF_EMULATED | NVMX_HOST_PAGES_OF_VM)
#define KNOWN_FEATURES (NVMX_BIT64(NVMX_FEATURE_COUNT) - 1)

static int refuse_flags(const struct nvmx_vm_config *c, struct nvmx_error_info *info)
{
	const uint32_t perf = NVMX_HOST_PERF_PASSTHROUGH | NVMX_HOST_PERF_EMULATED;

	if (c->flags & ~KNOWN_FLAGS)
		return nvmx_refuse(info, NVMX_REFUSED_FLAGS_UNKNOWN, c->flags & ~KNOWN_FLAGS, KNOWN_FLAGS);
	if (c->flags & NVMX_HOST_APIC_PASSTHROUGH && c->flags & NVMX_HOST_OWNS_INTERRUPTS)
		return nvmx_refuse(info, NVMX_REFUSED_FLAGS_APIC, c->flags, 0);
	if (c->flags & NVMX_HOST_WAITS && !(c->flags & NVMX_HOST_OWNS_INTERRUPTS))
		return nvmx_refuse(info, NVMX_REFUSED_FLAGS_WAITS, c->flags, 0);
	if (c->flags & NVMX_HOST_POSTS && !(c->flags & NVMX_HOST_OWNS_INTERRUPTS))
		return nvmx_refuse(info, NVMX_REFUSED_FLAGS_POSTS, c->flags, 0);
	if ((c->flags & perf) == perf)
		return nvmx_refuse(info, NVMX_REFUSED_FLAGS_PERF, c->flags, 0);
	return NVMX_OK;
}

static int refuse_values(const struct nvmx_vm_config *c, struct nvmx_error_info *info)
{
	int error = refuse_flags(c, info);

	if (error)
		return error;
	if (c->beyond & ~KNOWN_FEATURES || (c->beyond && !(c->flags & NVMX_COMPATIBLE)))
		return nvmx_refuse(info, NVMX_REFUSED_BEYOND, c->beyond, KNOWN_FEATURES);
	if (c->posted_vector02 && (!(c->flags & NVMX_HOST_POSTS) || c->posted_vector02 < 16 || c->posted_vector02 > 255))
		return nvmx_refuse(info, NVMX_REFUSED_POSTED_VECTOR, c->posted_vector02, 255);
	if (c->withheld & ~KNOWN_FEATURES)
		return nvmx_refuse(info, NVMX_REFUSED_WITHHELD_UNKNOWN, c->withheld & ~KNOWN_FEATURES, KNOWN_FEATURES);
	if (c->shadow_ept_pages && c->shadow_ept_pages < NVMX_SHADOW_EPT_PAGES_MIN)
		return nvmx_refuse(info, NVMX_REFUSED_SHADOW_EPT_PAGES, c->shadow_ept_pages, NVMX_SHADOW_EPT_PAGES_MIN);
	if (c->watches ? c->watches_n < NVMX_WATCHES_MIN || c->watches_n & (c->watches_n - 1) || (uintptr_t)c->watches % 64 : c->watches_n)
		return nvmx_refuse(info, NVMX_REFUSED_WATCHES, c->watches_n, NVMX_WATCHES_MIN);
	return NVMX_OK;
}

static int refuse_memory(const void *mem, size_t size, const struct nvmx_vm_config *config, struct nvmx_vm **out,
			 struct nvmx_error_info *info)
{
	if (!mem)
		return nvmx_refuse(info, NVMX_REFUSED_VM_MEM_NULL, 0, NVMX_VM_SIZE);
	if ((uintptr_t)mem % 64)
		return nvmx_refuse(info, NVMX_REFUSED_VM_MEM_ALIGN, (uintptr_t)mem, 64);
	if (size < sizeof(struct nvmx_vm))
		return nvmx_refuse(info, NVMX_REFUSED_VM_MEM_SIZE, size, NVMX_VM_SIZE);
	if (!out)
		return nvmx_refuse(info, NVMX_REFUSED_VM_OUT_NULL, 0, 0);
	if (!config)
		return nvmx_refuse(info, NVMX_REFUSED_VM_CONFIG_NULL, 0, 0);
	if (!nvmx_fair_size(config->size, sizeof(*config)))
		return nvmx_refuse(info, NVMX_REFUSED_VM_CONFIG_SIZE, config->size, sizeof(*config));
	return NVMX_OK;
}

static int refuse_table(const struct nvmx_vm_config *c, struct nvmx_error_info *info)
{
	if (!c->ops)
		return nvmx_refuse(info, NVMX_REFUSED_OPS_NULL, 0, 0);
	if (!c->hw)
		return nvmx_refuse(info, NVMX_REFUSED_HW_NULL, 0, 0);
	if ((c->ops->abi & ~NVMX_ABI_CHECKED) != NVMX_ABI_VERSION)
		return nvmx_refuse(info, NVMX_REFUSED_OPS_ABI, c->ops->abi, NVMX_ABI_VERSION);
	if (!nvmx_fair_size(c->ops->size, sizeof(*c->ops)))
		return nvmx_refuse(info, NVMX_REFUSED_OPS_SIZE, c->ops->size, sizeof(*c->ops));
	if (c->caps_size != sizeof(*c->hw))
		return nvmx_refuse(info, NVMX_REFUSED_CAPS_SIZE, c->caps_size, sizeof(*c->hw));
	return NVMX_OK;
}

int nvmx_refuse_vm(const void *mem, size_t size, const struct nvmx_vm_config *config, struct nvmx_vm **out,
		   struct nvmx_vm_config *c, struct nvmx_host_ops *ops, struct nvmx_error_info *info)
{
	int error = refuse_memory(mem, size, config, out, info);

	if (error)
		return error;
	*c = (struct nvmx_vm_config){ 0 };
	nvmx_memcpy(c, config, config->size);
	error = refuse_table(c, info);
	if (error)
		return error;
	const struct nvmx_block block = { "mem", mem, size }, others[] = {
		{ "config", config, config->size }, { "config->ops", c->ops, c->ops->size }, { "config->hw", c->hw, sizeof(*c->hw) },
		{ "config->limit", c->limit, sizeof(*c->limit) }, { "out", out, sizeof(void *) },
		{ "config->watches", c->watches, c->watches ? (size_t)c->watches_n * NVMX_WATCH_SIZE : 0 },
	};
	error = nvmx_refuse_overlap(info, NVMX_REFUSED_VM_MEM_OVERLAP, &block, others, sizeof(others) / sizeof(*others));
	if (error)
		return error;
	*ops = (struct nvmx_host_ops){ 0 };
	nvmx_memcpy(ops, c->ops, c->ops->size);
	ops->size = sizeof(*ops);
	error = refuse_values(c, info);
	if (!error)
		error = refuse_hardware(c->hw, info);
	if (!error && c->limit)
		error = refuse_contradictions(c->limit, "limit", info);
	return error;
}
