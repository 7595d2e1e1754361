/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Set-up: the table of ops, the configuration, counters. */
#include "../refuse.h"
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

static int check(const struct nvmx_vtd_config *c, const struct nvmx_vtd_ops *ops, struct nvmx_error_info *info)
{
	const uint32_t known = NVMX_VTD_ASSIGN_TABLES | NVMX_VTD_ASSIGN_MAP;

	if (c->flags & ~known)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_FLAGS_UNKNOWN, c->flags & ~known, known);
	if (c->flags == known)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_FLAGS_BOTH, c->flags, 0);
	if (c->pages < 16)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_PAGES, c->pages, 16);
	if (c->work < 1024)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_WORK, c->work, 1024);
	for (uint32_t i = 0; i < OPS; i++)
		if (needed(op_rows[i].need, c) && !op_present(ops, op_rows[i].offset))
			return nvmx_refuse_named(info, NVMX_REFUSED_VTD_OP_MISSING, op_rows[i].name, 0, 0);
	return nvmx_vtd_check_caps(c, info);
}

static int check_arguments(const void *mem, size_t size, const struct nvmx_vtd_config *config, struct nvmx_vtd **out,
			   struct nvmx_error_info *info)
{
	const struct nvmx_vtd_ops *ops;

	if (!mem)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_MEM_NULL, 0, NVMX_VTD_SIZE);
	if ((uintptr_t)mem % 64)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_MEM_ALIGN, (uintptr_t)mem, 64);
	if (size < sizeof(struct nvmx_vtd))
		return nvmx_refuse(info, NVMX_REFUSED_VTD_MEM_SIZE, size, NVMX_VTD_SIZE);
	if (!out)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_OUT_NULL, 0, 0);
	if (!config)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_CONFIG_NULL, 0, 0);
	if (!nvmx_fair_size(config->size, sizeof(*config)))
		return nvmx_refuse(info, NVMX_REFUSED_VTD_CONFIG_SIZE, config->size, sizeof(*config));
	ops = config->ops;
	if (!ops)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_OPS_NULL, 0, 0);
	if (ops->abi != NVMX_VTD_ABI_VERSION)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_OPS_ABI, ops->abi, NVMX_VTD_ABI_VERSION);
	if (!nvmx_fair_size(ops->size, sizeof(*ops)))
		return nvmx_refuse(info, NVMX_REFUSED_VTD_OPS_SIZE, ops->size, sizeof(*ops));
	const struct nvmx_block block = { "mem", mem, size }, others[] = {
		{ "config", config, config->size }, { "config->ops", ops, ops->size }, { "out", out, sizeof(void *) },
	};
	return nvmx_refuse_overlap(info, NVMX_REFUSED_VTD_MEM_OVERLAP, &block, others, sizeof(others) / sizeof(*others));
}

int nvmx_vtd_init(void *mem, size_t size, const struct nvmx_vtd_config *config, struct nvmx_vtd **out, struct nvmx_error_info *info)
{
	struct nvmx_error_info unwanted = { 0 };
	struct nvmx_vtd *u = mem;
	int error;

	info = info ? info : &unwanted;
	error = check_arguments(mem, size, config, out, info);
	if (error)
		return error;
	nvmx_memset(u, 0, sizeof(*u));
	nvmx_memcpy(&u->config, config, config->size);
	nvmx_memcpy(&u->ops_table, config->ops, config->ops->size);
	u->ops = &u->ops_table;
	u->host = config->host;
	defaults(&u->config);
	error = check(&u->config, u->ops, info);
	if (error)
		return error;
	u->limit = BIT64(u->config.width);
	u->address_mask = (BIT64(u->config.host_width) - 1) & ADDRESS_BITS;
	nvmx_vtd_regs_reset(u);
	if (nvmx_vtd_flat_init(u))
		return nvmx_refuse(info, NVMX_REFUSED_NO_PAGE, 0, 0);
	*out = u;
	*info = (struct nvmx_error_info){ 0 };
	return NVMX_OK;
}

int nvmx_vtd_reset(struct nvmx_vtd *u)
{
	nvmx_vtd_regs_reset(u);
	u->root = u->irta = u->iva = 0;
	u->te = u->ir = 0;
	u->head = 0;
	u->finish = u->waits_n = u->queue_error = 0;
	u->drain = false;
	nvmx_vtd_flush_reset(u);
	nvmx_vtd_cache_reset(u);
	nvmx_vtd_inv_irte_all(u);
	nvmx_vtd_flat_follow_devices(u);
	return (int)nvmx_vtd_work(u);
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
