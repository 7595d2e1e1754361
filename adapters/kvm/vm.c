// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library's VM, which the vCPUs of a KVM VM have in common: it begins with the first of them that needs it and ends with the last.
 *
 * What L1 is offered is KVM's per vCPU and the library's per VM.  A vCPU that user space has given other capabilities than the others
 * have has another VM of the library's: what is said of one holds for it as well.
 */
#include "nest.h"

#include <linux/vmalloc.h>

DEFINE_MUTEX(nest_joining);
LIST_HEAD(nest_vms);
DEFINE_SRCU(nest_walking);

/* For a user's vCPUs, and so on his account. */
void *nest_zalloc(size_t size)
{
	return __vmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
}

/* More vCPUs may come later: they share what these have. */
static unsigned int vcpus_of(struct kvm *kvm)
{
	return clamp_t(unsigned int, atomic_read(&kvm->online_vcpus), 1, NEST_VCPUS_MAX);
}

static int init_library(struct nest_vm *vm)
{
	unsigned int vcpus = vcpus_of(vm->kvm);
	struct nvmx_caps hw;
	struct nvmx_vm_config config = {
		.size = sizeof(config),
		.caps_size = sizeof(hw),
		.ops = &nest_ops,
		.hw = &hw,
		.withheld = nest_withheld(),
		.flags = NEST_FLAGS | (vm->mtrrs ? 0 : NVMX_HOST_PAGES_OF_VM),
		.shadow_ept_pages = NEST_SHADOW_EPT_PAGES * vcpus,
		.limit = &vm->limit,
		.beyond = nest_beyond(),
		.posted_vector02 = enable_apicv ? POSTED_INTR_NESTED_VECTOR : 0,
	};
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];

	if (NEST_WATCH) {
		config.watches_n = NEST_WATCHES * roundup_pow_of_two(vcpus);
		config.watches = vm->watches = nest_zalloc(config.watches_n * NVMX_WATCH_SIZE);
		if (!vm->watches)
			return -ENOMEM;
	}
	nest_caps_of_processor(&hw);
	if (!nvmx_vm_init(vm->memory, sizeof(vm->memory), &config, &vm->lib, &info))
		return 0;
	nvmx_describe_error(line, sizeof(line), &info);
	pr_err_once("kvm_intel: libnestvmx: %s\n", line);
	return -EINVAL;
}

static void free_vm(struct nest_vm *vm)
{
	if (vm->lib)
		nvmx_vm_destroy(vm->lib);
	vfree(vm->watches);
	vfree(vm);
}

static struct nest_vm *new_vm(struct kvm *kvm, const struct nvmx_caps *limit)
{
	struct nest_vm *vm = nest_zalloc(sizeof(*vm));
	int error;

	if (!vm)
		return ERR_PTR(-ENOMEM);
	vm->kvm = kvm;
	vm->limit = *limit;
	vm->mtrrs = NEST_MTRRS && kvm_arch_has_noncoherent_dma(kvm);
	INIT_LIST_HEAD(&vm->nests);
	mutex_init(&vm->following);
	spin_lock_init(&vm->written_lock);
	nest_watch_slots(vm);
	error = init_library(vm);
	if (error)
		goto no_library;
	error = nest_space_begin(vm);
	if (error)
		goto no_library;
	error = nest_watch_create(vm);
	if (error)
		goto no_watch;
	nest_took(NEST_VM);
	return vm;

no_watch:
	nest_space_end(vm);
no_library:
	free_vm(vm);
	return ERR_PTR(error);
}

static void end_vm(struct nest_vm *vm)
{
	nest_watch_destroy(vm);
	nest_space_end(vm);
	WARN_ON_ONCE(atomic_read(&vm->pages));
	nest_print_vm(vm);
	free_vm(vm);
	nest_returned(NEST_VM);
}

static struct nest_vm *known_vm(struct kvm *kvm, const struct nvmx_caps *limit)
{
	struct nest_vm *vm;

	list_for_each_entry(vm, &nest_vms, others)
		if (vm->kvm == kvm && !memcmp(&vm->limit, limit, sizeof(*limit)))
			return vm;
	return NULL;
}

static bool join(struct nest *n, const struct nvmx_caps *limit, struct nest_vm *fresh)
{
	struct nest_vm *vm;

	mutex_lock(&nest_joining);
	vm = known_vm(nest_vcpu(n)->kvm, limit);
	if (!vm && fresh) {
		vm = fresh;
		list_add(&vm->others, &nest_vms);
	}
	if (vm) {
		n->vm = vm;
		vm->users++;
		list_add_rcu(&n->beside, &vm->nests);
		smp_mb();	/* a range that has begun without this vCPU is one that it waits for */
	}
	mutex_unlock(&nest_joining);
	return vm;
}

/*
 * A new one is made where nobody waits, and is one too many if another vCPU has made one meanwhile.  An MMU notifier is registered when
 * nobody else holds the process's memory map, and how long that is may be its user's choice (a fault in a file of a file system
 * of his): the vCPUs of others come and go.
 */
int nest_vm_join(struct nest *n)
{
	struct nvmx_caps limit;
	struct nest_vm *fresh;

	nest_caps_of_vcpu(nest_vcpu(n), &limit);
	if (join(n, &limit, NULL))
		return 0;
	fresh = new_vm(nest_vcpu(n)->kvm, &limit);
	if (IS_ERR(fresh))
		return PTR_ERR(fresh);
	join(n, &limit, fresh);
	if (n->vm != fresh)
		end_vm(fresh);
	return 0;
}

/* The library has no vCPU of it any more, and it no frame of L1's.  Afterwards nobody looks at it. */
void nest_vm_leave(struct nest *n)
{
	struct nest_vm *vm = n->vm;
	bool last;

	mutex_lock(&nest_joining);
	list_del_rcu(&n->beside);
	nest_want_no_pages(n);
	mutex_unlock(&nest_joining);
	synchronize_srcu(&nest_walking);
	mutex_lock(&nest_joining);
	last = !--vm->users;
	if (last)
		list_del(&vm->others);
	mutex_unlock(&nest_joining);
	if (last)
		end_vm(vm);
}

static void left_guest(void *unused)
{
}

/*
 * If it runs a guest it leaves it, and if it is about to it begins again.  The request is not the one that nest_protect_logged() serves:
 * two vCPUs that write to pages with a log would go on taking the right from each other, and each kick the other one for it.
 */
static void kick(struct kvm_vcpu *vcpu)
{
	int cpu;

	kvm_make_request(KVM_REQ_TLB_FLUSH_CURRENT, vcpu);
	if (kvm_vcpu_exiting_guest_mode(vcpu) == OUTSIDE_GUEST_MODE)
		return;
	cpu = READ_ONCE(vcpu->cpu);
	if (cpu != -1)
		smp_call_function_single(cpu, left_guest, NULL, 1);
}

/*
 * All vCPUs of the library's VM but that of this thread, which runs no guest now and comes by nested_vmx_before_entry() before it does.
 * No other vCPU of KVM's is touched, for KVM may be about to free them: these stay as long as they are in the list.
 */
void nest_op_kick_others(struct nvmx_host *host)
{
	struct kvm_vcpu *self = kvm_get_running_vcpu();
	int idx = srcu_read_lock(&nest_walking);
	struct nest *n;

	for_each_nest(n, nest_of_host(host)->vm)
		if (nest_vcpu(n) != self)
			kick(nest_vcpu(n));
	srcu_read_unlock(&nest_walking, idx);
}

/* The vCPU comes by nested_vmx_flush_tlb() before it runs a guest again; one that runs one leaves it. */
void nest_remind(struct nest *n)
{
	kvm_make_request(KVM_REQ_TLB_FLUSH, nest_vcpu(n));
	kvm_vcpu_kick(nest_vcpu(n));
}

void nest_remind_all(void)
{
	struct nest_vm *vm;
	struct nest *n;

	mutex_lock(&nest_joining);
	list_for_each_entry(vm, &nest_vms, others)
		list_for_each_entry(n, &vm->nests, beside)
			nest_remind(n);
	mutex_unlock(&nest_joining);
}
