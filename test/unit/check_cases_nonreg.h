/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 26.3.1.5 and 26.3.1.6; see check_cases.h */
#define LINK F(VMCS_LINK_POINTER, 0x8000)
#define INDICATOR (1ull << 31)
CASE("guest.link.address", LONG_MODE, (F(VMCS_LINK_POINTER, 0x8800), X(LINK_REVISION, REVISION)),
     F(VMCS_LINK_POINTER, 0x8000))
CASE("guest.link.address", LONG_MODE, (F(VMCS_LINK_POINTER, TOO_WIDE), X(LINK_REVISION, REVISION)),
     F(VMCS_LINK_POINTER, ~0ull))
CASE("guest.link.revision", LONG_MODE, (LINK), X(LINK_REVISION, REVISION))
CASE("guest.link.revision", LONG_MODE, (LINK, X(LINK_REVISION, REVISION ^ 1)), X(LINK_REVISION, REVISION))
CASE("guest.link.shadow_indicator", LONG_MODE, (LINK, X(LINK_REVISION, REVISION | INDICATOR)), PROC2(SHADOW_VMCS))
CASE("guest.link.shadow_indicator", LONG_MODE, (LINK, PROC2(SHADOW_VMCS), X(LINK_REVISION, REVISION)),
     X(LINK_REVISION, REVISION | INDICATOR))
CASE("guest.link.current", LONG_MODE, (F(VMCS_LINK_POINTER, CURRENT_VMCS), X(LINK_REVISION, REVISION)), LINK)
CASE("guest.link.current", SMM, (F(VMCS_LINK_POINTER, CURRENT_VMCS), X(LINK_REVISION, REVISION)), ENTRY(IA32E))

#define CPL1 F(GUEST_CS_SEL, 9), F(GUEST_CS_AR, 0xa0bb), F(GUEST_SS_SEL, 0x11), F(GUEST_SS_AR, 0xc0b3)
CASE("guest.activity.supported", LONG_MODE, (F(GUEST_ACTIVITY, 4)), F(GUEST_ACTIVITY, 3))
CASE("guest.activity.supported", LONG_MODE, (F(GUEST_ACTIVITY, 1u << 31)), F(GUEST_ACTIVITY, 2))
CASE("guest.activity.supported", HALTED, (X(CAP(MISC), NVMX_MISC_SHUTDOWN | NVMX_MISC_WAIT_SIPI)),
     X(CAP(MISC), NVMX_MISC_HLT))
CASE("guest.activity.hlt_dpl", HALTED, (CPL1), F(GUEST_ACTIVITY, 0))
CASE("guest.activity.blocking", HALTED, (F(GUEST_INTERRUPTIBILITY, 1), F(GUEST_RFLAGS, 0x202)), F(GUEST_ACTIVITY, 0))
CASE("guest.activity.blocking", LONG_MODE, (F(GUEST_ACTIVITY, 2), F(GUEST_INTERRUPTIBILITY, 2)),
     F(GUEST_INTERRUPTIBILITY, 8))
CASE("guest.activity.hlt_event", HALTED, (EVENT(0x303)), EVENT(0x301))
CASE("guest.activity.hlt_event", HALTED, (EVENT(0xb0d)), EVENT(0x312))
CASE("guest.activity.hlt_event", HALTED, (EVENT(0x480), F(ENTRY_INSTR_LEN, 2)), EVENT(0x20), F(GUEST_RFLAGS, 0x202))
CASE("guest.activity.hlt_event", HALTED, (EVENT(0x501), F(ENTRY_INSTR_LEN, 1)), EVENT(0x700))
CASE("guest.activity.hlt_event", HALTED, (EVENT(0x603), F(ENTRY_INSTR_LEN, 1)), EVENT(0x202))
CASE("guest.activity.shutdown_event", LONG_MODE, (F(GUEST_ACTIVITY, 2), EVENT(0x301)), EVENT(0x312))
CASE("guest.activity.shutdown_event", LONG_MODE, (F(GUEST_ACTIVITY, 2), EVENT(0x12), F(GUEST_RFLAGS, 0x202)),
     EVENT(0x202))
CASE("guest.activity.wait_sipi_event", LONG_MODE, (F(GUEST_ACTIVITY, 3), EVENT(0x202)), F(ENTRY_INTR_INFO, 0x202))
CASE("guest.activity.wait_sipi_smm", SMM, (F(GUEST_ACTIVITY, 3)), F(GUEST_ACTIVITY, 0))

CASE("guest.interruptibility.reserved", LONG_MODE, (F(GUEST_INTERRUPTIBILITY, 0x20)), F(GUEST_INTERRUPTIBILITY, 0x10))
CASE("guest.interruptibility.sti_and_movss", LONG_MODE, (F(GUEST_INTERRUPTIBILITY, 3), F(GUEST_RFLAGS, 0x202)),
     F(GUEST_INTERRUPTIBILITY, 2))
CASE("guest.interruptibility.sti_without_if", LONG_MODE, (F(GUEST_INTERRUPTIBILITY, 1)), F(GUEST_RFLAGS, 0x202))
CASE("guest.interruptibility.interrupt", LONG_MODE, (EVENT(0x20), F(GUEST_RFLAGS, 0x202),
     F(GUEST_INTERRUPTIBILITY, 2)),
     F(GUEST_INTERRUPTIBILITY, 8))
CASE("guest.interruptibility.interrupt", LONG_MODE, (EVENT(0x20), F(GUEST_RFLAGS, 0x202),
     F(GUEST_INTERRUPTIBILITY, 1)),
     F(GUEST_INTERRUPTIBILITY, 0))
CASE("guest.interruptibility.nmi_movss", LONG_MODE, (EVENT(0x202), F(GUEST_INTERRUPTIBILITY, 2)),
     F(GUEST_INTERRUPTIBILITY, 0))
CASE("guest.interruptibility.nmi_sti", LONG_MODE, (EVENT(0x202), F(GUEST_RFLAGS, 0x202), F(GUEST_INTERRUPTIBILITY, 1)),
     F(GUEST_INTERRUPTIBILITY, 0))
CASE("guest.interruptibility.nmi_blocked", LONG_MODE, (EVENT(0x202), F(PIN_CTLS, 0x3e), F(GUEST_INTERRUPTIBILITY, 8)),
     F(PIN_CTLS, 0x1e))
CASE("guest.interruptibility.smi_outside_smm", LONG_MODE, (F(GUEST_INTERRUPTIBILITY, 4)), X(IN_SMM, 1))
CASE("guest.interruptibility.smi_outside_smm", LONG_MODE, (F(GUEST_INTERRUPTIBILITY, 4), X(IN_SMM, 0)),
     F(GUEST_INTERRUPTIBILITY, 0))
CASE("guest.interruptibility.smi_entry_to_smm", SMM, (F(GUEST_INTERRUPTIBILITY, 0)), F(GUEST_INTERRUPTIBILITY, 4))
CASE("guest.interruptibility.enclave_movss", LONG_MODE, (F(GUEST_INTERRUPTIBILITY, 0x12)),
     F(GUEST_INTERRUPTIBILITY, 0x10))
CASE("guest.interruptibility.enclave_without_sgx", LONG_MODE, (F(GUEST_INTERRUPTIBILITY, 0x10),
     X(CAP(PROCBASED_CTLS2), 0x22ull << 32)),
     F(GUEST_INTERRUPTIBILITY, 0))

#define PENDING(value) F(GUEST_PENDING_DBG, value)
CASE("guest.pending_dbg.reserved", LONG_MODE, (PENDING(0x10)), PENDING(0xf))
CASE("guest.pending_dbg.reserved", LONG_MODE, (PENDING(0x800)), PENDING(0x1000))
CASE("guest.pending_dbg.reserved", LONG_MODE, (PENDING(0x2000)), PENDING(0x4000))
CASE("guest.pending_dbg.reserved", LONG_MODE, (PENDING(0x8000)), PENDING(0))
CASE("guest.pending_dbg.reserved", LONG_MODE, (PENDING(1ull << 63)), PENDING(0))
CASE("guest.pending_dbg.bs_missing", HALTED, (F(GUEST_RFLAGS, 0x102)), PENDING(0x4000))
CASE("guest.pending_dbg.bs_missing", LONG_MODE, (F(GUEST_RFLAGS, 0x302), F(GUEST_INTERRUPTIBILITY, 1)),
     F(GUEST_DEBUGCTL, 2))
CASE("guest.pending_dbg.bs_missing", LONG_MODE, (F(GUEST_RFLAGS, 0x102), F(GUEST_INTERRUPTIBILITY, 2)),
     F(GUEST_INTERRUPTIBILITY, 0))
CASE("guest.pending_dbg.bs_unexpected", HALTED, (PENDING(0x4000)), F(GUEST_ACTIVITY, 0))
CASE("guest.pending_dbg.bs_unexpected", HALTED, (PENDING(0x4000), F(GUEST_RFLAGS, 0x102), F(GUEST_DEBUGCTL, 2)),
     F(GUEST_DEBUGCTL, 0))
CASE("guest.pending_dbg.rtm_bits", LONG_MODE, (PENDING(0x10000)), PENDING(0x11000))
CASE("guest.pending_dbg.rtm_bits", LONG_MODE, (PENDING(0x11001)), PENDING(0x1001))
CASE("guest.pending_dbg.rtm_unsupported", LONG_MODE, (PENDING(0x11000), X(DEBUGCTL_VALID, 0x7fc3)), PENDING(0))
CASE("guest.pending_dbg.rtm_movss", LONG_MODE, (PENDING(0x11000), F(GUEST_INTERRUPTIBILITY, 2)),
     F(GUEST_INTERRUPTIBILITY, 0))

#define PDPTE(n)                                                                                                   \
	CASE("guest.pdpte" #n ".reserved", PAE, (PROC2(EPT), F(GUEST_PDPTE##n, 3)), F(GUEST_PDPTE##n, 0xe19))      \
	CASE("guest.pdpte" #n ".reserved", PAE, (PROC2(EPT), F(GUEST_PDPTE##n, 0x101)), F(GUEST_PDPTE##n, 0x100))  \
	CASE("guest.pdpte" #n ".reserved", PAE, (PROC2(EPT), F(GUEST_PDPTE##n, TOO_WIDE | 1)),                     \
	     F(GUEST_CR4, 0x2000))                                                                                 \
	CASE("guest.pdpte" #n ".reserved_in_memory", PAE, (X(MEMORY_PDPTE##n, 1ull << 63 | 1)),                    \
	     X(MEMORY_PDPTE##n, 1ull << 63))                                                                       \
	CASE("guest.pdpte" #n ".reserved_in_memory", PAE, (X(MEMORY_PDPTE##n, 0x21)), PROC2(EPT))
PDPTE(0)
PDPTE(1)
PDPTE(2)
PDPTE(3)
#undef PDPTE
#undef PENDING
#undef CPL1
#undef LINK
#undef INDICATOR
