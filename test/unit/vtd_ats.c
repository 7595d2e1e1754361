/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Device-TLBs: devices that do not answer, revocations that must not depend on them, emulated devices. */
#include "vtd_flat.h"

#define OTHER (SID + 1u)
#define WAIT(n, at) 5 | 1 << 5 | (uint64_t)(n) << 32, (at)
#define STATUS 0x9000u

/* One device with a device-TLB, one without, in one domain that maps IOVA to 0x123000. */
static struct world *two_devices(void)
{
	struct world *w = begin(hw_config(CM, NVMX_VTD_ASSIGN_TABLES));

	*at(w, IOVA, 1) = 0x123003;
	context(w, SID, TABLES, 5, CONTEXT_TT_DEVICE_TLB);
	context(w, OTHER, TABLES, 5, 0);
	hw_translation(w->r, true);
	hw_add(w->r, SID, &w->dev, NVMX_VTD_DEVICE_HAS_TLB);
	hw_add(w->r, OTHER, &w->dev2, 0);
	queue_on(w->r);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	return w;
}

/* L1 has an invalidation of the device's TLB under way that the device has not answered, and waits for it. */
static void ask(struct world *w, uint64_t *tail)
{
	w->r->host.hw->queue = true;
	queue_put(w->r, tail, 3 | (uint64_t)SID << 32, IOVA);
	queue_put(w->r, tail, WAIT(1, STATUS));
	assert_int_equal(queue_go(w->r, *tail), NVMX_VTD_WAITING);
}

static void take_frame(struct world *w)
{
	w->r->host.hw->map[0x123].rights = 0;
}

/* The device is kept from all memory, the other one goes on, L1 has heard nothing; and its next invalidation helps. */
static void is_blocked(struct world *w)
{
	struct rig *r = w->r;

	assert_int_equal(w->dev.target.kind, NVMX_VTD_BLOCK);
	assert_int_equal(dma(w, IOVA, 1), HW_FAULT);
	assert_int_equal(w->dev2.target.kind, NVMX_VTD_DOMAIN);
	assert_int_equal(hw_dma(&r->host, &w->dev2, IOVA, 1), r->u->flat.dummy_hpa);
	assert_int_equal(rd(r, 0x34, 4), 0);
	assert_int_equal(counter(w, NVMX_VTD_CNT_BLOCKED), 1);
	assert_int_equal(r->host.traces[NVMX_VTD_EV_BLOCKED], 1);
	r->host.hw->answer = NVMX_VTD_FLUSHED;
	dsi(w);
	assert_int_equal(w->dev.target.kind, NVMX_VTD_DOMAIN);
	assert_true(w->dev.target.device_tlb);
	assert_int_equal(dma(w, IOVA, 1), r->u->flat.dummy_hpa);
}

static void test_a_revocation_that_a_device_does_not_answer(void **state)
{
	(void)state;
	for (int answer = NVMX_VTD_FLUSH_BAD_COMPLETION; answer < 0; answer++) {
		struct world *w = two_devices();

		take_frame(w);
		w->r->host.hw->answer = answer;
		assert_int_equal(nvmx_vtd_host_invalidate(w->r->u, 0x123000, 0x1000), NVMX_VTD_DONE);
		is_blocked(w);
		end(w);
	}
}

/* The physical unit does what has been queued, and queues no more. */
static void flushes_are_done(struct hw *hw)
{
	for (unsigned i = 0; i < hw->queued_n; i++)
		hw_flush_one(hw, &hw->queued[i]);
	hw->queued_n = 0;
	hw->queue = false;
}

static void test_nor_later(void **state)
{
	struct world *w = two_devices();
	struct hw *hw = w->r->host.hw;

	(void)state;
	take_frame(w);
	hw->queue = true;
	assert_int_equal(nvmx_vtd_host_invalidate(w->r->u, 0x123000, 0x1000), NVMX_VTD_WAITING);
	flushes_are_done(hw);
	assert_int_equal(nvmx_vtd_flush_done(w->r->u, NVMX_VTD_FLUSH_TIMEOUT), NVMX_VTD_DONE);
	is_blocked(w);
	end(w);
}

/* The only device of its domain: the domain is closed with it, and no table is left. */
static void test_the_last_of_a_domain(void **state)
{
	struct world *w = two_devices();
	struct hw *hw = w->r->host.hw;

	(void)state;
	assert_int_equal(nvmx_vtd_device_remove(w->r->u, OTHER), NVMX_OK);
	take_frame(w);
	hw->answer = NVMX_VTD_FLUSH_TIMEOUT;
	assert_int_equal(nvmx_vtd_host_invalidate(w->r->u, 0x123000, 0x1000), NVMX_VTD_MORE); /* its tables are left */
	assert_int_equal(w->dev.target.kind, NVMX_VTD_BLOCK);
	assert_int_equal(hw->domains_open, 0);
	hw->answer = 0;
	hw_run(w->r);
	end(w);
}

/* A host whose flush fails though no device-TLB was in it: nobody is left a way to the old frame. */
static void test_a_revocation_that_fails_for_no_device(void **state)
{
	struct world *w = start(NVMX_VTD_ASSIGN_TABLES);

	(void)state;
	*at(w, IOVA, 1) = 0x123003;
	dsi(w);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	take_frame(w);
	w->r->host.hw->answer = NVMX_VTD_FLUSH_TIMEOUT;
	assert_int_equal(nvmx_vtd_host_invalidate(w->r->u, 0x123000, 0x1000), NVMX_VTD_MORE); /* its tables are left */
	assert_int_equal(w->dev.target.kind, NVMX_VTD_BLOCK);
	assert_int_equal(rd(w->r, 0x34, 4), 0);
	w->r->host.hw->answer = 0;
	end(w);
}

/* L1's invalidation behind one that the host waited for: its failure is L1's to hear of, and nobody is kept from memory. */
static void test_a_failure_behind_a_revocation(void **state)
{
	struct world *w = two_devices();
	struct rig *r = w->r;
	uint64_t tail = 0;

	(void)state;
	take_frame(w);
	assert_int_equal(nvmx_vtd_host_invalidate(r->u, 0x123000, 0x1000), NVMX_VTD_DONE);
	*at(w, IOVA, 1) = 0;
	r->host.hw->answer = NVMX_VTD_FLUSH_QUEUED + 1; /* an answer that is none is no success */
	queue_put(r, &tail, 2 | 1 << 4, 0);
	queue_go(r, tail);
	assert_int_equal(rd(r, 0x34, 4), FSTS_ICE);
	assert_int_equal(w->dev.target.kind, NVMX_VTD_DOMAIN);
	assert_int_equal(w->dev2.target.kind, NVMX_VTD_DOMAIN);
	assert_int_equal(counter(w, NVMX_VTD_CNT_BLOCKED), 0);
	r->host.hw->answer = 0;
	end(w);
}

/* L1's own invalidation is under way when the host revokes, and neither is answered: each gets what it asked for. */
static void test_both_at_once(void **state)
{
	struct world *w = two_devices();
	struct rig *r = w->r;
	struct hw *hw = r->host.hw;
	uint64_t tail = 0;

	(void)state;
	ask(w, &tail);
	take_frame(w);
	assert_int_equal(nvmx_vtd_host_invalidate(r->u, 0x123000, 0x1000), NVMX_VTD_WAITING);
	flushes_are_done(hw);
	assert_int_equal(nvmx_vtd_flush_done(r->u, NVMX_VTD_FLUSHED), NVMX_VTD_WAITING);
	nvmx_vtd_flush_done(r->u, NVMX_VTD_FLUSH_TIMEOUT);
	assert_int_equal(w->dev.target.kind, NVMX_VTD_BLOCK);
	assert_int_equal(rd(r, 0x34, 4), FSTS_ITE);
	assert_int_equal(*word(r, STATUS), 0);
	assert_int_equal(rd(r, 0x80, 8), tail); /* the wait that was lost is behind the head */
	end(w);
}

/* A reset of L1's platform while its invalidation is under way: who comes after has asked for nothing that could fail. */
static void test_a_reset_meanwhile(void **state)
{
	(void)state;
	for (unsigned revoked = 0; revoked < 2; revoked++) {
		struct world *w = two_devices();
		struct rig *r = w->r;
		struct hw *hw = r->host.hw;
		uint64_t tail = 0;

		ask(w, &tail);
		assert_int_equal(nvmx_vtd_reset(r->u), NVMX_VTD_WAITING);
		if (revoked) { /* the host's own is answered for as ever */
			take_frame(w);
			assert_int_equal(nvmx_vtd_host_invalidate(r->u, 0x123000, 0x1000), NVMX_VTD_WAITING);
		}
		flushes_are_done(hw);
		if (revoked)
			assert_int_equal(nvmx_vtd_flush_done(r->u, NVMX_VTD_FLUSHED), NVMX_VTD_WAITING);
		nvmx_vtd_flush_done(r->u, NVMX_VTD_FLUSH_TIMEOUT);
		hw_run(r);
		assert_int_equal(rd(r, 0x34, 4), 0);
		assert_int_equal(*word(r, STATUS), 0);
		assert_int_equal(w->dev2.target.kind, NVMX_VTD_IDENTITY);
		assert_int_equal(counter(w, NVMX_VTD_CNT_BLOCKED), revoked);
		end(w);
	}
}

/* What was under way at a reset has ended: of the next failure L1 hears as before. */
static void test_a_failure_behind_a_reset(void **state)
{
	struct world *w = two_devices();
	struct rig *r = w->r;
	struct hw *hw = r->host.hw;
	uint64_t tail = 0;

	(void)state;
	ask(w, &tail);
	assert_int_equal(nvmx_vtd_reset(r->u), NVMX_VTD_WAITING);
	flushes_are_done(hw);
	nvmx_vtd_flush_done(r->u, NVMX_VTD_FLUSHED);
	hw_run(r);
	tail = 0;
	hw_translation(r, true);
	queue_on(r);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	*at(w, IOVA, 1) = 0;
	hw->answer = NVMX_VTD_FLUSH_BAD_COMPLETION;
	queue_put(r, &tail, 2 | 1 << 4, 0);
	queue_go(r, tail);
	assert_int_equal(rd(r, 0x34, 4), FSTS_ICE);
	hw->answer = 0;
	end(w);
}

/* L1 unmaps a page and tells the IOTLB, not the device.  The device may use it as long as it is L1's, and no longer. */
static void test_a_page_that_only_the_device_remembers(void **state)
{
	struct world *w = two_devices();
	struct hw *hw = w->r->host.hw;
	unsigned flushes;

	(void)state;
	*at(w, IOVA, 1) = 0;
	dsi(w);
	flushes = w->dev.tlb_flushes;
	take_frame(w);
	assert_int_equal(nvmx_vtd_host_invalidate(w->r->u, 0x123000, 0x1000), NVMX_VTD_DONE);
	assert_int_equal(w->dev.tlb_flushes, flushes + 1);
	assert_int_equal(w->dev.tlb_order, EVERYTHING);
	nvmx_vtd_host_invalidate(w->r->u, 0x124000, 0x1000); /* nothing has changed since */
	assert_int_equal(w->dev.tlb_flushes, flushes + 1);
	*at(w, IOVA, 1) = 0x125003;
	dsi(w);
	*at(w, IOVA, 1) = 0x125001; /* less than it was */
	dsi(w);
	hw->answer = NVMX_VTD_FLUSH_TIMEOUT;
	hw->map[0x125].rights = 0;
	nvmx_vtd_host_invalidate(w->r->u, 0x125000, 0x1000);
	assert_int_equal(w->dev.target.kind, NVMX_VTD_BLOCK);
	hw->answer = 0;
	end(w);
}

/* An address of L1's reaches the hardware only as far as the unit has address bits. */
static void test_addresses(void **state)
{
	static const struct { uint64_t address, iova; unsigned order; } rows[] = {
		{ 0xfedcba9876543000, 0x1876543000, 0 }, { 0xffffff8040203001, 0x40200000, 3 },
		{ 0x3ffffff001, 0, EVERYTHING }, { 0x7fffff7001, 0x7fffff0000, 4 }, { 0x1ffffff001, 0, 26 },
		{ 0x3fffffffff001, 0, EVERYTHING }, { 0x7ffffffffffff001, 0, EVERYTHING }, { 0xfffffffffffff001, 0, EVERYTHING },
	};
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	struct world *w;
	uint64_t tail = 0;

	(void)state;
	r->config.width = 39;
	w = begin(r);
	context(w, SID, TABLES, 5, CONTEXT_TT_DEVICE_TLB);
	hw_translation(r, true);
	hw_add(r, SID, &w->dev, NVMX_VTD_DEVICE_HAS_TLB);
	queue_on(r);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		queue_put(r, &tail, 3 | (uint64_t)SID << 32, rows[i].address);
		queue_go(r, tail);
		assert_int_equal(w->dev.tlb_flushes, i + 1);
		assert_int_equal(w->dev.tlb_order, rows[i].order);
		assert_int_equal(w->dev.tlb_iova, rows[i].iova);
	}
	end(w);
}

/* ---------------------------------------------------------------------------------------------------- emulated devices */

static struct nvmx_vtd_flush heard[NVMX_VTD_DEVICES];
static unsigned heard_n, calls;
static int answer;

static int hear(struct nvmx_vtd_host *h, const struct nvmx_vtd_flush *list, unsigned n)
{
	(void)h;
	assert_true(n > 0 && n <= NVMX_VTD_DEVICES);
	memcpy(heard, list, n * sizeof(*list));
	heard_n = n;
	calls++;
	return answer;
}

static void test_an_emulated_device(void **state)
{
	struct rig *r = rig_config(CM);
	uint64_t tail = 0;
	int model;

	(void)state;
	r->ops.flush = hear;
	rig_start(r);
	assert_int_equal(nvmx_vtd_device_add(r->u, SID, &model, NVMX_VTD_DEVICE_HAS_TLB), NVMX_ERR_CONFIG);
	assert_int_equal(nvmx_vtd_device_add(r->u, SID, &model, NVMX_VTD_DEVICE_HAS_TLB | NVMX_VTD_DEVICE_EMULATED), NVMX_OK);
	queue_on(r);
	calls = 0;
	answer = NVMX_VTD_FLUSHED;
	queue_put(r, &tail, 3 | (uint64_t)SID << 32, IOVA);
	queue_put(r, &tail, 3 | 0x77ull << 32, IOVA); /* one that was not added */
	queue_put(r, &tail, WAIT(1, STATUS));
	assert_int_equal(queue_go(r, tail), NVMX_VTD_DONE);
	assert_int_equal(calls, 1);
	assert_int_equal(heard_n, 2);
	assert_ptr_equal(heard[0].device, &model);
	assert_int_equal(heard[0].source_id, SID);
	assert_int_equal(heard[0].iova, IOVA);
	assert_null(heard[1].device);
	assert_int_equal(heard[1].source_id, 0x77);
	assert_int_equal(*word(r, STATUS), 1);
	answer = NVMX_VTD_FLUSH_QUEUED;
	queue_put(r, &tail, 3 | 0x77ull << 32, IOVA);
	queue_put(r, &tail, WAIT(2, STATUS));
	assert_int_equal(queue_go(r, tail), NVMX_VTD_WAITING);
	assert_int_equal(*word(r, STATUS), 1);
	nvmx_vtd_flush_done(r->u, NVMX_VTD_FLUSH_TIMEOUT);
	assert_int_equal(*word(r, STATUS), 1);
	assert_int_equal(rd(r, 0x34, 4), FSTS_ITE);
	assert_int_equal(rd(r, 0xb0, 8) >> 32, 0x77); /* ITESID */
	assert_int_equal(nvmx_vtd_device_remove(r->u, SID), NVMX_OK);
	nvmx_vtd_destroy(r->u);
	rig_free(r);
}

/* As many as L1 can name: the list stays what it is, and the wait comes after the last. */
static void test_more_devices_than_there_are(void **state)
{
	struct rig *r = rig_config(CM);
	uint64_t tail = 0;

	(void)state;
	r->ops.flush = hear;
	rig_start(r);
	queue_on(r);
	calls = 0;
	answer = NVMX_VTD_FLUSHED;
	for (unsigned i = 0; i < 250; i++)
		queue_put(r, &tail, 3 | (uint64_t)(i * 257 & 0xffff) << 32, IOVA);
	queue_put(r, &tail, WAIT(1, STATUS));
	while (queue_go(r, tail) == NVMX_VTD_MORE)
		;
	assert_int_equal(calls, 4);
	assert_int_equal(*word(r, STATUS), 1);
	rig_free(r);
}

/* In a unit with assigned devices, too; and there what was not added is not heard of. */
static void test_beside_assigned_devices(void **state)
{
	struct world *w = two_devices();
	struct rig *r = w->r;
	struct hw_device model = { 0 };
	uint64_t tail = 0;

	(void)state;
	assert_int_equal(nvmx_vtd_device_add(r->u, 0x66, &model, NVMX_VTD_DEVICE_HAS_TLB | NVMX_VTD_DEVICE_EMULATED), NVMX_OK);
	hw_run(r);
	queue_put(r, &tail, 3 | 0x66ull << 32, IOVA);
	queue_put(r, &tail, 3 | 0x77ull << 32, IOVA);
	queue_go(r, tail);
	assert_int_equal(model.tlb_flushes, 1);
	assert_int_equal(r->host.hw->last_n, 1);
	hw_translation(r, false);
	hw_translation(r, true);
	take_frame(w);
	r->host.hw->answer = NVMX_VTD_FLUSH_TIMEOUT;
	nvmx_vtd_host_invalidate(r->u, 0x123000, 0x1000);
	assert_int_equal(model.attaches, 0); /* it is attached to nothing, whatever happens */
	assert_int_equal(model.tlb_flushes, 1);
	r->host.hw->answer = 0;
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_revocation_that_a_device_does_not_answer),
		cmocka_unit_test(test_nor_later),
		cmocka_unit_test(test_the_last_of_a_domain),
		cmocka_unit_test(test_a_revocation_that_fails_for_no_device),
		cmocka_unit_test(test_a_failure_behind_a_revocation),
		cmocka_unit_test(test_both_at_once),
		cmocka_unit_test(test_a_reset_meanwhile),
		cmocka_unit_test(test_a_failure_behind_a_reset),
		cmocka_unit_test(test_a_page_that_only_the_device_remembers),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_an_emulated_device),
		cmocka_unit_test(test_more_devices_than_there_are),
		cmocka_unit_test(test_beside_assigned_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
