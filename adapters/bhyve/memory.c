/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's memory, read from EPT01 without a lock: in the SMR section that pmap_invalidate_ept() waits for, as the processor reads it.
 * An entry may change at any moment, but what it led to stays what it is until smr_exit().
 *
 * Accessed and dirty flags are set as the processor would, also where they are emulated (then a clear accessed flag is "read"
 * being 0, and a clear dirty flag "write").  L2 gets the right to write only where the dirty flag is set: the pager, which
 * believes in it, would lose what L2 wrote.
 */
#include "bhyve.h"

#define EPT_R (1ul << 0)
#define EPT_W (1ul << 1)
#define EPT_X (1ul << 2)
#define EPT_TYPE(e) ((e) >> 3 & 7)
#define EPT_IGNORE_PAT (1ul << 6)
#define EPT_LARGE (1ul << 7)
#define EPT_A (1ul << 8)
#define EPT_D (1ul << 9)
#define EPT_FRAME 0x000ffffffffff000ul
#define TABLE_SHIFT (PAGE_SHIFT + 9)	/* what a table of pages maps */

/* What an entry means, by the pmap's way to keep accessed and dirty flags.  `valid` is any of the bits there. */
struct nest_meaning {
	u_long valid, read, write, accessed, dirty;
};

static const struct nest_meaning by_hardware = { EPT_R | EPT_W | EPT_X, EPT_R, EPT_W, EPT_A, EPT_D };
static const struct nest_meaning emulated = { EPT_PG_EMUL_V, EPT_PG_EMUL_V, EPT_PG_EMUL_RW, EPT_R, EPT_W };

void nest_memory_init(struct nest *n)
{
	n->meaning = (n->vcpu->vmx->pmap->pm_flags & PMAP_EMULATE_AD_BITS) != 0 ? &emulated : &by_hardware;
}

static bool has(u_long e, u_long mask)
{
	return ((e & mask) == mask);
}

static uint8_t rights(const struct nest_meaning *m, u_long e)
{
	return ((has(e, m->read) ? NVMX_ACCESS_R : 0) | (has(e, m->write | m->dirty) ? NVMX_ACCESS_W : 0) |
		(has(e, EPT_X) ? NVMX_ACCESS_X : 0));
}

static bool allows(const struct nest_meaning *m, u_long e, unsigned access)
{
	return ((e & m->valid) != 0 && ((access & NVMX_ACCESS_R) == 0 || has(e, m->read)) &&
		((access & NVMX_ACCESS_W) == 0 || has(e, m->write)) && ((access & NVMX_ACCESS_X) == 0 || has(e, EPT_X)));
}

/* A call begins, or L2 is about to run: what was found before may be gone. */
void nest_memory_begin(struct nest *n)
{
	n->table = NULL;
	n->givens = 0;
}

/*
 * The last table of pages serves the whole call, as a processor keeps what it read in its paging-structure caches (SDM 28.4.1): if
 * EPT01 does not lead to it any more, it is a table still until smr_exit().
 */
static bool is_kept(const struct nest *n, uint64_t gpa)
{
	return (n->table != NULL && n->table_for == gpa >> TABLE_SHIFT);
}

static u_long *kept(const struct nest *n, uint64_t gpa)
{
	return (&n->table[gpa >> PAGE_SHIFT & 511]);
}

/* The leaf that maps `gpa`, or NULL. */
static u_long *leaf(struct nest *n, uint64_t gpa, u_int *shift)
{
	u_long *table = (u_long *)n->vcpu->vmx->pmap->pm_pmltop, *at, e;

	if (gpa >> 48 != 0)
		return (NULL);
	for (*shift = 39;; *shift -= 9) {
		at = &table[gpa >> *shift & 511];
		if (*shift == PAGE_SHIFT)
			break;
		e = atomic_load_long(at);
		if ((e & n->meaning->valid) == 0)
			return (NULL);
		if ((e & EPT_LARGE) != 0 && *shift < 39)
			return (at);
		table = (u_long *)PHYS_TO_DMAP(e & EPT_FRAME);
	}
	n->table = table;
	n->table_for = gpa >> TABLE_SHIFT;
	return (at);
}

/* Sets what the access sets; false: the entry has changed under us, so that nothing is known. */
static bool mark(const struct nest_meaning *m, u_long *at, u_long *e, unsigned access)
{
	u_long marked = *e | m->accessed | ((access & NVMX_ACCESS_W) != 0 ? m->dirty : 0);

	if (marked != *e && atomic_cmpset_long(at, *e, marked) == 0)
		return (false);
	*e = marked;
	return (true);
}

/* The entry that maps `gpa`, with the access made. */
static __noinline bool make_access(struct nest *n, uint64_t gpa, unsigned access, u_long *e, u_int *shift)
{
	u_long *at;

	do {
		at = is_kept(n, gpa) ? kept(n, gpa) : leaf(n, gpa, shift);
		if (at == NULL)
			return (false);
		*e = atomic_load_long(at);
		if ((*shift != PAGE_SHIFT && (*e & EPT_LARGE) == 0) || !allows(n->meaning, *e, access))
			return (false);
	} while ((access & NVMX_ACCESS_PEEK) == 0 && !mark(n->meaning, at, e, access));
	return (true);
}

/*
 * A frame that is not there is a fault of L2's for vm_handle_paging(), or an instruction to emulate; so is vmcs01's APIC-access page,
 * which stands for a device.  Neighbours of what L2 uses are asked for by the hundred.
 */
int nest_op_translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	struct nest *n = nest_of_host(h);
	const struct nest_meaning *m = n->meaning;
	u_int shift = PAGE_SHIFT;
	u_long e, offset;

	SMR_ASSERT_ENTERED(n->vcpu->vmx->pmap->pm_eptsmr);
	if ((access & NVMX_ACCESS_PEEK) != 0 && is_kept(n, gpa)) {
		e = atomic_load_long(kept(n, gpa));
		if (!allows(m, e, access))
			return (-1);
	} else if (!make_access(n, gpa, access, &e, &shift)) {
		return (-1);
	}
	offset = (1ul << shift) - 1;
	out->hpa = (e & EPT_FRAME & ~offset) | (gpa & offset);
	out->rights = rights(m, e);
	out->page_shift = shift;
	out->memtype = EPT_TYPE(e);
	out->ignore_pat = (e & EPT_IGNORE_PAT) != 0;
	return ((out->hpa & ~(uint64_t)PAGE_MASK) != n->vm->apic_hpa ? 0 : -1);
}

bool nest_is_ram(uint64_t hpa)
{
	vm_page_t m = PHYS_TO_VM_PAGE(hpa & ~(uint64_t)PAGE_MASK);

	return (m != NULL && (m->flags & PG_FICTITIOUS) == 0);
}

/* Whether a frame that is not there is worth waiting for: nest_hold() has not been refused it. */
bool nest_can_come(struct nest *n, uint64_t gpa)
{
	u_int i;

	for (i = 0; i < n->denials; i++)
		if (n->denied[i] == gpa)
			return (false);
	return (n->denials < NEST_DENIED && vm_mem_allocated(n->vcpu->vcpu, gpa));
}

static struct nest_given *find_given(struct nest *n, uint64_t gpa)
{
	u_int i;

	for (i = 0; i < n->givens; i++)
		if (n->given[i].gpa == gpa)
			return (&n->given[i]);
	return (NULL);
}

static void *remember(struct nest *n, struct nest_given *g, uint64_t gpa, void *page, bool write)
{
	if (g == NULL && n->givens < NEST_GIVEN)
		g = &n->given[n->givens++];
	if (g != NULL)
		*g = (struct nest_given){ gpa, page, write };
	return (page);
}

/*
 * The library holds no mapping longer than its call, which is in the SMR section: the frame needs no wiring.  Nor is it "not now"
 * a second time, should the pager unmap it meanwhile.
 */
void *nest_op_map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	struct nest *n = nest_of_host(h);
	struct nest_given *g = find_given(n, gpa);
	struct nvmx_xlate x;

	if (g != NULL && (g->write || !write))
		return (g->page);
	if (nest_op_translate(h, gpa, NVMX_ACCESS_R | (write ? NVMX_ACCESS_W : 0), &x) != 0)
		return (nest_can_come(n, gpa) ? NVMX_MAP_NOT_NOW : NULL);
	return (nest_is_ram(x.hpa) ? remember(n, g, gpa, (void *)PHYS_TO_DMAP(x.hpa), write) : NULL);
}

void nest_op_unmap(struct nvmx_host *h __unused, uint64_t gpa __unused, void *page __unused, bool wrote __unused)
{
}
