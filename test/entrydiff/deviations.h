/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Where Bochs 2.7 is known to judge a VM entry otherwise than the SDM says. */
#ifndef NVMX_TEST_DEVIATIONS_H
#define NVMX_TEST_DEVIATIONS_H

#include <nestvmx/check.h>

enum deviation_kind {
	LENIENT,     /* Bochs does not enforce the rows `row` (a prefix of ids) where `when` holds */
	STRICT,      /* Bochs fails as row `row` would, where `when` holds, though the SDM allows it */
	QUALIFIED    /* Bochs fails as the row does, with exit qualification 0 */
};

struct deviation {
	enum deviation_kind kind;
	const char *row;
	const char *sdm;
	const char *reason;
	bool (*when)(const struct nvmx_check_input *in); /* NULL: always */
};

extern const struct deviation deviations[];
extern const unsigned ndeviations;

#endif
