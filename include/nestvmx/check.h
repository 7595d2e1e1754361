/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The VM-entry checks of SDM 26.2 and 26.3 as pure functions over vmcs12.
 *
 * Each check is a row with a stable id.  A VM entry stops at the first row that fails; nestvmx-explain prints them all.
 * Nothing here calls the host, reads guest memory or keeps state: the facts in memory that some checks need (the
 * virtual-APIC page's TPR, the PDPTEs, the page behind the VMCS link pointer) are fetched once by the caller.
 */
#ifndef NESTVMX_CHECK_H
#define NESTVMX_CHECK_H

#include <nestvmx/caps.h>
#include <nestvmx/vmcs12.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the checks read beside vmcs12. */
struct nvmx_check_input {
	const struct nvmx_vmcs12 *v12;
	const struct nvmx_caps *caps;
	uint64_t current_vmcs;   /* L1's current-VMCS pointer, compared with the VMCS link pointer (26.3.1.5) */
	uint64_t pdpte[4];       /* PDPTEs at guest CR3, for a PAE L2 without EPT (26.3.1.6) */
	uint32_t link_revision;  /* first 4 bytes of the page at the VMCS link pointer; 0 if it could not be read */
	uint8_t vtpr;            /* byte 80H of the virtual-APIC page */
	bool vtpr_known;         /* the virtual-APIC page could be read */
	bool pdpte_known;        /* pdpte[] was read */
	bool l1_ia32e;           /* L1's IA32_EFER.LMA at the entry (26.2.4) */
	bool in_smm;             /* L1 is in SMM (26.2.1.3, 26.3.1.5) */
};

/* What a failing row means. */
enum nvmx_consequence {
	NVMX_CHECK_PASS = 0,
	NVMX_CHECK_VMFAIL,      /* VMfailValid with `error` (7: controls, 8: host state) */
	NVMX_CHECK_ENTRY_FAIL   /* VM exit with reason 8000'0021H and `qualification` (26.8) */
};

/* A check. */
struct nvmx_check_row {
	const char *id;          /* stable: "guest.cr0.pg_without_pe" */
	const char *sdm;         /* "26.3.1.1" */
	const char *text;        /* the rule in one sentence: what must hold */
	const uint16_t *fields;  /* encodings of the fields read, ended by 0xffff */
	uint32_t groups;         /* set of dirty groups that the predicate reads */
	uint8_t consequence;     /* enum nvmx_consequence */
	uint8_t error;           /* VM-instruction error, for NVMX_CHECK_VMFAIL */
	uint8_t qualification;   /* exit qualification, for NVMX_CHECK_ENTRY_FAIL (26.8) */
	bool (*holds)(const struct nvmx_check_input *in); /* pure */
};

/* All rows in the order in which an entry evaluates them; the number of rows goes to *count. */
const struct nvmx_check_row *nvmx_check_rows(size_t *count);

#define NVMX_GROUPS_ALL 0xffffffffu /* every group, facts included */
/* In a row's groups: it reads a fact beside vmcs12 (L1's mode, memory).  In a set of dirty groups: such a fact may have
 * changed. */
#define NVMX_GROUP_FACTS (1 << 30)

/*
 * Evaluates, in order, the rows that read one of the dirty groups and returns the first that fails, or NULL.
 * NVMX_GROUPS_ALL evaluates all.  Fewer may be given if a call returned NULL for this vmcs12 and caps, and no field of
 * another group has been written by L1 since.  Pure; any context; at most one pass over the table.
 */
const struct nvmx_check_row *nvmx_check_entry(const struct nvmx_check_input *in, uint32_t dirty_groups);

#ifdef __cplusplus
}
#endif

#endif
