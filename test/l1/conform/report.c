/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <stdarg.h>

#include "conform.h"

static const char *prefix;
static struct { u32 ok, bad, skipped; } counts;

const char *text(const char *fmt, ...)
{
	static char buffers[16][192];
	static unsigned next;
	char *out = buffers[next++ % ARRAY_SIZE(buffers)];
	va_list ap;

	va_start(ap, fmt);
	vformat(out, sizeof(buffers[0]), fmt, ap);
	va_end(ap);
	return out;
}

void theme(const char *name) { prefix = name; }

static bool same(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		continue;
	return *a == *b;
}

void check(const char *id, const char *got, const char *want)
{
	if (same(got, want)) {
		counts.ok++;
		printf("%s.%s: %s ok\n", prefix, id, got);
	} else {
		counts.bad++;
		printf("%s.%s: %s BAD want %s\n", prefix, id, got, want);
	}
}

void check_number(const char *id, u64 got, u64 want) { check(id, text("%lx", got), text("%lx", want)); }
void check_true(const char *id, bool got) { check(id, got ? "yes" : "no", "yes"); }

void skip(const char *id, const char *why)
{
	counts.skipped++;
	printf("%s.%s: skip %s\n", prefix, id, why);
}

void conform_summary(void)
{
	printf("conform: %u outcomes, %u ok, %u bad, %u skipped\n", counts.ok + counts.bad, counts.ok, counts.bad,
	       counts.skipped);
}

const char *trap_text(int vector, u32 error)
{
	static const char *const names[32] = { "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "9",
		"#TS", "#NP", "#SS", "#GP", "#PF", "15", "#MF", "#AC", "#MC", "#XM", "#VE", "#CP" };
	const u32 with_error = 1u << VEC_DF | 1u << VEC_TS | 1u << VEC_NP | 1u << VEC_SS | 1u << VEC_GP |
			       1u << VEC_PF | 1u << VEC_AC;

	if (vector < 0)
		return "no trap";
	if (vector >= 32 || !names[vector])
		return text("trap %d", vector);
	return with_error >> vector & 1 ? text("%s(%x)", names[vector], error) : names[vector];
}

const char *result_text(enum vmx_result r)
{
	if (r == VMX_FAIL_VALID)
		return text("VMfailValid %lu", vmread(VM_INSTRUCTION_ERROR));
	return r == VMX_FAIL_INVALID ? "VMfailInvalid" : "VMsucceed";
}
