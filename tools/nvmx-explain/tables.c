/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include "tables.h"
#include "transcript.h"
#include "vmcs/vmcs.h"
#include "vmx/route.h"

#define LICENCE "<!-- SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later -->\n"

static const char *consequence(const struct nvmx_check_row *row)
{
	static char text[32];

	if (row->consequence == NVMX_CHECK_VMFAIL)
		snprintf(text, sizeof(text), "VMfailValid %u", row->error);
	else
		snprintf(text, sizeof(text), "exit 33, qualification %u", row->qualification);
	return text;
}

void print_rows(void)
{
	size_t n;
	const struct nvmx_check_row *rows = nvmx_check_rows(&n);

	printf(LICENCE "# The checks of a VM entry\n\n"
	       "Written by `nvmx-explain --rows` from `src/vmcs/checks.def`. An entry evaluates them in this order and "
	       "stops\n"
	       "at the first that fails; `nvmx-explain` prints all that fail. Sections are those of SDM volume 3.\n\n"
	       "%zu rows.\n\n| id | SDM | what must hold | otherwise |\n|---|---|---|---|\n", n);
	for (size_t i = 0; i < n; i++)
		printf("| `%s` | %s | %s | %s |\n", rows[i].id, rows[i].sdm, rows[i].text, consequence(&rows[i]));
}

void print_fields(void)
{
	static const char *const type[] = { "control", "exit information", "guest state", "host state" };
	static const struct {
		const char *exists, *merge, *sync, *shadow;
	} words[NVMX_ROWS] = {
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) { #exists, #merge, #sync, #shadow },
#include "vmcs/fields.def"
	};

	printf(LICENCE "# The fields of a VMCS\n\n"
	       "Written by `nvmx-explain --fields` from `src/vmcs/fields.def`, which explains the last four columns: "
	       "what makes\n"
	       "the field exist, how vmcs02's value is made, how vmcs12 learns it back, and its place in the "
	       "hardware's shadow\n"
	       "VMCS. The offset is that in the vmcs12 page.\n\n%d fields.\n\n"
	       "| encoding | name | type | bytes | offset | exists | vmcs02 | back | shadow |\n"
	       "|---|---|---|---|---|---|---|---|---|\n", NVMX_ROWS);
	for (unsigned i = 0; i < NVMX_ROWS; i++) {
		const struct nvmx_field_row *f = &nvmx_field_rows[i];

		printf("| %04X | %s | %s | %u | %u | %s | %s | %s | %s |\n", f->encoding, f->name,
		       type[nvmx_field_type(f->encoding)], f->size, f->offset, words[i].exists, words[i].merge,
		       words[i].sync, words[i].shadow);
	}
}

/* The capability bits that go away with a feature. */
static void print_bits(const struct nvmx_caps *all, const struct nvmx_caps *less)
{
	const char *separator = "";

	for (uint32_t msr = NVMX_MSR_VMX_BASIC; msr <= NVMX_MSR_VMX_PROCBASED_CTLS3; msr++) {
		uint64_t gone = nvmx_caps_get(all, msr) & ~nvmx_caps_get(less, msr);

		if (msr == NVMX_MSR_VMX_VMCS_ENUM)
			continue;
		for (unsigned bit = 0; bit < 64; bit++) {
			if (!(gone >> bit & 1))
				continue;
			printf("%s%X[%u]", separator, msr, bit);
			separator = ", ";
		}
	}
}

void print_features(void)
{
	struct transcript t;
	struct nvmx_caps hw;

	transcript_init(&t);
	hw = t.caps;
	printf(LICENCE "# Features that a host can withhold\n\n"
	       "Written by `nvmx-explain --features`. A host withholds a feature by its number in "
	       "`nvmx_vm_config.withheld`,\n"
	       "`nvmx-boot` by `--disable NAME,...`. What goes with it: bits of the capability MSRs, as MSR[bit] (in "
	       "the MSRs of\n"
	       "controls bit 32 + n allows control n), those of features that need it included. Compatible: offered "
	       "with\n"
	       "`NVMX_COMPATIBLE` too, that is, known to the nested VMX of Linux 6.1.\n\n"
	       "| number | name | what goes with it | compatible |\n|---|---|---|---|\n");
	for (unsigned i = 0; i < NVMX_FEATURE_COUNT; i++) {
		struct nvmx_caps less, compatible, both;

		nvmx_caps_compute(&hw, NVMX_BIT64(i), false, &less);
		nvmx_caps_compute(&hw, 0, true, &compatible);
		nvmx_caps_compute(&hw, NVMX_BIT64(i), true, &both);
		printf("| %u | `%s` | ", i, nvmx_feature_name(i));
		if (i == NVMX_FEATURE_HW_SHADOW)
			printf("nothing that L1 sees: the host's own use of VMCS shadowing | yes |\n");
		else if (i == NVMX_FEATURE_HW_EPTP_SWITCHING)
			printf("nothing that L1 sees: L2's EPTP switching without a VM exit | yes |\n");
		else {
			bool same = true;

			for (unsigned m = 0; m < NVMX_CAPS_MSRS; m++)
				same &= both.msr[m] == compatible.msr[m];
			print_bits(&t.caps, &less);
			printf(" | %s |\n", same ? "no" : "yes");
		}
	}
	transcript_free(&t);
}

void print_exits(void)
{
	printf(LICENCE "# VM exits of L2: what L1 does to get them\n\n"
	       "Written by `nvmx-explain --exits` from `src/vmx/routes.def`. An exit goes to L1 if and only if L1 asked for it; one "
	       "that only a\ncontrol of the host's, or its bits of a merged bitmap, caused is handled by the library or given to the "
	       "host\n(`NVMX_HOST`). #DB, #AC and #MC that both intercept are the host's first (`nvmx_reflect()`); what "
	       "`NVMX_HOST_OWNS_INTERRUPTS`\nand `NVMX_HOST_OWNS_TIMER` make the host's own is in the header. A reason without a row "
	       "cannot come of a control that L1 is\noffered: it is L1's as an unconditional exit of a newer processor, unless vmcs02 "
	       "has tertiary controls of the host's.\n\n"
	       "| reason | name | what asks for it |\n|---|---|---|\n");
	for (uint32_t reason = 0; reason < NVMX_XR_COUNT; reason++) {
		const struct nvmx_route_row *row = nvmx_route_row(reason);

		if (row->name)
			printf("| %" PRIu32 " | %s | %s%s |\n", reason, row->name, nvmx_route_never(row) ? "none of L1's controls: " : "",
			       row->asks);
	}
}
