/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "../ept/lock.h"
#include "ledger.h"
#include "line.h"
#include <nestvmx/nestvmx.h>

static const struct promise {
	uint8_t number;
	bool hosts;
	const char *name, *text;
} promises[] = {
#define HOST true
#define LIBRARY false
#define NVMX_P(number, NAME, whose, promise) { number, whose, #NAME, promise },
#include <nestvmx/promises.def>
};

static const struct promise *find(unsigned number)
{
	for (size_t i = 0; i < sizeof(promises) / sizeof(*promises); i++)
		if (promises[i].number == number)
			return &promises[i];
	return NULL;
}

const char *nvmx_promise_name(unsigned promise)
{
	const struct promise *p = find(promise);

	return p ? p->name : NULL;
}

const char *nvmx_promise_text(unsigned promise)
{
	const struct promise *p = find(promise);

	return p ? p->text : NULL;
}

bool nvmx_promise_is_hosts(unsigned promise)
{
	const struct promise *p = find(promise);

	return p && p->hosts;
}

size_t nvmx_describe_broken(char *buf, size_t size, const struct nvmx_broken *what)
{
	const struct promise *p = find(what->promise);
	struct nvmx_line l = { buf, size, 0 };

	if (p) {
		nvmx_line_text(&l, *what->op ? what->op : "at the end");
		nvmx_line_text(&l, ": ");
		nvmx_line_text(&l, p->name);
		nvmx_line_text(&l, p->hosts ? " (the host's promise): " : " (the library's promise): ");
		nvmx_line_text(&l, p->text);
		nvmx_line_text(&l, "; found ");
		nvmx_line_number(&l, what->found, 16);
		nvmx_line_text(&l, what->about ? ", at " : "");
		if (what->about)
			nvmx_line_number(&l, what->about, 16);
	} else {
		nvmx_line_text(&l, what->promise ? "unknown promise" : "no promise is broken");
	}
	return nvmx_line_finish(&l);
}

void nvmx_ledger_of(struct nvmx_ledger *ledger, const struct nvmx_vm_config *vm, const struct nvmx_vcpu_config *vcpu)
{
	*ledger = (struct nvmx_ledger){
		.size = sizeof(*ledger),
		.revision = (uint32_t)nvmx_caps_get(vm->hw, NVMX_MSR_VMX_BASIC) & 0x7fffffff,
		.host = vcpu->host,
		.vmcs01 = vcpu->vmcs01,
		.maxphyaddr = vm->hw->maxphyaddr,
		.vpid02 = vcpu->vpid02,
		.vpid02_n = vcpu->vpid02_n,
	};
}

void nvmx_ledger_broke(struct nvmx_ledger *l, unsigned promise, const char *op, uint64_t found, uint64_t about)
{
	const struct nvmx_broken what = { .promise = promise, .op = op, .found = found, .about = about };

	if (!l->broken++)
		l->first = what;
	if (l->report)
		l->report(l->host, &what);
}

#define USED 1ull /* in hpa: the search goes on behind the place */

/* The ledger that has the vCPU's pages. */
static struct nvmx_ledger *book_of(struct nvmx_ledger *l)
{
	return l->vm ? l->vm : l;
}

/* Several vCPUs may have the VM's book at a time. */
static void hold(struct nvmx_ledger *book)
{
	unsigned long flags = 0;

	NVMX_PORT_LOCK_BEGIN(flags);
	while (__atomic_exchange_n(&book->pages_held, true, __ATOMIC_ACQUIRE))
		NVMX_RELAX();
	book->pages_flags = flags;
}

static void release(struct nvmx_ledger *book)
{
	unsigned long flags = book->pages_flags;

	(void)flags;
	__atomic_store_n(&book->pages_held, false, __ATOMIC_RELEASE);
	NVMX_PORT_LOCK_END(flags);
}

bool nvmx_ledger_follows(const struct nvmx_ledger *l)
{
	const struct nvmx_ledger *book = l->vm ? l->vm : l;

	return book->pages_n && !__atomic_load_n(&book->pages_lost, __ATOMIC_RELAXED);
}

static struct nvmx_ledger_page *find_page(const struct nvmx_ledger *book, uint64_t hpa)
{
	for (uint32_t i = 0; i < book->pages_n; i++) {
		struct nvmx_ledger_page *p = &book->pages[((hpa >> 12) + i) & (book->pages_n - 1)];

		if (!(p->hpa & USED))
			return NULL;
		if (p->page && p->hpa == (hpa | USED))
			return p;
	}
	return NULL;
}

struct nvmx_ledger_page *nvmx_ledger_page(struct nvmx_ledger *l, uint64_t hpa)
{
	struct nvmx_ledger *book = book_of(l);
	struct nvmx_ledger_page *p;

	hold(book);
	p = find_page(book, hpa);
	release(book);
	return p;
}

static void enter(struct nvmx_ledger *book, uint64_t hpa, void *page)
{
	book->pages_live++;
	for (uint32_t i = 0; i < book->pages_n; i++) {
		struct nvmx_ledger_page *p = &book->pages[((hpa >> 12) + i) & (book->pages_n - 1)];

		if (p->page)
			continue;
		*p = (struct nvmx_ledger_page){ .hpa = hpa | USED, .page = page };
		return;
	}
	__atomic_store_n(&book->pages_lost, true, __ATOMIC_RELAXED);
}

bool nvmx_ledger_add(struct nvmx_ledger *l, uint64_t hpa, void *page)
{
	struct nvmx_ledger *book = book_of(l);
	bool fresh;

	hold(book);
	fresh = !find_page(book, hpa);
	enter(book, hpa, page);
	release(book);
	return fresh;
}

bool nvmx_ledger_remove(struct nvmx_ledger *l, uint64_t hpa, const void *page, bool *vmcs)
{
	struct nvmx_ledger *book = book_of(l);
	struct nvmx_ledger_page *p;
	bool found;

	hold(book);
	p = find_page(book, hpa);
	found = p && p->page == page;
	*vmcs = found && p->vmcs;
	if (found)
		p->page = NULL;
	if (found || !nvmx_ledger_follows(l))
		book->pages_live--;
	release(book);
	return found;
}

uint64_t nvmx_ledger_batch(struct nvmx_ledger *l, uint64_t batch)
{
	struct nvmx_ledger *book = book_of(l);
	uint64_t last;

	hold(book);
	last = book->batch;
	book->batch = batch;
	release(book);
	return last;
}

bool nvmx_ledger_pinned(const struct nvmx_ledger *l, uint64_t gpa, unsigned *i)
{
	while (*i < NVMX_LEDGER_PINS && !(l->pin[*i].held && l->pin[*i].gpa == gpa))
		++*i;
	return *i < NVMX_LEDGER_PINS;
}

uint64_t nvmx_ledger_end(struct nvmx_ledger *l)
{
	for (unsigned i = 0; i < NVMX_LEDGER_MAPS; i++)
		if (l->map[i].page)
			nvmx_ledger_broke(l, NVMX_PROMISE_UNMAPPED, "", (uintptr_t)l->map[i].page, l->map[i].gpa);
	for (unsigned i = 0; i < NVMX_LEDGER_PINS; i++)
		if (l->pin[i].held)
			nvmx_ledger_broke(l, NVMX_PROMISE_UNPINNED, "", l->pin[i].hpa, l->pin[i].gpa);
	if (l->pages_live)
		nvmx_ledger_broke(l, NVMX_PROMISE_PAGES_FREED, "", l->pages_live, 0);
	return l->broken;
}
