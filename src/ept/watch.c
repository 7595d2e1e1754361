/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Which frames of L1's the host watches: batches are begun here, and end here when one is written. */
#include "shadow.h"

/* Beside the frame and the two flags: 22 bits, so that a table that was compared long ago meets the same word again only after
 * four million frames were asked for. */
#define COUNT_LOW 0xffcull
#define COUNT_HIGH 0xfff0000000000000ull

static struct nvmx_ept_watches *watches_of(struct nvmx_vm *vm)
{
	return &nvmx_ept_of_vm(vm)->watches;
}

static uint64_t count_bits(uint32_t count)
{
	return ((uint64_t)count << 2 & COUNT_LOW) | ((uint64_t)(count >> 10) << 52 & COUNT_HIGH);
}

static void end_watch(struct nvmx_ept_watches *w, struct nvmx_ept_watch *p)
{
	__atomic_fetch_or(&p->word, NVMX_EPT_WATCH_WRITTEN, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&w->writes, 1, __ATOMIC_SEQ_CST);
}

static void written(struct nvmx_ept_watches *w, uint64_t gpa)
{
	struct nvmx_ept_watch *p = nvmx_ept_watch_line(w, gpa);

	for (struct nvmx_ept_watch *end = p + NVMX_EPT_WATCH_WAYS; p < end; p++)
		if (nvmx_ept_watch_is_of(nvmx_ept_watch_word(p), gpa))
			end_watch(w, p);
}

void nvmx_watch_written(struct nvmx_vm *vm, uint64_t gpa, uint64_t length)
{
	struct nvmx_ept_watches *w = watches_of(vm);
	uint64_t first = gpa >> 12, last = (gpa + length - 1 < gpa ? ~0ull : gpa + length - 1) >> 12;

	if (!w->at || !length)
		return;
	if (last - first < w->n / NVMX_EPT_WATCH_WAYS) {
		for (uint64_t frame = first; frame <= last; frame++)
			written(w, frame << 12);
		return;
	}
	for (struct nvmx_ept_watch *p = w->at; p < w->at + w->n; p++) {
		uint64_t word = nvmx_ept_watch_word(p), frame = (word & NVMX_EPTE_ADDR) >> 12;

		if (frame >= first && frame <= last && nvmx_ept_watch_is_of(word, word))
			end_watch(w, p);
	}
}

void nvmx_watch_armed(struct nvmx_vm *vm, uint64_t batch)
{
	struct nvmx_ept_watches *w = watches_of(vm);

	uint64_t before = __atomic_load_n(&w->armed, __ATOMIC_SEQ_CST);

	if (batch != __atomic_load_n(&w->batch, __ATOMIC_SEQ_CST) || batch <= before)
		return;
	/* The host may say so twice, and at the same time. */
	if (__atomic_compare_exchange_n(&w->armed, &before, batch, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		__atomic_sub_fetch(&w->busy, 1, __ATOMIC_SEQ_CST);
}

void nvmx_ept_watch_nothing(struct nvmx_ept_watches *w)
{
	__atomic_store_n(&w->none, __atomic_load_n(&w->batch, __ATOMIC_SEQ_CST), __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&w->writes, 1, __ATOMIC_SEQ_CST);
}

static uint32_t *pins_at(struct nvmx_ept_watches *w, uint64_t gpa)
{
	return &w->pins[(gpa >> 12 ^ gpa >> 18) % NVMX_EPT_WATCH_PINS];
}

void nvmx_ept_watch_pin(struct nvmx_vm *vm, uint64_t gpa)
{
	struct nvmx_ept_watches *w = watches_of(vm);

	__atomic_fetch_add(pins_at(w, gpa), 1, __ATOMIC_SEQ_CST);
	nvmx_watch_written(vm, gpa, 1);
}

void nvmx_ept_watch_unpin(struct nvmx_vm *vm, uint64_t gpa)
{
	__atomic_fetch_sub(pins_at(watches_of(vm), gpa), 1, __ATOMIC_SEQ_CST);
}

/* Takes a place for the frame; NULL: it is watched, or there is none.  The caller has `busy`. */
static struct nvmx_ept_watch *claim(struct nvmx_vcpu *v, struct nvmx_ept_watches *w, uint64_t gpa)
{
	struct nvmx_ept_watch *line = nvmx_ept_watch_line(w, gpa), *place;
	uint64_t none = __atomic_load_n(&w->none, __ATOMIC_SEQ_CST), word;
	unsigned way = NVMX_EPT_WATCH_WAYS;

	for (unsigned i = 0; i < NVMX_EPT_WATCH_WAYS; i++) {
		word = nvmx_ept_watch_word(&line[i]);
		if (!nvmx_ept_watch_is_of(word, word) || line[i].batch <= none)
			way = way < NVMX_EPT_WATCH_WAYS ? way : i;
		else if (!((word ^ gpa) & NVMX_EPTE_ADDR))
			return NULL;
	}
	place = &line[way < NVMX_EPT_WATCH_WAYS ? way : w->hand++ % NVMX_EPT_WATCH_WAYS];
	if (way == NVMX_EPT_WATCH_WAYS) {
		if (place->batch == NVMX_EPT_WATCH_UNARMED)
			return NULL;
		end_watch(w, place);
		v->ops->unwatch(v->host, nvmx_ept_watch_word(place) & NVMX_EPTE_ADDR);
	}
	__atomic_store_n(&place->batch, NVMX_EPT_WATCH_UNARMED, __ATOMIC_SEQ_CST);
	__atomic_store_n(&place->word, count_bits(++w->claims) | NVMX_EPT_WATCH_USED | gpa, __ATOMIC_SEQ_CST);
	/* Who pins it from now on finds the place. */
	if (__atomic_load_n(pins_at(w, gpa), __ATOMIC_SEQ_CST))
		end_watch(w, place);
	return place;
}

/* From now on no fill gives the right to write to the frames, since `translate` does not; where another vCPU was given it before,
 * the frame is not watched. */
static void arm(struct nvmx_vcpu *v, struct nvmx_ept_watches *w, struct nvmx_ept_watch *const *places, unsigned n, uint64_t batch)
{
	for (unsigned i = 0; i < n; i++) {
		if (!nvmx_ept_protect(v, nvmx_ept_watch_word(places[i]) & NVMX_EPTE_ADDR, i == 0))
			end_watch(w, places[i]);
		__atomic_store_n(&places[i]->batch, batch, __ATOMIC_SEQ_CST);
	}
}

static void not_begun(struct nvmx_ept_vcpu *e, struct nvmx_ept_watches *w, struct nvmx_ept_watch *const *places, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		end_watch(w, places[i]);
	e->want_pause = e->want_pause_next;
	if (e->want_pause_next < NVMX_EPT_PAUSE_MAX)
		e->want_pause_next *= 2;
	__atomic_store_n(&w->busy, 0, __ATOMIC_SEQ_CST);
}

void nvmx_ept_watch_begin(struct nvmx_vcpu *v)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	struct nvmx_ept_watches *w = watches_of(v->vm);
	struct nvmx_ept_watch *places[NVMX_WATCH_BATCH];
	uint64_t gpas[NVMX_WATCH_BATCH], batch;
	uint32_t idle = 0;
	unsigned n = 0;
	int answer;

	if (e->want_pause) {
		e->want_pause--;
		e->want_n = 0;
		return;
	}
	if (!__atomic_compare_exchange_n(&w->busy, &idle, 2, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	batch = w->batch + 1;
	__atomic_store_n(&w->batch, batch, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < e->want_n; i++) {
		places[n] = claim(v, w, e->want[i]);
		gpas[n] = e->want[i];
		n += places[n] != NULL;
	}
	e->want_n = 0;
	answer = n ? v->ops->watch(v->host, gpas, n, batch) : -1;
	if (answer != 0 && answer != NVMX_WATCH_BEGUN) {
		not_begun(e, w, places, n);
		return;
	}
	e->want_pause_next = 1;
	arm(v, w, places, n, batch);
	if (!answer)
		nvmx_watch_armed(v->vm, batch);
	__atomic_sub_fetch(&w->busy, 1, __ATOMIC_SEQ_CST);
}
