/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * In any configuration, after anything that L1 has done: what was saved can be restored, is saved again as it was, and L1
 * cannot tell, then or later.  usage: [STEPS [SEED]]
 */
#define FRAMES 512u
#define HW_SLOTS 4096u
#include "vtd_hw.h"

static uint64_t seed;

static uint64_t rnd(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % n;
}

static const uint32_t flags_of[] = { 0, NVMX_VTD_ASSIGN_TABLES, NVMX_VTD_ASSIGN_MAP };

/* Features that are offered only with another. */
static uint32_t closed(uint32_t f)
{
	f &= f & NVMX_VTD_F_QUEUE ? ~0u : ~(NVMX_VTD_F_DEVICE_TLB | NVMX_VTD_F_REMAP);
	f &= f & NVMX_VTD_F_REMAP ? ~0u : ~NVMX_VTD_F_EXTENDED;
	return f & NVMX_VTD_F_2M ? f : f & ~NVMX_VTD_F_1G;
}

static struct nvmx_vtd_config any_config(void)
{
	struct nvmx_vtd_config c = { .flags = flags_of[rnd(3)], .features = closed((uint32_t)rnd(NVMX_VTD_F_ALL + 1)) };

	if (rnd(2)) /* most are not without what most state belongs to */
		c.features |= NVMX_VTD_F_QUEUE | NVMX_VTD_F_REMAP;
	c.levels = (uint8_t)(rnd(3) + 1) * 2;
	c.width = (uint8_t)(30 + rnd(c.levels & NVMX_VTD_LEVELS_4 ? 19 : 10));
	c.host_width = (uint8_t)(32 + rnd(21));
	c.domain_bits = (uint8_t)(4 + 2 * rnd(7));
	c.pages = 64;
	c.work = rnd(2) ? 1024 : 0;
	return c;
}

/* A unit of that configuration, with a memory of its own. */
static struct rig *unit(const struct nvmx_vtd_config *c, struct hw_device *dev)
{
	struct rig *r = hw_config(c->features, c->flags);

	r->config.levels = c->levels;
	r->config.width = c->width;
	r->config.host_width = c->host_width;
	r->config.domain_bits = c->domain_bits;
	r->config.pages = c->pages;
	r->config.work = c->work;
	rig_start(r);
	if (c->flags)
		hw_add(r, 0x18, dev, 0);
	return r;
}

static uint64_t any_value(void)
{
	uint64_t v = rnd(1ull << 32) << 32 | rnd(1ull << 32);

	switch (rnd(6)) {
	case 0: return v;
	case 1: return rnd(64) << 12 | rnd(16);
	case 2: return v & rnd(1ull << 32) & rnd(1ull << 32);
	case 3: return rnd(256) << 4;
	case 4: return 1ull << rnd(64);
	default: return rnd(2) ? ~0ull : 0;
	}
}

struct step {
	unsigned kind;
	uint32_t offset;
	uint64_t a, b;
	uint16_t sid;
};

static struct step any_step(void)
{
	static const uint32_t offsets[] = { 0x18, 0x18, 0x18, 0x20, 0x28, 0x34, 0x38, 0x3c, 0x40, 0x44, 0x88, 0x88, 0x90, 0x9c,
					    0xa0, 0xa4, 0xa8, 0xb0, 0xb8, 0xf0, 0xf8 };
	struct step s = { .kind = (unsigned)rnd(16), .a = any_value(), .b = any_value(), .sid = (uint16_t)rnd(12) };

	s.offset = rnd(4) ? offsets[rnd(sizeof(offsets) / sizeof(*offsets))] : 0x22c + (uint32_t)rnd(8) * 16;
	if (s.offset == 0x18 && rnd(2)) /* one thing at a time, as drivers do */
		s.a = 1u << (23 + rnd(9));
	return s;
}

static void take(struct rig *r, const struct step *s)
{
	struct nvmx_vtd_dma dma;
	struct nvmx_vtd_msi msi;
	uint64_t base = r->u->reg[REG_IQA] & ADDRESS_BITS & (FRAMES * 4096ull - 1);

	switch (s->kind) {
	case 0: case 1: case 2: case 3: case 4: case 5:
		wr(r, s->offset, s->offset & 7 || s->sid & 1 ? 4 : 8, s->a);
		break;
	case 6: /* GCMD as a driver writes it: all as it is but for one bit */
	case 7: wr(r, 0x18, 4, (rd(r, 0x1c, 4) & 0x96ffffff) ^ 1u << (23 + s->a % 9)); break;
	case 8: /* a queue that runs */
	case 9:
		*word(r, base + (r->u->head & 0xff0)) = s->a & 1 ? 5 | (s->b & 0x30) | s->b << 32 : s->a;
		*word(r, base + (r->u->head & 0xff0) + 8) = s->a & 1 ? 0x9000 : s->b & 0xff8;
		wr(r, 0x88, 8, (r->u->head + 16) & 0xff0);
		break;
	case 10: wr(r, 0x34, 4, 0x7f); break;
	case 11:
	case 12:
	case 13: nvmx_vtd_translate(r->u, s->sid, s->a, 4, s->b & 1 ? NVMX_VTD_READ : NVMX_VTD_WRITE, &dma); break;
	case 14: nvmx_vtd_interrupt(r->u, s->sid, 0xfee00000 | (s->a & 0xfffff), (uint32_t)s->b & 0xff, 0, &msi); break;
	default: set_context(r, 0x18, s->a & 0xfff003, DOMAIN(s->b & 15) | AW(4)); break;
	}
	hw_run(r);
}

static size_t save(struct rig *r, uint8_t *blob)
{
	size_t n = nvmx_vtd_save(r->u, blob, NVMX_VTD_SAVE_SIZE);

	assert_int_equal(n, NVMX_VTD_SAVE_SIZE); /* no work is left */
	return n;
}

static void same_registers(struct rig *a, struct rig *b)
{
	for (uint32_t at = 0; at < 0x300; at += 4)
		assert_int_equal(rd(a, at, 4), rd(b, at, 4));
}

/* The unit is saved and restored into another; both then take one more step, and the other goes on. */
static struct rig *move(struct rig *r, const struct nvmx_vtd_config *c, struct hw_device *dev)
{
	uint8_t blob[NVMX_VTD_SAVE_SIZE], again[NVMX_VTD_SAVE_SIZE];
	struct rig *s = unit(c, dev);
	struct step step = any_step();
	unsigned interrupts = r->host.interrupts;

	memcpy(s->host.ram, r->host.ram, 64 * 4096ull);
	save(r, blob);
	assert_int_equal(nvmx_vtd_restore(s->u, blob, sizeof(blob)), NVMX_OK);
	hw_run(s);
	assert_int_equal(s->host.interrupts, 0);
	save(s, again);
	assert_memory_equal(blob, again, sizeof(blob));
	same_registers(r, s);
	take(r, &step);
	take(s, &step);
	same_registers(r, s);
	assert_int_equal(s->host.interrupts, r->host.interrupts - interrupts);
	save(r, blob);
	save(s, again);
	assert_memory_equal(blob, again, sizeof(blob));
	hw_free(r);
	return s;
}

static unsigned steps = 30, configs = 40;
static uint64_t first = 1;

static void test_save_restore_save(void **state)
{
	(void)state;
	for (unsigned n = 0; n < configs; n++) {
		struct hw_device dev[2] = { 0 };
		struct nvmx_vtd_config c;
		struct rig *r;

		seed = (first + n) * 0x9e3779b97f4a7c15;
		c = any_config();
		r = unit(&c, &dev[0]);
		for (unsigned i = 0; i < steps; i++) {
			for (unsigned k = 0; k < 12; k++) {
				struct step s = any_step();

				take(r, &s);
			}
			r = move(r, &c, &dev[(i + 1) % 2]);
		}
		hw_free(r);
	}
}

/* Without each feature in turn, as it is after init: registers that do not exist are no obstacle. */
static void test_untouched(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 13 * 3; i++) {
		struct nvmx_vtd_config c = { .flags = flags_of[i % 3], .host_width = 40,
					     .features = closed(NVMX_VTD_F_ALL & ~(1u << i / 3)) };
		struct hw_device dev = { 0 };

		hw_free(move(unit(&c, &dev), &c, &dev));
	}
}

/* L1 has made the queue smaller while it is on: the head is beyond, and what comes is an error of the queue's. */
static void test_a_queue_made_smaller(void **state)
{
	struct nvmx_vtd_config c = { .features = NVMX_VTD_F_QUEUE, .host_width = 40 };
	struct rig *r = unit(&c, NULL);
	struct hw_device dev = { 0 };

	(void)state;
	wr(r, 0x90, 8, 0x100000 | 1);
	command(r, GCMD_QIE);
	for (unsigned i = 0; i < 512; i++)
		*word(r, 0x100000 + i * 16) = 5;
	wr(r, 0x88, 8, 0x1800);
	assert_int_equal(rd(r, 0x80, 8), 0x1800);
	wr(r, 0x90, 8, 0x100000);
	r = move(r, &c, &dev);
	wr(r, 0x34, 4, 0x7f);
	wr(r, 0x88, 8, 0x10);
	assert_int_equal(rd(r, 0x34, 4), FSTS_IQE);
	assert_int_equal(rd(r, 0xb0, 8) & 0xf, 1);
	hw_free(r);
}

/* Faults in turn, records cleared here and there, and the ring begun anew while some are pending (7.2.1). */
static void test_fault_records(void **state)
{
	struct nvmx_vtd_config c = { .features = NVMX_VTD_F_ALL, .host_width = 40 };
	struct hw_device dev = { 0 };
	struct rig *r = unit(&c, NULL);
	struct nvmx_vtd_dma dma;
	uint16_t sid = 0x100;

	(void)state;
	translation_on(r);
	for (unsigned i = 0; i < 11; i++) { /* the ring has come round: pending are 5, 6, 7, 0, 1, 2 */
		nvmx_vtd_translate(r->u, sid++, 0x1000, 4, NVMX_VTD_READ, &dma);
		if (i < 5)
			wr(r, 0x22c + 16 * i, 4, 0x80000000);
	}
	assert_int_equal(rd(r, 0x34, 4) >> 8, 5);
	command(r, 0);
	wr(r, 0x18, 4, 0);
	for (unsigned i = 0; i < 3; i++)
		r = move(r, &c, &dev);
	hw_free(r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_save_restore_save),
		cmocka_unit_test(test_untouched),
		cmocka_unit_test(test_a_queue_made_smaller),
		cmocka_unit_test(test_fault_records),
	};

	if (argc > 1)
		steps = (unsigned)strtoul(argv[1], NULL, 0);
	if (argc > 2)
		first = strtoull(argv[2], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
