/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Where an emulator is known to judge a VM entry otherwise than the SDM says. */
#ifndef NVMX_TEST_DEVIATIONS_H
#define NVMX_TEST_DEVIATIONS_H

#include <nestvmx/check.h>

/* The emulators that are tried, by the names that `nvmx-boot --which` gives them: a version of Bochs with one of its models. */
enum emulator { BOCHS27 = 1, BOCHS30 = 2, BOCHS30_ARROW = 4, BOCHS = BOCHS27 | BOCHS30 | BOCHS30_ARROW };

struct emulator_name {
	const char *name;
	enum emulator emulator;
};

extern const struct emulator_name emulators[];
extern const unsigned nemulators;

enum deviation_kind {
	LENIENT,     /* it does not enforce the rows `row` (a prefix of ids) where `when` holds */
	STRICT,      /* it fails as row `row` would, where `when` holds, though the SDM allows it */
	QUALIFIED    /* it fails as the row does, with exit qualification 0 */
};

struct deviation {
	unsigned on;     /* enum emulator */
	enum deviation_kind kind;
	const char *row;
	const char *sdm;
	const char *reason;
	bool (*when)(const struct nvmx_check_input *in); /* NULL: always */
};

extern const struct deviation deviations[];
extern const unsigned ndeviations;

#endif
