/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "report.h"

#define NO_FIELD 0xffff

/* The fields that a rule of routes.def looks at. */
static const uint16_t *fields_of(uint8_t rule)
{
#define RULE(name, ...) [NVMX_RULE_##name] = { __VA_ARGS__, NO_FIELD }
	static const uint16_t fields[][10] = {
		[NVMX_RULE_UNKNOWN] = { NO_FIELD },
		[NVMX_RULE_ALWAYS] = { NO_FIELD },
		[NVMX_RULE_EVENT] = { NO_FIELD },
		[NVMX_RULE_NEVER] = { NO_FIELD },
		RULE(PIN, NVMX_PIN_CTLS),
		RULE(PROC, NVMX_PROC_CTLS),
		RULE(PROC2, NVMX_PROC_CTLS, NVMX_PROC_CTLS2),
		RULE(EXCEPTION, NVMX_PIN_CTLS, NVMX_EXCEPTION_BITMAP, NVMX_PF_EC_MASK, NVMX_PF_EC_MATCH),
		RULE(CR, NVMX_PROC_CTLS, NVMX_CR0_MASK, NVMX_CR0_SHADOW, NVMX_CR4_MASK, NVMX_CR4_SHADOW, NVMX_CR3_TARGET_COUNT,
		     NVMX_CR3_TARGET0, NVMX_CR3_TARGET1, NVMX_CR3_TARGET2),
		RULE(IO, NVMX_PROC_CTLS, NVMX_IO_BITMAP_A, NVMX_IO_BITMAP_B),
		RULE(MSR, NVMX_PROC_CTLS, NVMX_MSR_BITMAP),
		RULE(VMCS, NVMX_PROC_CTLS, NVMX_PROC_CTLS2, NVMX_VMREAD_BITMAP, NVMX_VMWRITE_BITMAP),
		RULE(MTF, NVMX_PROC_CTLS, NVMX_ENTRY_INTR_INFO),
		RULE(PAUSE, NVMX_PROC_CTLS, NVMX_PROC_CTLS2),
		RULE(EPT, NVMX_PROC_CTLS, NVMX_PROC_CTLS2),
		RULE(XSS, NVMX_PROC_CTLS, NVMX_PROC_CTLS2, NVMX_XSS_EXIT_BITMAP),
		RULE(ENCLS, NVMX_PROC_CTLS, NVMX_PROC_CTLS2, NVMX_ENCLS_EXIT_BITMAP),
		RULE(VMFUNC, NVMX_PROC_CTLS, NVMX_PROC_CTLS2, NVMX_VMFUNC_CTLS),
	};
#undef RULE
	return fields[rule];
}

static const struct { const char *who, *why; } answers[] = {
	[NVMX_ROUTE_L1] = { "L1", "L1 asked for it" },
	[NVMX_ROUTE_L0] = { "L0", "L1 did not ask for it; a control or a bitmap of the host's caused it" },
	[NVMX_ROUTE_HOST_FIRST] = { "L1", "L1 asked for it, unless the host intercepts it too and says that it is its own" },
	[NVMX_ROUTE_MSR_BITMAP] = { "L1 or L0", "the MSR's bit in L1's MSR bitmap decides: 1 is L1's" },
	[NVMX_ROUTE_IO_BITMAP] = { "L1 or L0", "the ports' bits in L1's I/O bitmaps decide: any 1 is L1's" },
	[NVMX_ROUTE_VMCS_BITMAP] = { "L1 or L0", "the field's bit in L1's VMREAD or VMWRITE bitmap decides: 1 is L1's" },
	[NVMX_ROUTE_ENCLS_BITMAP] = { "L1 or L0", "bit EAX of the ENCLS-exiting bitmap decides: 1 is L1's" },
	[NVMX_ROUTE_EPT] = { "L1 or L0", "L1's EPT decides: what it does not allow is L1's, what the shadow EPT lacks is L0's" },
	[NVMX_ROUTE_VMFUNC] = { "L1 or L0", "a VM function that L1 enabled is emulated, another is L1's" },
};

bool route_reason(const char *text, uint32_t *reason)
{
	char *end;
	unsigned long number = strtoul(text, &end, 0);

	if (end != text && !*end) {
		*reason = (uint32_t)number & 0xffff;
		return number <= 0xffffffff;
	}
	for (*reason = 0; *reason < NVMX_XR_COUNT; ++*reason) {
		const char *name = nvmx_route_row(*reason)->name;
		size_t i = 0;

		while (name && name[i] && (toupper((unsigned char)text[i]) == name[i] || (text[i] == '-' && name[i] == '_')))
			i++;
		if (name && !name[i] && !text[i])
			return true;
	}
	return false;
}

/* What the exit itself says, where the VMCS tells of the same exit. */
static void fill(const struct transcript *t, const struct route_question *q, struct nvmx_route_in *in)
{
	bool same = t->known[NVMX_I_EXIT_REASON] && (t->v12.exit_reason & 0xffff) == in->reason;

	if (same && !q->intr_info)
		in->intr_info = t->v12.exit_intr_info;
	if (same && !q->intr_error)
		in->intr_error = t->v12.exit_intr_error_code;
	if (same && !q->qualification)
		in->qualification = t->v12.exit_qualification;
	if (!in->intr_info && in->reason == NVMX_XR_EXCEPTION_NMI)
		in->intr_info = NVMX_INTR_VALID | NVMX_EVENT_NMI << NVMX_INTR_TYPE_SHIFT | 2;
}

/* The route, if it is the same whatever the unknown fields are. */
static int route_known(const struct transcript *t, const uint16_t *fields, const struct nvmx_route_in *in)
{
	int first = -1;

	for (unsigned probe = 0; probe < PROBES; probe++) {
		struct nvmx_vmcs12 v12 = t->v12;
		bool unknown = judge_unknown(t, fields, probe, &v12);
		int route = (int)nvmx_route(&v12, in);

		if (probe && route != first)
			return -1;
		first = route;
		if (!unknown)
			break;
	}
	return first;
}

void report_route(struct report *r, const struct found_vmcs *where, const struct transcript *t, const struct route_question *q)
{
	const struct nvmx_route_row *row = nvmx_route_row(q->in.reason);
	const uint16_t *fields = fields_of(row->rule);
	struct nvmx_route_in in = q->in;
	const char *who = "not known", *why = "it depends on what is not given", *separator = "";
	int route;

	fill(t, q, &in);
	route = route_known(t, fields, &in);
	if (route >= 0) {
		who = answers[route].who;
		why = answers[route].why;
	}
	if (row->rule == NVMX_RULE_UNKNOWN)
		why = "the library does not know the reason: what is unknown goes to L1";
	report_where(r, where, t);
	if (r->json) {
		fprintf(r->out, ", \"reason\": %" PRIu32 ", \"name\": \"%s\", \"goes_to\": \"%s\", \"why\": ", in.reason,
			row->name ? row->name : "", who);
		report_string(r->out, why);
		fputs(", \"asked_by\": ", r->out);
		report_string(r->out, row->asks ? row->asks : "");
		fputs(", \"fields\": [", r->out);
	} else {
		fprintf(r->out, "exit %" PRIu32 " (%s) goes to %s: %s.\n\tL1 asks for it by: %s\n", in.reason,
			row->name ? row->name : "without a name", who, why, row->asks ? row->asks : "nothing that is known");
		if (row->rule == NVMX_RULE_EXCEPTION)
			fprintf(r->out, "\tinterruption information %08" PRIx32 ", error code %" PRIx32 "\n", in.intr_info,
				in.intr_error);
		if (row->rule == NVMX_RULE_CR)
			fprintf(r->out, "\tqualification %" PRIx64 ", operand %" PRIx64 "\n", in.qualification, in.operand);
	}
	for (const uint16_t *f = fields; *f != NO_FIELD; f++) {
		fputs(r->json ? separator : "", r->out);
		separator = ", ";
		report_field(r->out, r->json, t, (unsigned)nvmx_field_find(*f));
	}
	if (r->json)
		fputs("]}", r->out);
}
