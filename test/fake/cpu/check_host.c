/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Checks on the host-state area (SDM 26.2.2 to 26.2.4). */
#include "check.h"

bool fake_check_canonical(const struct entry *e, uint64_t linear)
{
	uint64_t high = linear >> (e->c->caps->linear_width - 1u);

	return !high || high == ~0ull >> (e->c->caps->linear_width - 1u);
}

bool fake_check_pat(uint64_t pat)
{
	for (unsigned i = 0; i < 8; i++) {
		unsigned type = pat >> 8 * i & 0xff;

		if (type == 2 || type == 3 || type > 7)
			return false;
	}
	return true;
}

bool fake_check_s_cet(const struct entry *e, uint64_t value)
{
	return !(value & 0x3c0) && (value & 0xc00) != 0xc00 && fake_check_canonical(e, value);
}

/* 26.2.2 */
static const char *registers(const struct entry *e)
{
	const struct nvmx_caps *caps = e->c->caps;
	uint64_t cr0 = field(e, NVMX_HOST_CR0), cr4 = field(e, NVMX_HOST_CR4), cr3 = field(e, NVMX_HOST_CR3);
	uint64_t efer = field(e, NVMX_HOST_EFER), ssp = field(e, NVMX_HOST_SSP);
	const uint64_t lma_lme = NVMX_EFER_LMA | NVMX_EFER_LME;

	MUST_BE("26.2.2", "host CR0", fake_fixed(caps, 0, cr0, NVMX_CR0_NW | NVMX_CR0_CD));
	MUST_BE("26.2.2", "host CR4", fake_fixed(caps, 4, cr4, 0));
	MUST("26.2.2", implies(cr4 & NVMX_CR4_CET, cr0 & NVMX_CR0_WP));
	MUST_BE("26.2.2", "host CR3", fake_check_address(e, cr3, 0));
	MUST("26.2.2", fake_check_canonical(e, field(e, NVMX_HOST_SYSENTER_ESP)) && fake_check_canonical(e, field(e, NVMX_HOST_SYSENTER_EIP)));
	if (e->exit & NVMX_EXIT_LOAD_CET) {
		MUST("26.2.2", fake_check_s_cet(e, field(e, NVMX_HOST_S_CET)));
		MUST("26.2.2", fake_check_canonical(e, ssp) && !(ssp & 3));
		MUST("26.2.2", fake_check_canonical(e, field(e, NVMX_HOST_INT_SSP_TABLE)));
	}
	MUST("26.2.2", implies(e->exit & NVMX_EXIT_LOAD_PERF, !(field(e, NVMX_HOST_PERF_GLOBAL_CTRL) & ~caps->perf_global_valid)));
	MUST("26.2.2", implies(e->exit & NVMX_EXIT_LOAD_PAT, fake_check_pat(field(e, NVMX_HOST_PAT))));
	if (e->exit & NVMX_EXIT_LOAD_EFER) {
		MUST("26.2.2", !(efer & ~caps->efer_valid));
		MUST("26.2.2", (efer & lma_lme) == (e->exit & NVMX_EXIT_HOST_64 ? lma_lme : 0));
	}
	MUST("26.2.2", implies(e->exit & NVMX_EXIT_LOAD_PKRS, !(field(e, NVMX_HOST_PKRS) >> 32)));
	return NULL;
}

/* 26.2.3 */
static const char *segments(const struct entry *e)
{
	static const uint16_t selectors[] = { NVMX_HOST_ES_SEL, NVMX_HOST_CS_SEL, NVMX_HOST_SS_SEL, NVMX_HOST_DS_SEL,
					      NVMX_HOST_FS_SEL, NVMX_HOST_GS_SEL, NVMX_HOST_TR_SEL };
	static const uint16_t bases[] = { NVMX_HOST_FS_BASE, NVMX_HOST_GS_BASE, NVMX_HOST_TR_BASE, NVMX_HOST_GDTR_BASE,
					  NVMX_HOST_IDTR_BASE };

	for (unsigned i = 0; i < sizeof(selectors) / sizeof(*selectors); i++)
		MUST_BE("26.2.3", "RPL and TI of a host selector are 0", !(field(e, selectors[i]) & 7));
	MUST("26.2.3", field(e, NVMX_HOST_CS_SEL) && field(e, NVMX_HOST_TR_SEL));
	MUST("26.2.3", e->exit & NVMX_EXIT_HOST_64 || field(e, NVMX_HOST_SS_SEL));
	for (unsigned i = 0; i < sizeof(bases) / sizeof(*bases); i++)
		MUST_BE("26.2.3", "a host base is canonical", fake_check_canonical(e, field(e, bases[i])));
	return NULL;
}

/* 26.2.4 */
static const char *address_space(const struct entry *e)
{
	bool host_64 = e->exit & NVMX_EXIT_HOST_64, lma = e->c->a.efer & NVMX_EFER_LMA;
	uint64_t cr4 = field(e, NVMX_HOST_CR4), rip = field(e, NVMX_HOST_RIP);

	MUST("26.2.4", host_64 == lma);
	MUST("26.2.4", implies(e->ia32e, lma));
	if (!host_64) {
		MUST("26.2.4", !e->ia32e && !(cr4 & NVMX_CR4_PCIDE));
		MUST("26.2.4", !(rip >> 32));
		MUST("26.2.4", implies(e->exit & NVMX_EXIT_LOAD_CET,
			!(field(e, NVMX_HOST_S_CET) >> 32) && !(field(e, NVMX_HOST_SSP) >> 32)));
		return NULL;
	}
	MUST("26.2.4", cr4 & NVMX_CR4_PAE);
	rip = cr4 & NVMX_CR4_LA57 ? rip >> 56 : rip >> 47; /* in the paging mode that the exit leads to */
	MUST("26.2.4", !rip || rip == (cr4 & NVMX_CR4_LA57 ? 0xff : 0x1ffff));
	return NULL;
}

const char *fake_check_host(const struct entry *e)
{
	const char *broken = registers(e);

	broken = broken ? broken : segments(e);
	return broken ? broken : address_space(e);
}
