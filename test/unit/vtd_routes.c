/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Interrupts that go elsewhere, and DMA to be drained: L1 is told when the host has followed, which costs what it costs. */
#include "vtd_host.h"

#define IRT 0x20000u
#define STATUS 0x9000u
#define FEATURES (NVMX_VTD_F_ALL & ~NVMX_VTD_F_WRITE_BUFFER)
#define REQUEST(index) (0xfee00010u | (index) << 5)

/* The host keeps a route for entry 3, computed within the op. */
static struct {
	struct rig *r;
	unsigned calls;
	uint64_t entries;
	uint32_t first, count;
	uint64_t status, head, gsts; /* what L1 saw within the op */
	enum nvmx_vtd_fault fault;
	struct nvmx_vtd_msi route;
} seen;

static void changed(struct nvmx_vtd_host *h, uint32_t index, uint32_t count)
{
	(void)h;
	seen.calls++;
	seen.entries += count;
	seen.first = index;
	seen.count = count;
	seen.status = *word(seen.r, STATUS);
	seen.head = rd(seen.r, 0x80, 8);
	seen.gsts = rd(seen.r, 0x1c, 4);
	seen.fault = nvmx_vtd_interrupt(seen.r->u, 0x18, REQUEST(3), 0, NVMX_VTD_SILENT, &seen.route);
}

static void entry(struct rig *r, unsigned index, uint64_t vector)
{
	*word(r, IRT + index * 16) = 1 | vector << 16;
	*word(r, IRT + index * 16 + 8) = 0;
}

static struct rig *with_entries(bool later)
{
	struct rig *r = rig_config(FEATURES);

	memset(&seen, 0, sizeof(seen));
	seen.r = r;
	r->ops.interrupts_changed = changed;
	r->config.routes_later = later;
	rig_start(r);
	entry(r, 3, 0x33);
	wr(r, 0xb8, 8, IRT | 7); /* 256 entries */
	return r;
}

static void forget_calls(void)
{
	seen.calls = 0;
	seen.entries = 0;
}

static void test_each_command_completes_after_the_host(void **state)
{
	static const struct { uint32_t command; enum nvmx_vtd_fault fault; } steps[] = {
		{ GCMD_SIRTP, NVMX_VTD_FAULT_NONE }, { GCMD_IRE, NVMX_VTD_FAULT_NONE }, { GCMD_IRE | GCMD_CFI, NVMX_VTD_FAULT_NONE },
		{ GCMD_IRE, NVMX_VTD_FAULT_NONE }, { 0, NVMX_VTD_FAULT_NONE },
	};
	struct rig *r = with_entries(false);

	(void)state;
	for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		uint64_t before = rd(r, 0x1c, 4);

		forget_calls();
		assert_int_equal(wr(r, 0x18, 4, steps[i].command), NVMX_VTD_DONE);
		assert_int_equal(seen.calls, 1);
		assert_int_equal(seen.first, 0);
		assert_int_equal(seen.count, 0x10000);
		assert_int_equal(seen.gsts, before & ~(uint64_t)(steps[i].command & GCMD_SIRTP));
		assert_int_equal(rd(r, 0x1c, 4) & ~(uint64_t)GCMD_SIRTP, steps[i].command & ~GCMD_SIRTP);
		assert_int_equal(seen.fault, steps[i].fault); /* computed as it is from now on */
		assert_int_equal(seen.route.vector, steps[i].command & GCMD_IRE ? 0x33 : 0);
	}
	assert_true(rd(r, 0x1c, 4) & GCMD_SIRTP);
	forget_calls();
	wr(r, 0x18, 4, 0); /* nothing changes */
	assert_int_equal(seen.calls, 0);
	rig_free(r);
}

static void test_an_invalidation_completes_after_the_host(void **state)
{
	struct rig *r = with_entries(false);
	uint64_t tail = 0;

	(void)state;
	command(r, GCMD_SIRTP);
	command(r, GCMD_IRE);
	queue_on(r);
	entry(r, 3, 0x44);
	forget_calls();
	queue_put(r, &tail, 4 | 1 << 4 | 3ull << 32, 0);
	queue_put(r, &tail, 5 | 1 << 5 | 0x77ull << 32, STATUS);
	assert_int_equal(queue_go(r, tail), NVMX_VTD_DONE);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.first, 3);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, 0);
	assert_int_equal(seen.head, 0);
	assert_int_equal(seen.route.vector, 0x44);
	assert_int_equal(*word(r, STATUS), 0x77);
	assert_int_equal(rd(r, 0x80, 8), tail);
	queue_put(r, &tail, 4 | 1 << 4 | 16ull << 32, 0); /* one call for both, and what is between */
	queue_put(r, &tail, 4 | 1 << 4 | 1ull << 27 | 8ull << 32, 0);
	forget_calls();
	queue_go(r, tail);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.first, 8);
	assert_int_equal(seen.count, 9);
	rig_free(r);
}

/* A host that only takes note in the op: nothing completes before it says so, and nothing that comes meanwhile. */
static void test_a_host_that_follows_later(void **state)
{
	struct rig *r = with_entries(true);
	uint8_t blob[NVMX_VTD_SAVE_SIZE];
	uint64_t tail = 0;

	(void)state;
	assert_int_equal(wr(r, 0x18, 4, GCMD_SIRTP), NVMX_VTD_WAITING);
	assert_int_equal(rd(r, 0x1c, 4), 0);
	assert_int_equal(nvmx_vtd_run(r->u), NVMX_VTD_WAITING);
	assert_int_equal(nvmx_vtd_save(r->u, blob, sizeof(blob)), 0);
	assert_int_equal(nvmx_vtd_interrupts_done(r->u), NVMX_VTD_DONE);
	assert_int_equal(rd(r, 0x1c, 4), GCMD_SIRTP);
	assert_int_equal(nvmx_vtd_save(r->u, blob, sizeof(blob)), sizeof(blob));
	queue_on(r);
	forget_calls();
	queue_put(r, &tail, 4 | 1 << 4 | 3ull << 32, 0);
	queue_put(r, &tail, 5 | 1 << 5 | 0x77ull << 32, STATUS);
	assert_int_equal(queue_go(r, tail), NVMX_VTD_WAITING);
	queue_put(r, &tail, 4 | 1 << 4 | 4ull << 32, 0);
	queue_put(r, &tail, 5 | 1 << 5 | 0x88ull << 32, STATUS + 8);
	assert_int_equal(queue_go(r, tail), NVMX_VTD_WAITING);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(*word(r, STATUS) | rd(r, 0x80, 8), 0);
	assert_int_equal(nvmx_vtd_interrupts_done(r->u), NVMX_VTD_WAITING); /* for the second */
	assert_int_equal(seen.calls, 2);
	assert_int_equal(*word(r, STATUS + 8), 0);
	assert_int_equal(nvmx_vtd_interrupts_done(r->u), NVMX_VTD_DONE);
	assert_int_equal(*word(r, STATUS), 0x77);
	assert_int_equal(*word(r, STATUS + 8), 0x88);
	assert_int_equal(rd(r, 0x80, 8), tail);
	assert_int_equal(seen.calls, 2);
	rig_free(r);
}

/* The longest queue full of global invalidations, each with or without a wait: a call of the library makes the host compute
 * as many entries as it may work, and no more. */
static void test_a_queue_full_of_them(void **state)
{
	(void)state;
	for (unsigned waits = 0; waits < 2; waits++) {
		struct rig *r = with_entries(false);
		enum nvmx_vtd_verdict v;
		unsigned calls = 0;

		wr(r, 0xb8, 8, IRT | 15);
		command(r, GCMD_SIRTP);
		command(r, GCMD_IRE);
		wr(r, 0x90, 8, 0x200000 | 7);
		command(r, GCMD_QIE);
		for (unsigned i = 0; i < 32768; i++)
			*word(r, 0x200000 + i * 16) = waits && i & 1 ? 5 : 4;
		forget_calls();
		for (v = wr(r, 0x88, 8, 0x7fff0); v == NVMX_VTD_MORE; v = nvmx_vtd_run(r->u)) {
			calls++;
			assert_true(seen.calls <= 1);
			assert_true(seen.entries <= r->u->config.work);
			forget_calls();
		}
		assert_int_equal(v, NVMX_VTD_DONE);
		assert_true(waits ? calls > 8 : calls > 4);
		rig_free(r);
	}
}

/* A malformed descriptor is reported when what was before it is done (6.5.2.10). */
static void test_an_error_waits_its_turn(void **state)
{
	struct rig *r = with_entries(true);
	uint64_t tail = 0;

	(void)state;
	queue_on(r);
	queue_put(r, &tail, 4 | 1 << 4 | 3ull << 32, 0);
	queue_put(r, &tail, 5 | 1 << 5 | 0x77ull << 32, STATUS);
	queue_put(r, &tail, 15, 0);
	assert_int_equal(queue_go(r, tail), NVMX_VTD_WAITING);
	assert_int_equal(rd(r, 0x34, 4) | rd(r, 0x80, 8) | *word(r, STATUS), 0);
	assert_int_equal(nvmx_vtd_interrupts_done(r->u), NVMX_VTD_DONE);
	assert_int_equal(*word(r, STATUS), 0x77);
	assert_int_equal(rd(r, 0x34, 4), FSTS_IQE);
	assert_int_equal(rd(r, 0x80, 8), 32); /* the descriptor that it is about */
	assert_int_equal(rd(r, 0xb0, 8) & 0xf, 3);
	rig_free(r);
}

/* DR and DW, by queue and by register: once for all that came together, before it is complete; only if it is offered. */
static uint64_t status_in_drain;
static void spy_drain(struct nvmx_vtd_host *h)
{
	host_drain(h);
	status_in_drain = *word(seen.r, STATUS);
}

static void test_drains(void **state)
{
	(void)state;
	for (unsigned offered = 0; offered < 2; offered++) {
		struct rig *r = rig_config(FEATURES & ~(offered ? 0 : NVMX_VTD_F_DRAIN));
		uint64_t tail = 0;

		seen.r = r;
		r->ops.drain = spy_drain;
		rig_start(r);
		queue_on(r);
		queue_put(r, &tail, 2 | 1 << 4, 0);
		queue_go(r, tail);
		assert_int_equal(r->host.drains, 0);
		for (unsigned bit = 6; bit < 8; bit++) {
			queue_put(r, &tail, 2 | 1 << 4 | 1 << bit, 0);
			queue_go(r, tail);
		}
		assert_int_equal(r->host.drains, offered * 2);
		queue_put(r, &tail, 2 | 1 << 4 | 1 << 6, 0);
		queue_put(r, &tail, 2 | 1 << 4 | 1 << 7, 0);
		queue_put(r, &tail, 5 | 1 << 5 | 0x77ull << 32, STATUS);
		queue_go(r, tail);
		assert_int_equal(r->host.drains, offered * 3);
		assert_int_equal(status_in_drain, 0);
		assert_int_equal(*word(r, STATUS), 0x77);
		for (unsigned bit = 48; bit < 50; bit++)
			wr(r, 0xf8, 8, BIT64(63) | 1ull << 60 | BIT64(bit));
		wr(r, 0xf8, 8, BIT64(63) | 1ull << 60);
		assert_int_equal(r->host.drains, offered * 5);
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_command_completes_after_the_host),
		cmocka_unit_test(test_an_invalidation_completes_after_the_host),
		cmocka_unit_test(test_a_host_that_follows_later),
		cmocka_unit_test(test_a_queue_full_of_them),
		cmocka_unit_test(test_an_error_waits_its_turn),
		cmocka_unit_test(test_drains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
