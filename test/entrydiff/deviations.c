/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "deviations.h"
#include "vmcs/check_rules.h"

static bool other_event_without_mtf(nvmx_in in)
{
	return event_is(in, NVMX_EVENT_OTHER);
}

static bool vector_18(nvmx_in in)
{
	return event_vector(in) == 18;
}

static bool pending_debug_high_half(nvmx_in in)
{
	return !((uint32_t)in->v12->guest_pending_dbg & ~0x500fu);
}

/* Which Bochs compares with the DPL of CS rather than with that of SS. */
static bool unrestricted_cs(nvmx_in in)
{
	return unrestricted(in) && !v8086(in);
}

static bool cs_rpl_is_dpl(nvmx_in in)
{
	return unrestricted_cs(in) && (in->v12->guest_cs_sel & 3u) == NVMX_AR_DPL(in->v12->guest_cs_ar);
}

static bool cs_rpl_is_not_dpl(nvmx_in in)
{
	return unrestricted_cs(in) && (in->v12->guest_cs_ar & 13) == 9 &&
	       (in->v12->guest_cs_sel & 3u) != NVMX_AR_DPL(in->v12->guest_cs_ar);
}

static bool cs_rpl_is_at_least_dpl(nvmx_in in)
{
	return unrestricted_cs(in) && (in->v12->guest_cs_sel & 3u) >= NVMX_AR_DPL(in->v12->guest_cs_ar);
}

static bool cs_rpl_is_below_dpl(nvmx_in in)
{
	return unrestricted_cs(in) && (in->v12->guest_cs_ar & 13) == 13 &&
	       (in->v12->guest_cs_sel & 3u) < NVMX_AR_DPL(in->v12->guest_cs_ar);
}

/* Bochs skips a null SS of 64-bit code before it looks whether the register is usable. */
static bool null_ss_of_64_bit_code(nvmx_in in)
{
	return code64(in) && !(in->v12->guest_ss_sel & 0xfffc) && !v8086(in);
}

static bool es_type_11(nvmx_in in)
{
	return (in->v12->guest_es_ar & NVMX_AR_TYPE) == 11;
}

static bool ds_type_11(nvmx_in in)
{
	return (in->v12->guest_ds_ar & NVMX_AR_TYPE) == 11;
}

static bool fs_type_11(nvmx_in in)
{
	return (in->v12->guest_fs_ar & NVMX_AR_TYPE) == 11;
}

static bool gs_type_11(nvmx_in in)
{
	return (in->v12->guest_gs_ar & NVMX_AR_TYPE) == 11;
}

static bool without_tpr_shadow(nvmx_in in)
{
	return !(in->v12->proc_ctls & NVMX_PROC_TPR_SHADOW);
}

static bool host_cet_not_loaded(nvmx_in in)
{
	return !(in->v12->exit_ctls & NVMX_EXIT_LOAD_CET);
}

static bool ssp_not_canonical(nvmx_in in)
{
	return in->v12->entry_ctls & NVMX_ENTRY_LOAD_CET && !nvmx_canonical(in->caps, in->v12->guest_ssp);
}

static bool cet_loaded_outside_ia32e(nvmx_in in)
{
	return (in->v12->entry_ctls & (NVMX_ENTRY_LOAD_CET | NVMX_ENTRY_IA32E)) == NVMX_ENTRY_LOAD_CET;
}

static bool ssp_high_outside_ia32e(nvmx_in in)
{
	return cet_loaded_outside_ia32e(in) && in->v12->guest_ssp >> 32;
}

static bool s_cet_high_outside_ia32e(nvmx_in in)
{
	return cet_loaded_outside_ia32e(in) && in->v12->guest_s_cet >> 32;
}

static bool descriptor_within_a_page(nvmx_in in)
{
	return in->v12->posted_int_desc_addr & 0xfc0;
}

const struct emulator_name emulators[] = {
	{ "2.7/corei7_skylake_x", BOCHS27 },
	{ "3.0/corei7_skylake_x", BOCHS30 },
	{ "3.0/arrow_lake", BOCHS30_ARROW },
};
const unsigned nemulators = sizeof(emulators) / sizeof(*emulators);

const struct deviation deviations[] = {
	{ BOCHS30 | BOCHS30_ARROW, STRICT, "ctrl.posted_int.address", "26.2.1.1",
	  "the posted-interrupt descriptor is to be aligned to 4 KiB instead of 64 bytes", descriptor_within_a_page },
	{ BOCHS30 | BOCHS30_ARROW, LENIENT, "ctrl.posted_int.without_vid", "26.2.1.1", "not judged without \"use TPR shadow\"",
	  without_tpr_shadow },
	{ BOCHS30 | BOCHS30_ARROW, LENIENT, "ctrl.posted_int.vector", "26.2.1.1", "not judged without \"use TPR shadow\"",
	  without_tpr_shadow },
	{ BOCHS30 | BOCHS30_ARROW, LENIENT, "ctrl.posted_int.address", "26.2.1.1", "not judged without \"use TPR shadow\"",
	  without_tpr_shadow },
	{ BOCHS30_ARROW, LENIENT, "ctrl.event.error_code_unexpected", "26.2.1.3",
	  "with IA32_VMX_BASIC[56] events of all types may have an error code, without CR0.PE too", NULL },
	{ BOCHS30_ARROW, LENIENT, "host.cr4.cet_without_wp", "26.2.2", "not judged without \"load CET state\"",
	  host_cet_not_loaded },
	{ BOCHS30_ARROW, LENIENT, "host.pkrs.high", "26.2.2", "bits 63:32 are not judged", NULL },
	{ BOCHS30_ARROW, LENIENT, "guest.pkrs.high", "26.3.1.1", "bits 63:32 are not judged", NULL },
	{ BOCHS30_ARROW, STRICT, "guest.ssp.width", "26.3.1.4", "SSP is to be canonical", ssp_not_canonical },
	{ BOCHS30_ARROW, STRICT, "guest.ssp.width", "26.3.1.4",
	  "outside IA-32e mode bits 63:32 of IA32_S_CET and SSP are to be 0, as in host state", ssp_high_outside_ia32e },
	{ BOCHS30_ARROW, STRICT, "guest.s_cet.canonical", "26.3.1.1",
	  "outside IA-32e mode bits 63:32 of IA32_S_CET and SSP are to be 0, as in host state", s_cet_high_outside_ia32e },
	{ BOCHS27, LENIENT, "ctrl.event.type", "26.2.1.3", "type 7 passes on a processor without the monitor trap flag",
	  other_event_without_mtf },
	{ BOCHS27, LENIENT, "ctrl.event.other_vector", "26.2.1.3",
	  "the vector of type 7 is not judged on a processor without the monitor trap flag", other_event_without_mtf },
	{ BOCHS, LENIENT, "ctrl.entry.smm_outside_smm", "26.2.1.3", "\"entry to SMM\" outside SMM is not a control error",
		NULL },
	{ BOCHS, LENIENT, "host.perf_global_ctrl.reserved", "26.2.2", "the field is not judged", NULL },
	{ BOCHS, LENIENT, "guest.perf_global_ctrl.reserved", "26.3.1.1", "the field is not judged", NULL },
	{ BOCHS, LENIENT, "guest.debugctl.reserved", "26.3.1.1", "the field is not judged", NULL },
	{ BOCHS, LENIENT, "guest.cr0.pg_in_ia32e", "26.3.1.1", "CR0.PG is not judged", NULL },
	{ BOCHS, LENIENT, "guest.rip.width", "26.3.1.4", "RIP of 64-bit code is not judged", NULL },
	{ BOCHS, LENIENT, "guest.rflags.vm_without_pe", "26.3.1.4", "RFLAGS.VM is not judged in real mode", NULL },
	{ BOCHS27, LENIENT, "guest.cs.dpl_nonconforming", "26.3.1.2",
		"with \"unrestricted guest\", DPL(CS) is compared with RPL(CS)",
	  cs_rpl_is_dpl },
	{ BOCHS27, STRICT, "guest.cs.dpl_nonconforming", "26.3.1.2",
		"with \"unrestricted guest\", DPL(CS) is compared with RPL(CS)",
	  cs_rpl_is_not_dpl },
	{ BOCHS27, LENIENT, "guest.cs.dpl_conforming", "26.3.1.2",
		"with \"unrestricted guest\", DPL(CS) is compared with RPL(CS)",
	  cs_rpl_is_at_least_dpl },
	{ BOCHS27, STRICT, "guest.cs.dpl_conforming", "26.3.1.2",
		"with \"unrestricted guest\", DPL(CS) is compared with RPL(CS)",
	  cs_rpl_is_below_dpl },
	{ BOCHS, LENIENT, "guest.ss.type", "26.3.1.2",
		"SS of 64-bit code is not judged if its selector is null, usable or not", null_ss_of_64_bit_code },
	{ BOCHS, LENIENT, "guest.ss.s", "26.3.1.2", "SS of 64-bit code is not judged if its selector is null, usable or not",
		null_ss_of_64_bit_code },
	{ BOCHS, LENIENT, "guest.ss.p", "26.3.1.2", "SS of 64-bit code is not judged if its selector is null, usable or not",
		null_ss_of_64_bit_code },
	{ BOCHS, LENIENT, "guest.ss.reserved", "26.3.1.2",
		"SS of 64-bit code is not judged if its selector is null, usable or not", null_ss_of_64_bit_code },
	{ BOCHS, LENIENT, "guest.ss.g_", "26.3.1.2", "SS of 64-bit code is not judged if its selector is null, usable or not",
		null_ss_of_64_bit_code },
	{ BOCHS, LENIENT, "guest.ss.base_high", "26.3.1.2",
		"SS of 64-bit code is not judged if its selector is null, usable or not", null_ss_of_64_bit_code },
	{ BOCHS27, LENIENT, "guest.es.dpl_below_rpl", "26.3.1.2", "DPL against RPL is not judged for type 11", es_type_11 },
	{ BOCHS27, LENIENT, "guest.ds.dpl_below_rpl", "26.3.1.2", "DPL against RPL is not judged for type 11", ds_type_11 },
	{ BOCHS27, LENIENT, "guest.fs.dpl_below_rpl", "26.3.1.2", "DPL against RPL is not judged for type 11", fs_type_11 },
	{ BOCHS27, LENIENT, "guest.gs.dpl_below_rpl", "26.3.1.2", "DPL against RPL is not judged for type 11", gs_type_11 },
	{ BOCHS, LENIENT, "guest.activity.hlt_event", "26.3.1.5", "any event passes in the HLT state", NULL },
	{ BOCHS, LENIENT, "guest.activity.shutdown_event", "26.3.1.5",
		"any event with vector 18 passes in the shutdown state",
	  vector_18 },
	{ BOCHS, LENIENT, "guest.pending_dbg.reserved", "26.3.1.5", "bits 63:32 are not judged", pending_debug_high_half },
	{ BOCHS, LENIENT, "guest.pending_dbg.bs_", "26.3.1.5", "BS is not judged", NULL },
	{ BOCHS, LENIENT, "guest.interruptibility.nmi_blocked", "26.3.1.5", "blocking by NMI is not judged", NULL },
	{ BOCHS, QUALIFIED, "guest.interruptibility.nmi_sti", "26.8", "qualification 3 is not given", NULL },
};
const unsigned ndeviations = sizeof(deviations) / sizeof(*deviations);
