/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Checks on guest segment registers (SDM 26.3.1.2). */
#include "check.h"

#define S "26.3.1.2"

struct segment {
	uint64_t sel, base, limit, ar;
	bool usable;
	unsigned type, dpl, rpl;
};

static struct segment load(const struct entry *e, unsigned n)
{
	struct segment s = {
		.sel = field(e, NVMX_GUEST_ES_SEL + 2 * n), .base = field(e, NVMX_GUEST_ES_BASE + 2 * n),
		.limit = field(e, NVMX_GUEST_ES_LIMIT + 2 * n), .ar = field(e, NVMX_GUEST_ES_AR + 2 * n),
	};

	s.usable = !(s.ar & NVMX_AR_UNUSABLE);
	s.type = s.ar & NVMX_AR_TYPE;
	s.dpl = s.ar >> 5 & 3;
	s.rpl = s.sel & 3;
	return s;
}

/* In virtual-8086 mode all is as in real mode. */
static const char *virtual_8086(const struct segment s[8])
{
	for (unsigned n = FAKE_SEG_ES; n <= FAKE_SEG_GS; n++) {
		MUST(S, s[n].base == s[n].sel << 4);
		MUST(S, s[n].limit == 0xffff);
		MUST(S, s[n].ar == 0xf3);
	}
	return NULL;
}

/* Present, no reserved bits, and a granularity that the limit can have. */
static const char *common(const struct segment *s)
{
	MUST(S, s->ar & NVMX_AR_P);
	MUST_BE(S, "access rights 11:8 are 0", !(s->ar & 0xf00));
	MUST_BE(S, "G is 0 if a bit of limit 11:0 is 0", implies((s->limit & 0xfff) != 0xfff, !(s->ar & NVMX_AR_G)));
	MUST_BE(S, "G is 1 if a bit of limit 31:20 is 1", implies(s->limit >> 20, s->ar & NVMX_AR_G));
	MUST_BE(S, "access rights 31:17 are 0", !(s->ar >> 17));
	return NULL;
}

static const char *code_segment(const struct entry *e, const struct segment *cs, const struct segment *ss)
{
	bool unrestricted = e->proc2 & NVMX_PROC2_UNRESTRICTED, conforming = cs->type == 13 || cs->type == 15;

	MUST(S, cs->type == 9 || cs->type == 11 || conforming || (cs->type == 3 && unrestricted));
	MUST(S, cs->ar & NVMX_AR_S);
	MUST(S, implies(cs->type == 3, cs->dpl == 0));
	MUST(S, implies(cs->type == 9 || cs->type == 11, cs->dpl == ss->dpl));
	MUST(S, implies(conforming, cs->dpl <= ss->dpl));
	MUST(S, !(e->ia32e && cs->ar & NVMX_AR_L && cs->ar & NVMX_AR_DB));
	return common(cs);
}

static const char *stack_segment(const struct entry *e, const struct segment *cs, const struct segment *ss)
{
	bool unrestricted = e->proc2 & NVMX_PROC2_UNRESTRICTED;

	MUST(S, unrestricted || ss->rpl == cs->rpl);
	MUST(S, unrestricted || ss->dpl == ss->rpl);
	MUST(S, implies(cs->type == 3 || !(e->cr0 & NVMX_CR0_PE), ss->dpl == 0));
	if (!ss->usable)
		return NULL;
	MUST(S, ss->type == 3 || ss->type == 7);
	MUST(S, ss->ar & NVMX_AR_S);
	return common(ss);
}

static const char *data_segment(const struct entry *e, const struct segment *s)
{
	bool unrestricted = e->proc2 & NVMX_PROC2_UNRESTRICTED;

	if (!s->usable)
		return NULL;
	MUST_BE(S, "a data segment is accessed", s->type & 1);
	MUST_BE(S, "a code segment for data is readable", implies(s->type & 8, s->type & 2));
	MUST(S, s->ar & NVMX_AR_S);
	MUST(S, implies(!unrestricted && s->type <= 11, s->dpl >= s->rpl));
	return common(s);
}

static const char *tasks(const struct entry *e, const struct segment *tr, const struct segment *ldtr)
{
	const char *broken;

	MUST_BE(S, "TI of TR is 0", !(tr->sel & 4));
	MUST(S, tr->type == 11 || (tr->type == 3 && !e->ia32e));
	MUST(S, !(tr->ar & NVMX_AR_S));
	MUST(S, tr->usable);
	broken = common(tr);
	if (broken || !ldtr->usable)
		return broken;
	MUST_BE(S, "TI of LDTR is 0", !(ldtr->sel & 4));
	MUST(S, ldtr->type == 2);
	MUST(S, !(ldtr->ar & NVMX_AR_S));
	return common(ldtr);
}

static const char *bases(const struct entry *e, const struct segment s[8])
{
	static const uint8_t short_ones[] = { FAKE_SEG_SS, FAKE_SEG_DS, FAKE_SEG_ES };

	MUST(S, fake_check_canonical(e, s[FAKE_SEG_TR].base));
	MUST(S, fake_check_canonical(e, s[FAKE_SEG_FS].base) && fake_check_canonical(e, s[FAKE_SEG_GS].base));
	MUST(S, implies(s[FAKE_SEG_LDTR].usable, fake_check_canonical(e, s[FAKE_SEG_LDTR].base)));
	MUST(S, !(s[FAKE_SEG_CS].base >> 32));
	for (unsigned i = 0; i < sizeof(short_ones); i++)
		MUST_BE(S, "base 63:32 of SS, DS, ES", implies(s[short_ones[i]].usable, !(s[short_ones[i]].base >> 32)));
	return NULL;
}

const char *fake_check_segments(const struct entry *e)
{
	struct segment s[8];
	const char *broken;

	for (unsigned n = 0; n < 8; n++)
		s[n] = load(e, n);
	broken = bases(e, s);
	if (!broken)
		broken = tasks(e, &s[FAKE_SEG_TR], &s[FAKE_SEG_LDTR]);
	if (broken)
		return broken;
	if (e->rflags & NVMX_RFLAGS_VM)
		return virtual_8086(s);
	broken = code_segment(e, &s[FAKE_SEG_CS], &s[FAKE_SEG_SS]);
	if (!broken)
		broken = stack_segment(e, &s[FAKE_SEG_CS], &s[FAKE_SEG_SS]);
	for (unsigned n = FAKE_SEG_ES; !broken && n <= FAKE_SEG_GS; n++)
		if (n != FAKE_SEG_CS && n != FAKE_SEG_SS)
			broken = data_segment(e, &s[n]);
	return broken;
}
