/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * vCPUs on one EPT12, each in a thread, while L1's tables change and the host takes frames back: after a revocation has
 * returned, nobody reaches the frame.  Each L2 has two EPTPs, between which the processor may switch.  And L1 takes pages
 * from L2 as an L1 does that knows it is nested: it changes the entry, every vCPU invalidates the page's range, and then
 * nobody reaches what was there; or by an INVEPT of all, while the host watches L1's tables.  vCPUs come and go meanwhile.  Built
 * with the thread sanitizer.
 *
 * The host serialises nothing: several threads take the same frame back at once, and each may use it when its own call returns.
 */
#include <pthread.h>
#include "../unit/lock_count.h"
#include "../unit/ept_host.h"
#include "ept/shadow.h"

#define MAX_VCPUS 4
#define STEPS (NVMX_TEST_FULL ? 50000u : 12000u)
#define TABLES 12u
#define DATA 64u
#define LIST_FRAME (FRAMES - 1) /* L1's EPTP list */
#define LARGE_PAGES 2u         /* of L1's memory, which the host has in one piece: from LARGE_GPA on */
#define LARGE_GPA (64ull << 21)
#define LARGE_HPA (1ull << 40)
#define LARGE (FRAMES)         /* their place in host_of[] */
#define HOST_FRAMES (FRAMES + MAX_VCPUS * STEPS)

/* L1's frame -> host frame << 8 | rights.  A host frame that was taken back is never used again.  Without rights it is the frame
 * that was there last. */
static uint64_t host_of[FRAMES + LARGE_PAGES];
static uint32_t taken_at[2 * HOST_FRAMES], protected_at[2 * HOST_FRAMES]; /* number of the revocation, 0: none */
static uint32_t revocations, given, doubles;

/* L1's own: pages that it takes from L2, all mapped by SHOT_TABLE.  A frame of L1's that was taken is not used again. */
#define SHOT_TABLE 20u
#define SHOT_INDEX 5u          /* of that table in the one above: table 3 */
#define SHOT_PAGES 16u
#define SHOT_FRAMES 1000u      /* from FRAMES / 2 on */
static uint32_t shot_at[FRAMES]; /* number of the shootdown, 0: none */
static uint32_t shots;
static struct { uint64_t gpa2; uint32_t number; } shot; /* under way; number 0: none */

/* The host's write tracking of L1's tables. */
static bool watched[FRAMES];   /* changed under host_lock, as the rights in EPT01 would be */
static pthread_mutex_t host_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t begun;         /* number of the batch that is not armed yet, 0: none */
static unsigned watches, traps;
static pthread_mutex_t l1_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned kicks;
static struct vcpu_thread *all[MAX_VCPUS];
static _Thread_local struct vcpu_thread *me;

struct vcpu_thread {
	struct nvmx_vcpu v;
	struct nvmx_host host;
	pthread_t thread;
	uint64_t rnd;
	unsigned steps;
	bool in_l2, done;
	bool writing;      /* to one of L1's tables, perhaps by a right that is gone meanwhile */
	struct nvmx_vmcs12 v12;
	unsigned on;       /* the EPTP that L2 runs on */
	uint64_t *hw_list; /* the processor's EPTP list */
	unsigned switches; /* by the processor */
	uint32_t served;   /* number of the last shootdown */
	unsigned shot_reached;
	unsigned reached, taken_reached; /* a frame; one that had been taken back, or protected, before */
};

/* Pages are the VM's: hosts of vCPUs give back what they have not got. */
static struct nvmx_host pages_of_all;
static pthread_mutex_t pages_lock = PTHREAD_MUTEX_INITIALIZER;

static void *page_alloc(struct nvmx_host *h, uint64_t *hpa)
{
	void *page;

	lock_none_held();
	if (nvmx_ept_of(&me->v)->pages >= h->page_limit)
		return NULL;
	pthread_mutex_lock(&pages_lock);
	page = host_page_alloc(&pages_of_all, hpa);
	pthread_mutex_unlock(&pages_lock);
	return page;
}

static void page_free(struct nvmx_host *h, void *page, uint64_t hpa)
{
	(void)h;
	lock_none_held();
	pthread_mutex_lock(&pages_lock);
	host_page_free(&pages_of_all, page, hpa);
	pthread_mutex_unlock(&pages_lock);
}

static const uint64_t eptp12[2] = { 0x1000 | 3 << 3 | 6, 0x1000 | 3 << 3 | 6 | NVMX_EPTP_AD };

/* The place of L1's frame in host_of[]; FRAMES + LARGE_PAGES: none. */
static unsigned place_of(uint64_t gpa)
{
	if (gpa >= LARGE_GPA && gpa < LARGE_GPA + LARGE_PAGES * 0x200000ull)
		return LARGE + (unsigned)((gpa - LARGE_GPA) >> 21);
	return gpa >> 12 < FRAMES ? (unsigned)(gpa >> 12) : FRAMES + LARGE_PAGES;
}

static int translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	unsigned place = place_of(gpa);
	uint64_t m = place < FRAMES + LARGE_PAGES ? __atomic_load_n(&host_of[place], __ATOMIC_SEQ_CST) : 0;

	(void)h;
	lock_none_held();
	if (!(m & 7) || (m & access & 7) != (access & 7))
		return -1;
	*out = (struct nvmx_xlate){ .rights = m & 7, .page_shift = place < LARGE ? 12 : 21, .memtype = 6 };
	out->hpa = place < LARGE ? (m >> 8) << 12 | (gpa & 0xfff) : LARGE_HPA | (m >> 8) << 21 | (gpa & 0x1fffff);
	return 0;
}

/* What a host-physical address is in taken_at[] and protected_at[]. */
static uint32_t ident(uint64_t hpa)
{
	return (uint32_t)(hpa >= LARGE_HPA ? HOST_FRAMES + ((hpa - LARGE_HPA) >> 21) : hpa >> 12);
}

/* As an IPI: the others leave L2. */
static void kick_others(struct nvmx_host *h)
{
	(void)h;
	lock_none_held();
	__atomic_add_fetch(&kicks, 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < MAX_VCPUS; i++)
		while (all[i] && all[i] != me && __atomic_load_n(&all[i]->in_l2, __ATOMIC_SEQ_CST))
			sched_yield();
}

/* As an IPI: nobody writes by a right that it had before. */
static void wait_for_writers(void)
{
	for (unsigned i = 0; i < MAX_VCPUS; i++)
		while (all[i] && all[i] != me && __atomic_load_n(&all[i]->writing, __ATOMIC_SEQ_CST))
			sched_yield();
}

static int watch(struct nvmx_host *h, const uint64_t *gpas, size_t n, uint64_t batch)
{
	(void)h;
	lock_none_held();
	pthread_mutex_lock(&host_lock);
	for (size_t i = 0; i < n; i++)
		__atomic_store_n(&watched[gpas[i] >> 12], true, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&host_lock);
	__atomic_add_fetch(&watches, (unsigned)n, __ATOMIC_SEQ_CST);
	if (batch % 8 == 0)
		return -1;
	if (batch & 1) {
		__atomic_store_n(&begun, batch, __ATOMIC_SEQ_CST);
		return NVMX_WATCH_BEGUN;
	}
	wait_for_writers();
	return 0;
}

static void unwatch(struct nvmx_host *h, uint64_t gpa)
{
	(void)h;
	lock_none_held();
	pthread_mutex_lock(&host_lock);
	__atomic_store_n(&watched[gpa >> 12], false, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&host_lock);
}

static void arm(struct nvmx_vm *vm)
{
	uint64_t batch = __atomic_exchange_n(&begun, 0, __ATOMIC_SEQ_CST);

	if (!batch)
		return;
	wait_for_writers();
	nvmx_watch_armed(vm, batch);
}

/* L1 writes an entry of its tables, which traps if the frame is watched.  Returns what was there. */
static uint64_t l1_write(struct vcpu_thread *t, unsigned table, unsigned index, uint64_t entry)
{
	uint64_t old;

	__atomic_store_n(&t->writing, true, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&watched[table], __ATOMIC_SEQ_CST)) {
		pthread_mutex_lock(&host_lock);
		nvmx_watch_written(t->v.vm, (uint64_t)table << 12 | index * 8, 8);
		__atomic_store_n(&watched[table], false, __ATOMIC_SEQ_CST);
		pthread_mutex_unlock(&host_lock);
		__atomic_add_fetch(&traps, 1, __ATOMIC_SEQ_CST);
	}
	old = __atomic_exchange_n(&t->host.ram[table][index], entry, __ATOMIC_SEQ_CST);
	__atomic_store_n(&t->writing, false, __ATOMIC_SEQ_CST);
	return old;
}

static unsigned below(uint64_t *rnd, unsigned n)
{
	*rnd ^= *rnd << 13;
	*rnd ^= *rnd >> 7;
	*rnd ^= *rnd << 17;
	return (unsigned)(*rnd >> 20) % n;
}

/* Tables 1 to 3 are the upper levels, the others hold 4-KiB pages. */
static uint64_t some_entry(uint64_t *rnd, unsigned table)
{
	if (table == 3 && below(rnd, 3) == 0)
		return (below(rnd, 4) ? 7 : 5) | WB_LEAF | NVMX_EPTE_LARGE | (LARGE_GPA + below(rnd, LARGE_PAGES) * 0x200000ull);
	if (table < 4)
		return 7 | (uint64_t)(table < 3 ? table + 1 : 4 + below(rnd, TABLES - 4)) << 12;
	return (below(rnd, 8) ? 7 : below(rnd, 2) ? 5 : 0) | WB_LEAF | (uint64_t)(DATA + below(rnd, 24)) << 12;
}

static void edit(struct vcpu_thread *t)
{
	unsigned table = 1 + below(&t->rnd, TABLES - 1);

	l1_write(t, table, below(&t->rnd, 4), some_entry(&t->rnd, table));
}

/* L1 enters L2. */
static void enter(struct vcpu_thread *t)
{
	uint64_t list = nvmx_ept_list(&t->v, &t->v12);

	assert_in_range(list >> 12, HOST_PAGE_FRAME, HOST_PAGE_FRAME + HOST_PAGES - 1);
	t->hw_list = pages_of_all.pages[(list >> 12) - HOST_PAGE_FRAME];
	assert_true(nvmx_ept_root(&t->v, eptp12[t->on]));
	nvmx_ept_ahead(&t->v, eptp12[t->on]);
}

/* VMFUNC: the processor switches, or L2 exits and the library does. */
static uint64_t switch_to(struct vcpu_thread *t, unsigned n)
{
	uint64_t eptp = t->hw_list[n];

	t->on = n;
	t->switches += eptp != 0;
	if (eptp)
		return eptp;
	__atomic_store_n(&t->in_l2, false, __ATOMIC_SEQ_CST);
	assert_true(nvmx_ept_root(&t->v, eptp12[n]));
	nvmx_ept_list_add(&t->v, n, eptp12[n]);
	__atomic_store_n(&t->in_l2, true, __ATOMIC_SEQ_CST);
	return nvmx_ept_root(&t->v, eptp12[n]);
}

/* L2 runs for one access; what it uses stays in the TLB.  Returns whether it reached a frame. */
static bool run_l2(struct vcpu_thread *t, unsigned n, uint64_t gpa2, unsigned access)
{
	uint64_t eptp, hpa, qual;
	uint32_t before, taken, protected, shot_before, shot_then;
	unsigned rights, times = below(&t->rnd, 8) ? 1 : 4;
	bool reached = true;

	__atomic_store_n(&t->in_l2, true, __ATOMIC_SEQ_CST);
	eptp = nvmx_ept_root(&t->v, eptp12[t->on]); /* what nvmx_before_l2() does */
	if (t->on != n)
		eptp = switch_to(t, n);
	for (unsigned i = 0; reached && i < times; i++) {
		if (i)
			sched_yield(); /* and then the TLB serves */
		before = __atomic_load_n(&revocations, __ATOMIC_SEQ_CST);
		shot_before = __atomic_load_n(&shots, __ATOMIC_SEQ_CST);
		reached = !hw_access(&t->host, eptp, 0, gpa2, access, &hpa, &rights, &qual);
		if (!reached)
			break;
		taken = __atomic_load_n(&taken_at[ident(hpa)], __ATOMIC_SEQ_CST);
		protected = __atomic_load_n(&protected_at[ident(hpa)], __ATOMIC_SEQ_CST);
		t->taken_reached += (taken && taken <= before) || (protected && protected <= before && rights & 2);
		shot_then = hpa >> 12 < FRAMES ? __atomic_load_n(&shot_at[hpa >> 12], __ATOMIC_SEQ_CST) : 0;
		t->shot_reached += shot_then && shot_then <= shot_before;
		t->reached++;
	}
	__atomic_store_n(&t->in_l2, false, __ATOMIC_SEQ_CST);
	return reached;
}

static void access_once(struct vcpu_thread *t, unsigned n)
{
	uint64_t gpa2 = 0;
	unsigned tries, access = 1u << below(&t->rnd, 2);
	struct nvmx_ept_fault f;

	for (unsigned level = 1; level <= 4; level++)
		gpa2 |= (uint64_t)below(&t->rnd, 4) << nvmx_ept_shift(level);
	if (below(&t->rnd, 4) == 0)
		gpa2 = (uint64_t)SHOT_INDEX << 21 | (uint64_t)below(&t->rnd, SHOT_PAGES) << 12;
	for (tries = 0; tries < 3; tries++) {
		if (run_l2(t, n, gpa2, access))
			return;
		if (nvmx_ept_violation(&t->v, eptp12[n], gpa2, access | 0x180, &f) != NVMX_EPT_RETRY)
			return;
	}
}

static void mark(uint32_t *at, uint32_t frame)
{
	uint32_t none = 0, number = __atomic_add_fetch(&revocations, 1, __ATOMIC_SEQ_CST);

	__atomic_compare_exchange_n(&at[frame], &none, number, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* A frame of L1's or a large page: its place in host_of[], address and size. */
static unsigned some_place(struct vcpu_thread *t, uint64_t *gpa, uint64_t *size)
{
	unsigned place = below(&t->rnd, 4) ? DATA + below(&t->rnd, 24) : LARGE + below(&t->rnd, LARGE_PAGES);

	*gpa = place < LARGE ? (uint64_t)place << 12 : LARGE_GPA + (place - LARGE) * 0x200000ull;
	*size = place < LARGE ? 4096 : 0x200000;
	return place;
}

static uint32_t frame_of(unsigned place, uint64_t m)
{
	return (uint32_t)(m >> 8) + (place < LARGE ? 0 : HOST_FRAMES);
}

/* The host takes a frame back; L1 gets another for it, at once or when somebody comes across it again.  Who finds it gone
 * already may be the second, whose call says as much as that of the first. */
static void move_frame(struct vcpu_thread *t)
{
	uint64_t gpa, size, m, gone;
	unsigned place = some_place(t, &gpa, &size), rights = below(&t->rnd, 4) ? 7 : 5;
	uint32_t number;

	m = __atomic_load_n(&host_of[place], __ATOMIC_SEQ_CST);
	gone = m & ~0xffull;
	if (m & 7 && !__atomic_compare_exchange_n(&host_of[place], &m, gone, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	if (!(m & 7))
		__atomic_add_fetch(&doubles, 1, __ATOMIC_SEQ_CST);
	nvmx_host_invalidate(t->v.vm, below(&t->rnd, 2) ? &t->v : NULL, gpa, size);
	mark(taken_at, frame_of(place, m));
	if (below(&t->rnd, 2)) {
		number = FRAMES + LARGE_PAGES + __atomic_add_fetch(&given, 1, __ATOMIC_SEQ_CST); /* none that was there first */
		assert_true(number < HOST_FRAMES - 1);
		__atomic_compare_exchange_n(&host_of[place], &gone, (uint64_t)number << 8 | rights, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
	}
}

/* The host lets L1 only read a frame from now on, or finds that so already. */
static void protect_frame(struct vcpu_thread *t)
{
	uint64_t gpa, size, m;
	unsigned place = some_place(t, &gpa, &size);

	m = __atomic_load_n(&host_of[place], __ATOMIC_SEQ_CST);
	if (m & 2 && !__atomic_compare_exchange_n(&host_of[place], &m, m & ~2ull, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	nvmx_host_write_protect(t->v.vm, below(&t->rnd, 2) ? &t->v : NULL, gpa, size);
	mark(protected_at, frame_of(place, m));
}

/* A vCPU comes, uses a page and goes. */
static void come_and_go(struct vcpu_thread *t)
{
	struct nvmx_vcpu *v = aligned_alloc(64, (sizeof(*v) + 63) & ~63ul);
	struct nvmx_ept_fault f;

	memset(v, 0, sizeof(*v));
	v->vm = t->v.vm;
	v->ops = t->v.ops;
	v->host = &t->host;
	nvmx_ept_vcpu_init(v);
	nvmx_ept_violation(v, eptp12[0], (uint64_t)below(&t->rnd, 4) << 12, NVMX_ACCESS_R | 0x180, &f);
	nvmx_ept_vcpu_destroy(v);
	free(v);
}

/* L1's handler of its IPI: the page-level invalidation on this vCPU, or an INVEPT. */
static void serve(struct vcpu_thread *t)
{
	uint32_t number = __atomic_load_n(&shot.number, __ATOMIC_SEQ_CST);

	if (number == t->served)
		return;
	if (number % 2)
		nvmx_ept_invept(&t->v, NVMX_FLUSH_SINGLE, eptp12[0]);
	for (unsigned i = 0; number % 2 == 0 && number && i < 2; i++)
		nvmx_ept_invept_range(&t->v, eptp12[i], shot.gpa2, shot.gpa2 + 0xfff);
	__atomic_store_n(&t->served, number, __ATOMIC_SEQ_CST);
}

/* Every third page goes by one call for all vCPUs (<nestvmx/hyperv.h>), which none of the others hears of. */
static bool is_named_everywhere(uint32_t number)
{
	return number % 3 == 0;
}

static void invept_everywhere(struct vcpu_thread *t, uint64_t gpa2)
{
	for (unsigned i = 0; i < 2; i++) {
		struct nvmx_ept_range r = { eptp12[i] & NVMX_EPTE_ADDR, gpa2, gpa2 + 0xfff };
		struct nvmx_ept_named named = { 0 };

		nvmx_ept_name(&named, &r);
		assert_true(nvmx_ept_invept_everywhere(&t->v, &named));
	}
}

static void wait_until_served(struct vcpu_thread *t, uint32_t number)
{
	for (unsigned i = 0; i < MAX_VCPUS; i++)
		while (all[i] && !__atomic_load_n(&all[i]->done, __ATOMIC_SEQ_CST) &&
		       __atomic_load_n(&all[i]->served, __ATOMIC_SEQ_CST) != number) {
			serve(t);
			sched_yield();
		}
}

/* L1 maps another frame in place of one, and tells all vCPUs. */
static void shoot(struct vcpu_thread *t)
{
	unsigned page = below(&t->rnd, SHOT_PAGES);
	uint64_t old, gpa2 = (uint64_t)SHOT_INDEX << 21 | (uint64_t)page << 12;

	if (pthread_mutex_trylock(&l1_lock))
		return; /* another is at it, and waits for this one */
	if (shots < SHOT_FRAMES) {
		old = l1_write(t, SHOT_TABLE, page, 7 | WB_LEAF | (uint64_t)(FRAMES / 2 + shots) << 12);
		if (is_named_everywhere(shots + 1)) {
			invept_everywhere(t, gpa2);
		} else {
			shot.gpa2 = gpa2;
			__atomic_store_n(&shot.number, shots + 1, __ATOMIC_SEQ_CST);
			wait_until_served(t, shots + 1);
		}
		if (old)
			__atomic_store_n(&shot_at[(old & NVMX_EPTE_ADDR) >> 12], shots + 1, __ATOMIC_SEQ_CST);
		__atomic_add_fetch(&shots, 1, __ATOMIC_SEQ_CST);
	}
	pthread_mutex_unlock(&l1_lock);
}

static void *run_vcpu(void *arg)
{
	struct vcpu_thread *t = me = arg;

	enter(t);
	for (unsigned i = 0; i < t->steps; i++) {
		unsigned what = below(&t->rnd, 100);

		serve(t);
		if (below(&t->rnd, 100) == 0)
			shoot(t);
		if (what < 3)
			edit(t);
		else if (what < 6) {
			nvmx_ept_invept(&t->v, NVMX_FLUSH_SINGLE, eptp12[0]);
			enter(t);
			arm(t->v.vm);
		} else if (what < 12)
			move_frame(t);
		else if (what < 14)
			protect_frame(t);
		else if (what < 15 && below(&t->rnd, 32) == 0)
			come_and_go(t);
		else
			access_once(t, what & 1);
	}
	__atomic_store_n(&t->done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Pages that belong to none of the vCPUs alone. */
static uint32_t shared_pages(struct nvmx_vm *vm, struct vcpu_thread *const *t, unsigned vcpus)
{
	uint32_t pages = nvmx_ept_of_vm(vm)->pages;

	for (unsigned i = 0; i < vcpus; i++)
		pages -= nvmx_ept_of(&t[i]->v)->pages;
	return pages;
}

static void run(unsigned vcpus, bool shared, unsigned steps, uint64_t start)
{
	struct nvmx_host_ops ops = host_ops;
	struct nvmx_vm *vm = aligned_alloc(64, sizeof(*vm) + 63 - (sizeof(*vm) + 63) % 64);
	struct vcpu_thread *t[MAX_VCPUS];
	struct nvmx_host first;
	uint64_t rnd = start;
	uint32_t shared_at_end = 0;
	unsigned i, k;

	print_message("%u vCPUs, seed %llu, %s\n", vcpus, (unsigned long long)start, shared ? "tables shared" : "each its own");
	ops.translate = translate;
	ops.kick_others = kick_others;
	ops.watch = watch;
	ops.unwatch = unwatch;
	ops.page_alloc = page_alloc;
	ops.page_free = page_free;
	memset(vm, 0, sizeof(*vm));
	memset(&pages_of_all, 0, sizeof(pages_of_all));
	pages_of_all.page_limit = HOST_PAGES;
	vm->flags = shared ? NVMX_HOST_PAGES_OF_VM : 0;
	vm->ops = &ops;
	vm->watches_n = NVMX_WATCHES_MIN;
	vm->watches = aligned_alloc(64, NVMX_WATCHES_MIN * NVMX_WATCH_SIZE);
	memset(taken_at, 0, sizeof(taken_at));
	memset(protected_at, 0, sizeof(protected_at));
	memset(all, 0, sizeof(all));
	memset(shot_at, 0, sizeof(shot_at));
	memset(watched, 0, sizeof(watched));
	begun = 0;
	watches = traps = 0;
	revocations = given = doubles = kicks = shots = shot.number = 0;
	vm->caps.maxphyaddr = vm->hw.maxphyaddr = 46;
	vm->caps.msr[NVMX_MSR_VMX_EPT_VPID_CAP - NVMX_CAPS_FIRST_MSR] = RIG_EPT_CAPS;
	vm->hw = vm->caps;
	nvmx_ept_vm_init(vm);
	host_init(&first);
	for (i = 0; i < FRAMES + LARGE_PAGES; i++)
		host_of[i] = (uint64_t)i << 8 | 7;
	for (i = 1; i < TABLES; i++)
		for (k = 0; k < 4; k++)
			first.ram[i][k] = some_entry(&rnd, i);
	first.ram[3][SHOT_INDEX] = 7 | (uint64_t)SHOT_TABLE << 12;
	memcpy(first.ram[LIST_FRAME], eptp12, sizeof(eptp12));
	for (i = 0; i < vcpus; i++) {
		t[i] = aligned_alloc(64, (sizeof(*t[i]) + 63) & ~63ul);
		memset(t[i], 0, sizeof(*t[i]));
		t[i]->steps = steps;
		t[i]->host.ram = first.ram;
		t[i]->host.pages_of_all = pages_of_all.pages;
		t[i]->host.page_limit = i ? HOST_PAGES : 70; /* one of them evicts all the time */
		t[i]->v12.eptp_list_addr = LIST_FRAME * 0x1000ull;
		t[i]->rnd = start * 77 + i + 1;
		t[i]->v.vm = vm;
		t[i]->v.ops = &ops;
		t[i]->v.host = &t[i]->host;
		nvmx_ept_vcpu_init(&t[i]->v);
		all[i] = t[i];
	}
	for (i = 0; i < vcpus; i++)
		assert_int_equal(pthread_create(&t[i]->thread, NULL, run_vcpu, t[i]), 0);
	for (i = 0; i < vcpus; i++) {
		pthread_join(t[i]->thread, NULL);
		if (t[i]->taken_reached)
			fail_msg("vCPU %u reached frames that had been taken back or protected %u times", i, t[i]->taken_reached);
		if (t[i]->shot_reached)
			fail_msg("vCPU %u reached pages that L1 had taken %u times", i, t[i]->shot_reached);
		assert_true(t[i]->reached > steps / 10 && t[i]->switches > steps / 50);
	}
	shared_at_end = shared_pages(vm, t, vcpus);
	assert_true(shared ? shared_at_end > 30 : !shared_at_end);
	for (i = 0; i < vcpus; i++)
		nvmx_ept_vcpu_destroy(&t[i]->v);
	assert_int_equal(pages_of_all.pages_live, 0);
	for (i = 0; i < vcpus; i++)
		free(t[i]);
	print_message("  %u revocations, %u of what was gone already; %u kicks\n", revocations, doubles, kicks);
	print_message("  %u pages taken by L1; %u frames watched, %u writes told of\n", shots, watches, traps);
	assert_true(watches > 50 && traps > 50);
	assert_true(revocations > steps / 20 && kicks > 0 && doubles > 0 && shots > 10);
	free(first.ram);
	free(vm->watches);
	free(vm);
}

static uint64_t seed = 1;

static void test_two(void **state)
{
	(void)state;
	run(2, false, STEPS / 2, seed);
	run(2, true, STEPS / 2, seed);
}

static void test_four(void **state)
{
	(void)state;
	run(4, false, STEPS / 4, seed);
	run(4, true, STEPS / 4, seed);
}

/* unit_ept_threads [SEED] */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_two), cmocka_unit_test(test_four) };

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
