/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The virtual unit on QEMU's intel-iommu as the physical one: the library flattens, QEMU's unit translates, and where the
 * data of a DMA went decides.  usage: vtd_qemu [CASE...]
 */
#include <stdlib.h>
#include "bed.h"

#define CASE(name, modes) void case_##name(void);
#include "cases.def"

static const struct {
	const char *name;
	void (*run)(void);
	unsigned modes;
} cases[] = {
#define CASE(name, modes) { #name, case_##name, modes },
#include "cases.def"
};
#define CASES (sizeof(cases) / sizeof(*cases))

extern unsigned checks_passed, checks_failed;

static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(name, argv[i]))
			return true;
	return argc == 1;
}

int main(int argc, char **argv)
{
	unsigned runs = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	machine_start();
	unit_start();
	for (unsigned i = 0; i < CASES; i++)
		for (unsigned mode = 0; mode < MODES; mode++)
			if (cases[i].modes >> mode & 1 && wanted(cases[i].name, argc, argv)) {
				bed_configure(mode);
				cases[i].run();
				bed_end();
				runs++;
			}
	machine_stop();
	if (!runs) {
		fprintf(stderr, "vtd_qemu: no such case\n");
		return 1;
	}
	printf("%u cases\n%u passed, %u failed, 0 skipped\n", runs, checks_passed, checks_failed);
	return checks_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
