/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "deviations.h"
#include "vmcs/check_rules.h"

static bool other_event_without_mtf(nvmx_in in)
{
	return event_is(in, NVMX_EVENT_OTHER);
}

static bool vector_21(nvmx_in in)
{
	return event_is(in, NVMX_EVENT_HW_EXC) && event_vector(in) == NVMX_VECTOR_CP && protected_guest(in);
}

static bool cp_without_error(nvmx_in in)
{
	return vector_21(in) && !(in->v12->entry_intr_info & NVMX_INTR_DELIVER_EC);
}

static bool only_bit_7_of_eptp(nvmx_in in)
{
	return !(in->v12->ept_pointer & 0xf00);
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

const struct deviation deviations[] = {
	{ LENIENT, "ctrl.event.type", "26.2.1.3", "type 7 passes on a processor without the monitor trap flag",
	  other_event_without_mtf },
	{ LENIENT, "ctrl.event.other_vector", "26.2.1.3",
	  "the vector of type 7 is not judged on a processor without the monitor trap flag", other_event_without_mtf },
	{ LENIENT, "ctrl.event.error_code_unexpected", "26.2.1.3", "#CP has an error code on a processor without CET",
		vector_21 },
	{ STRICT, "ctrl.event.error_code_missing", "26.2.1.3", "#CP has an error code on a processor without CET",
	  cp_without_error },
	{ LENIENT, "ctrl.eptp.reserved", "24.6.11", "EPTP[7] passes on a processor without CET", only_bit_7_of_eptp },
	{ LENIENT, "ctrl.entry.smm_outside_smm", "26.2.1.3", "\"entry to SMM\" outside SMM is not a control error",
		NULL },
	{ LENIENT, "host.perf_global_ctrl.reserved", "26.2.2", "the field is not judged", NULL },
	{ LENIENT, "guest.perf_global_ctrl.reserved", "26.3.1.1", "the field is not judged", NULL },
	{ LENIENT, "guest.debugctl.reserved", "26.3.1.1", "the field is not judged", NULL },
	{ LENIENT, "guest.cr0.pg_in_ia32e", "26.3.1.1", "CR0.PG is not judged", NULL },
	{ LENIENT, "guest.rip.width", "26.3.1.4", "RIP of 64-bit code is not judged", NULL },
	{ LENIENT, "guest.rflags.vm_without_pe", "26.3.1.4", "RFLAGS.VM is not judged in real mode", NULL },
	{ LENIENT, "guest.cs.dpl_nonconforming", "26.3.1.2",
		"with \"unrestricted guest\", DPL(CS) is compared with RPL(CS)",
	  cs_rpl_is_dpl },
	{ STRICT, "guest.cs.dpl_nonconforming", "26.3.1.2",
		"with \"unrestricted guest\", DPL(CS) is compared with RPL(CS)",
	  cs_rpl_is_not_dpl },
	{ LENIENT, "guest.cs.dpl_conforming", "26.3.1.2",
		"with \"unrestricted guest\", DPL(CS) is compared with RPL(CS)",
	  cs_rpl_is_at_least_dpl },
	{ STRICT, "guest.cs.dpl_conforming", "26.3.1.2",
		"with \"unrestricted guest\", DPL(CS) is compared with RPL(CS)",
	  cs_rpl_is_below_dpl },
	{ LENIENT, "guest.ss.type", "26.3.1.2",
		"SS of 64-bit code is not judged if its selector is null, usable or not", null_ss_of_64_bit_code },
	{ LENIENT, "guest.ss.s", "26.3.1.2", "SS of 64-bit code is not judged if its selector is null, usable or not",
		null_ss_of_64_bit_code },
	{ LENIENT, "guest.ss.p", "26.3.1.2", "SS of 64-bit code is not judged if its selector is null, usable or not",
		null_ss_of_64_bit_code },
	{ LENIENT, "guest.ss.reserved", "26.3.1.2",
		"SS of 64-bit code is not judged if its selector is null, usable or not", null_ss_of_64_bit_code },
	{ LENIENT, "guest.ss.g_", "26.3.1.2", "SS of 64-bit code is not judged if its selector is null, usable or not",
		null_ss_of_64_bit_code },
	{ LENIENT, "guest.ss.base_high", "26.3.1.2",
		"SS of 64-bit code is not judged if its selector is null, usable or not", null_ss_of_64_bit_code },
	{ LENIENT, "guest.es.dpl_below_rpl", "26.3.1.2", "DPL against RPL is not judged for type 11", es_type_11 },
	{ LENIENT, "guest.ds.dpl_below_rpl", "26.3.1.2", "DPL against RPL is not judged for type 11", ds_type_11 },
	{ LENIENT, "guest.fs.dpl_below_rpl", "26.3.1.2", "DPL against RPL is not judged for type 11", fs_type_11 },
	{ LENIENT, "guest.gs.dpl_below_rpl", "26.3.1.2", "DPL against RPL is not judged for type 11", gs_type_11 },
	{ LENIENT, "guest.activity.hlt_event", "26.3.1.5", "any event passes in the HLT state", NULL },
	{ LENIENT, "guest.activity.shutdown_event", "26.3.1.5",
		"any event with vector 18 passes in the shutdown state",
	  vector_18 },
	{ LENIENT, "guest.pending_dbg.reserved", "26.3.1.5", "bits 63:32 are not judged", pending_debug_high_half },
	{ LENIENT, "guest.pending_dbg.bs_", "26.3.1.5", "BS is not judged", NULL },
	{ QUALIFIED, "guest.interruptibility.nmi_sti", "26.8", "qualification 3 is not given", NULL },
};
const unsigned ndeviations = sizeof(deviations) / sizeof(*deviations);
