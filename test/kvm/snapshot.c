/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "snapshot.h"

static void call(int fd, unsigned long request, const void *argument, const char *name)
{
	if (ioctl(fd, request, argument) < 0)
		err(1, "%s", name);
}
#define CALL(fd, request, argument) call(fd, request, argument, #request)

static bool has_xcrs(const struct vm *vm)
{
	return ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_XCRS) > 0;
}

static void take_msrs(const struct vm *vm, struct snapshot *s)
{
	struct { struct kvm_msr_list list; uint32_t index[SNAPSHOT_MSRS]; } known = { .list.nmsrs = SNAPSHOT_MSRS };
	struct { struct kvm_msrs head; struct kvm_msr_entry entry; } one = { .head.nmsrs = 1 };

	CALL(vm->kvm, KVM_GET_MSR_INDEX_LIST, &known);
	s->msrs = 0;
	for (uint32_t i = 0; i < known.list.nmsrs; i++) {
		one.entry = (struct kvm_msr_entry){ .index = known.list.indices[i] };
		if (ioctl(vm->cpu, KVM_GET_MSRS, &one) == 1)
			s->msr[s->msrs++] = one.entry;
	}
}

/* Those that only report something cannot be set. */
void snapshot_put_msrs(const struct vm *vm, const struct snapshot *s)
{
	struct { struct kvm_msrs head; struct kvm_msr_entry entry; } one = { .head.nmsrs = 1 };

	for (uint32_t i = 0; i < s->msrs; i++) {
		one.entry = s->msr[i];
		ioctl(vm->cpu, KVM_SET_MSRS, &one);
	}
}

void snapshot_take(const struct vm *vm, struct snapshot *s)
{
	memset(s, 0, sizeof(*s));
	CALL(vm->cpu, KVM_GET_MP_STATE, &s->mp);	/* first: KVM completes what is pending */
	CALL(vm->cpu, KVM_GET_VCPU_EVENTS, &s->events);
	CALL(vm->cpu, KVM_GET_REGS, &s->regs);
	CALL(vm->cpu, KVM_GET_XSAVE, &s->xsave);
	if (has_xcrs(vm))
		CALL(vm->cpu, KVM_GET_XCRS, &s->xcrs);
	CALL(vm->cpu, KVM_GET_SREGS, &s->sregs);
	s->nested.state.size = SNAPSHOT_NESTED;
	CALL(vm->cpu, KVM_GET_NESTED_STATE, &s->nested);
	take_msrs(vm, s);
	CALL(vm->cpu, KVM_GET_DEBUGREGS, &s->debug);
	CALL(vm->cpu, KVM_GET_LAPIC, &s->lapic);
	for (uint32_t i = 0; i < 3; i++) {
		s->chip[i].chip_id = i;
		CALL(vm->fd, KVM_GET_IRQCHIP, &s->chip[i]);
	}
	CALL(vm->fd, KVM_GET_PIT2, &s->pit);
}

static void put_chips(const struct vm *vm, const struct snapshot *s)
{
	for (uint32_t i = 0; i < 3; i++)
		CALL(vm->fd, KVM_SET_IRQCHIP, &s->chip[i]);
	CALL(vm->fd, KVM_SET_PIT2, &s->pit);
}

static void put_sregs(const struct vm *vm, const struct snapshot *s)
{
	CALL(vm->cpu, KVM_SET_SREGS, &s->sregs);
}

static void put_xsave(const struct vm *vm, const struct snapshot *s)
{
	if (has_xcrs(vm))
		CALL(vm->cpu, KVM_SET_XCRS, &s->xcrs);
	CALL(vm->cpu, KVM_SET_XSAVE, &s->xsave);
}

static void put_lapic(const struct vm *vm, const struct snapshot *s)
{
	CALL(vm->cpu, KVM_SET_LAPIC, &s->lapic);
}

static void put_events(const struct vm *vm, const struct snapshot *s)
{
	CALL(vm->cpu, KVM_SET_VCPU_EVENTS, &s->events);
}

static void put_mp_state(const struct vm *vm, const struct snapshot *s)
{
	CALL(vm->cpu, KVM_SET_MP_STATE, &s->mp);
}

static void put_debug(const struct vm *vm, const struct snapshot *s)
{
	CALL(vm->cpu, KVM_SET_DEBUGREGS, &s->debug);
}

static void put_regs(const struct vm *vm, const struct snapshot *s)
{
	CALL(vm->cpu, KVM_SET_REGS, &s->regs);
}

void snapshot_put(const struct vm *vm, const struct snapshot *s, unsigned nested_at)
{
	static void (*const puts[NESTED_LAST])(const struct vm *, const struct snapshot *) = {
		put_chips, put_sregs, snapshot_put_msrs, put_xsave, put_lapic, put_events, put_mp_state, put_debug, put_regs,
	};

	for (unsigned i = 0; i <= NESTED_LAST; i++) {
		if (i == nested_at)
			CALL(vm->cpu, KVM_SET_NESTED_STATE, &s->nested);
		if (i < NESTED_LAST)
			puts[i](vm, s);
	}
}

bool snapshot_in_l2(const struct snapshot *s)
{
	return s->nested.state.flags & KVM_STATE_NESTED_GUEST_MODE;
}
