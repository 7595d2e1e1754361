/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* nvmx-explain over any input: whatever it is, it is told of or refused, and each VMCS is judged and routed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "../../tools/nvmx-explain/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reports {
	struct report text, json;
	unsigned seen;
};

static void tell(void *context, const struct found_vmcs *where, const struct transcript *t)
{
	struct reports *r = context;
	struct route_question q = { .in.reason = r->seen++ % (NVMX_XR_COUNT + 1) };

	report_checks(&r->text, where, t);
	report_checks(&r->json, where, t);
	report_route(&r->text, where, t, &q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *nowhere = fopen("/dev/null", "w");
	struct reports reports = { .text = { .out = nowhere, .all = true }, .json = { .out = nowhere, .json = true } };
	struct input in = { .file = "input", .use = tell, .context = &reports };
	char *copy = malloc(size + 1);

	if (!nowhere || !copy)
		abort();
	memcpy(copy, data, size);
	copy[size] = 0;
	if (!input_read(&in, copy, size) && !in.error[0])
		abort();
	free(copy);
	fclose(nowhere);
	return 0;
}
