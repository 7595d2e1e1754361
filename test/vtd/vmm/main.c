/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * An operating system or hypervisor as L1 on the library's VT-d unit, with a device of the host's assigned by VFIO.
 *
 *	vtd_vmm [-l] [-s] [-m MIB] [-f FEATURE,...] [-d DEVICE] [-i ID] [-t SECONDS] KERNEL ARGUMENTS [MODULE[=ARGUMENTS]]...
 *
 * FEATURE is what L1 is offered beside the queue, large pages and page-selective flushes: cm, ir, eim, pt, none of them
 * by default.  DEVICE is PCI's name of it, or none.  ID is the requester id of the I/O APIC.  -l: a machine with a
 * PIT and a clock, and unless ir is offered, KVM's 8259s and I/O APIC.  -s: L1 has SVM.  Exit status 0 when L1 turns itself off
 * within SECONDS (800).
 */
#include "acpi.h"
#include "assigned.h"
#include "edu.h"
#include "image.h"
#include "ioapic.h"
#include "machine.h"
#include "msix.h"
#include "pci.h"
#include "pit.h"
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

struct options {
	const char *device;
	uint32_t features;
	uint64_t mib;
	uint16_t ioapic;
	unsigned seconds;
	bool legacy, svm;
};

static void usage(void)
{
	errx(2, "usage: vtd_vmm [-l] [-s] [-m MIB] [-f FEATURE,...] [-d DEVICE] [-i ID] [-t SECONDS] KERNEL ARGUMENTS "
		"[MODULE[=ARGUMENTS]]...");
}

static struct options parse_options(int argc, char **argv)
{
	struct options o = { .device = "0000:00:05.0", .features = BASIC, .mib = 256,
			     .ioapic = IOAPIC_SOURCE_ID, .seconds = 800 };
	int option;

	while ((option = getopt(argc, argv, "lsm:f:d:i:t:")) != -1) {
		switch (option) {
		case 'l': o.legacy = true; break;
		case 's': o.svm = true; break;
		case 'm': o.mib = strtoull(optarg, NULL, 0); break;
		case 'f': o.features |= parse(optarg); break;
		case 'd': o.device = strcmp(optarg, "none") ? optarg : NULL; break;
		case 'i': o.ioapic = (uint16_t)strtoul(optarg, NULL, 0); break;
		case 't': o.seconds = (unsigned)strtoul(optarg, NULL, 0); break;
		default: usage();
		}
	}
	if (argc - optind < 2 || o.mib < 64 || o.mib > 2048)
		usage();
	return o;
}

int main(int argc, char **argv)
{
	struct options o = parse_options(argc, argv);
	static struct vfio vfio;
	int status;

	setvbuf(stdout, NULL, _IOLBF, 4096);
	machine_create(o.mib << 20, o.legacy && !(o.features & NVMX_VTD_F_REMAP), o.svm);
	if (o.device)
		vfio_open(&vfio, o.device);
	unit_create(o.features, o.device ? &vfio : NULL);
	if (o.device)
		assigned_create(&vfio);
	pci_create(o.device);
	ioapic_create(o.ioapic);
	if (o.legacy && !machine_irqchip())
		pit_create();
	acpi_build(o.legacy, o.features & NVMX_VTD_F_REMAP, machine_address_bits());
	image_load(argv[optind], argv[optind + 1], argv + optind + 2, (unsigned)(argc - optind - 2));
	status = machine_run(o.seconds);
	unit_report();
	msix_report();
	edu_report();
	fflush(stdout);
	return status;
}
