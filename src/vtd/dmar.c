/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The DMAR table (VT-d 8.1 to 8.5). */
#include "vtd.h"

#define DMAR_INTR_REMAP 1u
#define DMAR_X2APIC_OPT_OUT 2u
#define DRHD_INCLUDE_PCI_ALL 1u
#define ATSR_ALL_PORTS 1u
enum { TYPE_DRHD = 0, TYPE_RMRR = 1, TYPE_ATSR = 2 };

/* What does not fit is counted only. */
struct out {
	uint8_t *at;
	size_t n, size;
};

static void put(struct out *o, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++, o->n++)
		if (o->n < o->size)
			o->at[o->n] = (uint8_t)(value >> 8 * i);
}

static void put_text(struct out *o, const char *text, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		put(o, (uint8_t)text[i], 1);
}

static size_t scopes_length(const struct nvmx_vtd_scope *s, unsigned n)
{
	size_t length = 0;

	for (unsigned i = 0; i < n; i++)
		length += 6 + 2u * s[i].path_len;
	return length;
}

static void put_scopes(struct out *o, const struct nvmx_vtd_scope *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		put(o, s[i].type, 1);
		put(o, 6 + 2u * s[i].path_len, 1);
		put(o, 0, 2);
		put(o, s[i].enumeration_id, 1);
		put(o, s[i].start_bus, 1);
		for (unsigned k = 0; k < s[i].path_len; k++) {
			put(o, s[i].path[k].device, 1);
			put(o, s[i].path[k].function, 1);
		}
	}
}

static void put_drhd(struct out *o, const struct nvmx_vtd_drhd *d)
{
	put(o, TYPE_DRHD, 2);
	put(o, 16 + scopes_length(d->scopes, d->scope_count), 2);
	put(o, d->include_all ? DRHD_INCLUDE_PCI_ALL : 0, 1);
	put(o, 0, 1); /* one 4-KiB page of registers */
	put(o, d->segment, 2);
	put(o, d->base, 8);
	put_scopes(o, d->scopes, d->scope_count);
}

static void put_rmrr(struct out *o, const struct nvmx_vtd_rmrr *r)
{
	put(o, TYPE_RMRR, 2);
	put(o, 24 + scopes_length(r->scopes, r->scope_count), 2);
	put(o, 0, 2);
	put(o, r->segment, 2);
	put(o, r->base, 8);
	put(o, r->limit, 8);
	put_scopes(o, r->scopes, r->scope_count);
}

static bool first_of_segment(const struct nvmx_vtd_dmar_config *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (c->drhd[i].segment == c->drhd[n].segment)
			return false;
	return true;
}

static void put_atsr(struct out *o, uint16_t segment)
{
	put(o, TYPE_ATSR, 2);
	put(o, 8, 2);
	put(o, ATSR_ALL_PORTS, 1);
	put(o, 0, 1);
	put(o, segment, 2);
}

static void put_header(struct out *o, const struct nvmx_vtd_dmar_config *c, size_t length)
{
	put_text(o, "DMAR", 4);
	put(o, length, 4);
	put(o, 1, 1); /* revision */
	put(o, 0, 1); /* checksum */
	put_text(o, c->oem_id, 6);
	put_text(o, c->oem_table_id, 8);
	put(o, 1, 4);
	put_text(o, "NVMX", 4);
	put(o, 1, 4);
	put(o, c->host_width - 1u, 1);
	put(o, (c->interrupt_remapping ? DMAR_INTR_REMAP : 0) | (c->x2apic_opt_out ? DMAR_X2APIC_OPT_OUT : 0), 1);
	put(o, 0, 8);
	put(o, 0, 2);
}

/* Structures in the order of their types (8.2). */
static size_t put_table(struct out *o, const struct nvmx_vtd_dmar_config *c, size_t length)
{
	put_header(o, c, length);
	for (unsigned i = 0; i < c->drhd_count; i++)
		put_drhd(o, &c->drhd[i]);
	for (unsigned i = 0; i < c->rmrr_count; i++)
		put_rmrr(o, &c->rmrr[i]);
	for (unsigned i = 0; c->device_tlbs && i < c->drhd_count; i++)
		if (first_of_segment(c, i))
			put_atsr(o, c->drhd[i].segment);
	return o->n;
}

static bool scopes_valid(const struct nvmx_vtd_scope *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (s[i].type < NVMX_VTD_SCOPE_ENDPOINT || s[i].type > NVMX_VTD_SCOPE_HPET || !s[i].path_len ||
		    s[i].path_len > 4)
			return false;
		for (unsigned k = 0; k < s[i].path_len; k++)
			if (s[i].path[k].device > 31 || s[i].path[k].function > 7)
				return false;
	}
	return true;
}

/* A structure's length has 16 bits. */
#define SCOPES_MAX 1024u

/* Where L1 can reach it: at address 0 drivers take a unit for a table's fault. */
static bool drhd_valid(const struct nvmx_vtd_dmar_config *c, const struct nvmx_vtd_drhd *d)
{
	return d->base && !(d->base & 0xfff) && !(d->base >> c->host_width) && (d->include_all || d->scope_count) &&
	       d->scope_count <= SCOPES_MAX && scopes_valid(d->scopes, d->scope_count);
}

/* Each unit has registers of its own, and none of a segment follows the one that has all that is left. */
static bool drhd_follows(const struct nvmx_vtd_drhd *before, const struct nvmx_vtd_drhd *d)
{
	return d->base != before->base && !(before->include_all && before->segment == d->segment);
}

static bool rmrr_valid(const struct nvmx_vtd_dmar_config *c, const struct nvmx_vtd_rmrr *r)
{
	return !(r->base & 0xfff) && (r->limit & 0xfff) == 0xfff && r->limit >= r->base && !(r->limit >> c->host_width) &&
	       r->scope_count && r->scope_count <= SCOPES_MAX && scopes_valid(r->scopes, r->scope_count);
}

static bool valid(const struct nvmx_vtd_dmar_config *c)
{
	if (!c->drhd_count || c->host_width < 32 || c->host_width > 52 || (c->x2apic_opt_out && !c->interrupt_remapping))
		return false;
	for (unsigned i = 0; i < c->drhd_count; i++) {
		if (!drhd_valid(c, &c->drhd[i]))
			return false;
		for (unsigned k = 0; k < i; k++)
			if (!drhd_follows(&c->drhd[k], &c->drhd[i]))
				return false;
	}
	for (unsigned i = 0; i < c->rmrr_count; i++)
		if (!rmrr_valid(c, &c->rmrr[i]))
			return false;
	return true;
}

size_t nvmx_vtd_dmar(void *table, size_t size, const struct nvmx_vtd_dmar_config *c)
{
	struct out o = { .at = table };
	uint8_t sum = 0;
	size_t length;

	if (!valid(c))
		return 0;
	length = put_table(&o, c, 0);
	if (length > size)
		return length;
	o = (struct out){ .at = table, .size = size };
	put_table(&o, c, length);
	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + o.at[i]);
	o.at[9] = (uint8_t)-sum;
	return length;
}
