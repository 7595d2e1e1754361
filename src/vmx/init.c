/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "../mem.h"
#include "merge.h"
#include "port.h"
#include "../ept/ept.h"
#include "../invept/invept.h"

/* Which ops a configuration cannot do without. */
enum need { ALWAYS, NEVER, WITHOUT_PORT, WITH_EPT, WITH_OWNED_INTERRUPTS };

#define OP(name, need) { offsetof(struct nvmx_host_ops, name), need, "required op " #name " is missing" }
static const struct op_row {
	size_t offset;
	enum need need;
	const char *missing;
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
};
#define OPS (sizeof(op_rows) / sizeof(*op_rows))

static bool needed(enum need need, const struct nvmx_caps *caps, uint32_t flags)
{
	switch (need) {
	case ALWAYS: return true;
	case WITH_EPT: return nvmx_caps_may(caps, NVMX_MSR_VMX_PROCBASED_CTLS2) & NVMX_PROC2_EPT;
	case WITH_OWNED_INTERRUPTS: return flags & NVMX_HOST_OWNS_INTERRUPTS;
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

static int fail(uint32_t *detail, int error, uint32_t about)
{
	if (detail)
		*detail = about;
	return error;
}

/* What the engine itself cannot do without: controls of the processor (SDM appendix A). */
static const struct {
	uint32_t msr, bits;
} required_controls[] = {
	{ NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, NVMX_PROC_SECONDARY | NVMX_PROC_MSR_BITMAPS },
	{ NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_EPT },
	{ NVMX_MSR_VMX_TRUE_EXIT_CTLS,
	  NVMX_EXIT_SAVE_PAT | NVMX_EXIT_LOAD_PAT | NVMX_EXIT_SAVE_EFER | NVMX_EXIT_LOAD_EFER },
	{ NVMX_MSR_VMX_TRUE_ENTRY_CTLS, NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_EFER },
};

static int check_hardware(const struct nvmx_caps *hw, uint32_t *detail)
{
	if (nvmx_caps_get(hw, NVMX_MSR_VMX_BASIC) & NVMX_BIT64(48)) /* always 0 with Intel 64 (A.1) */
		return fail(detail, NVMX_ERR_CAPS, NVMX_MSR_VMX_BASIC);
	for (unsigned i = 0; i < sizeof(required_controls) / sizeof(*required_controls); i++)
		if (~nvmx_caps_may(hw, required_controls[i].msr) & required_controls[i].bits)
			return fail(detail, NVMX_ERR_CAPS, required_controls[i].msr);
	return NVMX_OK;
}

#define KNOWN_FLAGS (NVMX_HOST_OWNS_INTERRUPTS | NVMX_COMPATIBLE | NVMX_HOST_REINJECTS | NVMX_HOST_OWNS_TIMER | \
		     NVMX_HOST_EMULATES_CR | NVMX_ENLIGHTENED | NVMX_HOST_APIC_PASSTHROUGH | NVMX_HOST_HYPERCALLS | \
		     NVMX_HOST_NO_PML_IN_L2 | NVMX_HOST_WAITS | NVMX_HOST_PERF_PASSTHROUGH | NVMX_HOST_EPTP_SWITCHING)

static int check_config(const struct nvmx_vm_config *c, uint32_t *detail)
{
	if (c->ops->size != sizeof(struct nvmx_host_ops))
		return fail(detail, NVMX_ERR_ABI, c->ops->size);
	if (c->ops->abi != NVMX_ABI_VERSION)
		return fail(detail, NVMX_ERR_ABI, c->ops->abi);
	if (c->flags & ~KNOWN_FLAGS || (c->flags & NVMX_HOST_APIC_PASSTHROUGH && c->flags & NVMX_HOST_OWNS_INTERRUPTS))
		return fail(detail, NVMX_ERR_CONFIG, c->flags);
	if (c->flags & NVMX_HOST_WAITS && !(c->flags & NVMX_HOST_OWNS_INTERRUPTS))
		return fail(detail, NVMX_ERR_CONFIG, c->flags);
	if (c->hw->maxphyaddr < 32 || c->hw->maxphyaddr > 52)
		return fail(detail, NVMX_ERR_CONFIG, c->hw->maxphyaddr);
	return check_hardware(c->hw, detail);
}

/* Hardware shadowing needs a VMWRITE that reaches exit-information fields too (SDM A.6, bit 29). */
static bool hw_can_shadow(const struct nvmx_vm *vm)
{
	return nvmx_caps_may(&vm->hw, NVMX_MSR_VMX_PROCBASED_CTLS2) & NVMX_PROC2_SHADOW_VMCS &&
	       nvmx_caps_get(&vm->hw, NVMX_MSR_VMX_MISC) & NVMX_MISC_VMWRITE_RO &&
	       !(vm->withheld >> NVMX_FEATURE_HW_SHADOW & 1);
}

/* What L1 is offered the processor has, too. */
static bool hw_can_switch(const struct nvmx_vm *vm)
{
	return vm->flags & NVMX_HOST_EPTP_SWITCHING && nvmx_caps_may(&vm->caps, NVMX_MSR_VMX_PROCBASED_CTLS2) & NVMX_PROC2_VMFUNC &&
	       nvmx_caps_get(&vm->caps, NVMX_MSR_VMX_VMFUNC) & NVMX_VMFUNC_EPTP_SWITCHING &&
	       !(vm->withheld >> NVMX_FEATURE_HW_EPTP_SWITCHING & 1);
}

/* The rows that exist, those that an exit leaves stale, and those that hardware may shadow. */
static void make_rowsets(struct nvmx_vm *vm)
{
	bool hw_shadow = hw_can_shadow(vm);

	for (unsigned i = 0; i < NVMX_ROWS; i++) {
		const struct nvmx_field_row *row = &nvmx_field_rows[i];

		if (!nvmx_field_exists(row, &vm->caps))
			continue;
		nvmx_set_add(&vm->rows, i);
		if (row->sync == NVMX_S_RARE)
			nvmx_set_add(&vm->rare, i);
		if (hw_shadow && row->shadow == NVMX_H_RO)
			nvmx_set_add(&vm->hw_ro, i);
		if (hw_shadow && row->shadow == NVMX_H_RW)
			nvmx_set_add(&vm->hw_rw, i);
	}
}

int nvmx_vm_init(void *mem, const struct nvmx_vm_config *config, struct nvmx_vm **out, uint32_t *detail)
{
	struct nvmx_vm *vm = mem;
	int error = check_config(config, detail);

	if (error)
		return error;
	nvmx_memset(vm, 0, sizeof(*vm));
	vm->ops = config->ops;
	vm->hw = *config->hw;
	vm->withheld = config->withheld;
	vm->flags = config->flags;
	vm->shadow_ept_pages = config->shadow_ept_pages ? config->shadow_ept_pages : 1024;
	nvmx_caps_compute(config->hw, config->withheld, config->flags & NVMX_COMPATIBLE, &vm->caps);
	nvmx_caps_of_host(&vm->caps, vm->flags);
	if (config->limit)
		nvmx_caps_restrict(&vm->caps, config->limit);
	for (uint32_t i = 0; i < OPS; i++)
		if (needed(op_rows[i].need, &vm->caps, vm->flags) && !op_present(config->ops, op_rows[i].offset))
			return fail(detail, NVMX_ERR_OP_MISSING, i);
	nvmx_control_masks_make(&vm->masks);
	make_rowsets(vm);
	vm->hw_eptp_switching = hw_can_switch(vm);
	if (nvmx_ept_vm_init(vm))
		return fail(detail, NVMX_ERR_MEMORY, 0);
	*out = vm;
	return NVMX_OK;
}

void nvmx_vm_destroy(struct nvmx_vm *vm)
{
	nvmx_ept_vm_destroy(vm);
}

const struct nvmx_caps *nvmx_vm_caps(const struct nvmx_vm *vm)
{
	return &vm->caps;
}

/* The loads that L1 is offered and that vmcs01 does not do for it, or not undo. */
static uint32_t loads_not_undone(const struct nvmx_vcpu *v)
{
	uint32_t both = (v->ctl01[NVMX_WORD_ENTRY] & nvmx_loads_undone(v->ctl01[NVMX_WORD_EXIT])) | nvmx_loads_unswitched(v);

	return nvmx_caps_may(&v->vm->caps, NVMX_MSR_VMX_TRUE_ENTRY_CTLS) & NVMX_CARRYING_LOADS & ~both;
}

static const uint32_t capability_of_word[NVMX_WORDS] = {
	NVMX_MSR_VMX_TRUE_PINBASED_CTLS, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, NVMX_MSR_VMX_PROCBASED_CTLS2,
	NVMX_MSR_VMX_TRUE_EXIT_CTLS, NVMX_MSR_VMX_TRUE_ENTRY_CTLS,
};

/* The controls of a word of vmcs01 that the host has on by choice: what the processor forces to 1, vmcs02 has, too. */
static uint64_t chosen01(const struct nvmx_vcpu *v, unsigned w)
{
	return w < NVMX_WORDS ? v->ctl01[w] & ~nvmx_caps_must(&v->vm->hw, capability_of_word[w]) : v->proc3_01;
}

/* A control of vmcs01 that vmcs02 cannot keep, as the detail of NVMX_ERR_CONTROL; false: none. */
static bool find_refused(const struct nvmx_vcpu *v, uint32_t *detail)
{
	for (unsigned w = 0; w < NVMX_WORDS_ALL; w++) {
		int bit;

		if (w == NVMX_WORD_PROC2 && !(v->ctl01[NVMX_WORD_PROC] & NVMX_PROC_SECONDARY))
			continue;
		bit = nvmx_control_refused((enum nvmx_word)w, chosen01(v, w));
		if (bit >= 0) {
			*detail = w << 8 | (uint32_t)bit;
			return true;
		}
	}
	*detail = NVMX_WORD_PIN << 8 | 6;
	return v->ctl01[NVMX_WORD_PIN] & NVMX_PIN_PREEMPTION_TIMER && !(v->vm->flags & NVMX_HOST_OWNS_TIMER);
}

/* Once L1 runs, also a load that it was offered and that is done or undone no more. */
static void judge01(struct nvmx_vcpu *v)
{
	uint32_t lost = loads_not_undone(v);

	v->control_refused = find_refused(v, &v->refused);
	if (!v->control_refused && lost) {
		v->control_refused = true;
		v->refused = NVMX_WORD_ENTRY << 8 | (uint32_t)__builtin_ctz(lost);
	}
}

static void withhold_loads(struct nvmx_vcpu *v)
{
	uint32_t loads = loads_not_undone(v);

	if (!loads)
		return;
	nvmx_caps_withhold_loads(&v->vm->caps, loads, nvmx_undo_of_loads(loads));
	v->vm->rows = v->vm->rare = v->vm->hw_ro = v->vm->hw_rw = (struct nvmx_rowset){ { 0 } };
	make_rowsets(v->vm);
	judge01(v);
}

void nvmx_vmcs01_read(struct nvmx_vcpu *v)
{
	uint64_t before = v->loaded;

	nvmx_vmcs_load(v, v->config.vmcs01);
	v->ctl01[NVMX_WORD_PIN] = (uint32_t)nvmx_vmread(v, NVMX_PIN_CTLS);
	v->ctl01[NVMX_WORD_PROC] = (uint32_t)nvmx_vmread(v, NVMX_PROC_CTLS);
	v->ctl01[NVMX_WORD_PROC2] = (uint32_t)nvmx_vmread(v, NVMX_PROC_CTLS2);
	v->ctl01[NVMX_WORD_EXIT] = (uint32_t)nvmx_vmread(v, NVMX_EXIT_CTLS);
	v->ctl01[NVMX_WORD_ENTRY] = (uint32_t)nvmx_vmread(v, NVMX_ENTRY_CTLS);
	v->proc3_01 = v->ctl01[NVMX_WORD_PROC] & NVMX_PROC_TERTIARY ? nvmx_vmread(v, NVMX_PROC_CTLS3) : 0;
	v->eptp01 = nvmx_vmread(v, NVMX_EPT_POINTER);
	v->vpid01 = v->ctl01[NVMX_WORD_PROC2] & NVMX_PROC2_VPID ? (uint16_t)nvmx_vmread(v, NVMX_VPID) : 0;
	v->cr0_masked01 = nvmx_vmread(v, NVMX_CR0_MASK) & NVMX_CR0_UNTOUCHED;
	v->pf_ec01 = (uint32_t)(nvmx_vmread(v, NVMX_PF_EC_MASK) | nvmx_vmread(v, NVMX_PF_EC_MATCH));
	judge01(v);
	if (before != NVMX_NO_ADDR)
		nvmx_vmcs_load(v, before);
}

/* What vmcs01 must have on for the engine to switch between it and vmcs02 (the host's contract). */
static int check_vmcs01(const struct nvmx_vcpu *v, uint32_t *detail)
{
	const uint32_t exit = NVMX_EXIT_SAVE_DEBUG | NVMX_EXIT_SAVE_PAT | NVMX_EXIT_LOAD_PAT | NVMX_EXIT_SAVE_EFER | NVMX_EXIT_LOAD_EFER;
	const uint32_t entry = NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_EFER;
	uint32_t refused;

	if (!(v->ctl01[NVMX_WORD_PROC2] & NVMX_PROC2_EPT))
		return fail(detail, NVMX_ERR_CONFIG, NVMX_PROC_CTLS2);
	if (v->vm->flags & NVMX_HOST_OWNS_INTERRUPTS && ~v->ctl01[NVMX_WORD_PIN] & (NVMX_PIN_EXT_INT | NVMX_PIN_NMI))
		return fail(detail, NVMX_ERR_CONFIG, NVMX_PIN_CTLS); /* L1 and L2 would get the host's */
	if (find_refused(v, &refused))
		return fail(detail, NVMX_ERR_CONTROL, refused);
	if (v->ops->make_vmcs02)
		return NVMX_OK; /* its contract is in <nestvmx/host.h> */
	if (~v->ctl01[NVMX_WORD_EXIT] & exit)
		return fail(detail, NVMX_ERR_CONFIG, NVMX_EXIT_CTLS);
	if (~v->ctl01[NVMX_WORD_ENTRY] & entry)
		return fail(detail, NVMX_ERR_CONFIG, NVMX_ENTRY_CTLS);
	return NVMX_OK;
}

int nvmx_vcpu_init(void *mem, struct nvmx_vm *vm, const struct nvmx_vcpu_config *config, struct nvmx_vcpu **out,
		   uint32_t *detail)
{
	struct nvmx_vcpu *v = mem;
	int error;

	nvmx_memset(v, 0, sizeof(*v));
	v->vm = vm;
	v->ops = vm->ops;
	nvmx_trace_select(v, NVMX_TRACE_ALL);
	v->host = config->host;
	v->config = *config;
	v->loaded = config->vmcs01;
	v->vmxon_ptr = NVMX_NO_ADDR;
	v->feature_control = vm->caps.feature_control;
	nvmx_slots_init(v);
	nvmx_vmcs01_read(v);
	error = check_vmcs01(v, detail);
	if (error)
		return error;
	withhold_loads(v);
	if (nvmx_ept_vcpu_init(v))
		return fail(detail, NVMX_ERR_MEMORY, 0);
	*out = v;
	return NVMX_OK;
}

void nvmx_vcpu_destroy(struct nvmx_vcpu *v)
{
	nvmx_slots_destroy(v);
	nvmx_ept_vcpu_destroy(v);
	nvmx_vmwrite_flush(v);
}

void nvmx_vcpu_park(struct nvmx_vcpu *v)
{
	for (unsigned i = 0; i < NVMX_SLOT_PLACES; i++) {
		struct nvmx_slot *s = &v->slots[i];

		if (s->page02.va) {
			nvmx_vmcs_clear(v, s->page02.hpa);
			s->look02 |= NVMX_LOOK_LAUNCH;
		}
		if (s->page_shadow.va)
			nvmx_vmcs_clear(v, s->page_shadow.hpa);
	}
	v->loaded = NVMX_NO_ADDR;
}

void nvmx_vcpu_unpark_here(struct nvmx_vcpu *v)
{
	nvmx_vmcs_load(v, nvmx_current_vmcs(v));
}

void nvmx_vcpu_unpark(struct nvmx_vcpu *v)
{
	nvmx_vcpu_unpark_here(v);
	nvmx_ept_moved(v);
	nvmx_vpid_forget(v);
	if (v->in_l2)
		nvmx_load_vpid(v, v->cur);
}

void nvmx_vmcs01_changed(struct nvmx_vcpu *v)
{
	nvmx_vmcs01_read(v);
	nvmx_slots_renew(v);
	nvmx_shadow_renew(v);
}

const char *nvmx_init_error(int error, uint32_t detail)
{
	switch (error) {
	case NVMX_OK: return "no error";
	case NVMX_ERR_ABI: return "the op table's size or ABI version is not this library's";
	case NVMX_ERR_OP_MISSING: return detail < OPS ? op_rows[detail].missing : "a required op is missing";
	case NVMX_ERR_CAPS: return "the processor lacks a control that nested VMX needs";
	case NVMX_ERR_CONFIG: return "a configuration value is out of range";
	case NVMX_ERR_CONTROL: return nvmx_control_refusal(detail >> 8, detail & 0xff);
	case NVMX_ERR_MEMORY: return "page_alloc gave no page";
	default: return "unknown error";
	}
}
