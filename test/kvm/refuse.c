/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * KVM_SET_NESTED_STATE: what must be refused, each time with the state that the virtual CPU has left as it is, and that
 * enlightened VMCSs are absent in every way that a user of KVM's can ask for them.
 */
#include <err.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <nestvmx/state.h>
#include <nestvmx/vmcs12.h>

#include "refuse.h"

#define HEADER(field) offsetof(struct nvmx_state_header, field), sizeof(((struct nvmx_state_header *)0)->field)
#define VMCS12(field) \
	sizeof(struct nvmx_state_header) + offsetof(struct nvmx_vmcs12, field), sizeof(((struct nvmx_vmcs12 *)0)->field)

/* Of a state with L2 running, one field is another. */
static const struct {
	const char *what;
	size_t at, bytes;
	uint64_t value;
} rows[] = {
	{ "AMD's format", HEADER(format), 1 },
	{ "a flag that does not exist", HEADER(flags), 0x21 },
	{ "an enlightened VMCS", HEADER(flags), NVMX_STATE_GUEST_MODE | NVMX_STATE_EVMCS },
	{ "a pending entry without L2", HEADER(flags), NVMX_STATE_RUN_PENDING },
	{ "less than a header", HEADER(size), sizeof(struct nvmx_state_header) - 1 },
	{ "no vmcs12", HEADER(size), sizeof(struct nvmx_state_header) },
	{ "half a vmcs12", HEADER(size), sizeof(struct nvmx_state_header) + 2048 },
	{ "more than any state", HEADER(size), NVMX_STATE_MAX_SIZE + 1 },
	{ "L2 without VMX operation", HEADER(vmxon_pa), NVMX_STATE_NO_ADDR },
	{ "a VMXON pointer that is not aligned", HEADER(vmxon_pa), 0x1001 },
	{ "a VMXON pointer beyond the physical addresses", HEADER(vmxon_pa), 1ull << 52 },
	{ "L2 without a current VMCS", HEADER(vmcs12_pa), NVMX_STATE_NO_ADDR },
	{ "a VMCS pointer that is not aligned", HEADER(vmcs12_pa), 0x2001 },
	{ "L2 in SMM", HEADER(smm_flags), NVMX_STATE_SMM_GUEST_MODE },
	{ "VMX operation left for SMM, but not in SMM", HEADER(smm_flags), NVMX_STATE_SMM_VMXON },
	{ "an SMM flag that does not exist", HEADER(smm_flags), 4 },
	{ "a VMX flag that does not exist", HEADER(vmx_flags), 2 },
	{ "another revision", VMCS12(revision), NVMX_VMCS12_REVISION + 1 },
	{ "a shadow VMCS", VMCS12(revision), NVMX_VMCS12_REVISION | NVMX_SHADOW_VMCS_INDICATOR },
	{ "pin controls that are not offered", VMCS12(pin_ctls), 0xffffffff },
	{ "VM-entry controls that have to be 1", VMCS12(entry_ctls), 0 },
	{ "an EPT pointer with reserved bits", VMCS12(ept_pointer), ~0ull },
	{ "CR0 of the host without paging", VMCS12(host_cr0), 0x21 },
	{ "RIP of the host that is not canonical", VMCS12(host_rip), 1ull << 63 },
	{ "RFLAGS of L2 without bit 1", VMCS12(guest_rflags), 0 },
	{ "a link pointer that is not aligned", VMCS12(vmcs_link_pointer), 1 },
};

static unsigned wrong;

static void expect(int good, const char *what)
{
	if (good)
		return;
	wrong++;
	fprintf(stderr, "torture: refuse: %s: %s\n", what, strerror(errno));
}

static int get(const struct vm *vm, union snapshot_nested *s)
{
	memset(s, 0, sizeof(*s));
	s->state.size = sizeof(*s);
	return ioctl(vm->cpu, KVM_GET_NESTED_STATE, s);
}

static void without_enlightened(const struct vm *vm)
{
	uint16_t version = 0;
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HYPERV_ENLIGHTENED_VMCS, .args[0] = (uintptr_t)&version };

	expect(ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_ENLIGHTENED_VMCS) == 0, "enlightened VMCSs are announced");
	expect(ioctl(vm->cpu, KVM_ENABLE_CAP, &cap) == -1 && errno == ENOTTY, "enlightened VMCSs can be enabled");
}

static void take_vmx_away(const struct vm *vm)
{
	static struct { struct kvm_cpuid2 list; struct kvm_cpuid_entry2 entry[256]; } cpuid = { .list.nent = 256 };

	if (ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, &cpuid))
		err(1, "KVM_GET_SUPPORTED_CPUID");
	for (unsigned i = 0; i < cpuid.list.nent; i++)
		if (cpuid.entry[i].function == 1)
			cpuid.entry[i].ecx &= ~(1u << 5);
	if (ioctl(vm->cpu, KVM_SET_CPUID2, &cpuid))
		err(1, "KVM_SET_CPUID2");
}

/* A virtual CPU that is offered VMX no longer may say that it is out of VMX operation, and no more. */
static void without_vmx(struct vm *vm)
{
	struct kvm_nested_state state = { .size = sizeof(state), .hdr.vmx = { 0x1000, NVMX_STATE_NO_ADDR } };

	vm_create(vm);
	expect(!ioctl(vm->cpu, KVM_SET_NESTED_STATE, &state), "VMX operation is not taken");
	take_vmx_away(vm);
	expect(ioctl(vm->cpu, KVM_SET_NESTED_STATE, &state) == -1 && errno == EINVAL, "VMX operation without VMX");
	state.hdr.vmx.vmxon_pa = NVMX_STATE_NO_ADDR;
	expect(!ioctl(vm->cpu, KVM_SET_NESTED_STATE, &state), "leaving VMX operation without VMX is not taken");
	vm_close(vm);
}

unsigned refuse(const struct vm *vm)
{
	static union snapshot_nested before, bad, after;
	struct vm other = { .size = vm->size, .mem = vm->mem };

	wrong = 0;
	without_vmx(&other);
	without_enlightened(vm);
	if (get(vm, &before))
		err(1, "KVM_GET_NESTED_STATE");
	expect(before.state.flags & KVM_STATE_NESTED_GUEST_MODE, "L2 does not run");
	expect(ioctl(vm->cpu, KVM_SET_NESTED_STATE, NULL) == -1 && errno == EFAULT, "no state at all");
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bad = before;
		memcpy(bad.room + rows[i].at, &rows[i].value, rows[i].bytes);
		expect(ioctl(vm->cpu, KVM_SET_NESTED_STATE, &bad) == -1 && errno == EINVAL, rows[i].what);
		expect(!get(vm, &after) && !memcmp(&before, &after, sizeof(after)), "it has changed something");
	}
	printf("torture: refuse: %zu states, %u not as they should be\n", sizeof(rows) / sizeof(*rows), wrong);
	return wrong;
}
