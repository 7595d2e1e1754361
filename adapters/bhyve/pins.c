/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames that stay: those that the processor itself uses (virtual-APIC page), wired as long as the library has them pinned, and
 * those that the library waits for, held until its call has got through.  A page is wired where nothing may sleep and unwired
 * where it may: in nest_prepare().
 */
#include "bhyve.h"

static struct nest_pin *find_pin(struct nest *n, uint64_t gpa, uint64_t hpa)
{
	struct nest_pin *p;

	for (p = n->pins; p < n->pins + NEST_PINS; p++)
		if (p->page != NULL && p->gpa == gpa && VM_PAGE_TO_PHYS(p->page) == hpa)
			return (p);
	return (NULL);
}

static struct nest_pin *free_pin(struct nest *n)
{
	struct nest_pin *p;

	for (p = n->pins; p < n->pins + NEST_PINS; p++)
		if (p->page == NULL)
			return (p);
	return (NULL);
}

/* If all places are taken, by frames that wait to be given back, nest_prepare() makes room. */
static struct nest_pin *wire(struct nest *n, uint64_t gpa, uint64_t hpa)
{
	vm_page_t page = PHYS_TO_VM_PAGE(hpa);
	struct nest_pin *p = free_pin(n);

	if (p == NULL || !vm_page_wire_mapped(page))
		return (NULL);
	*p = (struct nest_pin){ page, gpa, 0 };
	return (p);
}

int nest_op_pin(struct nvmx_host *h, uint64_t gpa, uint64_t *hpa)
{
	struct nest *n = nest_of_host(h);
	struct nvmx_xlate x;
	struct nest_pin *p;

	if (nest_op_translate(h, gpa, NVMX_ACCESS_R | NVMX_ACCESS_W, &x) != 0)
		return (nest_can_come(n, gpa) ? NVMX_NOT_NOW : -1);
	if (!nest_is_ram(x.hpa))
		return (-1);
	p = find_pin(n, gpa, x.hpa);
	if (p == NULL)
		p = wire(n, gpa, x.hpa);
	if (p == NULL)
		return (NVMX_NOT_NOW);
	p->users++;
	*hpa = x.hpa;
	return (0);
}

void nest_op_unpin(struct nvmx_host *h, uint64_t gpa, uint64_t hpa)
{
	struct nest_pin *p = find_pin(nest_of_host(h), gpa, hpa);

	KASSERT(p != NULL && p->users > 0, ("%s: %#jx is not pinned", __func__, (uintmax_t)gpa));
	p->users--;
}

/* EPT01 has changed: a pinned frame that L1's address does not lead to any more is pinned anew with the next VM entry. */
void nest_pins_review(struct nest *n)
{
	struct nvmx_xlate x;
	struct nest_pin *p;

	for (p = n->pins; p < n->pins + NEST_PINS; p++) {
		if (p->page == NULL || p->users == 0 ||
		    nest_op_translate((struct nvmx_host *)n, p->gpa, NVMX_ACCESS_R | NVMX_ACCESS_PEEK, &x) != 0)
			continue;
		if (x.hpa != VM_PAGE_TO_PHYS(p->page)) {
			nvmx_pins_moved(n->v);
			return;
		}
	}
}

/* May sleep. */
void nest_pins_drop(struct nest *n)
{
	struct nest_pin *p;

	for (p = n->pins; p < n->pins + NEST_PINS; p++) {
		if (p->page == NULL || p->users != 0)
			continue;
		vm_page_unwire(p->page, PQ_ACTIVE);
		p->page = NULL;
	}
}

/* Makes the frame present that the library waits for, and keeps it so.  0, or EFAULT: it cannot be had.  May sleep. */
int nest_hold(struct nest *n)
{
	int prot = (n->awaited_access & NVMX_ACCESS_W) != 0 ? VM_PROT_READ | VM_PROT_WRITE : VM_PROT_READ;
	uint64_t gpa = n->awaited_gpa & ~(uint64_t)PAGE_MASK;
	void *cookie;

	n->awaits = false;
	if (vm_gpa_hold(n->vcpu->vcpu, gpa, PAGE_SIZE, prot, &cookie) == NULL) {
		if (n->denials < NEST_DENIED)
			n->denied[n->denials++] = gpa;
		return (EFAULT);
	}
	if (n->helds < nitems(n->held))
		n->held[n->helds++] = cookie;
	else
		vm_gpa_release(cookie);
	return (0);
}

/* The call has got through.  May sleep. */
void nest_release(struct nest *n)
{
	while (n->helds > 0)
		vm_gpa_release(n->held[--n->helds]);
	n->denials = 0;
}
