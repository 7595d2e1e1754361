/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* vCPUs of one VM on a processor each, without threads. */
#ifndef EPT_CPUS_H
#define EPT_CPUS_H

#include "lock_count.h" /* before the library's own */
#include "ept_mapped.h"
#include "ept/shadow.h"

#define CPUS 8u

/* vCPUs with a processor each, of one VM, whose host has pages and a map for all of them. */
struct cpus {
	struct rig *r;
	struct nvmx_vcpu *v[CPUS];
	struct nvmx_host host[CPUS]; /* the processors' TLBs */
	unsigned n;
};

static struct nvmx_host *of_vm;
static struct nvmx_host_ops ops;
static unsigned kicks;
static void (*meanwhile)(void); /* when the host is asked for a frame, once, */
static unsigned asked_before;   /* after it was asked for so many */

static inline int translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	void (*then)(void) = meanwhile;

	(void)h;
	lock_none_held();
	if (then && !asked_before--) {
		meanwhile = NULL;
		then();
	}
	return host_translate(of_vm, gpa, access, out);
}

static inline void *map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	(void)h;
	return host_map(of_vm, gpa, write);
}

static inline void unmap(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)h;
	host_unmap(of_vm, gpa, page, wrote);
}

static inline void *page_alloc(struct nvmx_host *h, uint64_t *hpa)
{
	(void)h;
	return host_page_alloc(of_vm, hpa);
}

static inline void page_free(struct nvmx_host *h, void *page, uint64_t hpa)
{
	(void)h;
	host_page_free(of_vm, page, hpa);
}

static inline void kick_others(struct nvmx_host *h)
{
	(void)h;
	kicks++;
}

static inline void come(struct cpus *c, unsigned i)
{
	struct nvmx_vcpu *v = aligned_alloc(64, (sizeof(*v) + 63) & ~63ul);

	memset(v, 0, sizeof(*v));
	memset(&c->host[i], 0, sizeof(c->host[i]));
	c->host[i].pages_of_all = of_vm->pages;
	v->vm = &c->r->vm;
	v->ops = c->r->vm.ops;
	v->host = &c->host[i];
	v->cur = &c->r->slot;
	c->v[i] = v;
	nvmx_ept_vcpu_init(v);
}

static inline void go(struct cpus *c, unsigned i)
{
	nvmx_ept_vcpu_destroy(c->v[i]);
	free(c->v[i]);
	c->v[i] = NULL;
}

static inline void begin(struct cpus *c, unsigned n, uint32_t budget, uint32_t watches_n)
{
	memset(c, 0, sizeof(*c));
	c->r = mapped_rig_watching(budget, watches_n);
	nvmx_ept_vcpu_destroy(&c->r->v);
	of_vm = &c->r->host;
	ops = host_ops;
	ops.translate = translate;
	ops.map = map;
	ops.unmap = unmap;
	ops.page_alloc = page_alloc;
	ops.page_free = page_free;
	ops.kick_others = kick_others;
	c->r->vm.ops = &ops;
	c->r->vm.flags = NVMX_HOST_PAGES_OF_VM;
	c->n = n;
	kicks = asked_before = 0;
	meanwhile = NULL;
	for (unsigned i = 0; i < n; i++)
		come(c, i);
}

/* Nothing is left. */
static inline void end(struct cpus *c)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->v[i])
			go(c, i);
	assert_int_equal(nvmx_ept_of_vm(&c->r->vm)->pages, 0);
	assert_int_equal(of_vm->pages_live, 0);
	assert_int_equal(of_vm->maps_live, 0);
	free(c->r->vm.watches);
	free(of_vm->ram);
	free(c->r->v12);
	free(c->r);
}

/* An access of vCPU i's L2, with the violations that it takes. */
static inline enum nvmx_ept_answer use(struct cpus *c, unsigned i, uint64_t eptp, uint64_t gpa2, unsigned access, unsigned *faults)
{
	struct nvmx_ept_fault f;
	enum nvmx_ept_answer a;
	uint64_t hpa, qual;
	unsigned rights;

	for (;;) {
		if (!hw_access(&c->host[i], nvmx_ept_root(c->v[i], eptp), 0, gpa2, access, &hpa, &rights, &qual))
			return NVMX_EPT_RETRY;
		assert_true(++*faults < 100000);
		a = nvmx_ept_violation(c->v[i], eptp, gpa2, QUAL(access), &f);
		if (a != NVMX_EPT_RETRY)
			return a;
	}
}

/* What the processor of vCPU i reaches without a call of the library's: the host's frame, or 0. */
static inline uint64_t reaches(struct cpus *c, unsigned i, uint64_t eptp02, uint64_t gpa2, unsigned access)
{
	uint64_t hpa, qual;
	unsigned rights;

	return hw_access(&c->host[i], eptp02, 0, gpa2, access, &hpa, &rights, &qual) ? 0 : hpa >> 12;
}

#endif
