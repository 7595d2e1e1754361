/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages for the library.  It asks where nothing can be allocated, so each vCPU has as many in reserve as one call may take, which
 * nest_prepare() fills up again; what the library gives back goes there, too.
 */
#include "bhyve.h"

MALLOC_DEFINE(M_NEST, "nestvmx", "nested VMX");

static u_long pages;
SYSCTL_ULONG(_hw_vmm_nested, OID_AUTO, pages, CTLFLAG_RD, &pages, 0, "Pages in use or in reserve");

static u_int wanted(void)
{
	return (NVMX_PAGES_PER_CALL(nest_shadow_pages));
}

static void *take(struct nest *n)
{
	struct nest_page *page = SLIST_FIRST(&n->reserve);

	if (page == NULL)
		return (NULL);
	SLIST_REMOVE_HEAD(&n->reserve, next);
	n->reserves--;
	return (page);
}

static void put(struct nest *n, void *page)
{
	SLIST_INSERT_HEAD(&n->reserve, (struct nest_page *)page, next);
	n->reserves++;
}

static void shrink(struct nest *n, u_int left)
{
	while (n->reserves > left) {
		free(take(n), M_NEST);
		atomic_subtract_long(&pages, 1);
	}
}

/* May sleep. */
void nest_pages_fill(struct nest *n)
{
	while (n->reserves < wanted()) {
		put(n, malloc_aligned(PAGE_SIZE, PAGE_SIZE, M_NEST, M_WAITOK));
		atomic_add_long(&pages, 1);
	}
	if (n->reserves > 2 * wanted())
		shrink(n, wanted());
}

/* May sleep. */
void nest_pages_drop(struct nest *n)
{
	shrink(n, 0);
}

void *nest_op_page_alloc(struct nvmx_host *h, uint64_t *hpa)
{
	void *page = take(nest_of_host(h));

	if (page == NULL)
		return (NULL);
	memset(page, 0, PAGE_SIZE);
	*hpa = vtophys(page);
	return (page);
}

void nest_op_page_free(struct nvmx_host *h, void *page, uint64_t hpa __unused)
{
	put(nest_of_host(h), page);
}
