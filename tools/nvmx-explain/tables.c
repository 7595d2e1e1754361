/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include "tables.h"
#include "transcript.h"
#include "vmcs/controls.h"
#include "vmcs/vmcs.h"
#include "vmx/route.h"

#define LICENCE "<!-- SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later -->\n"

enum exit_from_l1 { EXIT_HOST, EXIT_LIBRARY, EXIT_CALL, EXIT_MSR };
static const struct {
	enum exit_from_l1 from_l1;
	const char *host;
} exits[NVMX_XR_COUNT] = {
#define X(NAME, FROM_L1, does) [NVMX_XR_##NAME] = { EXIT_##FROM_L1, does },
#include "exits.def"
};

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

static const uint32_t msr_of_word[NVMX_WORDS_ALL] = {
	[NVMX_WORD_PIN] = NVMX_MSR_VMX_TRUE_PINBASED_CTLS,   [NVMX_WORD_PROC] = NVMX_MSR_VMX_TRUE_PROCBASED_CTLS,
	[NVMX_WORD_PROC2] = NVMX_MSR_VMX_PROCBASED_CTLS2,    [NVMX_WORD_EXIT] = NVMX_MSR_VMX_TRUE_EXIT_CTLS,
	[NVMX_WORD_ENTRY] = NVMX_MSR_VMX_TRUE_ENTRY_CTLS,    [NVMX_WORD_PROC3] = NVMX_MSR_VMX_PROCBASED_CTLS3,
};

static bool offered(const struct nvmx_caps *all, const struct nvmx_control_row *row)
{
	uint64_t may = row->word == NVMX_WORD_PROC3 ? nvmx_caps_get(all, NVMX_MSR_VMX_PROCBASED_CTLS3)
						    : nvmx_caps_may(all, msr_of_word[row->word]);

	return may & row->bit;
}

/* What becomes of a control that vmcs01 has on, while L2 runs. */
static const char *of_vmcs01(const struct nvmx_control_row *row)
{
	switch (row->from) {
	case NVMX_FROM_L0:
	case NVMX_FROM_EITHER: return "kept";
	case NVMX_FROM_BOTH: return "off, unless L1 has it on too";
	case NVMX_FROM_MAP: return "kept on the host's own EPT";
	case NVMX_FROM_REFUSED: return "refused";
	case NVMX_FROM_L1: return "not L2's";
	default: return "worked out from both";
	}
}

static const struct nvmx_control_row *control_row(unsigned word, uint64_t bit)
{
	size_t n;
	const struct nvmx_control_row *row = nvmx_control_rows(&n);

	for (; n--; row++)
		if (row->word == word && row->bit == bit)
			return row;
	return NULL;
}

static const struct {
	const char *name, *state, *why, *test, *theme;
	uint64_t bit; /* 0: no control */
	unsigned word;
} processor[] = {
#define P(name, word, control, why, test, theme) { name, NULL, why, test, theme, NVMX_##word##_##control, NVMX_WORD_##word },
#define Q(name, state, why, test, theme) { name, state, why, test, theme, 0, 0 },
#include "processor.def"
};
#define PROCESSOR (sizeof(processor) / sizeof(*processor))

static bool listed(const struct nvmx_control_row *row)
{
	for (size_t i = 0; i < PROCESSOR; i++)
		if (processor[i].word == row->word && processor[i].bit == row->bit)
			return true;
	return false;
}

/* A control that L1 is not offered, and that nobody has given a reason for, has the table of controls' own. */
static void print_other_controls(const struct nvmx_caps *all)
{
	size_t n;
	const struct nvmx_control_row *row = nvmx_control_rows(&n);

	printf("\nAll other controls are offered, but for these:\n\n| control | vmcs01's | why |\n|---|---|---|\n");
	for (; n--; row++)
		if (!offered(all, row) && !listed(row))
			printf("| `%s` | %s | %s |\n", row->name, of_vmcs01(row), row->why);
}

static void print_processor(const struct nvmx_caps *all)
{
	printf("\n## What today's processors have\n\n"
	       "What L1 is offered of each, where the processor and the host have it; what becomes of the control while L2 runs if "
	       "vmcs01 has\nit on (\"refused\": `nvmx_vcpu_init()` names it, and a host that turns it on later is stopped with that "
	       "name); the test that\nshows it; and, with Bochs 3.0 as the processor, the outcomes of the conformance L1 that do, the same on the bare "
	       "machine and\nunder metal (`test/l1/README.md`). The first two are worked out from the library's tables. Enlightened VMCSs, "
	       "which Linux's KVM\noffers its L1 beside these, are not offered here.\n\n"
	       "| feature | control | L1 | vmcs01's | why | test | on an emulator |\n|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < PROCESSOR; i++) {
		const struct nvmx_control_row *row = processor[i].bit ? control_row(processor[i].word, processor[i].bit) : NULL;

		printf("| %s | ", processor[i].name);
		if (row)
			printf("`%s` | %s | %s", row->name, offered(all, row) ? "offered" : "withheld", of_vmcs01(row));
		else
			printf("| %s | ", processor[i].state);
		printf(" | %s | `%s` | ", processor[i].why, processor[i].test);
		if (processor[i].theme)
			printf("`%s.*` |\n", processor[i].theme);
		else
			printf("|\n");
	}
	print_other_controls(all);
	printf("\n## EPTP switching by the processor\n\n"
	       "With `NVMX_HOST_EPTP_SWITCHING` the processor itself switches L2 between EPT pointers, without a VM exit; without it, "
	       "which is the\ndefault, each VMFUNC of L2 exits. A patent claim on EPTP switching of nested guests without an exit exists "
	       "(US 10,853,259 B1);\nembedders judge for themselves whether it concerns them.\n");
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
			printf("nothing that L1 sees: `NVMX_HOST_EPTP_SWITCHING` | yes |\n");
		else {
			bool same = true;

			for (unsigned m = 0; m < NVMX_CAPS_MSRS; m++)
				same &= both.msr[m] == compatible.msr[m];
			print_bits(&t.caps, &less);
			printf(" | %s |\n", same ? "no" : "yes");
		}
	}
	print_processor(&t.caps);
	transcript_free(&t);
}

static const char *const from_l1[] = {
	[EXIT_HOST] = "host", [EXIT_LIBRARY] = "library", [EXIT_CALL] = "library; outside VMX operation host",
	[EXIT_MSR] = "library: its own MSRs; else host",
};

/* Who gets an exit of L2 that L1 did not ask for. */
static const char *unasked(const struct nvmx_route_row *row)
{
	switch (row->rule) {
	case NVMX_RULE_ALWAYS: return "";
	case NVMX_RULE_EVENT: return "host, if it owns interrupts";
	case NVMX_RULE_VMCS: return "library";
	case NVMX_RULE_CR: return "library; host with `NVMX_HOST_EMULATES_CR`";
	case NVMX_RULE_EPT: return "library: the shadow EPT; else host";
	case NVMX_RULE_IO:
	case NVMX_RULE_MSR: return "library: opened, if the host's bitmap is; else host";
	case NVMX_RULE_VMFUNC: return "library: EPTP switching";
	default: return "host";
	}
}

void print_exits(void)
{
	printf(LICENCE "# VM exits: who gets them, and what the host does\n\n"
	       "Written by `nvmx-explain --exits` from `src/vmx/routes.def` and `tools/nvmx-explain/exits.def`. An exit of L2 goes to L1 "
	       "if and only if\nL1 asked for it; one that only a "
	       "control of the host's, or its bits of a merged bitmap, caused is handled by the library or given to the "
	       "host\n(`NVMX_HOST`). #DB, #AC and #MC that both intercept are the host's first (`nvmx_reflect()`). With "
	       "`NVMX_HOST_OWNS_INTERRUPTS` external\ninterrupts, NMIs, INIT and SIPI are the host's, with `NVMX_HOST_OWNS_TIMER` the "
	       "preemption timer, whatever L1 asks for. A reason without\na row "
	       "cannot come of a control that L1 is offered: it is L1's as an unconditional exit of a newer processor, unless vmcs02 "
	       "has\ntertiary controls of the host's. The last column is what is left to do on `NVMX_HOST`; where it says \"L1\", no "
	       "exit of L2 comes to the host.\n\n"
	       "| reason | name | of L1 | of L2: L1's if it has | of L2 else | the host |\n|---|---|---|---|---|---|\n");
	for (uint32_t reason = 0; reason < NVMX_XR_COUNT; reason++) {
		const struct nvmx_route_row *row = nvmx_route_row(reason);

		if (row->name)
			printf("| %" PRIu32 " | %s | %s | %s%s | %s | %s |\n", reason, row->name, from_l1[exits[reason].from_l1],
			       nvmx_route_never(row) ? "none of its controls: " : "", row->asks,
			       nvmx_route_never(row) && exits[reason].from_l1 == EXIT_LIBRARY ? "library: #UD" : unasked(row), exits[reason].host);
	}
}
