/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Devices that change domains, domains that change ids, translation on and off. */
#include "bed.h"

static struct l1_domain domain_on(void)
{
	struct l1_domain d = l1_domain_on(4);

	l1_map(&d, 0x10000, SPACE_4K, 12, RW);
	return d;
}

/* The id of a domain that is gone names another: nothing of the first is seen. */
void case_domain_id_again(void)
{
	struct l1_domain d = domain_on(), e = l1_domain(5, 3);

	l1_map(&d, 0x11000, SPACE_4K + 0x1000, 12, RW);
	CHECK(both(0, 0x10000, SPACE_4K) && both(0, 0x11000, SPACE_4K + 0x1000));
	l1_context(0, 0, 0);
	l1_flush_device(0, 5);
	l1_set(&e, 0x10000, SPACE_4K + 0x2000, 12, RW);
	l1_assign(0, &e);
	CHECK(both(0, 0x10000, SPACE_4K + 0x2000));
	CHECK(neither(0, 0x11000, SPACE_4K + 0x1000));
	CHECK(no_write(0, 0x10000, SPACE_4K));
	l1_unmap(&e, 0x10000, 12);
	CHECK(neither(0, 0x10000, SPACE_4K + 0x2000));
}

void case_device_changes_domain(void)
{
	struct l1_domain d = domain_on(), e = l1_domain(6, 4);

	give(1, 0x20);
	l1_assign(1, &d);
	l1_map(&e, 0x10000, SPACE_4K + 0x3000, 12, RW);
	CHECK(both(0, 0x10000, SPACE_4K) && both(1, 0x10000, SPACE_4K));
	l1_context(0, e.root | 1, 6 << 8 | 2);
	l1_flush_device(0, 5);
	CHECK(both(0, 0x10000, SPACE_4K + 0x3000));
	CHECK(both(1, 0x10000, SPACE_4K));
	l1_context(1, e.root | 1, 6 << 8 | 2);
	l1_flush_device(1, 5);
	CHECK(both(1, 0x10000, SPACE_4K + 0x3000));
	l1_unmap(&e, 0x10000, 12);
	CHECK(neither(0, 0x10000, SPACE_4K + 0x3000) && neither(1, 0x10000, SPACE_4K + 0x3000));
}

void case_pass_through(void)
{
	struct l1_domain d = domain_on();

	CHECK(both(0, 0x10000, SPACE_4K));
	l1_context(0, 1 | 2 << 2, 7 << 8 | 2);
	l1_flush_device(0, 5);
	CHECK(both(0, SPACE_4K, SPACE_4K) && both(0, SPACE_1G + 0x123000, SPACE_1G + 0x123000));
	CHECK(no_write(0, 0x10000, SPACE_4K));
	l1_context(0, d.root | 1, 5 << 8 | 2);
	l1_flush_device(0, 7);
	CHECK(both(0, 0x10000, SPACE_4K));
	CHECK(neither(0, SPACE_4K, SPACE_4K));
}

void case_off_and_on(void)
{
	struct l1_domain d = domain_on();

	CHECK(both(0, 0x10000, SPACE_4K));
	l1_command(0, 1u << 31);
	CHECK(!(l1_read(0x1c, 4) >> 31));
	CHECK(both(0, SPACE_4K + 0x7000, SPACE_4K + 0x7000));
	CHECK(no_write(0, 0x10000, SPACE_4K));
	l1_set(&d, 0x12000, SPACE_4K + 0x4000, 12, RW);
	l1_flush_all();
	l1_command(1u << 31, 0);
	CHECK(both(0, 0x10000, SPACE_4K) && both(0, 0x12000, SPACE_4K + 0x4000));
	CHECK(neither(0, SPACE_4K + 0x7000, SPACE_4K + 0x7000));
}

void case_another_root(void)
{
	struct l1_domain e;

	domain_on();
	e = l1_domain(9, 4);
	l1_set(&e, 0x10000, SPACE_4K + 0x5000, 12, RW);
	CHECK(both(0, 0x10000, SPACE_4K));
	bed.root = l1_page();
	l1_context(0, e.root | 1, 9 << 8 | 2);
	l1_write(0x20, 8, bed.root);
	CHECK(both(0, 0x10000, SPACE_4K)); /* not before SRTP */
	l1_command(1u << 30, 0);
	l1_flush_all();
	CHECK(both(0, 0x10000, SPACE_4K + 0x5000));
	CHECK(no_write(0, 0x10000, SPACE_4K));
}

/* Two domain ids that share a table: what is flushed for the one must at least hold for it. */
void case_same_table_two_ids(void)
{
	struct l1_domain d = domain_on(), e = d;

	give(1, 0x20);
	e.id = 8;
	l1_assign(1, &e);
	CHECK(both(0, 0x10000, SPACE_4K) && both(1, 0x10000, SPACE_4K));
	l1_set(&d, 0x10000, SPACE_4K + 0x6000, 12, RW);
	l1_flush_pages(&d, 0x10000, 0);
	CHECK(both(0, 0x10000, SPACE_4K + 0x6000));
	l1_flush_pages(&e, 0x10000, 0);
	CHECK(both(1, 0x10000, SPACE_4K + 0x6000));
	l1_unmap(&e, 0x10000, 12);
	CHECK(neither(1, 0x10000, SPACE_4K + 0x6000));
	l1_flush_domain(d.id);
	CHECK(neither(0, 0x10000, SPACE_4K + 0x6000));
}

void case_device_goes_and_comes(void)
{
	struct l1_domain d = domain_on();

	CHECK(both(0, 0x10000, SPACE_4K));
	take_back(0);
	CHECK(bed.host.device[0].target.kind == NVMX_VTD_BLOCK);
	CHECK(no_write(0, 0x10000, SPACE_4K));
	CHECK(nvmx_vtd_device_remove(bed.u, 0x10) == NVMX_ERR_CONFIG);
	give(0, 0x18);
	CHECK(no_write(0, 0x10000, SPACE_4K));
	l1_assign(0, &d);
	CHECK(both(0, 0x10000, SPACE_4K));
}

void case_reset(void)
{
	domain_on();
	CHECK(both(0, 0x10000, SPACE_4K));
	for (enum nvmx_vtd_verdict v = nvmx_vtd_reset(bed.u); v != NVMX_VTD_DONE; v = nvmx_vtd_run(bed.u))
		;
	CHECK(both(0, SPACE_4K + 0x1000, SPACE_4K + 0x1000));
	CHECK(no_write(0, 0x10000, SPACE_4K));
	CHECK(l1_read(0x1c, 4) == 0);
	CHECK(bed.host.domains == 0);
}

void case_saved_and_restored(void)
{
	unsigned char blob[NVMX_VTD_SAVE_SIZE];
	struct l1_domain d = domain_on();
	struct bed before;
	size_t size;

	CHECK(both(0, 0x10000, SPACE_4K));
	size = nvmx_vtd_save(bed.u, blob, sizeof(blob));
	CHECK(size > 0);
	before = bed;
	nvmx_vtd_destroy(bed.u);
	CHECK(bed.host.device[0].target.kind == NVMX_VTD_BLOCK);
	l1_set(&d, 0x11000, SPACE_4K + 0x1000, 12, RW);
	bed_start();
	give(0, 0x10);
	CHECK(both(0, SPACE_4K, SPACE_4K));
	blob[0] ^= 1;
	CHECK(nvmx_vtd_restore(bed.u, blob, size) == NVMX_ERR_STATE);
	CHECK(both(0, SPACE_4K, SPACE_4K));
	blob[0] ^= 1;
	CHECK(nvmx_vtd_restore(bed.u, blob, size) == NVMX_OK);
	while (nvmx_vtd_run(bed.u) != NVMX_VTD_DONE)
		;
	CHECK(both(0, 0x10000, SPACE_4K) && both(0, 0x11000, SPACE_4K + 0x1000));
	CHECK(l1_read(0x1c, 4) >> 31);
	bed.queue_on = true;
	bed.tail = before.tail;
	bed.next_table = before.next_table;
	l1_unmap(&d, 0x10000, 12);
	CHECK(neither(0, 0x10000, SPACE_4K));
}

void case_no_domains_left(void)
{
	struct l1_domain d = domain_on(), e = l1_domain(6, 4);

	l1_map(&e, 0x10000, SPACE_4K + 0x1000, 12, RW);
	give(1, 0x20);
	bed.host.domain_limit = 1;
	l1_assign(1, &e);
	CHECK(bed.host.device[1].target.kind == NVMX_VTD_BLOCK);
	CHECK(no_write(1, 0x10000, SPACE_4K + 0x1000));
	CHECK(both(0, 0x10000, SPACE_4K));
	bed.host.domain_limit = 2;
	l1_flush_domain(d.id);
	l1_flush_device(1, e.id);
	CHECK(both(1, 0x10000, SPACE_4K + 0x1000));
}
