/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "transcript.h"
#include "../../src/vmcs/controls.h"

static void set_msr(struct nvmx_caps *c, uint32_t msr, uint64_t value)
{
	c->msr[msr - NVMX_CAPS_FIRST_MSR] = value;
}

void transcript_init(struct transcript *t)
{
	struct nvmx_caps hw = { .efer_valid = 0xd01, .debugctl_valid = 0xffc3, .perf_global_valid = 0x70000000full,
				.maxphyaddr = 46, .linear_width = 48 };

	memset(t, 0, sizeof(*t));
	for (uint32_t msr = NVMX_MSR_VMX_BASIC; msr <= NVMX_MSR_VMX_VMFUNC; msr++)
		set_msr(&hw, msr, ~0ull << 32);
	set_msr(&hw, NVMX_MSR_VMX_BASIC, NVMX_BIT64(54) | NVMX_BIT64(55));
	set_msr(&hw, NVMX_MSR_VMX_MISC, 0x1e0 | 4u << 16);
	set_msr(&hw, NVMX_MSR_VMX_CR0_FIXED0, 0x80000021);
	set_msr(&hw, NVMX_MSR_VMX_CR0_FIXED1, 0xffffffff);
	set_msr(&hw, NVMX_MSR_VMX_CR4_FIXED0, 0x2000);
	set_msr(&hw, NVMX_MSR_VMX_CR4_FIXED1, 0x1f77fff);
	set_msr(&hw, NVMX_MSR_VMX_EPT_VPID_CAP, ~0ull);
	nvmx_caps_compute(&hw, 0, false, &t->caps);
	t->vmcs = t->vmxon = ~0ull;
	t->v12.revision = NVMX_VMCS12_REVISION;
	t->v12.vmcs_link_pointer = ~0ull;
}

void transcript_any_processor(struct transcript *t)
{
	static const uint32_t words[NVMX_WORDS] = {
		NVMX_MSR_VMX_TRUE_PINBASED_CTLS, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, NVMX_MSR_VMX_PROCBASED_CTLS2,
		NVMX_MSR_VMX_TRUE_EXIT_CTLS, NVMX_MSR_VMX_TRUE_ENTRY_CTLS,
	};
	/* The default1 class, less what the TRUE MSRs let be 0 (SDM A.2 to A.5). */
	static const uint32_t must[NVMX_WORDS] = { 0x16, 0x4006172, 0, 0x36dfb, 0x11fb };
	size_t n;
	const struct nvmx_control_row *rows = nvmx_control_rows(&n);

	for (unsigned w = 0; w < NVMX_WORDS; w++) {
		uint64_t may = must[w];

		for (size_t i = 0; i < n; i++)
			may |= rows[i].word == w ? rows[i].bit : 0;
		set_msr(&t->caps, words[w], may << 32 | must[w]);
	}
	set_msr(&t->caps, NVMX_MSR_VMX_EPT_VPID_CAP, ~0ull);
	set_msr(&t->caps, NVMX_MSR_VMX_VMFUNC, NVMX_VMFUNC_EPTP_SWITCHING);
	set_msr(&t->caps, NVMX_MSR_VMX_MISC, 0x1e0 | 4u << 16 | NVMX_MISC_VMWRITE_RO | NVMX_MISC_ZERO_LEN_INJECT);
	set_msr(&t->caps, NVMX_MSR_VMX_CR4_FIXED1, 0x11bff7fffull); /* VME to FRED */
	t->caps.debugctl_valid = 0xffc7;
	t->caps.maxphyaddr = 52;
}

void transcript_free(struct transcript *t)
{
	free(t->words);
	free(t->pages);
}

static void *grow(void *array, size_t n, size_t size)
{
	void *more;

	if (n & (n - 1)) /* room is a power of two */
		return array;
	more = realloc(array, (n ? 2 * n : 1) * size);
	if (!more) {
		fputs("out of memory\n", stderr);
		exit(2);
	}
	return more;
}

bool transcript_set(struct nvmx_vmcs12 *v12, uint32_t encoding, uint64_t value)
{
	int row = nvmx_field_find(encoding);

	if (row < 0 || encoding & 1)
		return false;
	nvmx_v12_set(v12, (unsigned)row, value);
	return true;
}

bool transcript_know(struct transcript *t, uint32_t encoding, uint64_t value)
{
	int row = nvmx_field_find(encoding);

	if (!transcript_set(&t->v12, encoding, value))
		return false;
	t->fields_given += !t->known[row];
	t->known[row] = true;
	return true;
}

bool transcript_read(const struct transcript *t, uint64_t address, uint64_t *value)
{
	*value = 0;
	if (address == t->vmcs || address == t->vmxon) {
		*value = nvmx_caps_get(&t->caps, NVMX_MSR_VMX_BASIC) & 0x7fffffff;
		return true;
	}
	for (size_t i = 0; i < t->nwords; i++)
		if (t->words[i].address == (address & ~7ull))
			*value = t->words[i].value >> (address & 7) * 8;
	for (size_t i = 0; i < t->npages; i++)
		if (t->pages[i] == (address & ~0xfffull))
			return true;
	return *value != 0;
}

/* The processor's features behind some reserved bits (SDM volume 2, CPUID; volume 4). */
static void take_cpuid(struct nvmx_caps *c, const uint64_t *n)
{
	switch (n[0]) {
	case 7:
		c->debugctl_valid = 0x5fc3 | (n[3] & NVMX_BIT64(11) ? NVMX_BIT64(15) : 0);
		break;
	case 0xa:
		c->perf_global_valid = ((1ull << (n[2] >> 8 & 0xff)) - 1) | ((1ull << (n[5] & 0x1f)) - 1) << 32;
		break;
	case 0x80000001:
		c->efer_valid = (n[5] & NVMX_BIT64(11) ? NVMX_EFER_SCE : 0) |
				(n[5] & NVMX_BIT64(20) ? NVMX_EFER_NXE : 0) |
				(n[5] & NVMX_BIT64(29) ? NVMX_EFER_LME | NVMX_EFER_LMA : 0);
		break;
	default:
		break;
	}
}

static enum transcript_line bad(struct transcript *t, const char *what, const char *line)
{
	snprintf(t->error, sizeof(t->error), "%s: %.100s", what, line);
	return TRANSCRIPT_BAD;
}

static enum transcript_line take_msr(struct transcript *t, uint64_t msr, uint64_t value)
{
	if (msr == NVMX_MSR_FEATURE_CONTROL) {
		t->caps.feature_control = value;
	} else if (msr - NVMX_CAPS_FIRST_MSR < NVMX_CAPS_MSRS) {
		set_msr(&t->caps, (uint32_t)msr, value);
		t->msrs_given += !t->msr_given[msr - NVMX_CAPS_FIRST_MSR];
		t->msr_given[msr - NVMX_CAPS_FIRST_MSR] = true;
	}
	return TRANSCRIPT_TAKEN;
}

/* A processor without the TRUE MSRs has what the others say (SDM A.3.1), and a linear-address width that its CR4 uses. */
void transcript_end(struct transcript *t)
{
	static const uint32_t plain[] = {
		NVMX_MSR_VMX_PINBASED_CTLS, NVMX_MSR_VMX_PROCBASED_CTLS, NVMX_MSR_VMX_EXIT_CTLS, NVMX_MSR_VMX_ENTRY_CTLS,
	};

	for (unsigned i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		uint32_t from = plain[i], to = NVMX_MSR_VMX_TRUE_PINBASED_CTLS + i;

		if (t->msr_given[from - NVMX_CAPS_FIRST_MSR] && !t->msr_given[to - NVMX_CAPS_FIRST_MSR])
			set_msr(&t->caps, to, nvmx_caps_get(&t->caps, from));
	}
	if (!t->width_given && (t->v12.guest_cr4 | t->v12.host_cr4) & NVMX_CR4_LA57)
		t->caps.linear_width = 57;
}

static enum transcript_line take_numbers(struct transcript *t, const char *word, const uint64_t *n)
{
	if (!strcmp(word, "msr"))
		return take_msr(t, n[0], n[1]);
	if (!strcmp(word, "cpuid")) {
		take_cpuid(&t->caps, n);
	} else if (!strcmp(word, "vmcs")) {
		t->vmcs = n[0];
	} else if (!strcmp(word, "vmxon")) {
		t->vmxon = n[0];
	} else if (!strcmp(word, "page")) {
		t->pages = grow(t->pages, t->npages, sizeof(*t->pages));
		t->pages[t->npages++] = n[0];
	} else {
		t->words = grow(t->words, t->nwords, sizeof(*t->words));
		t->words[t->nwords++] = (struct transcript_word){ n[0], n[1] };
	}
	return TRANSCRIPT_TAKEN;
}

static enum transcript_line take_field(struct transcript *t, const char *line)
{
	uint64_t encoding, value;
	char rest;

	if (sscanf(line, "%" SCNx64 " %" SCNx64 " %c", &encoding, &value, &rest) != 2)
		return bad(t, "not an encoding and a value", line);
	if (encoding > 0xffff || !transcript_know(t, (uint32_t)encoding, value))
		return bad(t, "no such field", line);
	return TRANSCRIPT_TAKEN;
}

static enum transcript_line take_width(struct transcript *t, const char *line)
{
	unsigned physical, linear;

	if (sscanf(line, "width %u %u", &physical, &linear) != 2 || physical < 32 || physical > 52 ||
	    (linear != 48 && linear != 57))
		return bad(t, "not widths of a processor", line);
	t->caps.maxphyaddr = (uint8_t)physical;
	t->caps.linear_width = (uint8_t)linear;
	t->width_given = true;
	return TRANSCRIPT_TAKEN;
}

enum transcript_line transcript_take(struct transcript *t, const char *line)
{
	static const struct { const char *word; int numbers; } known[] = {
		{ "msr", 2 }, { "cpuid", 6 }, { "vmcs", 1 }, { "vmxon", 1 }, { "page", 1 }, { "mem", 2 },
	};
	char word[16] = "";
	uint64_t n[6];

	if (sscanf(line, "%15s", word) != 1 || word[0] == '#')
		return TRANSCRIPT_TAKEN;
	if (!strcmp(word, "width"))
		return take_width(t, line);
	if (!strcmp(word, "base"))
		return take_field(t, strstr(line, "base") + 4);
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strcmp(word, known[i].word) != 0)
			continue;
		if (sscanf(strstr(line, word) + strlen(word),
			   "%" SCNx64 "%" SCNx64 "%" SCNx64 "%" SCNx64 "%" SCNx64 "%" SCNx64, &n[0], &n[1], &n[2],
			   &n[3],
			   &n[4], &n[5]) != known[i].numbers)
			return bad(t, "wrong number of operands", line);
		return take_numbers(t, word, n);
	}
	if (!word[strspn(word, "0123456789abcdefABCDEFx")])
		return take_field(t, line);
	return TRANSCRIPT_OTHER;
}

struct nvmx_check_input transcript_input(const struct transcript *t, const struct nvmx_vmcs12 *v12)
{
	struct nvmx_check_input in = { .v12 = v12, .caps = &t->caps, .current_vmcs = t->vmcs };
	uint64_t value;

	/* entrydiff is a 64-bit L1; of others a dump does not tell: taken for what they return to. */
	in.l1_ia32e = t->npages || v12->exit_ctls & NVMX_EXIT_HOST_64 || v12->host_rip >> 32;
	in.link_revision = t->link_given ? t->link_revision : v12->revision;
	if (t->npages) {
		transcript_read(t, v12->vmcs_link_pointer, &value);
		in.link_revision = (uint32_t)value;
	}
	in.vtpr_known = transcript_read(t, v12->virtual_apic_addr + 0x80, &value);
	in.vtpr = (uint8_t)value;
	in.pdpte_known = true;
	for (unsigned i = 0; i < 4; i++)
		in.pdpte_known &= transcript_read(t, (v12->guest_cr3 & 0xffffffe0) + 8ull * i, &in.pdpte[i]);
	return in;
}
