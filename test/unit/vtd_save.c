/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Saved state: what it carries, and blobs that are refused. */
#include "vtd_hw.h"

#define SID 0x18u
#define IOVA 0x40201000ull

/* A unit with something in every register. */
static struct rig *busy(struct hw_device *dev)
{
	struct rig *r = rig_start(hw_config(NVMX_VTD_F_ALL & ~NVMX_VTD_F_WRITE_BUFFER, NVMX_VTD_ASSIGN_TABLES));
	uint64_t tail = 0, next = TABLES + 0x1000;
	struct nvmx_vtd_dma d;

	set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(4));
	*entry_of(r, TABLES, 4, IOVA, 1, &next) = 0x123003;
	hw_translation(r, true);
	hw_add(r, SID, dev, 0);
	queue_on(r);
	wr(r, 0x3c, 8, 0xfee0000000000041);
	wr(r, 0x44, 4, 7);
	wr(r, 0xa4, 8, 0xfee0000000000042);
	wr(r, 0xac, 4, 8);
	wr(r, 0xb8, 8, 0x20000 | 0x800 | 7);
	command(r, GCMD_SIRTP);
	command(r, GCMD_IRE);
	queue_put(r, &tail, 5 | 1 << 4, 0);
	queue_go(r, tail);
	for (uint16_t i = 0; i < 3; i++)
		nvmx_vtd_translate(r->u, (uint16_t)(0x100 + i), IOVA, 4, NVMX_VTD_WRITE, &d);
	wr(r, 0xf0, 8, IOVA);
	wr(r, 0xf8, 8, BIT64(63) | 3ull << 60 | 5ull << 32);
	return r;
}

static void test_round_trip(void **state)
{
	struct hw_device dev = { 0 }, other = { 0 };
	struct rig *r = busy(&dev), *s;
	uint8_t blob[NVMX_VTD_SAVE_SIZE], again[NVMX_VTD_SAVE_SIZE];

	(void)state;
	assert_int_equal(nvmx_vtd_save(r->u, blob, sizeof(blob) - 1), 0);
	assert_int_equal(nvmx_vtd_save(r->u, blob, sizeof(blob)), NVMX_VTD_SAVE_SIZE);
	s = rig_start(hw_config(NVMX_VTD_F_ALL & ~NVMX_VTD_F_WRITE_BUFFER, NVMX_VTD_ASSIGN_TABLES));
	memcpy(s->host.ram, r->host.ram, FRAMES * 4096ull);
	hw_add(s, SID, &other, 0);
	assert_int_equal(nvmx_vtd_restore(s->u, blob, sizeof(blob) - 1), NVMX_ERR_STATE);
	assert_int_equal(nvmx_vtd_restore(s->u, blob, sizeof(blob)), NVMX_OK);
	hw_run(s);
	for (uint32_t at = 0; at < 0x1000; at += 4)
		assert_int_equal(rd(r, at, 4), rd(s, at, 4));
	assert_int_equal(hw_dma(&s->host, &other, IOVA, 1), HW_RAM_HPA + 0x123000);
	assert_int_equal(nvmx_vtd_save(s->u, again, sizeof(again)), sizeof(again));
	assert_memory_equal(blob, again, sizeof(blob));
	assert_int_equal(nvmx_vtd_restore(s->u, blob, sizeof(blob)), NVMX_ERR_STATE); /* not as init left it */
	hw_free(r);
	hw_free(s);
}

/* Every bit flipped in turn: refused and nothing changed, or a state that can be saved as it is. */
static void test_bit_flips(void **state)
{
	struct hw_device dev = { 0 };
	struct rig *r = busy(&dev), *s;
	uint8_t blob[NVMX_VTD_SAVE_SIZE];
	unsigned refused = 0;

	(void)state;
	assert_int_equal(nvmx_vtd_save(r->u, blob, sizeof(blob)), NVMX_VTD_SAVE_SIZE);
	hw_free(r);
	s = rig_new(NVMX_VTD_F_ALL & ~NVMX_VTD_F_WRITE_BUFFER);
	for (unsigned bit = 0; bit < sizeof(blob) * 8; bit++) {
		blob[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (nvmx_vtd_restore(s->u, blob, sizeof(blob))) {
			refused++;
			assert_int_equal(rd(s, 0x20, 8) | rd(s, 0x1c, 4) | rd(s, 0x34, 4), 0);
		} else {
			for (unsigned n = 0; nvmx_vtd_run(s->u) == NVMX_VTD_MORE && n < 1000; n++)
				;
			assert_int_equal(rd(s, 0x20, 8) & 0x3ff, 0);
			nvmx_vtd_reset(s->u);
		}
		blob[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(refused > 1000);
	rig_free(s);
}

#define AT_GSTS 56u /* behind the magic, the version and six words: the first of the registers */

/* The status is what commands can make of it: no reserved bit, none of a feature that the unit lacks, no flush of the write buffer left. */
static void test_status_that_no_command_makes(void **state)
{
	const uint32_t commands = GCMD_TE | GCMD_SRTP | GCMD_QIE | GCMD_IRE | GCMD_SIRTP | GCMD_CFI;

	(void)state;
	for (unsigned buffered = 0; buffered < 2; buffered++) {
		struct rig *r = rig_new(buffered ? NVMX_VTD_F_ALL : NVMX_VTD_F_ALL & ~NVMX_VTD_F_WRITE_BUFFER);
		uint8_t blob[NVMX_VTD_SAVE_SIZE];
		uint32_t gsts;

		command(r, GCMD_SIRTP);
		assert_int_equal(nvmx_vtd_save(r->u, blob, sizeof(blob)), NVMX_VTD_SAVE_SIZE);
		memcpy(&gsts, blob + AT_GSTS, sizeof(gsts));
		assert_int_equal(gsts, GCMD_SIRTP);
		for (unsigned bit = 0; bit < 32; bit++) {
			gsts = 1u << bit;
			memcpy(blob + AT_GSTS, &gsts, sizeof(gsts));
			nvmx_vtd_reset(r->u);
			assert_int_equal(nvmx_vtd_restore(r->u, blob, sizeof(blob)), commands & gsts ? NVMX_OK : NVMX_ERR_STATE);
			assert_int_equal(rd(r, 0x1c, 4), commands & gsts);
		}
		rig_free(r);
	}
}

#define AT_ROOT 24u
#define AT_RECORD 48u /* the next fault record to use */
#define AT_REG(row) (AT_GSTS + 8u * (row))

/* Values that agree with no unit's: each alone is refused, and the rest is fine. */
static void test_what_no_unit_saves(void **state)
{
	static const struct {
		unsigned at;
		uint64_t value;
	} rows[] = {
		{ AT_ROOT, BIT64(63) }, { AT_ROOT, 1 }, /* beyond the address, reserved */
		{ AT_RECORD, 8 },                       /* of eight */
		{ AT_REG(2), BIT64(63) }, { AT_REG(18), BIT64(63) }, /* CCMD.ICC, IOTLB.IVT: commands are complete */
		{ AT_REG(3), FSTS_PPF },  /* no record is pending */
		{ AT_REG(20), BIT64(63) }, /* record 0 is pending, without PPF */
		{ AT_REG(3), 3 << 8 },     /* FRI without a record */
		{ AT_REG(8), 0x10 },       /* IQH without a queue */
	};
	struct rig *r = rig_new(NVMX_VTD_F_ALL);
	uint8_t blob[NVMX_VTD_SAVE_SIZE];

	(void)state;
	assert_int_equal(nvmx_vtd_save(r->u, blob, sizeof(blob)), NVMX_VTD_SAVE_SIZE);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t was;

		memcpy(&was, blob + rows[i].at, 8);
		assert_int_equal(was, 0);
		memcpy(blob + rows[i].at, &rows[i].value, 8);
		assert_int_equal(nvmx_vtd_restore(r->u, blob, sizeof(blob)), NVMX_ERR_STATE);
		memcpy(blob + rows[i].at, &was, 8);
	}
	assert_int_equal(nvmx_vtd_restore(r->u, blob, sizeof(blob)), NVMX_OK);
	rig_free(r);
}

static void test_not_while_work_is_left(void **state)
{
	struct rig *r = hw_config(NVMX_VTD_F_ALL & ~NVMX_VTD_F_WRITE_BUFFER, NVMX_VTD_ASSIGN_TABLES);
	struct hw_device dev = { 0 };
	uint8_t blob[NVMX_VTD_SAVE_SIZE];
	uint64_t next = TABLES + 0x1000;

	(void)state;
	r->config.work = 1024;
	rig_start(r);
	for (uint64_t i = 0; i < 2048; i++)
		*entry_of(r, TABLES, 4, IOVA + i * 4096, 1, &next) = 0x123003;
	set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(4));
	hw_translation(r, true);
	assert_int_equal(nvmx_vtd_device_add(r->u, SID, &dev, 0), NVMX_OK);
	assert_int_equal(nvmx_vtd_save(r->u, blob, sizeof(blob)), 0);
	assert_int_equal(nvmx_vtd_run(r->u), NVMX_VTD_MORE);
	assert_int_equal(nvmx_vtd_save(r->u, blob, sizeof(blob)), 0);
	hw_run(r);
	assert_int_equal(nvmx_vtd_save(r->u, blob, sizeof(blob)), sizeof(blob));
	hw_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bit_flips),
		cmocka_unit_test(test_status_that_no_command_makes),
		cmocka_unit_test(test_what_no_unit_saves),
		cmocka_unit_test(test_not_while_work_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
