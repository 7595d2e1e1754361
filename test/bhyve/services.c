/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Smaller services of the kernel: sleepable locks, timers, what the administrator sets and sees, snapshots. */
#include <sys/callout.h>
#include <sys/sched.h>
#include <sys/sx.h>
#include <sys/sysctl.h>
#include <machine/vmm_snapshot.h>
#include "vmm_host.h"
#include "vmm_stat.h"
#include "vmm.h"

#define SYSCTLS 32

void sx_init(struct sx *sx, const char *name)
{
	*sx = (struct sx){ { name }, NULL };
}

void sx_destroy(struct sx *sx)
{
	KASSERT(!sx->owner, ("sx_destroy: %s is held", sx->lock_object.lo_name));
}

void sx_xlock(struct sx *sx)
{
	may_sleep(sx->lock_object.lo_name);
	KASSERT(sx->owner != curthread, ("recursion on %s", sx->lock_object.lo_name));
	while (sx->owner)
		if (!sim_others())
			panic("%s is never given back", sx->lock_object.lo_name);
	sx->owner = curthread;
}

void sx_xunlock(struct sx *sx)
{
	KASSERT(sx->owner == curthread, ("%s is not held", sx->lock_object.lo_name));
	sx->owner = NULL;
}

void sched_pin(void)
{
}

void sched_unpin(void)
{
}

/* The host's values that bhyve keeps. */
uint64_t vmm_get_host_pat(void)
{
	return HOST_PAT;
}

bool vm_cpuid_capability(struct vcpu *vcpu, enum vm_cpuid_capability capability)
{
	(void)vcpu;
	return capability == VCC_NO_EXECUTE;
}

bool vmm_is_intel(void)
{
	return true;
}

void maybe_yield(void)
{
	may_sleep("maybe_yield");
}

/* Timers.  Time is what the model says that has passed. */
static struct callout *timers;

void callout_init(struct callout *c, int mpsafe)
{
	KASSERT(mpsafe, ("a callout under Giant"));
	*c = (struct callout){ 0 };
}

int callout_reset_sbt_on(struct callout *c, sbintime_t in, sbintime_t precision, void (*f)(void *), void *arg, int cpu, int flags)
{
	int was = callout_stop(c);

	(void)precision, (void)cpu;
	KASSERT(!curthread->spin, ("a callout is set with a spin lock"));
	*c = (struct callout){ f, arg, flags & C_ABSOLUTE ? in : world.now + in, true, timers };
	timers = c;
	return was;
}

int callout_stop(struct callout *c)
{
	struct callout **at = &timers;

	if (!c->pending)
		return 0;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->pending = false;
	return 1;
}

int callout_drain(struct callout *c)
{
	may_sleep("callout_drain");
	return callout_stop(c);
}

void clock_passes(int64_t time)
{
	struct callout *c;

	world.now += time;
	for (;;) {
		for (c = timers; c && c->c_time > world.now; c = c->next)
			;
		if (!c)
			return;
		callout_stop(c);
		c->c_func(c->c_arg);
	}
}

void timers_end(void)
{
	KASSERT(!timers, ("a callout is pending after everything has ended"));
}

/* sysctl */
static struct {
	const char *name;
	void *p;
	size_t size;
	shim_sysctl_handler *handler;
} sysctls[SYSCTLS];
static unsigned sysctls_n;

void shim_sysctl_add(const char *name, void *p, size_t size, shim_sysctl_handler *handler)
{
	KASSERT(sysctls_n < SYSCTLS, ("too many sysctls"));
	sysctls[sysctls_n].name = name;
	sysctls[sysctls_n].p = p;
	sysctls[sysctls_n].size = size;
	sysctls[sysctls_n++].handler = handler;
}

static unsigned find(const char *name)
{
	for (unsigned i = 0; i < sysctls_n; i++)
		if (!strcmp(sysctls[i].name, name))
			return i;
	panic("no sysctl %s", name);
}

void sysctl_set_string(const char *name, const char *value)
{
	unsigned i = find(name);

	shim_strlcpy(sysctls[i].p, value, sysctls[i].size);
}

void sysctl_set_uint(const char *name, unsigned value)
{
	unsigned i = find(name);

	KASSERT(sysctls[i].size == sizeof(u_int), ("%s is no int", name));
	*(u_int *)sysctls[i].p = value;
}

unsigned long sysctl_get_ulong(const char *name)
{
	unsigned i = find(name);

	KASSERT(sysctls[i].size == sizeof(u_long), ("%s is no long", name));
	return *(u_long *)sysctls[i].p;
}

int shim_sysctl_out(struct sysctl_req *req, const void *p, size_t n)
{
	memcpy(req->to, p, MIN(n, req->size));
	return 0;
}

void sysctl_read(const char *name, char *to, size_t size)
{
	struct sysctl_req req = { to, size };
	unsigned i = find(name);

	KASSERT(sysctls[i].handler, ("%s has no handler", name));
	sysctls[i].handler(NULL, NULL, 0, &req);
}

size_t shim_strlcpy(char *to, const char *from, size_t size)
{
	size_t n = strlen(from);

	if (size) {
		memcpy(to, from, MIN(n, size - 1));
		to[MIN(n, size - 1)] = '\0';
	}
	return n;
}

/* Statistics */
VMM_STAT(VMEXIT_COUNT, "VM exits");
VMM_STAT(VMEXIT_HLT, "HLT");

void vmm_stat_array_set(struct vcpu *vcpu, struct vmm_stat_type *type, int at, uint64_t value)
{
	KASSERT(at >= 0 && at < type->nelems && at < (int)nitems(type->value), ("%s has no element %d", type->desc, at));
	(void)vcpu;
	type->value[at] = value;
}

void vmm_stat_array_incr(struct vcpu *vcpu, struct vmm_stat_type *type, int at, uint64_t by)
{
	vmm_stat_array_set(vcpu, type, at, type->value[at] + by);
}

/* A snapshot's buffer, in order, as it was written. */
int vm_snapshot_buf(void *data, size_t size, struct vm_snapshot_meta *meta)
{
	struct vm_snapshot_buffer *b = &meta->buffer;

	if (b->buf_rem < size)
		return ENOMEM;
	if (meta->op == VM_SNAPSHOT_SAVE)
		memcpy(b->buf, data, size);
	else
		memcpy(data, b->buf, size);
	b->buf += size;
	b->buf_rem -= size;
	return 0;
}

void vm_snapshot_buf_err(const char *name, const enum vm_snapshot_op op)
{
	kernel_printf("snapshot: %s of %s failed\n", op == VM_SNAPSHOT_SAVE ? "save" : "restore", name);
}
