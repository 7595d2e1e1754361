/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Set-up: the table of ops, the configuration, counters. */
#include "state.h"

/* Which ops a configuration cannot do without. */
enum need { ALWAYS, NEVER, WITH_ASSIGN, WITH_TABLES, WITH_MAP, TO_FLUSH, NOT_SNOOPED, TO_DRAIN };

#define OP(name, need) { offsetof(struct nvmx_vtd_ops, name), need, #name }
static const struct op_row {
	size_t offset;
	enum need need;
	const char *name;
} op_rows[] = {
	OP(map, ALWAYS),
	OP(unmap, ALWAYS),
	OP(interrupt, ALWAYS),
	OP(interrupts_changed, NEVER),
	OP(trace, NEVER),
	OP(page_alloc, WITH_ASSIGN),
	OP(page_free, WITH_ASSIGN),
	OP(domain_open, WITH_ASSIGN),
	OP(domain_close, WITH_ASSIGN),
	OP(attach, WITH_ASSIGN),
	OP(flush, TO_FLUSH),
	OP(frame, WITH_TABLES),
	OP(table_written, NOT_SNOOPED),
	OP(dma_map, WITH_MAP),
	OP(dma_unmap, WITH_MAP),
	OP(drain, TO_DRAIN),
};
#define OPS (sizeof(op_rows) / sizeof(*op_rows))

static bool needed(enum need need, const struct nvmx_vtd_config *c)
{
	switch (need) {
	case ALWAYS: return true;
	case WITH_ASSIGN: return c->flags;
	case WITH_TABLES: return c->flags & NVMX_VTD_ASSIGN_TABLES;
	case WITH_MAP: return c->flags & NVMX_VTD_ASSIGN_MAP;
	case TO_FLUSH: return c->flags & NVMX_VTD_ASSIGN_TABLES || c->features & NVMX_VTD_F_DEVICE_TLB;
	case NOT_SNOOPED: return c->flags & NVMX_VTD_ASSIGN_TABLES && !(c->hw_ecap & ECAP_C);
	case TO_DRAIN: return c->features & NVMX_VTD_F_DRAIN;
	default: return false;
	}
}

static bool op_present(const struct nvmx_vtd_ops *ops, size_t offset)
{
	void (*op)(void);

	nvmx_memcpy(&op, (const char *)ops + offset, sizeof(op));
	return op;
}

static int fail(uint32_t *detail, int error, uint32_t about)
{
	*detail = about;
	return error;
}

#define WITH_DEFAULT(value, otherwise) ((value) ? (value) : (otherwise))
static void defaults(struct nvmx_vtd_config *c)
{
	c->levels = WITH_DEFAULT(c->levels, NVMX_VTD_LEVELS_3 | NVMX_VTD_LEVELS_4);
	c->width = WITH_DEFAULT(c->width, c->levels & NVMX_VTD_LEVELS_4 ? 48 : 39);
	c->domain_bits = WITH_DEFAULT(c->domain_bits, 16);
	c->pages = WITH_DEFAULT(c->pages, 4096);
	c->work = WITH_DEFAULT(c->work, 65536);
	c->fault_burst = WITH_DEFAULT(c->fault_burst, 64);
	if (c->flags && !(c->features & NVMX_VTD_F_CACHING_MODE))
		c->features |= NVMX_VTD_F_WRITE_BUFFER;
}

static int check(const struct nvmx_vtd_config *c, uint32_t *detail)
{
	if (c->flags & ~(NVMX_VTD_ASSIGN_TABLES | NVMX_VTD_ASSIGN_MAP) ||
	    c->flags == (NVMX_VTD_ASSIGN_TABLES | NVMX_VTD_ASSIGN_MAP))
		return fail(detail, NVMX_VTD_ERR_CONFIG, NVMX_VTD_ABOUT_FLAGS);
	if (c->pages < 16 || c->work < 1024)
		return fail(detail, NVMX_VTD_ERR_CONFIG, NVMX_VTD_ABOUT_PAGES);
	for (uint32_t i = 0; i < OPS; i++)
		if (needed(op_rows[i].need, c) && !op_present(c->ops, op_rows[i].offset))
			return fail(detail, NVMX_VTD_ERR_OP_MISSING, i);
	return nvmx_vtd_check_caps(c, detail);
}

int nvmx_vtd_init(void *mem, const struct nvmx_vtd_config *config, struct nvmx_vtd **out, uint32_t *detail)
{
	struct nvmx_vtd *u = mem;
	uint32_t ignored = 0;
	int error;

	detail = detail ? detail : &ignored;
	if (config->ops->size != sizeof(struct nvmx_vtd_ops))
		return fail(detail, NVMX_VTD_ERR_ABI, config->ops->size);
	if (config->ops->abi != NVMX_VTD_ABI_VERSION)
		return fail(detail, NVMX_VTD_ERR_ABI, config->ops->abi);
	nvmx_memset(u, 0, sizeof(*u));
	u->config = *config;
	defaults(&u->config);
	error = check(&u->config, detail);
	if (error)
		return error;
	u->ops = config->ops;
	u->host = config->host;
	u->limit = BIT64(u->config.width);
	u->address_mask = (BIT64(u->config.host_width) - 1) & ADDRESS_BITS;
	nvmx_vtd_regs_reset(u);
	error = nvmx_vtd_flat_init(u);
	if (!error)
		*out = u;
	return error;
}

int nvmx_vtd_reset(struct nvmx_vtd *u)
{
	nvmx_vtd_regs_reset(u);
	u->root = u->irta = u->iva = 0;
	u->te = u->ir = 0;
	u->head = 0;
	u->finish = u->waits_n = u->queue_error = 0;
	u->drain = false;
	nvmx_vtd_cache_reset(u);
	nvmx_vtd_inv_irte_all(u);
	nvmx_vtd_flat_follow_devices(u);
	return (int)nvmx_vtd_work(u);
}

static const char *const about[] = {
	[NVMX_VTD_ABOUT_FEATURES] = "features", [NVMX_VTD_ABOUT_LEVELS] = "levels", [NVMX_VTD_ABOUT_WIDTH] = "width",
	[NVMX_VTD_ABOUT_HOST_WIDTH] = "host_width", [NVMX_VTD_ABOUT_DOMAINS] = "domain_bits",
	[NVMX_VTD_ABOUT_FLAGS] = "flags", [NVMX_VTD_ABOUT_PAGES] = "pages or work", [NVMX_VTD_ABOUT_DEVICE] = "device",
	[NVMX_VTD_ABOUT_BLOB] = "saved state",
};

const char *nvmx_vtd_init_error(int error, uint32_t detail)
{
	switch (error) {
	case NVMX_VTD_OK: return "no error";
	case NVMX_VTD_ERR_ABI: return "the op table's size or ABI version is not this library's";
	case NVMX_VTD_ERR_OP_MISSING: return detail < OPS ? op_rows[detail].name : "a required op is missing";
	case NVMX_VTD_ERR_MEMORY: return "page_alloc gave no page";
	case NVMX_VTD_ERR_STATE: return "saved state that no unit can have, or of another configuration";
	case NVMX_VTD_ERR_CAPS:
	case NVMX_VTD_ERR_CONFIG: return detail < sizeof(about) / sizeof(*about) ? about[detail] : "configuration";
	default: return "unknown error";
	}
}

uint64_t nvmx_vtd_cap(const struct nvmx_vtd *u)
{
	return u->reg[REG_CAP];
}

uint64_t nvmx_vtd_ecap(const struct nvmx_vtd *u)
{
	return u->reg[REG_ECAP];
}

uint64_t nvmx_vtd_counter(const struct nvmx_vtd *u, enum nvmx_vtd_counter c)
{
	return (unsigned)c < NVMX_VTD_CNT_COUNT ? u->counter[c] : 0;
}

static const char *const counter_names[NVMX_VTD_CNT_COUNT] = {
	"read", "write", "bad_access", "descriptor", "queue_error", "wait", "translate", "translate_hit", "fault",
	"fault_record", "interrupt", "msi", "compare", "entry", "leaf", "dummy", "unmapped", "flush", "flush_item",
	"physical_fault", "spurious_fault", "pages", "blocked",
};

const char *nvmx_vtd_counter_name(unsigned c)
{
	return c < NVMX_VTD_CNT_COUNT ? counter_names[c] : "unknown";
}

void nvmx_vtd_trace(struct nvmx_vtd *u, enum nvmx_vtd_event event, uint64_t a, uint64_t b)
{
	if (u->ops->trace)
		u->ops->trace(u->host, event, a, b);
}
