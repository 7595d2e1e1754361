/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The smallest KVM user that boots a multiboot image: one or more virtual CPUs, one memory slot, in-kernel interrupt
 * controllers and timer, a serial port that only writes. Whatever fails ends the program.
 */
#ifndef LAB_VMM_H
#define LAB_VMM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VM_OTHERS 3	/* most virtual CPUs beside the first */

struct vm {
	int kvm, fd, cpu;	/* the first virtual CPU ... */
	unsigned others;	/* ... and how many there are beside it */
	int other[VM_OTHERS];
	uint8_t *mem;		/* made by vm_create() where it is null */
	size_t size;
	size_t ring;		/* bytes of each virtual CPU's ring of written pages; 0: none */
	struct kvm_run *run;
	bool no_chips;		/* the interrupt controllers and timers are user space's, and there are none */
	bool small_pages;	/* the memory that vm_create() makes is not in large ones */
	bool pass_marks;	/* what the guest writes to its ACPI port without powering off, goes to the machine's own */
	const char *prefix;	/* before each line of the guest's; null: none */
};

enum vm_end {
	VM_RUNS,	/* an exit to user space has been dealt with */
	VM_INTERRUPTED,	/* a signal came, and no exit is half done */
	VM_OFF,		/* the guest has powered off */
	VM_STOPPED,	/* an exit that is not expected: it has been told on standard error */
};

/* The machine and its virtual CPUs, with the CPUID that KVM supports. */
void vm_create(struct vm *vm);
/* Of a machine with one virtual CPU.  Its memory stays. */
void vm_close(struct vm *vm);
/* Each virtual CPU but the first gets a thread, in which no signal is taken, and waits there for its SIPI; `began`, if any, is
 * called in the thread. Only the first one may end the machine. */
void vm_run_others(const struct vm *vm, void (*began)(unsigned number));
/* A multiboot image with arguments, where it starts. */
void vm_load(struct vm *vm, const char *path, int argc, char **argv);
/* One KVM_RUN. */
enum vm_end vm_step(struct vm *vm);
/* The memory slot `slot` becomes `size` bytes at `mem`, 0 for none. */
void vm_slot(struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size, void *mem);
/* An ioctl of the vCPU's that must not fail. */
void vm_cpu(struct vm *vm, unsigned long request, void *argument, const char *name);
#define VM_CPU(vm, request, argument) vm_cpu(vm, request, argument, #request)

#endif
