/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A multiboot image as a guest of KVM's (vmm.h). Standard output is the guest's COM1.
 *
 *	minivmm [-m MIB] [-c CPUS] [-s] [-p] IMAGE [ARGUMENT...]
 *
 * -s: its memory is in small pages.  -p: what it writes to the ACPI port without powering off, goes to the machine's own.
 * Exit status 0 when the guest powers off (ACPI at 0xb004, or "Shutdown" to port 0x8900), 1 otherwise.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm.h"

static void __attribute__((noreturn)) usage(void)
{
	errx(1, "usage: minivmm [-m MIB] [-c CPUS] [-s] [-p] IMAGE [ARGUMENT...]");
}

int main(int argc, char **argv)
{
	struct vm vm = { .size = 64u << 20 };
	enum vm_end end;

	int option;

	while ((option = getopt(argc, argv, "+m:c:sp")) != -1) {
		switch (option) {
		case 'm': vm.size = (size_t)strtoul(optarg, NULL, 0) << 20; break;
		case 'c': vm.others = (unsigned)strtoul(optarg, NULL, 0) - 1; break;
		case 's': vm.small_pages = true; break;
		case 'p': vm.pass_marks = true; break;
		default: usage();
		}
	}
	argc -= optind;
	argv += optind;
	if (argc < 1 || vm.size < (2u << 20) || vm.size > (2048u << 20) || vm.others > VM_OTHERS)
		usage();
	vm_create(&vm);
	vm_load(&vm, argv[0], argc - 1, argv + 1);
	vm_run_others(&vm, NULL);
	do
		end = vm_step(&vm);
	while (end == VM_RUNS || end == VM_INTERRUPTED);
	fflush(stdout);
	return end == VM_OFF ? 0 : 1;
}
