/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A multiboot image as a guest of KVM's (vmm.h). Standard output is the guest's COM1.
 *
 *	minivmm [-m MIB] [-c CPUS] IMAGE [ARGUMENT...]
 *
 * Exit status 0 when the guest powers off (ACPI at 0xb004, or "Shutdown" to port 0x8900), 1 otherwise.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm.h"

int main(int argc, char **argv)
{
	struct vm vm = { .size = 64u << 20 };
	enum vm_end end;

	for (; argc > 2 && (!strcmp(argv[1], "-m") || !strcmp(argv[1], "-c")); argv += 2, argc -= 2) {
		if (argv[1][1] == 'm')
			vm.size = (size_t)strtoul(argv[2], NULL, 0) << 20;
		else
			vm.others = (unsigned)strtoul(argv[2], NULL, 0) - 1;
	}
	if (argc < 2 || vm.size < (2u << 20) || vm.size > (2048u << 20) || vm.others > VM_OTHERS)
		errx(1, "usage: minivmm [-m MIB] [-c CPUS] IMAGE [ARGUMENT...]");
	vm_create(&vm);
	vm_load(&vm, argv[1], argc - 2, argv + 2);
	vm_run_others(&vm, NULL);
	do
		end = vm_step(&vm);
	while (end == VM_RUNS || end == VM_INTERRUPTED);
	fflush(stdout);
	return end == VM_OFF ? 0 : 1;
}
