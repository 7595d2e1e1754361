/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Posted interrupts of L1's in a host that owns interrupts, and virtual interrupts that wait for L2 (SDM 29.2, 29.6). */
#include "l2_rig.h"

#define PID 0x31040u
#define VAPIC 0x32000u
#define NV 0xf2
static int vectors[40];
static unsigned vectors_n, ended;

static int ack_next(struct nvmx_host *h)
{
	(void)h;
	if (vectors_n == 1)
		waiting = 0;
	return vectors_n ? vectors[--vectors_n] : -1;
}

static void end_interrupt(struct nvmx_host *h, unsigned vector)
{
	(void)h;
	assert_int_equal(vector, NV);
	ended++;
}

/* L2 with posted interrupts; the interrupts that wait for L1 come from the end of `vectors`. */
static void in_posted_l2(struct mini *m, unsigned n)
{
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->pin_ctls |= NVMX_PIN_POSTED_INT;
	v12->proc_ctls = NVMX_PROC_SECONDARY | NVMX_PROC_TPR_SHADOW;
	v12->proc_ctls2 = NVMX_PROC2_VID;
	v12->exit_ctls |= NVMX_EXIT_ACK_INT;
	v12->posted_int_desc_addr = PID;
	v12->posted_int_nv = NV;
	v12->virtual_apic_addr = VAPIC;
	m->vm->flags |= NVMX_HOST_POSTS;
	m->ops.ack_interrupt = ack_next;
	m->ops.end_interrupt = end_interrupt;
	memset(m->host.ram + VAPIC, 0, 4096);
	memset(m->host.ram + PID, 0, 64);
	m->host.ram[PID + 32] = 0xff;
	m->host.ram[PID + 0x33 / 8] = 1 << 0x33 % 8;
	m->host.ram[PID + 0x95 / 8] = 1 << 0x95 % 8;
	waiting = n ? NVMX_PENDING_INTR : 0;
	vectors_n = n;
	ended = 0;
}

static void check_taken(struct mini *m, unsigned rvi)
{
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(m->host.ram[PID + i], 0);
	assert_int_equal(m->host.ram[PID + 32], 0xfe); /* the rest of the byte is not the notification's */
	assert_int_equal(m->host.ram[VAPIC + 0x210 + 0x13 / 8], 1 << 0x33 % 8);
	assert_int_equal(m->host.ram[VAPIC + 0x240 + 0x15 / 8], 1 << 0x95 % 8);
	assert_int_equal(F02(GUEST_INT_STATUS), rvi);
	assert_int_equal(m->host.mapped, 0);
}

/* SDM 29.6: the vector that names L1's posted interrupts is taken and ended; any other one exits, with it or behind it. */
static void notifications(void **state)
{
	struct mini *m = *state;

	in_posted_l2(m, 1);
	vectors[0] = NV;
	F02(GUEST_INT_STATUS) = 0x4020;
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L2);
	assert_int_equal(ended, 1);
	check_taken(m, 0x4095);
	out_of_l2(m);

	in_posted_l2(m, 1);
	vectors[0] = NV;
	F02(GUEST_INT_STATUS) = 0xa0; /* a higher one is requested: RVI stays */
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L2);
	check_taken(m, 0xa0);
	out_of_l2(m);

	in_posted_l2(m, 2);
	vectors[1] = NV;
	vectors[0] = 0x41;
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L1);
	assert_int_equal(m->v->cur->v12->exit_intr_info, INTERRUPT | 1);
	assert_int_equal(m->v->cur->v12->guest_int_status, 0x95);
	assert_int_equal(ended, 1);

	in_posted_l2(m, 1); /* without the control it is an interrupt like any other */
	vectors[0] = NV;
	m->v->cur->v12->pin_ctls &= ~NVMX_PIN_POSTED_INT;
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L1);
	assert_int_equal(ended, 0);
	assert_int_equal(m->host.ram[PID + 32], 0xff);
}

/* L1's other processors cannot keep the host busy; and what L2 takes of what was posted precedes L1's next interrupt (SDM 29.2.2). */
static void bounded_notifications(void **state)
{
	struct mini *m = *state;

	in_posted_l2(m, 40);
	for (unsigned i = 0; i < 40; i++)
		vectors[i] = NV;
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L2);
	assert_int_equal(ended, 16);
	assert_int_equal(vectors_n, 24);
	out_of_l2(m);

	in_posted_l2(m, 2);
	vectors[1] = NV;
	vectors[0] = 0x41;
	F02(GUEST_RFLAGS) = 2 | NVMX_RFLAGS_IF;
	assert_false(nvmx_wants_immediate_exit(m->v));
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L2);
	assert_int_equal(vectors_n, 1);
	assert_true(nvmx_wants_immediate_exit(m->v));
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L2);
	F02(GUEST_INT_STATUS) = 0x9533; /* delivered */
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L1);
	assert_int_equal(m->v->cur->v12->exit_intr_info, INTERRUPT | 1);
}

/* A host that knows the vector before it is L1's: what it says and to whom. */
static void notification_told(void **state)
{
	struct mini *m = *state;

	assert_int_equal(nvmx_posted_notification(m->v), NVMX_HOST);
	in_posted_l2(m, 0);
	assert_int_equal(nvmx_posted_notification(m->v), NVMX_RESUME_L2);
	check_taken(m, 0x95);
	for (unsigned activity = 0; activity < 4; activity++) { /* shutdown and wait-for-SIPI hold interrupts back (SDM 24.4.2) */
		F02(GUEST_ACTIVITY) = activity;
		assert_int_equal(nvmx_posted_notification(m->v), activity > NVMX_ACTIVITY_HLT ? NVMX_HOST : NVMX_RESUME_L2);
	}
	F02(GUEST_ACTIVITY) = 0;
	m->v->cur->v12->pin_ctls &= ~NVMX_PIN_POSTED_INT;
	assert_int_equal(nvmx_posted_notification(m->v), NVMX_HOST);
	m->v->cur->v12->pin_ctls |= NVMX_PIN_POSTED_INT;
	m->v->cur->v12->virtual_apic_addr = MINI_RAM; /* pinned, but not to be mapped: a bug of the host's */
	assert_int_equal(nvmx_posted_notification(m->v), NVMX_STOP);
	assert_int_equal(nvmx_stop_code(m->v), NVMX_STOP_HOST_OP);
	assert_int_equal(nvmx_stop_detail(m->v), MINI_RAM);
	assert_int_equal(m->host.mapped, 0);
	m->v->stop = NVMX_STOP_NONE;
	out_of_l2(m);
}

/* SDM 29.1.3, 29.2.1, 29.2.2 */
static void virtual_interrupts_that_wait(void **state)
{
	static const struct {
		uint16_t status;
		uint8_t vtpr;
		uint64_t rflags, blocking, activity, proc;
		int waits;
	} cases[] = {
		{ 0x51, 0, 2 | NVMX_RFLAGS_IF, 0, 0, 0, 1 },
		{ 0x51, 0, 2 | NVMX_RFLAGS_IF, 0, NVMX_ACTIVITY_HLT, 0, 1 },
		{ 0x51, 0x4f, 2 | NVMX_RFLAGS_IF, 0, 0, 0, 1 },
		{ 0x51, 0x50, 2 | NVMX_RFLAGS_IF, 0, 0, 0, 0 },
		{ 0x5f51, 0, 2 | NVMX_RFLAGS_IF, 0, 0, 0, 0 },
		{ 0x4f51, 0x30, 2 | NVMX_RFLAGS_IF, 0, 0, 0, 1 },
		{ 0x00, 0, 2 | NVMX_RFLAGS_IF, 0, 0, 0, 0 },
		{ 0x51, 0, 2, 0, 0, 0, 0 },
		{ 0x51, 0, 2 | NVMX_RFLAGS_IF, NVMX_BLOCK_STI, 0, 0, 0 },
		{ 0x51, 0, 2 | NVMX_RFLAGS_IF, NVMX_BLOCK_MOVSS, 0, 0, 0 },
		{ 0x51, 0, 2 | NVMX_RFLAGS_IF, NVMX_BLOCK_NMI, 0, 0, 1 },
		{ 0x51, 0, 2 | NVMX_RFLAGS_IF, 0, NVMX_ACTIVITY_SHUTDOWN, 0, 0 },
		{ 0x51, 0, 2 | NVMX_RFLAGS_IF, 0, 0, NVMX_PROC_INT_WINDOW, 0 },
	};
	struct mini *m = *state;

	assert_int_equal(nvmx_l2_virtual_interrupt(m->v), 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		in_posted_l2(m, 0);
		F02(GUEST_INT_STATUS) = cases[i].status;
		F02(GUEST_RFLAGS) = cases[i].rflags;
		F02(GUEST_INTERRUPTIBILITY) = cases[i].blocking;
		F02(GUEST_ACTIVITY) = cases[i].activity;
		F02(PROC_CTLS) = cases[i].proc;
		m->host.ram[VAPIC + 0x80] = cases[i].vtpr;
		assert_int_equal(nvmx_l2_virtual_interrupt(m->v), cases[i].waits);
		m->v->cur->v12->proc_ctls2 = 0;
		assert_int_equal(nvmx_l2_virtual_interrupt(m->v), 0);
		out_of_l2(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MINI_TEST(notifications), MINI_TEST(bounded_notifications), MINI_TEST(notification_told),
		MINI_TEST(virtual_interrupts_that_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
