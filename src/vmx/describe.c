/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The line for a value that was refused: the templates of refusals.def and vmcs01.def, filled in. */
#include "../refuse.h"
#include "line.h"
#include <nestvmx/trace.h>

static const struct rule {
	uint16_t number;
	int8_t error;
	const char *name, *line;
	const char *why; /* of vmcs01.def */
} rules[] = {
	{ 0, NVMX_OK, NULL, "no error", NULL },
#define NVMX_R(number, NAME, error, line) { number, NVMX_ERR_##error, #NAME, line, NULL },
#include <nestvmx/refusals.def>
#define NVMX_V(number, NAME, FIELD, ones, when, why)                                                                  \
	{ number, NVMX_ERR_VMCS01, "VMCS01_" #NAME, "vmcs01: " #FIELD " is %f, expected the bits %e in it to be 1: %w", why },
#include <nestvmx/vmcs01.def>
};

static const struct rule *find(unsigned number)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (rules[i].number == number)
			return &rules[i];
	return NULL;
}

const char *nvmx_refusal_name(unsigned refusal)
{
	const struct rule *r = find(refusal);

	return r ? r->name : NULL;
}

int nvmx_refuse_named(struct nvmx_error_info *info, unsigned rule, const char *name, uint64_t found, uint64_t expected)
{
	*info = (struct nvmx_error_info){ .error = find(rule)->error, .refusal = rule, .name = name, .found = found,
					  .expected = expected };
	return info->error;
}

int nvmx_refuse(struct nvmx_error_info *info, unsigned rule, uint64_t found, uint64_t expected)
{
	return nvmx_refuse_named(info, rule, NULL, found, expected);
}

int nvmx_refuse_overlap(struct nvmx_error_info *info, unsigned rule, const struct nvmx_block *mem,
			const struct nvmx_block *others, unsigned n)
{
	for (const struct nvmx_block *o = others; o < others + n; o++) {
		uintptr_t a = (uintptr_t)mem->at, b = (uintptr_t)o->at;

		if (o->at && a < b + o->size && b < a + mem->size)
			return nvmx_refuse_named(info, rule, o->name, b, 0);
	}
	return NVMX_OK;
}

static void put_value(struct nvmx_line *l, const struct rule *r, const struct nvmx_error_info *info, char which)
{
	switch (which) {
	case 'n': nvmx_line_text(l, info->name); break;
	case 'w': nvmx_line_text(l, r->why); break;
	case 'a': nvmx_line_number(l, info->about, 16); break;
	case 'f': nvmx_line_number(l, info->found, 16); break;
	case 'F': nvmx_line_number(l, info->found, 10); break;
	case 'e': nvmx_line_number(l, info->expected, 16); break;
	default: nvmx_line_number(l, info->expected, 10); break;
	}
}

size_t nvmx_describe_error(char *buf, size_t size, const struct nvmx_error_info *info)
{
	const struct rule *r = find(info->refusal);
	struct nvmx_line l = { buf, size, 0 };

	for (const char *c = r ? r->line : "unknown error"; *c; c++) {
		if (*c == '%')
			put_value(&l, r, info, *++c);
		else
			nvmx_line_char(&l, *c);
	}
	return nvmx_line_finish(&l);
}

size_t nvmx_describe_record(char *buf, size_t size, unsigned cpu, uint64_t time, unsigned what, uint64_t a, uint64_t b, uint64_t c)
{
	const uint64_t values[] = { a, b, c };
	const char *name = nvmx_trace_name(what);
	unsigned n = c ? 3 : b ? 2 : a ? 1 : 0; /* short, for serial ports: zeros at the end are left out */
	struct nvmx_line l = { buf, size, 0 };

	nvmx_line_text(&l, "trace ");
	nvmx_line_digits(&l, cpu, 10);
	nvmx_line_char(&l, ' ');
	nvmx_line_digits(&l, time, 16);
	nvmx_line_char(&l, ' ');
	nvmx_line_text(&l, name ? name : "unknown");
	for (unsigned i = 0; i < n; i++) {
		nvmx_line_char(&l, ' ');
		nvmx_line_digits(&l, values[i], 16);
	}
	return nvmx_line_finish(&l);
}
