/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Nested state: each that was saved replaces any other; what is no state is refused and changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "compare.h"
#include "gen.h"
#include "linux_state.h"
#include "points.h"
#include "saved_state.h"
#include "vmx/vcpu.h"

#define MUTATED (NVMX_TEST_FULL ? 500 : 100)

static struct fake_result result;

/* The state at a point, to be freed. */
static struct nvmx_state *state_at(enum fake_point point, size_t *size)
{
	static struct fake_machine m;
	struct nvmx_host *h = fake_host_at(point, &m, &result);
	struct nvmx_state *state = fake_host_save(h, size);

	fake_host_free(h);
	return state;
}

/* What restoring it gives in a vCPU at `point`. */
static unsigned restored_at(enum fake_point point, const void *state, size_t size, const char **row)
{
	static struct fake_machine m;
	struct nvmx_host *h = fake_host_at(point, &m, &result);
	unsigned refusal = fake_host_restore(h, state, size, row);

	fake_host_free(h);
	return refusal;
}

static void shapes(void **unused)
{
	static const struct {
		uint64_t vmxon, vmcs;
		uint32_t size;
		uint16_t flags, smm;
		uint32_t vmx_flags;
	} expected[FAKE_POINTS] = {
		[FAKE_AT_START] = { ~0ull, ~0ull, 128, 0, 0, 0 },
		[FAKE_AT_VMXON] = { FAKE_VMXON_REGION, ~0ull, 128, 0, 0, 0 },
		[FAKE_AT_VMCS] = { FAKE_VMXON_REGION, FAKE_VMCS_A, 128 + 4096, 0, 0, 0 },
		[FAKE_AT_ENTRY] = { FAKE_VMXON_REGION, FAKE_VMCS_A, 128 + 4096, 3, 0, 1 },
		[FAKE_AT_L2] = { FAKE_VMXON_REGION, FAKE_VMCS_A, 128 + 4096, 1, 0, 1 },
		[FAKE_AT_L2_SHADOW] = { FAKE_VMXON_REGION, FAKE_VMCS_A, 128 + 8192, 1, 0, 1 },
		[FAKE_AT_SMM] = { FAKE_VMXON_REGION, FAKE_VMCS_A, 128 + 4096, 0, 2, 0 },
		[FAKE_AT_SMM_L2] = { FAKE_VMXON_REGION, FAKE_VMCS_A, 128 + 4096, 0, 3, 1 },
	};

	(void)unused;
	for (unsigned i = 0; i < FAKE_POINTS; i++) {
		size_t size;
		struct nvmx_state *s = state_at((enum fake_point)i, &size);

		assert_int_equal(size, expected[i].size);
		assert_int_equal(s->header.size, expected[i].size);
		assert_int_equal(s->header.format, 0);
		assert_int_equal(s->header.flags, expected[i].flags);
		assert_int_equal(s->header.smm_flags, expected[i].smm);
		assert_int_equal(s->header.vmx_flags, expected[i].vmx_flags);
		assert_int_equal(s->header.vmxon_pa, expected[i].vmxon);
		assert_int_equal(s->header.vmcs12_pa, expected[i].vmcs);
		if (size > 128)
			assert_int_equal(((struct nvmx_vmcs12 *)s->vmcs12)->revision, NVMX_VMCS12_REVISION);
		if (size > 128 + 4096)
			assert_int_equal(((struct nvmx_vmcs12 *)s->shadow_vmcs12)->revision, NVMX_VMCS12_REVISION | 1u << 31);
		free(s);
	}
}

/* Any state replaces any other, if only both are in SMM or neither. */
static void every_state_replaces_every_other(void **unused)
{
	(void)unused;
	for (unsigned from = 0; from < FAKE_POINTS; from++) {
		size_t size;
		struct nvmx_state *s = state_at((enum fake_point)from, &size);

		for (unsigned to = 0; to < FAKE_POINTS; to++) {
			bool smm_from = from >= FAKE_AT_SMM, smm_to = to >= FAKE_AT_SMM;
			bool fits = smm_from == smm_to || (smm_to && !(s->header.flags & 3));

			assert_int_equal(restored_at((enum fake_point)to, s, size, NULL), fits ? NVMX_REFUSED_NOTHING : NVMX_REFUSED_STATE_SMM);
		}
		free(s);
	}
}

static void every_truncation_is_refused(void **unused)
{
	static struct fake_machine m;

	(void)unused;
	for (unsigned i = 0; i < FAKE_POINTS; i++) {
		size_t size;
		struct nvmx_state *s = state_at((enum fake_point)i, &size);
		struct nvmx_host *h = fake_host_at((enum fake_point)i, &m, &result);

		for (size_t n = 0; n < size; n += n > 140 && n + 200 < size ? 97 : 1) {
			void *part = malloc(n ? n : 1); /* to the byte, for the sanitizer */

			memcpy(part, s, n);
			assert_int_equal(fake_host_restore(h, part, n, NULL), NVMX_REFUSED_STATE_TRUNCATED);
			if (n >= sizeof(s->header)) {
				((struct nvmx_state *)part)->header.size = (uint32_t)n;
				assert_int_equal(fake_host_restore(h, part, n, NULL), NVMX_REFUSED_STATE_TRUNCATED);
			}
			free(part);
		}
		s->header.size = NVMX_STATE_MAX_SIZE + 1;
		assert_int_equal(fake_host_restore(h, s, ~(size_t)0, NULL), NVMX_REFUSED_STATE_OVERSIZED);
		fake_host_free(h);
		free(s);
	}
}

#define HEADER(member) offsetof(struct nvmx_state_header, member), sizeof(((struct nvmx_state_header *)0)->member)
#define V12(member) 128 + offsetof(struct nvmx_vmcs12, member), sizeof(((struct nvmx_vmcs12 *)0)->member)
#define LIVE(member) 128 + NVMX_STATE_LIVE_OFFSET + offsetof(struct nvmx_state_live, member), \
		     sizeof(((struct nvmx_state_live *)0)->member)

/* L2 of a stock Linux goes on here, and its state is the same when it is saved again. */
static void a_state_of_stock_linux(void **unused)
{
	static struct fake_machine m;
	struct nvmx_state *s = calloc(1, sizeof(*s)), *again;
	struct nvmx_host *h = fake_host_at(FAKE_AT_START, &m, &result);
	const char *row = NULL;
	size_t size;

	(void)unused;
	for (unsigned i = 0; i < sizeof(linux_state_words) / sizeof(*linux_state_words); i++)
		memcpy((char *)s + linux_state_words[i].offset, &linux_state_words[i].value, 8);
	s->header.preemption_timer_deadline += 0x10000000; /* its time-stamp counter was behind the fake's */
	if (fake_host_restore(h, s, s->header.size, &row))
		fail_msg("refused: %s", row ? row : "no row");
	assert_true(nvmx_in_l2(h->vcpu));
	assert_int_equal(fake_field(&h->cpu, NVMX_GUEST_RIP), ((struct nvmx_vmcs12 *)s->vmcs12)->guest_rip);
	again = fake_host_save(h, &size);
	assert_int_equal(size, s->header.size);
	memset(again->vmcs12 + NVMX_STATE_LIVE_OFFSET, 0, sizeof(struct nvmx_state_live));
	for (unsigned i = 0; i < size; i++)
		if (((uint8_t *)s)[i] != ((uint8_t *)again)[i])
			fail_msg("byte %u was %#x and is %#x", i, ((uint8_t *)s)[i], ((uint8_t *)again)[i]);
	free(again);
	free(s);
	fake_host_free(h);
}

/* Its registers that vmcs12 does not hold are where the host's user has put them: while that L2 runs, in its vmcs02. */
static void a_state_of_stock_linux_comes_twice(void **unused)
{
	static const struct {
		uint32_t field, save;
		uint64_t value;
	} put[] = {
		{ NVMX_GUEST_PAT, NVMX_EXIT_SAVE_PAT, 0x0007040600070401 },
		{ NVMX_GUEST_DR7, NVMX_EXIT_SAVE_DEBUG, 0x455 },
	};
	static struct fake_machine m;
	struct nvmx_state *s = calloc(1, sizeof(*s));
	struct nvmx_host *h = fake_host_at(FAKE_AT_START, &m, &result);

	(void)unused;
	for (unsigned i = 0; i < sizeof(linux_state_words) / sizeof(*linux_state_words); i++)
		memcpy((char *)s + linux_state_words[i].offset, &linux_state_words[i].value, 8);
	for (unsigned i = 0; i < sizeof(put) / sizeof(*put); i++)
		((struct nvmx_vmcs12 *)s->vmcs12)->exit_ctls &= ~put[i].save;
	assert_int_equal(fake_host_restore(h, s, s->header.size, NULL), NVMX_REFUSED_NOTHING);
	for (unsigned i = 0; i < sizeof(put) / sizeof(*put); i++)
		fake_field_set(&h->cpu, put[i].field, put[i].value);
	for (unsigned times = 0; times < 3; times++) {
		assert_int_equal(fake_host_restore(h, s, s->header.size, NULL), NVMX_REFUSED_NOTHING);
		for (unsigned i = 0; i < sizeof(put) / sizeof(*put); i++)
			assert_int_equal(fake_field(&h->cpu, put[i].field), put[i].value);
	}
	free(s);
	fake_host_free(h);
}

/* One thing wrong in the state of a point, and the reason that is given. */
static void each_contradiction_has_its_reason(void **unused)
{
	static const struct {
		enum fake_point point;
		size_t at, len;
		uint64_t value;
		unsigned refusal;
		const char *row;
	} wrong[] = {
		{ FAKE_AT_L2, HEADER(format), 1, NVMX_REFUSED_STATE_FORMAT, NULL },
		{ FAKE_AT_L2, HEADER(flags), 0x101, NVMX_REFUSED_STATE_FLAGS, NULL },
		{ FAKE_AT_L2, HEADER(smm_flags), 4, NVMX_REFUSED_STATE_FLAGS, NULL },
		{ FAKE_AT_L2, HEADER(vmx_flags), 2, NVMX_REFUSED_STATE_FLAGS, NULL },
		{ FAKE_AT_L2, HEADER(flags), 5, NVMX_REFUSED_STATE_ENLIGHTENED, NULL },
		{ FAKE_AT_L2, HEADER(flags), 2, NVMX_REFUSED_STATE_CONTRADICTION, NULL },
		{ FAKE_AT_VMCS, HEADER(flags), 8, NVMX_REFUSED_STATE_CONTRADICTION, NULL },
		{ FAKE_AT_START, HEADER(flags), 1, NVMX_REFUSED_STATE_CONTRADICTION, NULL },
		{ FAKE_AT_START, HEADER(smm_flags), 2, NVMX_REFUSED_STATE_CONTRADICTION, NULL },
		{ FAKE_AT_START, HEADER(vmcs12_pa), FAKE_VMCS_A, NVMX_REFUSED_STATE_CONTRADICTION, NULL },
		{ FAKE_AT_VMXON, HEADER(flags), 1, NVMX_REFUSED_STATE_CONTRADICTION, NULL }, /* an L2 without a VMCS */
		{ FAKE_AT_VMXON, HEADER(size), sizeof(struct nvmx_state_header) - 1, NVMX_REFUSED_STATE_TRUNCATED, NULL },
		{ FAKE_AT_L2, HEADER(vmxon_pa), ~0ull, NVMX_REFUSED_STATE_CONTRADICTION, NULL },
		{ FAKE_AT_L2, HEADER(vmcs12_pa), ~0ull, NVMX_REFUSED_STATE_CONTRADICTION, NULL },
		{ FAKE_AT_VMCS, HEADER(vmcs12_pa), ~0ull, NVMX_REFUSED_STATE_CONTRADICTION, NULL },
		{ FAKE_AT_VMXON, HEADER(vmcs12_pa), FAKE_VMCS_A, NVMX_REFUSED_STATE_TRUNCATED, NULL },
		{ FAKE_AT_L2, HEADER(smm_flags), 2, NVMX_REFUSED_STATE_SMM, NULL },
		{ FAKE_AT_SMM_L2, HEADER(smm_flags), 1, NVMX_REFUSED_STATE_SMM, NULL },
		{ FAKE_AT_SMM_L2, HEADER(flags), 1, NVMX_REFUSED_STATE_SMM, NULL },
		{ FAKE_AT_VMXON, HEADER(vmxon_pa), FAKE_VMXON_REGION + 8, NVMX_REFUSED_STATE_VMXON_POINTER, NULL },
		{ FAKE_AT_VMXON, HEADER(vmxon_pa), 1ull << 39, NVMX_REFUSED_STATE_VMXON_POINTER, NULL },
		{ FAKE_AT_VMCS, HEADER(vmcs12_pa), FAKE_VMCS_A + 8, NVMX_REFUSED_STATE_VMCS_POINTER, NULL },
		{ FAKE_AT_VMCS, HEADER(vmcs12_pa), 1ull << 39, NVMX_REFUSED_STATE_VMCS_POINTER, NULL },
		{ FAKE_AT_VMCS, HEADER(vmcs12_pa), FAKE_VMXON_REGION, NVMX_REFUSED_STATE_VMCS_POINTER, NULL },
		{ FAKE_AT_VMCS, V12(revision), 1, NVMX_REFUSED_STATE_REVISION, NULL },
		{ FAKE_AT_L2, V12(revision), NVMX_VMCS12_REVISION | 1u << 31, NVMX_REFUSED_STATE_REVISION, NULL },
		{ FAKE_AT_L2_SHADOW, offsetof(struct nvmx_state, shadow_vmcs12), 4, NVMX_VMCS12_REVISION, NVMX_REFUSED_STATE_REVISION, NULL },
		{ FAKE_AT_L2, V12(pin_ctls), 0, NVMX_REFUSED_STATE_CHECKS, "ctrl.pin.reserved" },
		{ FAKE_AT_L2, V12(host_cr4), 0x20, NVMX_REFUSED_STATE_CHECKS, "host.cr4.fixed" },
		{ FAKE_AT_L2, V12(guest_rflags), 0, NVMX_REFUSED_STATE_CHECKS, "guest.rflags.reserved" },
		{ FAKE_AT_L2, LIVE(efer), 1ull << 63, NVMX_REFUSED_STATE_CHECKS, "guest.efer.reserved" },
		{ FAKE_AT_L2, LIVE(event_info), 0x80000100, NVMX_REFUSED_STATE_CHECKS, "ctrl.event.type" },
		{ FAKE_AT_SMM_L2, V12(ept_pointer), 0, NVMX_REFUSED_STATE_CHECKS, "ctrl.eptp.walk_length" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const char *row = NULL;
		size_t size;
		uint8_t *s = (uint8_t *)state_at(wrong[i].point, &size);
		unsigned refusal;

		memcpy(s + wrong[i].at, &wrong[i].value, wrong[i].len);
		refusal = restored_at(wrong[i].point, s, size, &row);
		if (refusal != wrong[i].refusal)
			fail_msg("row %zu: %s", i, nvmx_refusal_name(refusal));
		if (wrong[i].row)
			assert_string_equal(row, wrong[i].row);
		free(s);
	}
}

/* What vmcs12 gives to the processor has to be RAM where the state arrives, though no check of VMLAUNCH says so. */
static void a_frame_that_is_no_ram(void **unused)
{
	size_t size;
	struct nvmx_state *s = state_at(FAKE_AT_L2, &size);
	struct nvmx_vmcs12 *v12 = (struct nvmx_vmcs12 *)s->vmcs12;

	(void)unused;
	v12->proc_ctls |= NVMX_PROC_TPR_SHADOW;
	v12->tpr_threshold = 0;
	v12->virtual_apic_addr = FAKE_VMCS_A;
	assert_int_equal(restored_at(FAKE_AT_L2, s, size, NULL), NVMX_REFUSED_NOTHING);
	v12->virtual_apic_addr = FAKE_RAM_SIZE;
	assert_int_equal(restored_at(FAKE_AT_L2, s, size, NULL), NVMX_REFUSED_STATE_NO_RAM);
	free(s);
}

static uint64_t next(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random * 0x2545f4914f6cdd1dull >> 16;
}

static const uint64_t values[] = { 0, 1, ~0ull, 0x80000000, 0x80000202, FAKE_VMCS_A, FAKE_VMCS_SHADOW, FAKE_EPT_B | 0x1e, 0x100000,
				   1ull << 63, 0x0000800000000000, 0xff, 0x80, 0x80050033 };

/* A field of vmcs12 or some byte of the blob gets another value. */
static void mutate(struct nvmx_state *s, size_t size, uint64_t *random)
{
	uint8_t *byte = (uint8_t *)s + next(random) % (size > 128 && next(random) % 4 == 0 ? size : 64);
	unsigned row = (unsigned)(next(random) % NVMX_ROWS);

	if (size > 128 && next(random) % 2)
		nvmx_v12_set((struct nvmx_vmcs12 *)s->vmcs12, row, values[next(random) % (sizeof(values) / sizeof(*values))]);
	else
		*byte ^= (uint8_t)(1u << next(random) % 8);
}

/* Refused or not, what is entered then is what the processor accepts, and nothing leaks (fake_host_restore, finish). */
static void mutations_do_no_harm(void **unused)
{
	static struct fake_machine m;
	uint64_t random = gen_setting("NVMX_SEED", 1), accepted = 0, refused = 0, runs = gen_setting("NVMX_RUNS", MUTATED);
	struct nvmx_state *states[FAKE_POINTS], *s;
	size_t size[FAKE_POINTS];

	(void)unused;
	for (unsigned i = 0; i < FAKE_POINTS; i++)
		states[i] = state_at((enum fake_point)i, &size[i]);
	for (uint64_t n = 0; n < runs; n++) {
		unsigned from = (unsigned)(next(&random) % FAKE_POINTS);
		struct nvmx_host *h = fake_host_at((enum fake_point)(next(&random) % FAKE_POINTS), &m, &result);

		s = malloc(size[from]);
		memcpy(s, states[from], size[from]);
		for (uint64_t k = next(&random) % 4 + 1; k; k--)
			mutate(s, size[from], &random);
		h->smm = from >= FAKE_AT_SMM;
		if (fake_host_restore(h, s, size[from], NULL)) {
			refused++;
		} else {
			accepted++;
			for (unsigned k = 0; !h->smm && k < 20 && fake_host_step(h); k++)
				;
			assert_int_not_equal(nvmx_stop_code(h->vcpu), NVMX_STOP_ENTRY_VMCS02);
		}
		fake_host_free(h);
		free(s);
	}
	for (unsigned i = 0; i < FAKE_POINTS; i++)
		free(states[i]);
	printf("%llu accepted, %llu refused\n", (unsigned long long)accepted, (unsigned long long)refused);
	assert_true(runs < MUTATED || (accepted > runs / 10 && refused > runs / 4));
}

/* CET state was elsewhere in the page before Linux had a place for it.  Where L1 has CET such a blob is refused rather than
 * restored without; what L1 writes there itself is not saved. */
static void cet_state_at_its_old_place(void **unused)
{
	const size_t place = offsetof(struct nvmx_state, vmcs12) + offsetof(struct nvmx_vmcs12, old_cet);
	static struct fake_machine m;
	struct nvmx_host *h = fake_host_at(FAKE_AT_VMCS, &m, &result);
	struct nvmx_state *state;
	size_t size;

	(void)unused;
	memset(h->vcpu->cur->v12->old_cet, 0xff, sizeof(h->vcpu->cur->v12->old_cet));
	state = fake_host_save(h, &size);
	for (size_t i = 0; i < 48; i++)
		assert_int_equal(((uint8_t *)state)[place + i], 0);
	((uint8_t *)state)[place + 47] = 1;
	assert_int_equal(fake_host_restore(h, state, size, NULL), NVMX_REFUSED_NOTHING);
	nvmx_set_add(&h->vcpu->vm->rows, NVMX_I_GUEST_S_CET);
	assert_int_equal(fake_host_restore(h, state, size, NULL), NVMX_REFUSED_STATE_OLD_CET);
	((uint8_t *)state)[place + 47] = 0;
	assert_int_equal(fake_host_restore(h, state, size, NULL), NVMX_REFUSED_NOTHING);
	fake_host_free(h);
	free(state);
}

/* What the host has in IA32_DEBUGCTL while L2 runs is not L2's: the blob does not have it, and is taken back. */
static void the_hosts_debugctl_stays_at_home(void **unused)
{
	const uint64_t freeze = NVMX_BIT64(14);
	static struct fake_machine m;
	struct nvmx_host *h = fake_host_at(FAKE_AT_L2, &m, &result);
	const struct nvmx_state_live *live;
	struct nvmx_state *s;
	size_t size;

	(void)unused;
	h->vcpu->config.debugctl_hidden = freeze;
	fake_field_set(&h->cpu, NVMX_GUEST_DEBUGCTL, fake_field(&h->cpu, NVMX_GUEST_DEBUGCTL) | freeze);
	s = fake_host_save(h, &size);
	live = (const void *)(s->vmcs12 + NVMX_STATE_LIVE_OFFSET);
	assert_int_equal((live->debugctl | ((const struct nvmx_vmcs12 *)s->vmcs12)->guest_debugctl) & freeze, 0);
	assert_int_equal(fake_host_restore(h, s, size, NULL), NVMX_REFUSED_NOTHING);
	memset(s->vmcs12 + NVMX_STATE_LIVE_OFFSET, 0, sizeof(*live)); /* as from Linux */
	fake_field_set(&h->cpu, NVMX_GUEST_DEBUGCTL, freeze);
	assert_int_equal(fake_host_restore(h, s, size, NULL), NVMX_REFUSED_NOTHING);
	free(s);
	fake_host_free(h);
}

/* The processor reports no access with an EPT misconfiguration; translate and nvmx_host_fault() get one all the same. */
static void an_ept_misconfiguration_has_an_access(void **unused)
{
	static struct fake_machine m;
	struct nvmx_host *h = fake_host_at(FAKE_AT_L2, &m, &result);
	struct nvmx_regs regs = { { 0 } };
	uint64_t gpa;
	unsigned access = 0;

	(void)unused;
	fake_field_set(&h->cpu, NVMX_EXIT_REASON, NVMX_XR_EPT_MISCONFIG);
	fake_field_set(&h->cpu, NVMX_EXIT_QUALIFICATION, 0);
	fake_field_set(&h->cpu, NVMX_GUEST_PHYS_ADDR, 0x1ff000);
	assert_int_equal(fake_host_handle(h, &regs), NVMX_HOST);
	assert_true(nvmx_host_fault(h->vcpu, &gpa, &access));
	assert_int_equal(gpa, 0x1ff000);
	assert_int_equal(access, NVMX_ACCESS_R);
	fake_field_set(&h->cpu, NVMX_GUEST_PHYS_ADDR, FAKE_L2_DATA);
	assert_int_equal(fake_host_handle(h, &regs), NVMX_RESUME_L2); /* translate asserts that there is an access */
	fake_host_free(h);
}

/* L2 that has run a little: it leaves for L0 at its first store, with the timer counting. */
static struct nvmx_host *at_first_store(struct fake_machine *m)
{
	struct nvmx_host *h = fake_host_at(FAKE_AT_L2, m, &result);

	while (!nvmx_in_l2(h->vcpu) || fake_field(&h->cpu, NVMX_PREEMPTION_TIMER) == 5000)
		assert_true(fake_host_step(h));
	return h;
}

static void the_timer_runs_on_while_the_state_is_away(void **unused)
{
	static const uint64_t later[] = { 0, 100, 4000, 6000 };

	(void)unused;
	for (unsigned i = 0; i < sizeof(later) / sizeof(*later); i++) {
		const struct nvmx_state_context context = { .l1_tsc = 1000 + later[i] };
		static struct fake_machine m;
		struct nvmx_host *h = at_first_store(&m);
		uint64_t before = fake_field(&h->cpu, NVMX_PREEMPTION_TIMER);
		uint64_t expected = later[i] < before ? before - later[i] : 0;
		static struct nvmx_state s;
		size_t size;

		assert_true(before < 5000 && before > 4900);
		h->inside = true;
		assert_int_equal(nvmx_state_save(h->vcpu, &s, sizeof(s), 1000, &size, NULL), NVMX_OK);
		assert_int_equal(((struct nvmx_vmcs12 *)s.vmcs12)->preemption_timer, 5000); /* "save timer" is off */
		assert_int_equal(s.header.preemption_timer_deadline, (1000 + before) / 32);
		assert_int_equal(nvmx_state_restore(h->vcpu, &s, size, &context, NULL), NVMX_OK);
		h->inside = false;
		assert_int_equal(fake_field(&h->cpu, NVMX_PREEMPTION_TIMER), expected);
		fake_host_free(h);
	}
}

/* Restores `s` where nothing was, and runs L2 to its next exit to L1: RIP and EFER of vmcs12 then. */
static void goes_on(const struct nvmx_state *s, size_t size, uint64_t seen[2])
{
	static struct fake_machine m;
	struct nvmx_host *h = fake_host_at(FAKE_AT_START, &m, &result);
	struct nvmx_view view;
	const char *row = NULL;

	if (fake_host_restore(h, s, size, &row))
		fail_msg("refused: %s", row ? row : "no row");
	assert_true(nvmx_in_l2(h->vcpu));
	while (nvmx_in_l2(h->vcpu))
		assert_true(fake_host_step(h));
	nvmx_view(h->vcpu, &view, sizeof(view));
	seen[0] = ((struct nvmx_vmcs12 *)view.vmcs12)->guest_rip;
	seen[1] = fake_field(&h->cpu, NVMX_GUEST_EFER);
	fake_host_free(h);
}

/* What a later version adds is behind the part that an earlier one knows, and the other way round. */
static void the_part_for_l2_may_be_shorter_or_longer(void **unused)
{
	static const uint32_t sizes[] = { 0, offsetof(struct nvmx_state_live, size), offsetof(struct nvmx_state_live, pkrs),
					  sizeof(struct nvmx_state_live), sizeof(struct nvmx_state_live) + 64, ~0u, 1 };
	struct nvmx_state_live *live;
	struct nvmx_state *s;
	uint64_t first[2], then[2];
	size_t size;

	(void)unused;
	s = state_at(FAKE_AT_L2, &size);
	live = (struct nvmx_state_live *)(s->vmcs12 + NVMX_STATE_LIVE_OFFSET);
	assert_int_equal(live->size, sizeof(*live));
	goes_on(s, size, first);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		live->size = sizes[i];
		memset((char *)live + sizeof(*live), 0x5a, 64);
		goes_on(s, size, then);
		assert_memory_equal(first, then, sizeof(first));
	}
	free(s);
}

static void a_state_that_an_earlier_version_saved(void **unused)
{
	struct nvmx_state *s = calloc(1, sizeof(*s));
	uint64_t seen[2];

	(void)unused;
	for (unsigned i = 0; i < sizeof(saved_state_words) / sizeof(*saved_state_words); i++)
		memcpy((char *)s + saved_state_words[i].offset, &saved_state_words[i].value, 8);
	goes_on(s, s->header.size, seen);
	assert_in_range(seen[0], FAKE_L2_CODE, FAKE_L2_CODE + 0x100);
	assert_int_equal(seen[1], NVMX_EFER_LME | NVMX_EFER_LMA);
	free(s);
}

/* An unrestricted L2 has entered IA-32e mode by itself, and the exits do not save its IA32_EFER (SDM 27.3.1): vmcs12's is as L1 wrote it. */
static void a_mode_is_judged_by_the_register(void **unused)
{
	struct nvmx_vmcs12 *v12;
	struct nvmx_state *s;
	uint64_t seen[2];
	size_t size;

	(void)unused;
	s = state_at(FAKE_AT_L2, &size);
	v12 = (struct nvmx_vmcs12 *)s->vmcs12;
	assert_true(v12->entry_ctls & NVMX_ENTRY_IA32E && nvmx_v12_proc2(v12) & NVMX_PROC2_UNRESTRICTED);
	v12->exit_ctls &= ~NVMX_EXIT_SAVE_EFER;
	v12->entry_ctls |= NVMX_ENTRY_LOAD_EFER;
	v12->guest_efer = 0;
	goes_on(s, size, seen);
	free(s);
}

static void what_an_earlier_l2_translated_is_flushed(void **unused)
{
	static struct fake_machine m;
	struct nvmx_host *h = at_first_store(&m);
	size_t size;
	struct nvmx_state *s = fake_host_save(h, &size);
	unsigned of_l2 = 0;

	(void)unused;
	for (unsigned i = 0; i < FAKE_TLB; i++)
		of_l2 += h->cpu.tlb[i].rights && h->cpu.tlb[i].vpid == 2;
	assert_true(of_l2 > 0);
	assert_int_equal(fake_host_restore(h, s, size, NULL), NVMX_REFUSED_NOTHING);
	for (unsigned i = 0; i < FAKE_TLB; i++)
		assert_false(h->cpu.tlb[i].rights && h->cpu.tlb[i].vpid == 2);
	free(s);
	fake_host_free(h);
}

/* A callback that fails during a restore: refused, and what was there before is whole; or done without. */
static void callbacks_that_fail(void **unused)
{
	static const enum fake_point points[] = { FAKE_AT_VMCS, FAKE_AT_L2, FAKE_AT_L2_SHADOW };
	const struct nvmx_state_context context = { 0 };
	static struct fake_machine m;
	unsigned failed = 0;

	(void)unused;
	for (unsigned i = 0; i < sizeof(points) / sizeof(*points); i++) {
		size_t size, before_size, after_size;
		struct nvmx_state *s = state_at(points[i], &size);
		uint64_t calls = 0;

		for (uint64_t k = 0; k <= calls; k++) { /* 0: none fails */
			struct nvmx_host *h = fake_host_at(FAKE_AT_L2, &m, &result);
			struct nvmx_state *before = fake_host_save(h, &before_size), *after;
			int error;

			m.fail_at = k;
			h->r->callbacks = 0;
			h->inside = true;
			error = nvmx_state_restore(h->vcpu, s, size, &context, NULL);
			h->inside = false;
			m.fail_at = 0;
			if (!k)
				calls = h->r->callbacks;
			after = fake_host_save(h, &after_size);
			assert_true(error == NVMX_OK || (k && (error == NVMX_ERR_MEMORY || error == NVMX_ERR_STATE)));
			if (error) {
				assert_int_equal(before_size, after_size);
				assert_memory_equal(before, after, after_size);
				failed++;
			}
			free(before);
			free(after);
			fake_host_free(h);
		}
		free(s);
	}
	assert_true(failed > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_of_stock_linux),
		cmocka_unit_test(a_state_of_stock_linux_comes_twice),
		cmocka_unit_test(shapes),
		cmocka_unit_test(every_state_replaces_every_other),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(each_contradiction_has_its_reason),
		cmocka_unit_test(a_frame_that_is_no_ram),
		cmocka_unit_test(mutations_do_no_harm),
		cmocka_unit_test(cet_state_at_its_old_place),
		cmocka_unit_test(the_timer_runs_on_while_the_state_is_away),
		cmocka_unit_test(the_part_for_l2_may_be_shorter_or_longer),
		cmocka_unit_test(a_state_that_an_earlier_version_saved),
		cmocka_unit_test(a_mode_is_judged_by_the_register),
		cmocka_unit_test(what_an_earlier_l2_translated_is_flushed),
		cmocka_unit_test(callbacks_that_fail),
		cmocka_unit_test(an_ept_misconfiguration_has_an_access),
		cmocka_unit_test(the_hosts_debugctl_stays_at_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
