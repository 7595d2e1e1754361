/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Linux as L1 on the library's VT-d unit, with a device of the host's assigned by VFIO.
 *
 *	vtd_vmm [-m MIB] [-f FEATURE,...] [-d DEVICE] KERNEL INITRD ARGUMENTS
 *
 * FEATURE is what L1 is offered beside the queue, large pages and page-selective flushes: cm, ir, eim, pt, none of them
 * by default.  Exit status 0 when L1 turns itself off.
 */
#include "acpi.h"
#include "assigned.h"
#include "image.h"
#include "machine.h"
#include "msix.h"
#include "unit.h"
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BASIC (NVMX_VTD_F_QUEUE | NVMX_VTD_F_PAGE_FLUSH | NVMX_VTD_F_2M | NVMX_VTD_F_1G | NVMX_VTD_F_DRAIN)

static const struct {
	const char *name;
	uint32_t feature;
} features[] = {
	{ "cm", NVMX_VTD_F_CACHING_MODE }, { "ir", NVMX_VTD_F_REMAP }, { "eim", NVMX_VTD_F_REMAP | NVMX_VTD_F_EXTENDED },
	{ "pt", NVMX_VTD_F_PASS_THROUGH },
};

static uint32_t feature(const char *name)
{
	for (unsigned i = 0; i < sizeof(features) / sizeof(*features); i++)
		if (!strcmp(features[i].name, name))
			return features[i].feature;
	errx(2, "no feature called %s", name);
}

static uint32_t parse(char *list)
{
	uint32_t set = 0;

	for (char *word = strtok(list, ","); word; word = strtok(NULL, ","))
		set |= feature(word);
	return set;
}

int main(int argc, char **argv)
{
	const char *device = "0000:00:05.0";
	uint32_t offered = BASIC;
	uint64_t mib = 256;
	static struct vfio vfio;
	int option, status;

	while ((option = getopt(argc, argv, "m:f:d:")) != -1) {
		if (option == 'm')
			mib = strtoull(optarg, NULL, 0);
		else if (option == 'f')
			offered |= parse(optarg);
		else if (option == 'd')
			device = optarg;
		else
			return 2;
	}
	if (argc - optind != 3 || mib < 64 || mib > 2048)
		errx(2, "usage: vtd_vmm [-m MIB] [-f FEATURE,...] [-d DEVICE] KERNEL INITRD ARGUMENTS");
	setvbuf(stdout, NULL, _IOLBF, 4096);
	machine_create(mib << 20);
	vfio_open(&vfio, device);
	unit_create(offered, &vfio);
	assigned_create(&vfio);
	acpi_build(offered & NVMX_VTD_F_REMAP, machine_address_bits());
	image_load(argv[optind], argv[optind + 1], argv[optind + 2]);
	status = machine_run();
	fflush(stdout);
	unit_report();
	msix_report();
	return status;
}
