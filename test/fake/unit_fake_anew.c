/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Where the host had vmcs01 to itself, what is remembered of it is read anew: in SMM, before a restore, at a reset.  And what
 * happens to a vCPU in SMM happens to the L2 that waits for its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "points.h"
#include "vmx/vcpu.h"

static struct fake_machine m;
static struct fake_result result;

static void set_mode01(struct nvmx_host *h, bool ia32e)
{
	uint64_t *ctls = fake_value(&h->mem, h->vmcs01, NVMX_ENTRY_CTLS);

	*ctls = ia32e ? *ctls | NVMX_ENTRY_IA32E : *ctls & ~(uint64_t)NVMX_ENTRY_IA32E;
}

/* L2 exits to its 64-bit L1, which then runs. */
static void l1_goes_on(struct nvmx_host *h)
{
	while (nvmx_in_l2(h->vcpu))
		assert_true(fake_host_step(h));
	assert_true(fake_field(&h->cpu, NVMX_ENTRY_CTLS) & NVMX_ENTRY_IA32E);
	assert_true(fake_field(&h->cpu, NVMX_GUEST_EFER) & NVMX_EFER_LMA);
	assert_true(fake_host_step(h));
	assert_null(h->cpu.refused);
}

/* L1's SMM handler runs in real mode, on vmcs01 (SDM 34.5.1); then L2 goes on, and exits. */
static void the_mode_that_smm_left(void **unused)
{
	struct nvmx_host *h = fake_host_at(FAKE_AT_SMM_L2, &m, &result);

	(void)unused;
	set_mode01(h, false);
	h->inside = true;
	assert_true(nvmx_rsm(h->vcpu));
	h->inside = false;
	h->smm = false;
	assert_true(nvmx_in_l2(h->vcpu));
	l1_goes_on(h);
	fake_host_free(h);
}

/* L2's state is restored into a host at each point of L1's, which has changed vmcs01 before, and goes on. */
static void restore_everywhere(void (*change)(struct nvmx_host *h), void (*look)(struct nvmx_host *h))
{
	static const enum fake_point points[] = { FAKE_AT_START, FAKE_AT_VMXON, FAKE_AT_VMCS, FAKE_AT_ENTRY, FAKE_AT_L2 };
	struct nvmx_host *h = fake_host_at(FAKE_AT_L2, &m, &result);
	size_t size;
	void *blob = fake_host_save(h, &size);

	fake_host_free(h);
	for (unsigned i = 0; i < sizeof(points) / sizeof(*points); i++) {
		h = fake_host_at(points[i], &m, &result);
		change(h);
		assert_int_equal(fake_host_restore(h, blob, size, NULL), NVMX_REFUSED_NOTHING);
		assert_true(nvmx_in_l2(h->vcpu));
		look(h);
		l1_goes_on(h);
		fake_host_free(h);
	}
	free(blob);
}

static void leave_ia32e(struct nvmx_host *h)
{
	set_mode01(h, false);
}

static void no_look(struct nvmx_host *h)
{
	(void)h;
}

/* A host that loads a snapshot sets registers first, and those are L2's. */
static void the_mode_that_a_restore_finds(void **unused)
{
	(void)unused;
	restore_everywhere(leave_ia32e, no_look);
}

static void want_ac(struct nvmx_host *h)
{
	*fake_value(&h->mem, h->vmcs01, NVMX_EXCEPTION_BITMAP) |= NVMX_BIT(NVMX_VECTOR_AC);
}

static void has_ac(struct nvmx_host *h)
{
	assert_true(fake_field(&h->cpu, NVMX_EXCEPTION_BITMAP) & NVMX_BIT(NVMX_VECTOR_AC));
}

/* And the exceptions that it wants from now on: L2 runs with them, too. */
static void the_exceptions_that_a_restore_finds(void **unused)
{
	(void)unused;
	restore_everywhere(want_ac, has_ac);
}

static unsigned translations_of(const struct nvmx_host *h, uint16_t vpid)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_TLB; i++)
		n += h->cpu.tlb[i].rights && h->cpu.tlb[i].vpid == vpid;
	return n;
}

static unsigned flushes_of_2;
static void count_flush(struct nvmx_host *h, uint16_t vpid, unsigned scope, uint64_t linear)
{
	flushes_of_2 += vpid == 2;
	fake_host_ops.flush_vpid(h, vpid, scope, linear);
}

static unsigned ept_flushes;
static void count_ept_flush(struct nvmx_host *h, uint64_t eptp, unsigned scope)
{
	ept_flushes++;
	fake_host_ops.flush_ept(h, eptp, scope);
}

/* The host takes L1's memory back while L2 waits for the end of SMM: what the processor has cached of it goes before L2 does on. */
static void what_is_taken_in_smm_is_flushed(void **unused)
{
	struct nvmx_host *h;

	(void)unused;
	for (unsigned taken = 0; taken < 2; taken++) {
		h = fake_host_at(FAKE_AT_SMM_L2, &m, &result);
		h->ledger.real.flush_ept = count_ept_flush;
		h->inside = true;
		if (taken)
			nvmx_host_invalidate(h->vm, h->vcpu, 0, ~0ull);
		ept_flushes = 0;
		assert_true(nvmx_rsm(h->vcpu));
		h->inside = false;
		h->smm = false;
		assert_int_equal(ept_flushes, taken);
		l1_goes_on(h);
		fake_host_free(h);
	}
}

/* An L2 with a VPID of its own leaves translations on a processor, runs elsewhere, and comes back while it is in SMM. */
static void a_move_in_smm_is_flushed(void **unused)
{
	static struct script l1, l2;
	static struct fake_code code[2];
	struct nvmx_host *h;

	(void)unused;
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_PROC_CTLS2, NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED | NVMX_PROC2_VPID);
	script_vmwrite(&l1, NVMX_PROC_CTLS, 0x84006172u | NVMX_PROC_MSR_BITMAPS);
	script_run(&l1, FAKE_VMLAUNCH);
	script_op(&l1, FAKE_END);
	script_load(&l2, 3, FAKE_L2_DATA, 8);
	script_msr(&l2, FAKE_RDMSR, NVMX_MSR_VMX_BASIC, 0); /* an exit that L1 does not see */
	script_op(&l2, FAKE_VMCALL);
	code[0] = l1.code;
	code[1] = l2.code;
	m = (struct fake_machine){ .code = code, .codes = 2 };
	h = fake_host_new(&m, &result);
	h->ledger.real.flush_vpid = count_flush;
	while (!nvmx_in_l2(h->vcpu))
		assert_true(fake_host_step(h));
	while (!translations_of(h, 2))
		assert_true(fake_host_step(h));
	assert_true(nvmx_in_l2(h->vcpu));
	for (unsigned moves = 0; moves < 2; moves++) {
		assert_true(translations_of(h, 2) > 0);
		flushes_of_2 = 0;
		h->inside = true;
		nvmx_smi(h->vcpu);
		if (moves) {
			nvmx_vcpu_park(h->vcpu);
			nvmx_vcpu_unpark(h->vcpu);
		}
		assert_true(nvmx_rsm(h->vcpu));
		h->inside = false;
		assert_int_equal(flushes_of_2, moves); /* and nothing is flushed without need */
		assert_int_equal(translations_of(h, 2) == 0, moves);
	}
	while (fake_host_step(h))
		;
	assert_int_equal(h->cpu.stop, FAKE_STOP_END);
	fake_host_free(h);
}

/* Frames that the processor uses under a vmcs02 stay granted while that vmcs02 will run again. */
static void pins_of_an_l2_that_waits(void **unused)
{
	static struct script l1, l2;
	static struct fake_code code[2];
	struct nvmx_host *h;

	(void)unused;
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_PROC_CTLS, 0x84006172u | NVMX_PROC_TPR_SHADOW);
	script_run(&l1, FAKE_VMLAUNCH);
	script_op(&l1, FAKE_END);
	script_op(&l2, FAKE_VMCALL);
	code[0] = l1.code;
	code[1] = l2.code;
	m = (struct fake_machine){ .code = code, .codes = 2 };
	h = fake_host_new(&m, &result);
	while (!nvmx_in_l2(h->vcpu))
		assert_true(fake_host_step(h));
	h->inside = true;
	nvmx_pins_moved(h->vcpu);
	assert_int_equal(h->pins, 1);
	nvmx_smi(h->vcpu);
	nvmx_pins_moved(h->vcpu);
	assert_int_equal(h->pins, 1);
	assert_true(nvmx_rsm(h->vcpu));
	h->inside = false;
	while (nvmx_in_l2(h->vcpu))
		assert_true(fake_host_step(h));
	h->inside = true;
	nvmx_pins_moved(h->vcpu);
	h->inside = false;
	assert_int_equal(h->pins, 0);
	fake_host_free(h);
}

/* An RSM outside SMM and an SMI in SMM are no events of the library's, whatever was before. */
static void rsm_and_smi_out_of_place(void **unused)
{
	struct nvmx_host *h = fake_host_at(FAKE_AT_L2, &m, &result);

	(void)unused;
	h->inside = true;
	assert_true(nvmx_rsm(h->vcpu));
	assert_true(nvmx_in_l2(h->vcpu));
	nvmx_smi(h->vcpu);
	nvmx_smi(h->vcpu);
	assert_true(nvmx_rsm(h->vcpu));
	assert_true(nvmx_in_l2(h->vcpu) && nvmx_in_vmx_operation(h->vcpu));
	nvmx_smi(h->vcpu);
	nvmx_state_reset(h->vcpu); /* SMM is left with it */
	assert_true(nvmx_rsm(h->vcpu));
	assert_false(nvmx_in_l2(h->vcpu) || nvmx_in_vmx_operation(h->vcpu));
	h->inside = false;
	fake_host_free(h);
}

/* The host sets vmcs01 up from scratch, with other controls, and resets the vCPU: L1 and L2 run from the start. */
static void a_reset_reads_vmcs01_anew(void **unused)
{
	struct nvmx_host *h = fake_host_at(FAKE_AT_L2, &m, &result);
	uint64_t eptp;

	(void)unused;
	h->inside = true;
	nvmx_state_reset(h->vcpu);
	h->inside = false;
	fake_host_free(h);

	h = fake_host_at(FAKE_AT_L2, &m, &result);
	h->inside = true;
	nvmx_state_drop(h->vcpu);
	h->inside = false;
	fake_l1_state(&h->cpu.a);
	eptp = h->eptp01;
	fake_reset_vmcs01(h);
	assert_int_not_equal(h->eptp01, eptp);
	h->inside = true;
	nvmx_state_reset(h->vcpu);
	h->inside = false;
	assert_int_equal(h->vcpu->vmcs01.eptp, h->eptp01);
	while (!nvmx_in_l2(h->vcpu))
		assert_true(fake_host_step(h));
	l1_goes_on(h);
	fake_host_free(h);
}

/* What the last VM entry has changed of L2's CR0 is no business of a state that comes from elsewhere, whose entry is refused. */
static void a_restored_entry_has_changed_nothing(void **unused)
{
	struct nvmx_host *h = fake_host_at(FAKE_AT_ENTRY, &m, &result);
	size_t size;
	void *blob = fake_host_save(h, &size);
	struct nvmx_view view;
	uint64_t cr0;

	(void)unused;
	nvmx_view(h->vcpu, &view, sizeof(view));
	cr0 = ((struct nvmx_vmcs12 *)view.vmcs12)->guest_cr0;
	h->vcpu->flipped_cr0 = NVMX_CR0_CD;
	assert_int_equal(fake_host_restore(h, blob, size, NULL), NVMX_REFUSED_NOTHING);
	assert_true(nvmx_in_l2(h->vcpu));
	*fake_value(&h->mem, h->cpu.vmcs, NVMX_VM_INSTR_ERROR) = NVMX_VMERR_ENTRY_CONTROLS;
	h->inside = true;
	assert_int_equal(nvmx_entry_refused(h->vcpu), NVMX_RESUME_L1);
	h->inside = false;
	nvmx_view(h->vcpu, &view, sizeof(view));
	assert_int_equal(((struct nvmx_vmcs12 *)view.vmcs12)->guest_cr0, cr0);
	free(blob);
	fake_host_free(h);
}

/* A vCPU that was stopped is one of a VM that begins again, or that comes from elsewhere. */
static void a_stop_ends_with_a_reset_or_a_restore(void **unused)
{
	const struct nvmx_state_context context = { .l1_tsc = 0 };
	struct nvmx_host *h = fake_host_at(FAKE_AT_L2, &m, &result);
	size_t size;
	void *blob = fake_host_save(h, &size);

	(void)unused;
	for (unsigned restores = 0; restores < 2; restores++) {
		h->inside = true;
		assert_int_equal(nvmx_stop_vm(h->vcpu, NVMX_STOP_HOST_OP, 7), NVMX_STOP);
		if (restores)
			assert_int_equal(nvmx_state_restore(h->vcpu, blob, size, &context, NULL), NVMX_OK);
		else
			nvmx_state_reset(h->vcpu);
		h->inside = false;
		assert_int_equal(nvmx_stop_code(h->vcpu), NVMX_STOP_NONE);
		assert_int_equal(nvmx_stop_detail(h->vcpu), 0);
	}
	l1_goes_on(h);
	free(blob);
	fake_host_free(h);
}

/* The host writes the controls of vmcs01 as it would without the library, and says so: L1 keeps its hardware shadow, and what it
 * wrote there. */
static void a_host_that_rewrites_its_controls(void **unused)
{
	struct nvmx_host *h = fake_host_at(FAKE_AT_VMCS, &m, &result);
	uint64_t *proc2 = fake_value(&h->mem, h->vmcs01, NVMX_PROC_CTLS2);
	uint64_t *link = fake_value(&h->mem, h->vmcs01, NVMX_VMCS_LINK_POINTER), *shadowed;
	struct nvmx_view view;

	(void)unused;
	nvmx_view(h->vcpu, &view, sizeof(view));
	assert_int_not_equal(view.shadow_vmcs, FAKE_NONE);
	shadowed = fake_value(&h->mem, view.shadow_vmcs, NVMX_GUEST_RSP);
	*shadowed = 0x7654; /* VMWRITE without an exit */
	for (unsigned i = 0; i < 2; i++) {
		*proc2 &= ~(uint64_t)NVMX_PROC2_SHADOW_VMCS;
		*link = FAKE_NONE;
		h->inside = true;
		nvmx_vmcs01_changed(h->vcpu);
		h->inside = false;
		assert_true(*proc2 & NVMX_PROC2_SHADOW_VMCS);
		assert_int_equal(*link, view.shadow_vmcs);
		assert_int_equal(*shadowed, 0x7654);
		assert_int_equal(h->cpu.vmcs, h->vmcs01);
	}
	assert_int_equal(((struct nvmx_vmcs12 *)view.vmcs12)->guest_rsp, 0x7654);
	fake_host_free(h);
}

/* What L1 wrote without an exit is in its VMCS while SMM has the processor, which has no VMX instructions; then it writes on as before. */
static void smm_has_no_hardware_shadow(void **unused)
{
	struct nvmx_host *h = fake_host_at(FAKE_AT_VMCS, &m, &result);
	uint64_t *proc2 = fake_value(&h->mem, h->vmcs01, NVMX_PROC_CTLS2);
	uint64_t *link = fake_value(&h->mem, h->vmcs01, NVMX_VMCS_LINK_POINTER);
	struct nvmx_view view;

	(void)unused;
	nvmx_view(h->vcpu, &view, sizeof(view));
	*fake_value(&h->mem, view.shadow_vmcs, NVMX_GUEST_RSP) = 0x7654;
	h->inside = true;
	nvmx_smi(h->vcpu);
	assert_int_equal(((struct nvmx_vmcs12 *)view.vmcs12)->guest_rsp, 0x7654);
	assert_false(*proc2 & NVMX_PROC2_SHADOW_VMCS);
	assert_int_equal(*link, FAKE_NONE);
	assert_true(nvmx_rsm(h->vcpu));
	h->inside = false;
	assert_true(*proc2 & NVMX_PROC2_SHADOW_VMCS);
	assert_int_equal(*link, view.shadow_vmcs);
	fake_host_free(h);
}

/* SDM 23.7: RESET clears the MSR, INIT and a restore do not; the host may set it, locked or not. */
static void feature_control(void **unused)
{
	const uint64_t on = NVMX_FC_LOCK | NVMX_FC_VMX_OUTSIDE_SMX;
	struct nvmx_host *h = fake_host_at(FAKE_AT_START, &m, &result);
	size_t size;
	void *blob = fake_host_save(h, &size);
	uint64_t value;

	(void)unused;
	h->inside = true;
	assert_int_equal(nvmx_msr_write(h->vcpu, NVMX_MSR_FEATURE_CONTROL, 0), -1); /* the host locked it */
	h->vm->caps.feature_control = 0; /* left to L1's firmware (nvmx_caps_restrict()) */
	nvmx_state_reset(h->vcpu);
	assert_int_equal(nvmx_msr_read(h->vcpu, NVMX_MSR_FEATURE_CONTROL, &value), 0);
	assert_int_equal(value, 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(nvmx_msr_write(h->vcpu, NVMX_MSR_FEATURE_CONTROL, on), 0);
		assert_int_equal(nvmx_msr_write(h->vcpu, NVMX_MSR_FEATURE_CONTROL, on), -1);
		nvmx_state_drop(h->vcpu);
		h->inside = false;
		assert_int_equal(fake_host_restore(h, blob, size, NULL), NVMX_REFUSED_NOTHING);
		h->inside = true;
		assert_int_equal(nvmx_msr_read(h->vcpu, NVMX_MSR_FEATURE_CONTROL, &value), 0);
		assert_int_equal(value, on);
		assert_int_equal(nvmx_msr_write(h->vcpu, NVMX_MSR_FEATURE_CONTROL, on), -1);
		nvmx_state_reset(h->vcpu);
	}
	assert_int_equal(nvmx_feature_control_set(h->vcpu, NVMX_FC_VMX_OUTSIDE_SMX | 1u << 20), -1);
	assert_int_equal(nvmx_feature_control_set(h->vcpu, on), 0);
	assert_int_equal(nvmx_feature_control_set(h->vcpu, NVMX_FC_VMX_OUTSIDE_SMX), 0);
	assert_int_equal(nvmx_msr_read(h->vcpu, NVMX_MSR_FEATURE_CONTROL, &value), 0);
	assert_int_equal(value, NVMX_FC_VMX_OUTSIDE_SMX);
	h->inside = false;
	free(blob);
	fake_host_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mode_that_smm_left),
		cmocka_unit_test(the_mode_that_a_restore_finds),
		cmocka_unit_test(the_exceptions_that_a_restore_finds),
		cmocka_unit_test(a_move_in_smm_is_flushed),
		cmocka_unit_test(what_is_taken_in_smm_is_flushed),
		cmocka_unit_test(pins_of_an_l2_that_waits),
		cmocka_unit_test(rsm_and_smi_out_of_place),
		cmocka_unit_test(a_reset_reads_vmcs01_anew),
		cmocka_unit_test(a_restored_entry_has_changed_nothing),
		cmocka_unit_test(a_stop_ends_with_a_reset_or_a_restore),
		cmocka_unit_test(a_host_that_rewrites_its_controls),
		cmocka_unit_test(smm_has_no_hardware_shadow),
		cmocka_unit_test(feature_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
