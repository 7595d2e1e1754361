/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* nvmx_checked_ops(): each op, held to what <nestvmx/host.h> says of it. */
#include "../mem.h"
#include "../vmcs/vmcs.h"
#include "ledger.h"
#include <nestvmx/trace.h>

#define BROKE(NAME, found, about) nvmx_ledger_broke(l, NVMX_PROMISE_##NAME, op, found, about)
#define EXPECT(ok, NAME, found, about)                  \
	do {                                            \
		if (!(ok))                              \
			BROKE(NAME, found, about);      \
	} while (0)

/* What every op begins with; `op` stays for BROKE(). */
static struct nvmx_ledger *begin(struct nvmx_host *h, const char *op)
{
	struct nvmx_ledger *l = (struct nvmx_ledger *)(void *)h;

	l->calls++;
	EXPECT(!l->under_way, NOT_REENTERED, 0, 0);
	EXPECT(!l->lock_held || !l->lock_held(l->host), NO_LOCK, 0, 0);
	l->under_way = op;
	return l;
}

static void end(struct nvmx_ledger *l)
{
	l->under_way = NULL;
}

static void check_block(struct nvmx_ledger *l, const char *op, uint64_t gpa, const struct nvmx_xlate *x)
{
	uint64_t size = 1ull << x->page_shift, base = x->hpa - (gpa & (size - 1));

	EXPECT(x->hpa >= (gpa & (size - 1)) && !((base + size - 1) >> l->maxphyaddr), XLATE_WIDTH, x->hpa, gpa);
}

static void check_xlate(struct nvmx_ledger *l, const char *op, uint64_t gpa, unsigned access, const struct nvmx_xlate *x)
{
	unsigned i = 0;

	if (x->page_shift == 12 || x->page_shift == 21 || x->page_shift == 30)
		check_block(l, op, gpa, x);
	else
		BROKE(XLATE_SHIFT, x->page_shift, gpa);
	EXPECT(!((x->hpa ^ gpa) & 0xfff), XLATE_OFFSET, x->hpa, gpa);
	EXPECT(!(access & NVMX_ACCESS_RWX & ~x->rights) && !(x->rights & ~NVMX_ACCESS_RWX), XLATE_RIGHTS, x->rights, gpa);
	EXPECT(x->memtype <= 6 && x->memtype != 2 && x->memtype != 3, XLATE_MEMTYPE, x->memtype, gpa);
	if (nvmx_ledger_pinned(l, gpa & ~0xfffull, &i))
		EXPECT((x->hpa & ~0xfffull) == l->pin[i].hpa, XLATE_PINNED, x->hpa, gpa);
}

static int checked_translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	static const char op[] = "translate";
	struct nvmx_ledger *l = begin(h, op);
	int answer;

	EXPECT(access & NVMX_ACCESS_RWX && !(access & ~(NVMX_ACCESS_RWX | NVMX_ACCESS_PEEK)), XLATE_ACCESS, access, gpa);
	answer = l->real.translate(l->host, gpa, access, out);
	EXPECT(!answer || answer == -1 || answer == NVMX_NOT_NOW, XLATE_ANSWER, (unsigned)answer, gpa);
	if (!answer)
		check_xlate(l, op, gpa, access, out);
	end(l);
	return answer;
}

static void map_remember(struct nvmx_ledger *l, const char *op, uint64_t gpa, void *page, bool write)
{
	unsigned i, free = NVMX_LEDGER_MAPS;

	for (i = 0; i < NVMX_LEDGER_MAPS; i++) {
		if (!l->map[i].page)
			free = i;
		else if (l->map[i].page == page)
			EXPECT(l->map[i].gpa == gpa, MAP_VALID, (uintptr_t)page, gpa);
	}
	if (free == NVMX_LEDGER_MAPS) {
		BROKE(MAP_COUNT, NVMX_LEDGER_MAPS + 1, gpa);
		return;
	}
	l->map[free].gpa = gpa;
	l->map[free].page = page;
	l->map[free].write = write;
}

static void *checked_map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	static const char op[] = "map";
	struct nvmx_ledger *l = begin(h, op);
	void *page;

	EXPECT(!(gpa & 0xfff), MAP_FRAME, gpa, gpa);
	page = l->real.map(l->host, gpa, write);
	if (page && page != NVMX_MAP_NOT_NOW) {
		EXPECT(!((uintptr_t)page & 0xfff), MAP_ANSWER, (uintptr_t)page, gpa);
		map_remember(l, op, gpa, page, write);
	}
	end(l);
	return page;
}

static void checked_unmap(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote)
{
	static const char op[] = "unmap";
	struct nvmx_ledger *l = begin(h, op);
	unsigned i, found = NVMX_LEDGER_MAPS;

	/* Of two mappings of a frame at one address, one to be written, that one goes if it was written. */
	for (i = 0; i < NVMX_LEDGER_MAPS; i++)
		if (l->map[i].page && l->map[i].gpa == gpa && l->map[i].page == page &&
		    (found == NVMX_LEDGER_MAPS || l->map[i].write == wrote))
			found = i;
	if (found == NVMX_LEDGER_MAPS) {
		BROKE(UNMAP_MAPPED, (uintptr_t)page, gpa);
	} else {
		EXPECT(!wrote || l->map[found].write, UNMAP_WROTE, (uintptr_t)page, gpa);
		l->map[found].page = NULL;
	}
	l->real.unmap(l->host, gpa, page, wrote);
	end(l);
}

static void pin_remember(struct nvmx_ledger *l, const char *op, uint64_t gpa, uint64_t hpa)
{
	unsigned i = 0;

	EXPECT(nvmx_ledger_frame(l, hpa), PIN_ADDRESS, hpa, gpa);
	EXPECT(!nvmx_ledger_page(l, hpa), PIN_NO_PAGE, hpa, gpa);
	if (nvmx_ledger_pinned(l, gpa, &i))
		EXPECT(l->pin[i].hpa == hpa, PIN_SAME, hpa, gpa);
	for (i = 0; i < NVMX_LEDGER_PINS; i++) {
		if (l->pin[i].held)
			continue;
		l->pin[i].gpa = gpa;
		l->pin[i].hpa = hpa;
		l->pin[i].held = true;
		return;
	}
}

static int checked_pin(struct nvmx_host *h, uint64_t gpa, uint64_t *hpa)
{
	static const char op[] = "pin";
	struct nvmx_ledger *l = begin(h, op);
	int answer;

	EXPECT(!(gpa & 0xfff), PIN_FRAME, gpa, gpa);
	answer = l->real.pin(l->host, gpa, hpa);
	EXPECT(!answer || answer == -1 || answer == NVMX_NOT_NOW, PIN_ANSWER, (unsigned)answer, gpa);
	if (!answer)
		pin_remember(l, op, gpa, *hpa);
	end(l);
	return answer;
}

static void checked_unpin(struct nvmx_host *h, uint64_t gpa, uint64_t hpa)
{
	static const char op[] = "unpin";
	struct nvmx_ledger *l = begin(h, op);
	unsigned i = 0;

	while (nvmx_ledger_pinned(l, gpa, &i) && l->pin[i].hpa != hpa)
		i++;
	if (i < NVMX_LEDGER_PINS)
		l->pin[i].held = false;
	else
		BROKE(UNPIN_PINNED, hpa, gpa);
	l->real.unpin(l->host, gpa, hpa);
	end(l);
}

static bool zeroed(const void *page)
{
	const unsigned char *c = page;

	return !c[0] && !nvmx_memcmp(c, c + 1, 4095);
}

static void check_page(struct nvmx_ledger *l, const char *op, void *page, uint64_t hpa)
{
	bool pinned = false;

	for (unsigned i = 0; i < NVMX_LEDGER_PINS; i++)
		pinned |= l->pin[i].held && l->pin[i].hpa == hpa;
	EXPECT(!((uintptr_t)page & 0xfff), PAGE_POINTER, (uintptr_t)page, hpa);
	EXPECT(nvmx_ledger_frame(l, hpa), PAGE_ADDRESS, hpa, hpa);
	EXPECT(zeroed(page), PAGE_ZEROED, (uintptr_t)page, hpa);
	EXPECT(nvmx_ledger_add(l, hpa, page) && !pinned && hpa != l->vmcs01, PAGE_FRESH, hpa, hpa);
}

static void *checked_page_alloc(struct nvmx_host *h, uint64_t *hpa)
{
	static const char op[] = "page_alloc";
	struct nvmx_ledger *l = begin(h, op);
	void *page = l->real.page_alloc(l->host, hpa);

	if (page)
		check_page(l, op, page, *hpa);
	end(l);
	return page;
}

static void checked_page_free(struct nvmx_host *h, void *page, uint64_t hpa)
{
	static const char op[] = "page_free";
	struct nvmx_ledger *l = begin(h, op);
	bool vmcs;

	if (nvmx_ledger_remove(l, hpa, page, &vmcs))
		EXPECT(!vmcs && l->current != hpa, PAGE_NO_VMCS, hpa, hpa);
	else
		EXPECT(!nvmx_ledger_follows(l), PAGE_OWN, (uintptr_t)page, hpa);
	l->real.page_free(l->host, page, hpa);
	end(l);
}

static void checked_vmcs_load(struct nvmx_host *h, uint64_t hpa)
{
	static const char op[] = "vmcs_load";
	struct nvmx_ledger *l = begin(h, op);
	struct nvmx_ledger_page *p = nvmx_ledger_page(l, hpa);
	uint32_t revision = 0;

	EXPECT(p || hpa == l->vmcs01 || !nvmx_ledger_follows(l), LOAD_OWN, hpa, hpa);
	if (p) {
		nvmx_memcpy(&revision, p->page, sizeof(revision));
		EXPECT(p->cleared, LOAD_CLEARED, hpa, hpa);
		EXPECT(!l->revision || (revision & 0x7fffffff) == l->revision, LOAD_REVISION, revision, hpa);
		p->vmcs = true;
	}
	l->current = hpa;
	l->real.vmcs_load(l->host, hpa);
	end(l);
}

static void checked_vmcs_clear(struct nvmx_host *h, uint64_t hpa)
{
	static const char op[] = "vmcs_clear";
	struct nvmx_ledger *l = begin(h, op);
	struct nvmx_ledger_page *p = nvmx_ledger_page(l, hpa);

	EXPECT(p || hpa == l->vmcs01 || !nvmx_ledger_follows(l), CLEAR_OWN, hpa, hpa);
	if (p) {
		p->cleared = true;
		p->vmcs = false;
	}
	if (l->current == hpa)
		l->current = NVMX_LEDGER_NO_VMCS;
	l->real.vmcs_clear(l->host, hpa);
	end(l);
}

static void check_fields(struct nvmx_ledger *l, const char *op, const uint32_t *fields, size_t n)
{
	EXPECT(l->current != NVMX_LEDGER_NO_VMCS, CURRENT, l->current, n ? fields[0] : 0);
	for (size_t i = 0; i < n; i++)
		EXPECT(nvmx_field_find(fields[i]) >= 0, FIELDS, fields[i], fields[i]);
}

static void checked_vmcs_read_many(struct nvmx_host *h, const uint32_t *fields, uint64_t *values, size_t n)
{
	static const char op[] = "vmcs_read_many";
	struct nvmx_ledger *l = begin(h, op);

	check_fields(l, op, fields, n);
	l->real.vmcs_read_many(l->host, fields, values, n);
	for (size_t i = 0; i < n; i++) {
		int row = nvmx_field_find(fields[i]);

		if (row >= 0 && nvmx_field_rows[row].size < 8)
			EXPECT(!(values[i] >> nvmx_field_rows[row].size * 8), READ_WIDTH, values[i], fields[i]);
	}
	end(l);
}

static void checked_vmcs_write_many(struct nvmx_host *h, const uint32_t *fields, const uint64_t *values, size_t n)
{
	static const char op[] = "vmcs_write_many";
	struct nvmx_ledger *l = begin(h, op);

	check_fields(l, op, fields, n);
	l->real.vmcs_write_many(l->host, fields, values, n);
	end(l);
}

static void checked_flush_ept(struct nvmx_host *h, uint64_t eptp, unsigned scope)
{
	static const char op[] = "flush_ept";
	struct nvmx_ledger *l = begin(h, op);
	uint64_t root = eptp & ~0xfffull;

	EXPECT(scope == NVMX_FLUSH_SINGLE || scope == NVMX_FLUSH_ALL, FLUSH_EPT_SCOPE, scope, eptp);
	if (scope == NVMX_FLUSH_SINGLE)
		EXPECT(nvmx_ledger_page(l, root) || !nvmx_ledger_follows(l), FLUSH_EPT_OWN, eptp, root);
	l->real.flush_ept(l->host, eptp, scope);
	end(l);
}

static void checked_flush_vpid(struct nvmx_host *h, uint16_t vpid, unsigned scope, uint64_t linear)
{
	static const char op[] = "flush_vpid";
	struct nvmx_ledger *l = begin(h, op);
	uint32_t n = l->vpid02_n ? l->vpid02_n : 1;
	bool given = l->vpid02 && vpid >= l->vpid02 && vpid < l->vpid02 + n;

	EXPECT(scope <= NVMX_FLUSH_SINGLE_NON_GLOBAL, FLUSH_VPID_SCOPE, scope, vpid);
	EXPECT(scope == NVMX_FLUSH_ALL || given || (vpid && vpid == l->vpid01), FLUSH_VPID_GIVEN, vpid, vpid);
	l->real.flush_vpid(l->host, vpid, scope, linear);
	end(l);
}

static int checked_l1_msr_read(struct nvmx_host *h, uint32_t msr, uint64_t *value)
{
	static const char op[] = "l1_msr_read";
	struct nvmx_ledger *l = begin(h, op);
	int answer = l->real.l1_msr_read(l->host, msr, value);

	EXPECT(!answer || answer == -1, MSR_READ_ANSWER, (unsigned)answer, msr);
	end(l);
	return answer;
}

static int checked_l1_msr_write(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	static const char op[] = "l1_msr_write";
	struct nvmx_ledger *l = begin(h, op);
	int answer = l->real.l1_msr_write(l->host, msr, value);

	EXPECT(!answer || answer == -1, MSR_WRITE_ANSWER, (unsigned)answer, msr);
	end(l);
	return answer;
}

static void checked_l1_state_loaded(struct nvmx_host *h)
{
	static const char op[] = "l1_state_loaded";
	struct nvmx_ledger *l = begin(h, op);

	EXPECT(l->current == l->vmcs01, STATE_LOADED_CURRENT, l->current, 0);
	l->real.l1_state_loaded(l->host);
	end(l);
}

static unsigned checked_pending_events(struct nvmx_host *h)
{
	static const char op[] = "pending_events";
	struct nvmx_ledger *l = begin(h, op);
	unsigned known = NVMX_PENDING_INTR | NVMX_PENDING_NMI | NVMX_PENDING_INIT | NVMX_PENDING_SIPI | NVMX_PENDING_SMI;

	l->pending = l->real.pending_events(l->host);
	EXPECT(!(l->pending & ~known), PENDING_KNOWN, l->pending, 0);
	end(l);
	return l->pending;
}

static int checked_ack_interrupt(struct nvmx_host *h)
{
	static const char op[] = "ack_interrupt";
	struct nvmx_ledger *l = begin(h, op);
	int answer = l->real.ack_interrupt(l->host);

	EXPECT(answer >= -1 && answer <= 255, ACK_VECTOR, (unsigned)answer, 0);
	l->acknowledged = answer + 1;
	end(l);
	return answer;
}

static void checked_end_interrupt(struct nvmx_host *h, unsigned vector)
{
	static const char op[] = "end_interrupt";
	struct nvmx_ledger *l = begin(h, op);

	EXPECT(vector + 1 == (unsigned)l->acknowledged, END_ACKNOWLEDGED, vector, 0);
	l->acknowledged = 0;
	l->real.end_interrupt(l->host, vector);
	end(l);
}

static int checked_take_event(struct nvmx_host *h, unsigned event)
{
	static const char op[] = "take_event";
	struct nvmx_ledger *l = begin(h, op);
	int answer;

	EXPECT(event == NVMX_PENDING_NMI || event == NVMX_PENDING_INIT || event == NVMX_PENDING_SIPI, TAKE_ONE, event, 0);
	EXPECT(!(event & ~l->pending), TAKE_PENDING, event, l->pending);
	l->pending &= ~event;
	answer = l->real.take_event(l->host, event);
	EXPECT(event == NVMX_PENDING_SIPI ? answer >= 0 && answer <= 255 : !answer, TAKE_VECTOR, (unsigned)answer, event);
	end(l);
	return answer;
}

static void checked_inject_l1(struct nvmx_host *h, unsigned vector, bool has_error, uint32_t error)
{
	static const char op[] = "inject_l1";
	struct nvmx_ledger *l = begin(h, op);

	EXPECT(vector < 32, INJECT_VECTOR, vector, 0);
	EXPECT(l->current == l->vmcs01, INJECT_L1_CURRENT, l->current, vector);
	l->real.inject_l1(l->host, vector, has_error, error);
	end(l);
}

static void checked_inject_l2(struct nvmx_host *h, unsigned vector, bool has_error, uint32_t error)
{
	static const char op[] = "inject_l2";
	struct nvmx_ledger *l = begin(h, op);

	EXPECT(vector < 32, INJECT_VECTOR, vector, 0);
	EXPECT(l->current != l->vmcs01 && l->current != NVMX_LEDGER_NO_VMCS, INJECT_L2_CURRENT, l->current, vector);
	l->real.inject_l2(l->host, vector, has_error, error);
	end(l);
}

static void checked_barrier(struct nvmx_host *h, unsigned kinds)
{
	static const char op[] = "barrier";
	struct nvmx_ledger *l = begin(h, op);
	bool enters = kinds & NVMX_BARRIER_L2_ENTRY;

	EXPECT(kinds == NVMX_BARRIER_IBPB || kinds == NVMX_BARRIER_L2_ENTRY, BARRIER_KINDS, kinds, 0);
	EXPECT(enters != l->in_l2, BARRIER_TURNS, kinds, l->in_l2);
	l->in_l2 = enters;
	l->real.barrier(l->host, kinds);
	end(l);
}

static void checked_set_cr2(struct nvmx_host *h, uint64_t cr2)
{
	struct nvmx_ledger *l = begin(h, "set_cr2");

	l->real.set_cr2(l->host, cr2);
	end(l);
}

static void checked_set_dr6(struct nvmx_host *h, uint64_t conditions)
{
	static const char op[] = "set_dr6";
	struct nvmx_ledger *l = begin(h, op);

	EXPECT(!(conditions & ~0x1600full), DR6_CONDITIONS, conditions, 0);
	l->real.set_dr6(l->host, conditions);
	end(l);
}

static void checked_make_vmcs02(struct nvmx_host *h, uint64_t hpa)
{
	static const char op[] = "make_vmcs02";
	struct nvmx_ledger *l = begin(h, op);

	EXPECT(l->current == hpa && (nvmx_ledger_page(l, hpa) || !nvmx_ledger_follows(l)), VMCS02_CURRENT, l->current, hpa);
	l->real.make_vmcs02(l->host, hpa);
	end(l);
}

static int checked_watch(struct nvmx_host *h, const uint64_t *gpas, size_t n, uint64_t batch)
{
	static const char op[] = "watch";
	struct nvmx_ledger *l = begin(h, op);
	uint64_t offsets = 0, last = nvmx_ledger_batch(l, batch);
	int answer;

	for (size_t i = 0; i < n; i++)
		offsets |= gpas[i] & 0xfff;
	EXPECT(n >= 1 && n <= NVMX_WATCH_BATCH && !offsets, WATCH_FRAMES, n, offsets);
	EXPECT(batch > last, WATCH_BATCH, batch, last);
	answer = l->real.watch(l->host, gpas, n, batch);
	EXPECT(!answer || answer == NVMX_WATCH_BEGUN || answer == -1, WATCH_ANSWER, (unsigned)answer, batch);
	end(l);
	return answer;
}

static void checked_unwatch(struct nvmx_host *h, uint64_t gpa)
{
	static const char op[] = "unwatch";
	struct nvmx_ledger *l = begin(h, op);

	EXPECT(!(gpa & 0xfff), UNWATCH_FRAME, gpa, 0);
	l->real.unwatch(l->host, gpa);
	end(l);
}

/* These two may be called while another op is under way: by several at once, and between any two steps. */
static void checked_kick_others(struct nvmx_host *h)
{
	const struct nvmx_ledger *l = (const struct nvmx_ledger *)(const void *)h;

	l->real.kick_others(l->host);
}

static void checked_trace(struct nvmx_host *h, unsigned what, uint64_t a, uint64_t b, uint64_t c)
{
	static const char op[] = "trace";
	struct nvmx_ledger *l = (struct nvmx_ledger *)(void *)h;

	EXPECT(what < NVMX_TRACE_RESUME, TRACE_KNOWN, what, 0); /* which is the host's own */
	l->real.trace(l->host, what, a, b, c);
}

/* The layer's op where the host has one. */
#define LAYER(op) .op = real->op ? checked_##op : NULL
static struct nvmx_host_ops layer_of(const struct nvmx_host_ops *real)
{
	return (struct nvmx_host_ops){
		.size = sizeof(*real), .abi = real->abi | NVMX_ABI_CHECKED,
		LAYER(translate), LAYER(map), LAYER(unmap), LAYER(pin), LAYER(unpin), LAYER(page_alloc), LAYER(page_free),
		LAYER(vmcs_load), LAYER(vmcs_clear), LAYER(vmcs_read_many), LAYER(vmcs_write_many), LAYER(flush_ept),
		LAYER(flush_vpid), LAYER(l1_msr_read), LAYER(l1_msr_write), LAYER(l1_state_loaded), LAYER(pending_events),
		LAYER(ack_interrupt), LAYER(inject_l1), LAYER(barrier), LAYER(kick_others), LAYER(trace), LAYER(take_event),
		LAYER(set_cr2), LAYER(inject_l2), LAYER(make_vmcs02), LAYER(set_dr6),
		LAYER(watch), LAYER(unwatch),
		LAYER(end_interrupt),
	};
}

const struct nvmx_host_ops *nvmx_checked_ops(const struct nvmx_host_ops *real, struct nvmx_ledger *l)
{
	if (!real || !l || l->size != sizeof(*l) || !l->host || l->pages_n & (l->pages_n - 1) || (l->pages_n && !l->pages))
		return NULL;
	if (l->vm && (l->vm->vm || l->vm == l || l->vm->size != sizeof(*l)))
		return NULL;
	if (real->size < 16 || real->size > sizeof(*real) || real->size % 8)
		return NULL;
	l->real = (struct nvmx_host_ops){ .size = 0 };
	nvmx_memcpy(&l->real, real, real->size);
	l->table = layer_of(&l->real);
	l->current = l->vmcs01;
	return &l->table;
}

struct nvmx_host *nvmx_checked_host(struct nvmx_ledger *l)
{
	return (struct nvmx_host *)(void *)l;
}
