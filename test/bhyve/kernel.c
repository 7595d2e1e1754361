/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What of the kernel is neither memory nor VMX, with the rules of INVARIANTS and WITNESS about who may do what where. */
#include <sys/mutex.h>
#include <machine/md_var.h>
#include <machine/specialreg.h>
#include <x86/apicvar.h>
#include "world.h"

struct world world;
u_int mp_maxid = CPUS - 1, cpu_maxphyaddr, cpu_stdext_feature3 = CPUID_STDEXT3_IBPB;
cpuset_t all_cpus = { { (1 << CPUS) - 1 } };

void panic(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	sim_complain(format, list);
	va_end(list);
	sim_abort();
}

static int say(const char *format, va_list list)
{
	int n = vsnprintf(world.said + world.said_n, sizeof(world.said) - world.said_n, format, list);

	world.said_n = MIN(world.said_n + (size_t)MAX(n, 0), sizeof(world.said) - 1);
	return n;
}

int kernel_printf(const char *format, ...)
{
	va_list list;
	int n;

	va_start(list, format);
	n = say(format, list);
	va_end(list);
	return n;
}

struct thread *shim_curthread(void)
{
	return sim_own();
}

struct fake_cpu *world_cpu(void)
{
	return &world.cpu[curcpu];
}

/*
 * Where a thread may not be preempted it may not wait: for memory, for a lock that others sleep with, for other processors.
 */
void may_sleep(const char *what)
{
	const struct thread *t = curthread;

	KASSERT(!t->td_critnest, ("%s in a critical section", what));
	KASSERT(!t->smr, ("%s in an SMR section", what));
	KASSERT(!t->spin, ("%s with a spin lock", what));
	KASSERT(t->interrupts, ("%s with interrupts off", what));
}

/* Each atomic operation is one of the places where the order of things decides: as often as a case likes, others go first. */
void shim_elsewhere(void)
{
	if (!world.interleave)
		return;
	world.interleave = world.interleave * 1664525u + 1013904223u;
	if (!(world.interleave >> 20 & 3))
		sim_others();
}

void critical_enter(void)
{
	curthread->td_critnest++;
}

void critical_exit(void)
{
	KASSERT(curthread->td_critnest, ("critical_exit: not in a critical section"));
	curthread->td_critnest--;
}

/* SMR: who waits does so for those who were in a section when it began to. */
static u_long seen[CPUS];

void smr_enter(smr_t smr)
{
	struct thread *t = curthread;

	KASSERT(!t->smr, ("smr_enter: recursion"));
	critical_enter();
	t->smr++;
	seen[t->td_oncpu] = smr->seq;
}

void smr_exit(smr_t smr)
{
	KASSERT(curthread->smr, ("smr_exit: not in a section"));
	(void)smr;
	curthread->smr--;
	critical_exit();
}

bool shim_in_section(void)
{
	return curthread->smr != 0;
}

void smr_synchronize(smr_t smr)
{
	u_long goal = ++smr->seq;

	KASSERT(!curthread->smr, ("smr_synchronize in its own section"));
	for (int i = 0; i < CPUS; i++)
		while (world.thread[i].smr && seen[i] < goal)
			if (!sim_others())
				panic("smr_synchronize: a reader never leaves");
}

void mtx_init(struct mtx *m, const char *name, const char *type, int kind)
{
	(void)type;
	*m = (struct mtx){ { name }, kind, NULL };
}

void mtx_destroy(struct mtx *m)
{
	KASSERT(!m->owner, ("mtx_destroy: %s is held", m->lock_object.lo_name));
}

static void take(struct mtx *m)
{
	KASSERT(m->owner != curthread, ("recursion on %s", m->lock_object.lo_name));
	while (m->owner)
		if (!sim_others())
			panic("%s is never given back", m->lock_object.lo_name);
	m->owner = curthread;
}

static void give(struct mtx *m)
{
	KASSERT(m->owner == curthread, ("%s is not held", m->lock_object.lo_name));
	m->owner = NULL;
}

void mtx_lock(struct mtx *m)
{
	KASSERT(m->kind == MTX_DEF, ("mtx_lock of a spin lock"));
	may_sleep(m->lock_object.lo_name);
	take(m);
}

void mtx_unlock(struct mtx *m)
{
	give(m);
}

void mtx_lock_spin(struct mtx *m)
{
	KASSERT(m->kind == MTX_SPIN, ("mtx_lock_spin of a default mutex"));
	curthread->spin++;
	critical_enter();
	take(m);
}

void mtx_unlock_spin(struct mtx *m)
{
	give(m);
	critical_exit();
	curthread->spin--;
}

/* The kernel's memory has no more rules than that, but for whole pages, which have a physical address. */
static bool is_page(size_t size, size_t align)
{
	return size == PAGE_SIZE || (size < PAGE_SIZE && align >= PAGE_SIZE);
}

void *kernel_malloc(size_t size, size_t align, struct malloc_type *type, int flags)
{
	uint64_t hpa;

	KASSERT(flags & (M_WAITOK | M_NOWAIT), ("malloc: neither M_WAITOK nor M_NOWAIT"));
	may_sleep(type->name);
	type->live++;
	if (!is_page(size, align))
		return sim_alloc(size, align);
	hpa = fake_host_page(&world.mem);
	KASSERT(hpa, ("%s: no page left", type->name));
	return fake_at(&world.mem, hpa);
}

static int frame_of(const void *p)
{
	for (int i = 0; i < (int)FAKE_HOST_FRAMES; i++)
		if (world.mem.host[i] && world.mem.host[i] == p)
			return i;
	return -1;
}

void kernel_free(void *p, struct malloc_type *type)
{
	int frame = frame_of(p);

	if (!p)
		return;
	may_sleep(type->name);
	KASSERT(type->live > 0, ("free: more than was allocated of %s", type->name));
	type->live--;
	if (frame < 0) {
		sim_free(p);
		return;
	}
	KASSERT(!world.active[frame], ("free: a VMCS that is active on processor %d", world.active[frame] - 1));
	fake_host_page_free(&world.mem, FAKE_HOST_BASE + (uint64_t)frame * FAKE_PAGE);
}

/* Interrupts between processors.  One that is in a guest leaves it; one with interrupts off does so when it enters. */
void ipi_cpu(int cpu, u_int ipi)
{
	KASSERT(cpu >= 0 && cpu < CPUS && ipi >= OWN_VECTORS, ("ipi_cpu(%d, %#x)", cpu, ipi));
	world.kicks++;
	if (!world.thread[cpu].interrupts)
		world.cpu[cpu].intr[ipi / 64] |= 1ul << ipi % 64;
}

void lapic_ipi_vectored(u_int vector, int destination)
{
	KASSERT(destination == APIC_IPI_DEST_SELF, ("an interrupt that is not for this processor"));
	ipi_cpu(curcpu, vector);
}

void ipi_selected(cpuset_t cpus, u_int ipi)
{
	for (int i = 0; i < CPUS; i++)
		if (CPU_ISSET(i, &cpus))
			ipi_cpu(i, ipi);
}

/* The others run `action` when their interrupts are on; this one waits. */
void smp_rendezvous_cpus(cpuset_t cpus, void (*setup)(void *), void (*action)(void *), void (*teardown)(void *), void *arg)
{
	KASSERT(curthread->interrupts && !curthread->spin, ("smp_rendezvous with interrupts off"));
	KASSERT(!setup && !teardown, ("smp_rendezvous: barriers are not modelled"));
	world.rendezvous++;
	for (int i = 0; i < CPUS; i++) {
		if (!CPU_ISSET(i, &cpus))
			continue;
		if (!world.thread[i].interrupts)
			ipi_cpu(i, OWN_VECTORS);
		while (!world.thread[i].interrupts)
			if (!sim_others())
				panic("smp_rendezvous: processor %d never answers", i);
	}
	if (action)
		action(arg);
}

void disable_intr(void)
{
	curthread->interrupts = false;
}

void enable_intr(void)
{
	struct fake_cpu *c = world_cpu();

	curthread->interrupts = true;
	c->intr[3] &= ~(~0ul << OWN_VECTORS % 64);
}

register_t intr_disable(void)
{
	register_t flags = curthread->interrupts;

	disable_intr();
	return flags;
}

void intr_restore(register_t flags)
{
	if (flags)
		enable_intr();
}

void ia32_pause(void)
{
	if (!sim_others())
		panic("a processor spins for ever");
}

void world_begin(const struct nvmx_caps *hw)
{
	static struct fake_trace nobody;

	memset(&world, 0, sizeof(world));
	world.hw = *hw;
	cpu_maxphyaddr = hw->maxphyaddr;
	fake_mem_init(&world.mem, FAKE_RAM_BASE);
	for (int i = 0; i < CPUS; i++) {
		world.thread[i] = (struct thread){ .td_oncpu = i, .interrupts = true };
		fake_cpu_init(&world.cpu[i], &world.hw, &world.mem, &nobody);
		world.cpu[i].native = true;
	}
	sim_begin(&world.thread[0]);
	for (int i = 0; i < CPUS; i++)
		if (fake_vmxon(&world.cpu[i], fake_new_region(&world.cpu[i])) != FAKE_VM_SUCCEED)
			panic("VMXON");
}

void world_end(void)
{
	for (int i = 0; i < CPUS; i++) {
		fake_host_page_free(&world.mem, world.cpu[i].vmxon);
		KASSERT(!world.thread[i].td_critnest && !world.thread[i].smr && world.thread[i].interrupts,
			("processor %d was left in a critical section", i));
	}
	KASSERT(!world.mem.host_used, ("%u pages are left over", world.mem.host_used));
	fake_mem_free(&world.mem);
	sim_end();
}
