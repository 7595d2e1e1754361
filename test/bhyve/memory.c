/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * L1's memory as the kernel has it: pages that come and go, an EPT of theirs in tables that the processor walks, wirings, and the swap.
 * Where a page of L1's was, somebody else's is from then on, which nobody may write into.
 */
#include <dev/vmm/vmm_mem.h>
#include "world.h"

#define E_R 1ul
#define E_W 2ul
#define E_X 4ul
#define E_A 0x100ul
#define E_D 0x200ul
#define E_WB 0x30ul
#define E_ADDR 0x000ffffffffff000ul
#define WIRINGS(m) ((m)->ref_count & ~VPRC_OBJREF)
#define DECOY 0xdb

vm_offset_t shim_dmap(vm_paddr_t pa)
{
	uint8_t *page = fake_at(&world.mem, pa);

	KASSERT(page, ("no memory at %#lx", pa));
	return (vm_offset_t)page;
}

vm_paddr_t shim_physical(vm_offset_t va)
{
	for (unsigned i = 0; i < FAKE_HOST_FRAMES; i++)
		if (world.mem.host[i] && va - (vm_offset_t)world.mem.host[i] < PAGE_SIZE)
			return FAKE_HOST_BASE + (uint64_t)i * FAKE_PAGE + va % PAGE_SIZE;
	panic("%#lx is no page's", va);
}

vm_page_t PHYS_TO_VM_PAGE(vm_paddr_t pa)
{
	uint64_t frame = (pa - FAKE_HOST_BASE) / FAKE_PAGE;

	return pa >= FAKE_HOST_BASE && frame < FAKE_HOST_FRAMES && world.mem.host[frame] ? &world.page[frame] : NULL;
}

static vm_page_t new_page(void)
{
	uint64_t hpa;
	vm_page_t m;

	hpa = fake_host_page(&world.mem);
	if (!hpa)
		return NULL;
	m = &world.page[(hpa - FAKE_HOST_BASE) / FAKE_PAGE];
	*m = (struct vm_page){ .phys_addr = hpa, .queue = PQ_NONE };
	return m;
}

static void release(vm_page_t m)
{
	uint64_t frame = (m->phys_addr - FAKE_HOST_BASE) / FAKE_PAGE;

	KASSERT(!world.active[frame], ("a VMCS that is freed is active on processor %d", world.active[frame] - 1));
	fake_host_page_free(&world.mem, m->phys_addr);
	*m = (struct vm_page){ 0 };
}

vm_page_t vm_page_alloc_noobj(int request)
{
	vm_page_t m;

	may_sleep("vm_page_alloc_noobj");
	m = new_page();
	if (m)
		m->ref_count = request & VM_ALLOC_WIRED ? 1 : 0;
	else
		KASSERT(!(request & VM_ALLOC_WAITOK), ("out of memory"));
	return m;
}

void vm_page_free(vm_page_t m)
{
	may_sleep("vm_page_free");
	KASSERT(!m->ref_count, ("vm_page_free: %u references", m->ref_count));
	release(m);
}

bool vm_page_wired(vm_page_t m)
{
	return WIRINGS(m) != 0;
}

/* An atomic operation, allowed anywhere: but where the mapping is being removed it fails. */
bool vm_page_wire_mapped(vm_page_t m)
{
	KASSERT(m->managed, ("vm_page_wire_mapped: no page of an object"));
	if (m->being_unmapped)
		return false;
	if (world.unwirable) {
		world.unwirable--;
		return false;
	}
	world.wirings++;
	m->ref_count++;
	return true;
}

bool vm_page_unwire_noq(vm_page_t m)
{
	KASSERT(WIRINGS(m), ("vm_page_unwire_noq: not wired"));
	m->ref_count--;
	return !WIRINGS(m);
}

/* Puts the page into a queue, and so may wait for the queue's lock. */
void vm_page_unwire(vm_page_t m, uint8_t queue)
{
	may_sleep("vm_page_unwire");
	if (m->managed)
		world.wirings--;
	if (vm_page_unwire_noq(m)) {
		m->queue = queue;
		if (!m->ref_count)
			release(m);
	}
}

void ept_invalidate(void)
{
	may_sleep("an invalidation");
	KASSERT(!CPU_ISSET(curcpu, &world.pmap.pm_active), ("an invalidation by a processor that runs the guest"));
	world.invalidations++;
	atomic_add_long((u_long *)&world.pmap.pm_eptgen, 1);
	ipi_selected(world.pmap.pm_active, world.pmap.pm_flags & PMAP_NESTED_IPIMASK);
	smr_synchronize(world.pmap.pm_eptsmr);
}

static bool emulated_ad(void)
{
	return world.pmap.pm_flags & PMAP_EMULATE_AD_BITS;
}

/* Accessed and dirty flags; where the processor has none, the right to read and that to write are. */
static uint64_t flag_a(void)
{
	return emulated_ad() ? E_R : E_A;
}

static uint64_t flag_d(void)
{
	return emulated_ad() ? E_W : E_D;
}

static uint64_t flags_of(int kind)
{
	return flag_a() | (kind & VM_PROT_WRITE ? flag_d() : 0);
}

static uint64_t *new_table(void)
{
	vm_page_t m = new_page();

	KASSERT(m, ("no memory for the EPT"));
	return (uint64_t *)PHYS_TO_DMAP(m->phys_addr);
}

static void refer(uint64_t *entry, const uint64_t *table)
{
	*entry = DMAP_TO_PHYS((vm_offset_t)table) | E_R | E_W | E_X | (emulated_ad() ? EPT_PG_EMUL_V | EPT_PG_EMUL_RW : 0);
}

static void enter(uint64_t gpa, vm_page_t m, uint64_t flags)
{
	uint64_t rights = emulated_ad() ? EPT_PG_EMUL_V | EPT_PG_EMUL_RW | E_X : E_R | E_W | E_X;

	if (!world.leaf) {
		world.leaf = new_table();
		refer(world.directory, world.leaf);
	}
	m->managed = true;
	m->ref_count = VPRC_OBJREF;
	m->queue = PQ_ACTIVE;
	world.ram[gpa / PAGE_SIZE].m = m;
	world.leaf[gpa / PAGE_SIZE] = m->phys_addr | rights | flags | E_WB;
}

int pmap_emulate_accessed_dirty(pmap_t pmap, vm_offset_t gpa, int kind)
{
	uint64_t *e;

	may_sleep("pmap_emulate_accessed_dirty");
	if (!(pmap->pm_flags & PMAP_EMULATE_AD_BITS) || gpa >= FAKE_RAM_SIZE || !world.leaf)
		return -1;
	e = &world.leaf[gpa / PAGE_SIZE];
	if (!(*e & EPT_PG_EMUL_V))
		return -1;
	*e |= flags_of(kind);
	return 0;
}

static void write_out(uint64_t gpa, uint64_t entry)
{
	struct ram_page *p = &world.ram[gpa / PAGE_SIZE];

	if (entry & flag_d() || p->m->dirty)
		memcpy(p->swap, (void *)PHYS_TO_DMAP(p->m->phys_addr), PAGE_SIZE);
	p->m->dirty = false;
}

/* Nobody has written into it. */
static void end_decoy(vm_page_t m)
{
	const uint8_t *p = m ? (const uint8_t *)PHYS_TO_DMAP(m->phys_addr) : NULL;

	for (unsigned n = 0; p && n < PAGE_SIZE; n++)
		KASSERT(p[n] == DECOY, ("a page that L1 no longer has was written into"));
	if (m)
		release(m);
}

/* The frame is somebody else's next, for a while: whoever still uses it is found out. */
static void give_away(vm_page_t m)
{
	vm_page_t *place = &world.decoy[world.decoys++ % DECOYS];

	release(m);
	end_decoy(*place);
	*place = new_page();
	KASSERT(*place, ("no memory for a decoy"));
	memset((void *)PHYS_TO_DMAP((*place)->phys_addr), DECOY, PAGE_SIZE);
}

/* A table in which nothing is left goes with its last page, when nobody can be in it any more. */
static vm_page_t empty_table(void)
{
	vm_page_t table = PHYS_TO_VM_PAGE(DMAP_TO_PHYS((vm_offset_t)world.leaf));

	for (unsigned i = 0; i < RAM_FRAMES; i++)
		if (world.leaf[i])
			return NULL;
	*world.directory = 0;
	world.leaf = NULL;
	world.tables_gone++;
	return table;
}

bool page_out(uint64_t gpa)
{
	struct ram_page *p = &world.ram[gpa / PAGE_SIZE];
	vm_page_t table;
	uint64_t entry;

	if (gpa >= FAKE_RAM_SIZE || !p->m || world.paging || WIRINGS(p->m))
		return false;
	p->m->being_unmapped = world.paging = true;
	entry = world.leaf[gpa / PAGE_SIZE];
	world.leaf[gpa / PAGE_SIZE] = 0;
	table = empty_table();
	ept_invalidate();
	if (table)
		give_away(table);
	KASSERT(!WIRINGS(p->m), ("a page was wired while it was unmapped"));
	write_out(gpa, entry);
	give_away(p->m);
	p->m = NULL;
	world.paging = false;
	return true;
}

bool page_clean(uint64_t gpa)
{
	struct ram_page *p = &world.ram[gpa / PAGE_SIZE];
	uint64_t entry;

	if (gpa >= FAKE_RAM_SIZE || !p->m || world.paging)
		return false;
	world.paging = true;
	entry = world.leaf[gpa / PAGE_SIZE];
	world.leaf[gpa / PAGE_SIZE] &= ~flag_d();
	ept_invalidate();
	write_out(gpa, entry);
	world.paging = false;
	return true;
}

bool page_is_dirty(uint64_t gpa)
{
	return world.leaf && world.leaf[gpa / PAGE_SIZE] & flag_d();
}

bool page_fault(uint64_t gpa, int kind)
{
	struct ram_page *p = &world.ram[gpa / PAGE_SIZE];
	vm_page_t m;

	may_sleep("vm_fault");
	if (gpa >= FAKE_RAM_SIZE)
		return false;
	while (p->m && p->m->being_unmapped) /* the pager has the object's lock */
		if (!sim_others())
			panic("a page is never unmapped");
	if (!p->m) {
		m = new_page();
		KASSERT(m, ("no memory for L1"));
		memcpy((void *)PHYS_TO_DMAP(m->phys_addr), p->swap, PAGE_SIZE);
		enter(gpa, m, 0);
	}
	world.leaf[gpa / PAGE_SIZE] |= flags_of(kind);
	return true;
}

void *vm_gpa_hold(struct vcpu *vcpu, vm_paddr_t gpa, size_t size, int prot, void **cookie)
{
	vm_page_t m;

	(void)vcpu;
	KASSERT(gpa % PAGE_SIZE + size <= PAGE_SIZE, ("vm_gpa_hold: across a page"));
	if (!page_fault(gpa, prot))
		return NULL;
	m = world.ram[gpa / PAGE_SIZE].m;
	m->ref_count++;
	m->dirty |= prot & VM_PROT_WRITE;
	world.wirings++;
	*cookie = m;
	return (void *)(PHYS_TO_DMAP(m->phys_addr) + gpa % PAGE_SIZE);
}

void vm_gpa_release(void *cookie)
{
	vm_page_unwire(cookie, PQ_ACTIVE);
}

bool vm_mem_allocated(struct vcpu *vcpu, vm_paddr_t gpa)
{
	(void)vcpu;
	return gpa < FAKE_RAM_SIZE;
}

uint8_t *ram_at(uint64_t gpa)
{
	struct ram_page *p = &world.ram[gpa / PAGE_SIZE];

	KASSERT(gpa < FAKE_RAM_SIZE, ("%#lx is not L1's", gpa));
	return (p->m ? (uint8_t *)PHYS_TO_DMAP(p->m->phys_addr) : p->swap) + gpa % PAGE_SIZE;
}

/* Four levels; the last one has all of L1's RAM. */
void memory_begin(bool emulated)
{
	uint64_t *table = new_table();

	world.smr.seq = 1;
	world.pmap = (struct pmap){ .pm_pmltop = table, .pm_eptsmr = &world.smr, .pm_eptgen = 1,
				    .pm_flags = KICK_VECTOR | (emulated ? PMAP_EMULATE_AD_BITS | PMAP_SUPPORTS_EXEC_ONLY : 0) };
	mtx_init(&world.pmap.pm_mtx, "pmap", NULL, MTX_DEF);
	for (unsigned level = 3; level; level--) {
		world.directory = table;
		table = new_table();
		refer(world.directory, table);
	}
	world.leaf = table;
	for (uint64_t gpa = 0; gpa < FAKE_RAM_SIZE; gpa += PAGE_SIZE) {
		world.ram[gpa / PAGE_SIZE].swap = sim_alloc(PAGE_SIZE, 64);
		enter(gpa, new_page(), 0);
	}
}

uint64_t memory_eptp(void)
{
	return DMAP_TO_PHYS((vm_offset_t)world.pmap.pm_pmltop) | 3ul << 3 | 6 | (emulated_ad() ? 0 : 1ul << 6);
}

static void free_tables(void)
{
	uint64_t *table = world.pmap.pm_pmltop, entry;

	for (unsigned level = 4; level > (world.leaf ? 0u : 1u); level--) {
		entry = table[0];
		release(PHYS_TO_VM_PAGE(DMAP_TO_PHYS((vm_offset_t)table)));
		if (level > 1)
			table = (uint64_t *)PHYS_TO_DMAP(entry & E_ADDR);
	}
}

void memory_end(void)
{
	for (unsigned i = 0; i < DECOYS; i++)
		end_decoy(world.decoy[i]);
	free_tables();
	for (unsigned i = 0; i < RAM_FRAMES; i++) {
		vm_page_t m = world.ram[i].m;

		KASSERT(!m || !WIRINGS(m), ("page %#x of L1 is wired still", i << PAGE_SHIFT));
		if (m)
			release(m);
		sim_free(world.ram[i].swap);
	}
	KASSERT(!world.wirings, ("%lu wirings are left over", world.wirings));
	mtx_destroy(&world.pmap.pm_mtx);
}
