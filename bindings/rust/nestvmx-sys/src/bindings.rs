// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
// Written by bindings/rust/generate.
pub const NVMX_VERSION_MAJOR: u32 = 0;
pub const NVMX_VERSION_MINOR: u32 = 1;
pub const NVMX_VERSION_PATCH: u32 = 0;
pub const NVMX_VERSION_STRING: &[u8; 6usize] = b"0.1.0\0";
pub const NVMX_MSR_TSC: u32 = 16;
pub const NVMX_MSR_APIC_BASE: u32 = 27;
pub const NVMX_MSR_FEATURE_CONTROL: u32 = 58;
pub const NVMX_MSR_BIOS_UPDT_TRIG: u32 = 121;
pub const NVMX_MSR_BIOS_SIGN_ID: u32 = 139;
pub const NVMX_MSR_SMM_MONITOR_CTL: u32 = 155;
pub const NVMX_MSR_SMBASE: u32 = 158;
pub const NVMX_MSR_SYSENTER_CS: u32 = 372;
pub const NVMX_MSR_SYSENTER_ESP: u32 = 373;
pub const NVMX_MSR_SYSENTER_EIP: u32 = 374;
pub const NVMX_MSR_DEBUGCTL: u32 = 473;
pub const NVMX_MSR_PAT: u32 = 631;
pub const NVMX_MSR_PERF_GLOBAL_CTRL: u32 = 911;
pub const NVMX_MSR_VMX_BASIC: u32 = 1152;
pub const NVMX_MSR_VMX_PINBASED_CTLS: u32 = 1153;
pub const NVMX_MSR_VMX_PROCBASED_CTLS: u32 = 1154;
pub const NVMX_MSR_VMX_EXIT_CTLS: u32 = 1155;
pub const NVMX_MSR_VMX_ENTRY_CTLS: u32 = 1156;
pub const NVMX_MSR_VMX_MISC: u32 = 1157;
pub const NVMX_MSR_VMX_CR0_FIXED0: u32 = 1158;
pub const NVMX_MSR_VMX_CR0_FIXED1: u32 = 1159;
pub const NVMX_MSR_VMX_CR4_FIXED0: u32 = 1160;
pub const NVMX_MSR_VMX_CR4_FIXED1: u32 = 1161;
pub const NVMX_MSR_VMX_VMCS_ENUM: u32 = 1162;
pub const NVMX_MSR_VMX_PROCBASED_CTLS2: u32 = 1163;
pub const NVMX_MSR_VMX_EPT_VPID_CAP: u32 = 1164;
pub const NVMX_MSR_VMX_TRUE_PINBASED_CTLS: u32 = 1165;
pub const NVMX_MSR_VMX_TRUE_PROCBASED_CTLS: u32 = 1166;
pub const NVMX_MSR_VMX_TRUE_EXIT_CTLS: u32 = 1167;
pub const NVMX_MSR_VMX_TRUE_ENTRY_CTLS: u32 = 1168;
pub const NVMX_MSR_VMX_VMFUNC: u32 = 1169;
pub const NVMX_MSR_VMX_PROCBASED_CTLS3: u32 = 1170;
pub const NVMX_MSR_SMM_FEATURE_CONTROL: u32 = 1248;
pub const NVMX_MSR_SMM_BLOCKED: u32 = 1251;
pub const NVMX_MSR_U_CET: u32 = 1696;
pub const NVMX_MSR_S_CET: u32 = 1698;
pub const NVMX_MSR_PL0_SSP: u32 = 1700;
pub const NVMX_MSR_INT_SSP_TABLE: u32 = 1704;
pub const NVMX_MSR_PKRS: u32 = 1761;
pub const NVMX_MSR_TSC_DEADLINE: u32 = 1760;
pub const NVMX_MSR_X2APIC_FIRST: u32 = 2048;
pub const NVMX_MSR_X2APIC_LAST: u32 = 2303;
pub const NVMX_MSR_BNDCFGS: u32 = 3472;
pub const NVMX_MSR_XSS: u32 = 3488;
pub const NVMX_MSR_EFER: u32 = 3221225600;
pub const NVMX_MSR_LSTAR: u32 = 3221225602;
pub const NVMX_MSR_CSTAR: u32 = 3221225603;
pub const NVMX_MSR_FMASK: u32 = 3221225604;
pub const NVMX_MSR_FS_BASE: u32 = 3221225728;
pub const NVMX_MSR_GS_BASE: u32 = 3221225729;
pub const NVMX_MSR_KERNEL_GS_BASE: u32 = 3221225730;
pub const NVMX_MSR_TSC_AUX: u32 = 3221225731;
pub const NVMX_FC_LOCK: u32 = 1;
pub const NVMX_FC_VMX_IN_SMX: u32 = 2;
pub const NVMX_FC_VMX_OUTSIDE_SMX: u32 = 4;
pub const NVMX_CR0_PE: u32 = 1;
pub const NVMX_CR0_MP: u32 = 2;
pub const NVMX_CR0_EM: u32 = 4;
pub const NVMX_CR0_TS: u32 = 8;
pub const NVMX_CR0_ET: u32 = 16;
pub const NVMX_CR0_NE: u32 = 32;
pub const NVMX_CR0_WP: u32 = 65536;
pub const NVMX_CR0_AM: u32 = 262144;
pub const NVMX_CR0_NW: u32 = 536870912;
pub const NVMX_CR0_CD: u32 = 1073741824;
pub const NVMX_CR0_PG: u32 = 2147483648;
pub const NVMX_CR4_VME: u32 = 1;
pub const NVMX_CR4_PVI: u32 = 2;
pub const NVMX_CR4_TSD: u32 = 4;
pub const NVMX_CR4_DE: u32 = 8;
pub const NVMX_CR4_PSE: u32 = 16;
pub const NVMX_CR4_PAE: u32 = 32;
pub const NVMX_CR4_MCE: u32 = 64;
pub const NVMX_CR4_PGE: u32 = 128;
pub const NVMX_CR4_PCE: u32 = 256;
pub const NVMX_CR4_OSFXSR: u32 = 512;
pub const NVMX_CR4_OSXMMEXCPT: u32 = 1024;
pub const NVMX_CR4_UMIP: u32 = 2048;
pub const NVMX_CR4_LA57: u32 = 4096;
pub const NVMX_CR4_VMXE: u32 = 8192;
pub const NVMX_CR4_SMXE: u32 = 16384;
pub const NVMX_CR4_FSGSBASE: u32 = 65536;
pub const NVMX_CR4_PCIDE: u32 = 131072;
pub const NVMX_CR4_OSXSAVE: u32 = 262144;
pub const NVMX_CR4_KL: u32 = 524288;
pub const NVMX_CR4_SMEP: u32 = 1048576;
pub const NVMX_CR4_SMAP: u32 = 2097152;
pub const NVMX_CR4_PKE: u32 = 4194304;
pub const NVMX_CR4_CET: u32 = 8388608;
pub const NVMX_CR4_PKS: u32 = 16777216;
pub const NVMX_CR4_UINTR: u32 = 33554432;
pub const NVMX_CR4_LASS: u32 = 134217728;
pub const NVMX_CR4_LAM_SUP: u32 = 268435456;
pub const NVMX_CR4_FRED: u64 = 4294967296;
pub const NVMX_RFLAGS_CF: u32 = 1;
pub const NVMX_RFLAGS_PF: u32 = 4;
pub const NVMX_RFLAGS_AF: u32 = 16;
pub const NVMX_RFLAGS_ZF: u32 = 64;
pub const NVMX_RFLAGS_SF: u32 = 128;
pub const NVMX_RFLAGS_TF: u32 = 256;
pub const NVMX_RFLAGS_IF: u32 = 512;
pub const NVMX_RFLAGS_OF: u32 = 2048;
pub const NVMX_RFLAGS_RF: u32 = 65536;
pub const NVMX_RFLAGS_VM: u32 = 131072;
pub const NVMX_EFER_SCE: u32 = 1;
pub const NVMX_EFER_LME: u32 = 256;
pub const NVMX_EFER_LMA: u32 = 1024;
pub const NVMX_EFER_NXE: u32 = 2048;
pub const NVMX_DEBUGCTL_LBR: u32 = 1;
pub const NVMX_DEBUGCTL_BTF: u32 = 2;
pub const NVMX_DR7_GD: u32 = 8192;
pub const NVMX_PIN_EXT_INT: u32 = 1;
pub const NVMX_PIN_NMI: u32 = 8;
pub const NVMX_PIN_VNMI: u32 = 32;
pub const NVMX_PIN_PREEMPTION_TIMER: u32 = 64;
pub const NVMX_PIN_POSTED_INT: u32 = 128;
pub const NVMX_PROC_INT_WINDOW: u32 = 4;
pub const NVMX_PROC_TSC_OFFSET: u32 = 8;
pub const NVMX_PROC_HLT: u32 = 128;
pub const NVMX_PROC_INVLPG: u32 = 512;
pub const NVMX_PROC_MWAIT: u32 = 1024;
pub const NVMX_PROC_RDPMC: u32 = 2048;
pub const NVMX_PROC_RDTSC: u32 = 4096;
pub const NVMX_PROC_CR3_LOAD: u32 = 32768;
pub const NVMX_PROC_CR3_STORE: u32 = 65536;
pub const NVMX_PROC_TERTIARY: u32 = 131072;
pub const NVMX_PROC_CR8_LOAD: u32 = 524288;
pub const NVMX_PROC_CR8_STORE: u32 = 1048576;
pub const NVMX_PROC_TPR_SHADOW: u32 = 2097152;
pub const NVMX_PROC_NMI_WINDOW: u32 = 4194304;
pub const NVMX_PROC_MOV_DR: u32 = 8388608;
pub const NVMX_PROC_UNCOND_IO: u32 = 16777216;
pub const NVMX_PROC_IO_BITMAPS: u32 = 33554432;
pub const NVMX_PROC_MTF: u32 = 134217728;
pub const NVMX_PROC_MSR_BITMAPS: u32 = 268435456;
pub const NVMX_PROC_MONITOR: u32 = 536870912;
pub const NVMX_PROC_PAUSE: u32 = 1073741824;
pub const NVMX_PROC_SECONDARY: u32 = 2147483648;
pub const NVMX_PROC2_APIC_ACCESS: u32 = 1;
pub const NVMX_PROC2_EPT: u32 = 2;
pub const NVMX_PROC2_DESC_TABLE: u32 = 4;
pub const NVMX_PROC2_RDTSCP: u32 = 8;
pub const NVMX_PROC2_X2APIC_MODE: u32 = 16;
pub const NVMX_PROC2_VPID: u32 = 32;
pub const NVMX_PROC2_WBINVD: u32 = 64;
pub const NVMX_PROC2_UNRESTRICTED: u32 = 128;
pub const NVMX_PROC2_APIC_REGS: u32 = 256;
pub const NVMX_PROC2_VID: u32 = 512;
pub const NVMX_PROC2_PAUSE_LOOP: u32 = 1024;
pub const NVMX_PROC2_RDRAND: u32 = 2048;
pub const NVMX_PROC2_INVPCID: u32 = 4096;
pub const NVMX_PROC2_VMFUNC: u32 = 8192;
pub const NVMX_PROC2_SHADOW_VMCS: u32 = 16384;
pub const NVMX_PROC2_ENCLS: u32 = 32768;
pub const NVMX_PROC2_RDSEED: u32 = 65536;
pub const NVMX_PROC2_PML: u32 = 131072;
pub const NVMX_PROC2_VE: u32 = 262144;
pub const NVMX_PROC2_PT_CONCEAL: u32 = 524288;
pub const NVMX_PROC2_XSAVES: u32 = 1048576;
pub const NVMX_PROC2_PASID: u32 = 2097152;
pub const NVMX_PROC2_MODE_EXEC: u32 = 4194304;
pub const NVMX_PROC2_SPP: u32 = 8388608;
pub const NVMX_PROC2_PT_GPA: u32 = 16777216;
pub const NVMX_PROC2_TSC_SCALING: u32 = 33554432;
pub const NVMX_PROC2_USER_WAIT: u32 = 67108864;
pub const NVMX_PROC2_PCONFIG: u32 = 134217728;
pub const NVMX_PROC2_ENCLV: u32 = 268435456;
pub const NVMX_PROC2_BUS_LOCK: u32 = 1073741824;
pub const NVMX_PROC2_NOTIFY: u32 = 2147483648;
pub const NVMX_PROC3_LOADIWKEY: u32 = 1;
pub const NVMX_PROC3_HLAT: u32 = 2;
pub const NVMX_PROC3_PAGING_WRITE: u32 = 4;
pub const NVMX_PROC3_PAGING_VERIFY: u32 = 8;
pub const NVMX_PROC3_IPI_VIRT: u32 = 16;
pub const NVMX_PROC3_MSR_LISTS: u32 = 64;
pub const NVMX_PROC3_SPEC_CTRL: u32 = 128;
pub const NVMX_VMFUNC_EPTP_SWITCHING: u32 = 1;
pub const NVMX_EXIT_SAVE_DEBUG: u32 = 4;
pub const NVMX_EXIT_HOST_64: u32 = 512;
pub const NVMX_EXIT_LOAD_PERF: u32 = 4096;
pub const NVMX_EXIT_ACK_INT: u32 = 32768;
pub const NVMX_EXIT_SAVE_PAT: u32 = 262144;
pub const NVMX_EXIT_LOAD_PAT: u32 = 524288;
pub const NVMX_EXIT_SAVE_EFER: u32 = 1048576;
pub const NVMX_EXIT_LOAD_EFER: u32 = 2097152;
pub const NVMX_EXIT_SAVE_PREEMPTION_TIMER: u32 = 4194304;
pub const NVMX_EXIT_CLEAR_BNDCFGS: u32 = 8388608;
pub const NVMX_EXIT_PT_CONCEAL: u32 = 16777216;
pub const NVMX_EXIT_CLEAR_RTIT: u32 = 33554432;
pub const NVMX_EXIT_CLEAR_LBR: u32 = 67108864;
pub const NVMX_EXIT_CLEAR_UINV: u32 = 134217728;
pub const NVMX_EXIT_LOAD_CET: u32 = 268435456;
pub const NVMX_EXIT_LOAD_PKRS: u32 = 536870912;
pub const NVMX_EXIT_SAVE_PERF: u32 = 1073741824;
pub const NVMX_EXIT_SECONDARY: u32 = 2147483648;
pub const NVMX_ENTRY_LOAD_DEBUG: u32 = 4;
pub const NVMX_ENTRY_IA32E: u32 = 512;
pub const NVMX_ENTRY_SMM: u32 = 1024;
pub const NVMX_ENTRY_DEACT_DUAL: u32 = 2048;
pub const NVMX_ENTRY_LOAD_PERF: u32 = 8192;
pub const NVMX_ENTRY_LOAD_PAT: u32 = 16384;
pub const NVMX_ENTRY_LOAD_EFER: u32 = 32768;
pub const NVMX_ENTRY_LOAD_BNDCFGS: u32 = 65536;
pub const NVMX_ENTRY_PT_CONCEAL: u32 = 131072;
pub const NVMX_ENTRY_LOAD_RTIT: u32 = 262144;
pub const NVMX_ENTRY_LOAD_UINV: u32 = 524288;
pub const NVMX_ENTRY_LOAD_CET: u32 = 1048576;
pub const NVMX_ENTRY_LOAD_LBR: u32 = 2097152;
pub const NVMX_ENTRY_LOAD_PKRS: u32 = 4194304;
pub const NVMX_ENTRY_LOAD_FRED: u32 = 8388608;
pub const NVMX_INTR_VECTOR: u32 = 255;
pub const NVMX_INTR_TYPE_SHIFT: u32 = 8;
pub const NVMX_INTR_DELIVER_EC: u32 = 2048;
pub const NVMX_INTR_NMI_UNBLOCK: u32 = 4096;
pub const NVMX_INTR_VALID: u32 = 2147483648;
pub const NVMX_EVENT_EXT_INT: u32 = 0;
pub const NVMX_EVENT_NMI: u32 = 2;
pub const NVMX_EVENT_HW_EXC: u32 = 3;
pub const NVMX_EVENT_SW_INT: u32 = 4;
pub const NVMX_EVENT_PRIV_SW_EXC: u32 = 5;
pub const NVMX_EVENT_SW_EXC: u32 = 6;
pub const NVMX_EVENT_OTHER: u32 = 7;
pub const NVMX_VECTOR_DB: u32 = 1;
pub const NVMX_VECTOR_BP: u32 = 3;
pub const NVMX_VECTOR_OF: u32 = 4;
pub const NVMX_VECTOR_UD: u32 = 6;
pub const NVMX_VECTOR_NM: u32 = 7;
pub const NVMX_VECTOR_DF: u32 = 8;
pub const NVMX_VECTOR_TS: u32 = 10;
pub const NVMX_VECTOR_NP: u32 = 11;
pub const NVMX_VECTOR_SS: u32 = 12;
pub const NVMX_VECTOR_GP: u32 = 13;
pub const NVMX_VECTOR_PF: u32 = 14;
pub const NVMX_VECTOR_AC: u32 = 17;
pub const NVMX_VECTOR_MC: u32 = 18;
pub const NVMX_VECTOR_VE: u32 = 20;
pub const NVMX_VECTOR_CP: u32 = 21;
pub const NVMX_BLOCK_STI: u32 = 1;
pub const NVMX_BLOCK_MOVSS: u32 = 2;
pub const NVMX_BLOCK_SMI: u32 = 4;
pub const NVMX_BLOCK_NMI: u32 = 8;
pub const NVMX_BLOCK_ENCLAVE: u32 = 16;
pub const NVMX_PENDING_DBG_BREAKPOINTS: u32 = 4111;
pub const NVMX_PENDING_DBG_ENABLED: u32 = 4096;
pub const NVMX_PENDING_DBG_BS: u32 = 16384;
pub const NVMX_PENDING_DBG_RTM: u32 = 65536;
pub const NVMX_ACTIVITY_ACTIVE: u32 = 0;
pub const NVMX_ACTIVITY_HLT: u32 = 1;
pub const NVMX_ACTIVITY_SHUTDOWN: u32 = 2;
pub const NVMX_ACTIVITY_WAIT_SIPI: u32 = 3;
pub const NVMX_AR_TYPE: u32 = 15;
pub const NVMX_AR_S: u32 = 16;
pub const NVMX_AR_P: u32 = 128;
pub const NVMX_AR_L: u32 = 8192;
pub const NVMX_AR_DB: u32 = 16384;
pub const NVMX_AR_G: u32 = 32768;
pub const NVMX_AR_UNUSABLE: u32 = 65536;
pub const NVMX_XR_ENTRY_FAILURE: u32 = 2147483648;
pub const NVMX_XR_BUS_LOCK_FLAG: u32 = 67108864;
pub const NVMX_XR_ENCLAVE_FLAG: u32 = 134217728;
pub const NVMX_MISC_STORE_LMA: u32 = 32;
pub const NVMX_MISC_HLT: u32 = 64;
pub const NVMX_MISC_SHUTDOWN: u32 = 128;
pub const NVMX_MISC_WAIT_SIPI: u32 = 256;
pub const NVMX_MISC_VMWRITE_RO: u32 = 536870912;
pub const NVMX_MISC_ZERO_LEN_INJECT: u32 = 1073741824;
pub const NVMX_EPT_X_ONLY: u32 = 1;
pub const NVMX_EPT_WALK4: u32 = 64;
pub const NVMX_EPT_WALK5: u32 = 128;
pub const NVMX_EPT_UC: u32 = 256;
pub const NVMX_EPT_WB: u32 = 16384;
pub const NVMX_EPT_2M: u32 = 65536;
pub const NVMX_EPT_1G: u32 = 131072;
pub const NVMX_EPT_INVEPT: u32 = 1048576;
pub const NVMX_EPT_AD: u32 = 2097152;
pub const NVMX_EPT_ADV_INFO: u32 = 4194304;
pub const NVMX_EPT_SSS: u32 = 8388608;
pub const NVMX_EPT_INVEPT_SINGLE: u32 = 33554432;
pub const NVMX_EPT_INVEPT_ALL: u32 = 67108864;
pub const NVMX_EPT_INVVPID: u64 = 4294967296;
pub const NVMX_EPT_INVVPID_ADDR: u64 = 1099511627776;
pub const NVMX_EPT_INVVPID_SINGLE: u64 = 2199023255552;
pub const NVMX_EPT_INVVPID_ALL: u64 = 4398046511104;
pub const NVMX_EPT_INVVPID_NON_GLOBAL: u64 = 8796093022208;
pub const NVMX_CAPS_FIRST_MSR: u32 = 1152;
pub const NVMX_CAPS_MSRS: u32 = 19;
pub const NVMX_VMCS12_REVISION: u32 = 300252880;
pub const NVMX_SHADOW_VMCS_INDICATOR: u32 = 2147483648;
pub const NVMX_VMCS12_SIZE: u32 = 4096;
pub const NVMX_LAUNCH_CLEAR: u32 = 0;
pub const NVMX_LAUNCH_LAUNCHED: u32 = 1;
pub const NVMX_GROUPS_ALL: u32 = 4294967295;
pub const NVMX_GROUP_FACTS: u32 = 1073741824;
pub const NVMX_CPUID_EBX: u32 = 1851943276;
pub const NVMX_CPUID_ECX: u32 = 1987343205;
pub const NVMX_CPUID_EDX: u32 = 30829;
pub const NVMX_CPUID_INVEPT_RANGE: u32 = 1;
pub const NVMX_HC_INVEPT_RANGE: u32 = 1853358081;
pub const NVMX_HV_CPUID_FLUSH: u32 = 262144;
pub const NVMX_HV_FLUSH_SPACE: u32 = 175;
pub const NVMX_HV_FLUSH_LIST: u32 = 176;
pub const NVMX_HV_SUCCESS: u32 = 0;
pub const NVMX_HV_INVALID_CODE: u32 = 2;
pub const NVMX_HV_INVALID_INPUT: u32 = 3;
pub const NVMX_HV_INVALID_ALIGNMENT: u32 = 4;
pub const NVMX_HV_INVALID_PARAMETER: u32 = 5;
pub const NVMX_HV_OPERATION_DENIED: u32 = 8;
pub const NVMX_DESCRIBE_MAX: u32 = 256;
pub const NVMX_ABI_VERSION: u32 = 2;
pub const NVMX_ABI_CHECKED: u32 = 2147483648;
pub const NVMX_ACCESS_R: u32 = 1;
pub const NVMX_ACCESS_W: u32 = 2;
pub const NVMX_ACCESS_X: u32 = 4;
pub const NVMX_ACCESS_RWX: u32 = 7;
pub const NVMX_ACCESS_PEEK: u32 = 8;
pub const NVMX_ACCESS_USER: u32 = 16;
pub const NVMX_FLUSH_ADDRESS: u32 = 0;
pub const NVMX_FLUSH_SINGLE: u32 = 1;
pub const NVMX_FLUSH_ALL: u32 = 2;
pub const NVMX_FLUSH_SINGLE_NON_GLOBAL: u32 = 3;
pub const NVMX_PENDING_INTR: u32 = 1;
pub const NVMX_PENDING_NMI: u32 = 2;
pub const NVMX_PENDING_INIT: u32 = 4;
pub const NVMX_PENDING_SIPI: u32 = 8;
pub const NVMX_PENDING_SMI: u32 = 16;
pub const NVMX_BARRIER_IBPB: u32 = 1;
pub const NVMX_BARRIER_L2_ENTRY: u32 = 2;
pub const NVMX_NOT_NOW: u32 = 1;
pub const NVMX_AGAIN_MAX: u32 = 64;
pub const NVMX_WATCH_BATCH: u32 = 32;
pub const NVMX_WATCH_BEGUN: u32 = 1;
pub const NVMX_STATE_FORMAT_VMX: u32 = 0;
pub const NVMX_STATE_GUEST_MODE: u32 = 1;
pub const NVMX_STATE_RUN_PENDING: u32 = 2;
pub const NVMX_STATE_EVMCS: u32 = 4;
pub const NVMX_STATE_MTF_PENDING: u32 = 8;
pub const NVMX_STATE_SMM_GUEST_MODE: u32 = 1;
pub const NVMX_STATE_SMM_VMXON: u32 = 2;
pub const NVMX_STATE_DEADLINE: u32 = 1;
pub const NVMX_STATE_NO_ADDR: i32 = -1;
pub const NVMX_STATE_MAX_SIZE: u32 = 8320;
pub const NVMX_STATE_LIVE_OFFSET: u32 = 2048;
pub const NVMX_STATE_LIVE_MAGIC: u64 = 3550338754266156366;
pub const NVMX_STATE_LIVE_RUN_PENDING: u32 = 1;
pub const NVMX_RECORD_MAX: u32 = 128;
pub const NVMX_TRACE_ALL: i32 = -1;
pub const NVMX_HOST_OWNS_INTERRUPTS: u32 = 1;
pub const NVMX_COMPATIBLE: u32 = 2;
pub const NVMX_HOST_REINJECTS: u32 = 4;
pub const NVMX_HOST_OWNS_TIMER: u32 = 8;
pub const NVMX_HOST_EMULATES_CR: u32 = 16;
pub const NVMX_ENLIGHTENED: u32 = 32;
pub const NVMX_HOST_APIC_PASSTHROUGH: u32 = 64;
pub const NVMX_HOST_HYPERCALLS: u32 = 128;
pub const NVMX_HOST_NO_PML_IN_L2: u32 = 256;
pub const NVMX_HOST_WAITS: u32 = 512;
pub const NVMX_HOST_PERF_PASSTHROUGH: u32 = 1024;
pub const NVMX_HOST_EPTP_SWITCHING: u32 = 8192;
pub const NVMX_HOST_POSTS: u32 = 4096;
pub const NVMX_HOST_PERF_EMULATED: u32 = 16384;
pub const NVMX_HOST_PAGES_OF_VM: u32 = 32768;
pub const NVMX_HOST_FEW_VPIDS: u32 = 2048;
pub const NVMX_SHADOW_EPT_PAGES_MIN: u32 = 16;
pub const NVMX_WATCH_SIZE: u32 = 16;
pub const NVMX_WATCHES_MIN: u32 = 64;
pub const NVMX_VM_SIZE: u32 = 6144;
pub const NVMX_VCPU_SIZE: u32 = 12288;
pub const NVMX_INSN_BRANCH: u32 = 1;
pub const NVMX_INSN_MOV_SS: u32 = 2;
pub const NVMX_INSN_STI: u32 = 4;
pub const NVMX_INSN_HLT: u32 = 8;
pub const NVMX_VTD_ABI_VERSION: u32 = 1;
pub const NVMX_VTD_R: u32 = 1;
pub const NVMX_VTD_W: u32 = 2;
pub const NVMX_VTD_FLUSHED: u32 = 0;
pub const NVMX_VTD_FLUSH_QUEUED: u32 = 1;
pub const NVMX_VTD_FLUSH_TIMEOUT: i32 = -1;
pub const NVMX_VTD_FLUSH_BAD_COMPLETION: i32 = -2;
pub const NVMX_VTD_MAPPED: u32 = 0;
pub const NVMX_VTD_MAP_FOREIGN: u32 = 1;
pub const NVMX_VTD_MAP_FULL: i32 = -1;
pub const NVMX_VTD_DUMMY: i32 = -1;
pub const NVMX_VTD_F_CACHING_MODE: u32 = 1;
pub const NVMX_VTD_F_WRITE_BUFFER: u32 = 2;
pub const NVMX_VTD_F_2M: u32 = 4;
pub const NVMX_VTD_F_1G: u32 = 8;
pub const NVMX_VTD_F_PAGE_FLUSH: u32 = 16;
pub const NVMX_VTD_F_ZERO_LENGTH: u32 = 32;
pub const NVMX_VTD_F_DRAIN: u32 = 64;
pub const NVMX_VTD_F_QUEUE: u32 = 128;
pub const NVMX_VTD_F_DEVICE_TLB: u32 = 256;
pub const NVMX_VTD_F_REMAP: u32 = 512;
pub const NVMX_VTD_F_EXTENDED: u32 = 1024;
pub const NVMX_VTD_F_PASS_THROUGH: u32 = 2048;
pub const NVMX_VTD_F_SNOOP: u32 = 4096;
pub const NVMX_VTD_F_ALL: u32 = 8191;
pub const NVMX_VTD_ASSIGN_TABLES: u32 = 1;
pub const NVMX_VTD_ASSIGN_MAP: u32 = 2;
pub const NVMX_VTD_LEVELS_3: u32 = 2;
pub const NVMX_VTD_LEVELS_4: u32 = 4;
pub const NVMX_VTD_SIZE: u32 = 98304;
pub const NVMX_VTD_READ: u32 = 1;
pub const NVMX_VTD_WRITE: u32 = 2;
pub const NVMX_VTD_ZERO_LENGTH: u32 = 4;
pub const NVMX_VTD_TRANSLATION: u32 = 8;
pub const NVMX_VTD_TRANSLATED: u32 = 16;
pub const NVMX_VTD_UNCACHED: u32 = 32;
pub const NVMX_VTD_SILENT: u32 = 64;
pub const NVMX_VTD_DEVICES: u32 = 64;
pub const NVMX_VTD_DEVICE_HAS_TLB: u32 = 1;
pub const NVMX_VTD_DEVICE_EMULATED: u32 = 4;
pub const NVMX_VTD_SAVE_SIZE: u32 = 512;
extern "C" {
    pub fn nvmx_version() -> *const crate::ctypes::c_char;
}
pub const nvmx_exit_reason_NVMX_XR_EXCEPTION_NMI: nvmx_exit_reason = 0;
pub const nvmx_exit_reason_NVMX_XR_EXT_INT: nvmx_exit_reason = 1;
pub const nvmx_exit_reason_NVMX_XR_TRIPLE_FAULT: nvmx_exit_reason = 2;
pub const nvmx_exit_reason_NVMX_XR_INIT: nvmx_exit_reason = 3;
pub const nvmx_exit_reason_NVMX_XR_SIPI: nvmx_exit_reason = 4;
pub const nvmx_exit_reason_NVMX_XR_IO_SMI: nvmx_exit_reason = 5;
pub const nvmx_exit_reason_NVMX_XR_OTHER_SMI: nvmx_exit_reason = 6;
pub const nvmx_exit_reason_NVMX_XR_INT_WINDOW: nvmx_exit_reason = 7;
pub const nvmx_exit_reason_NVMX_XR_NMI_WINDOW: nvmx_exit_reason = 8;
pub const nvmx_exit_reason_NVMX_XR_TASK_SWITCH: nvmx_exit_reason = 9;
pub const nvmx_exit_reason_NVMX_XR_CPUID: nvmx_exit_reason = 10;
pub const nvmx_exit_reason_NVMX_XR_GETSEC: nvmx_exit_reason = 11;
pub const nvmx_exit_reason_NVMX_XR_HLT: nvmx_exit_reason = 12;
pub const nvmx_exit_reason_NVMX_XR_INVD: nvmx_exit_reason = 13;
pub const nvmx_exit_reason_NVMX_XR_INVLPG: nvmx_exit_reason = 14;
pub const nvmx_exit_reason_NVMX_XR_RDPMC: nvmx_exit_reason = 15;
pub const nvmx_exit_reason_NVMX_XR_RDTSC: nvmx_exit_reason = 16;
pub const nvmx_exit_reason_NVMX_XR_RSM: nvmx_exit_reason = 17;
pub const nvmx_exit_reason_NVMX_XR_VMCALL: nvmx_exit_reason = 18;
pub const nvmx_exit_reason_NVMX_XR_VMCLEAR: nvmx_exit_reason = 19;
pub const nvmx_exit_reason_NVMX_XR_VMLAUNCH: nvmx_exit_reason = 20;
pub const nvmx_exit_reason_NVMX_XR_VMPTRLD: nvmx_exit_reason = 21;
pub const nvmx_exit_reason_NVMX_XR_VMPTRST: nvmx_exit_reason = 22;
pub const nvmx_exit_reason_NVMX_XR_VMREAD: nvmx_exit_reason = 23;
pub const nvmx_exit_reason_NVMX_XR_VMRESUME: nvmx_exit_reason = 24;
pub const nvmx_exit_reason_NVMX_XR_VMWRITE: nvmx_exit_reason = 25;
pub const nvmx_exit_reason_NVMX_XR_VMXOFF: nvmx_exit_reason = 26;
pub const nvmx_exit_reason_NVMX_XR_VMXON: nvmx_exit_reason = 27;
pub const nvmx_exit_reason_NVMX_XR_CR_ACCESS: nvmx_exit_reason = 28;
pub const nvmx_exit_reason_NVMX_XR_MOV_DR: nvmx_exit_reason = 29;
pub const nvmx_exit_reason_NVMX_XR_IO: nvmx_exit_reason = 30;
pub const nvmx_exit_reason_NVMX_XR_RDMSR: nvmx_exit_reason = 31;
pub const nvmx_exit_reason_NVMX_XR_WRMSR: nvmx_exit_reason = 32;
pub const nvmx_exit_reason_NVMX_XR_ENTRY_FAIL_GUEST: nvmx_exit_reason = 33;
pub const nvmx_exit_reason_NVMX_XR_ENTRY_FAIL_MSR: nvmx_exit_reason = 34;
pub const nvmx_exit_reason_NVMX_XR_MWAIT: nvmx_exit_reason = 36;
pub const nvmx_exit_reason_NVMX_XR_MTF: nvmx_exit_reason = 37;
pub const nvmx_exit_reason_NVMX_XR_MONITOR: nvmx_exit_reason = 39;
pub const nvmx_exit_reason_NVMX_XR_PAUSE: nvmx_exit_reason = 40;
pub const nvmx_exit_reason_NVMX_XR_ENTRY_FAIL_MCE: nvmx_exit_reason = 41;
pub const nvmx_exit_reason_NVMX_XR_TPR: nvmx_exit_reason = 43;
pub const nvmx_exit_reason_NVMX_XR_APIC_ACCESS: nvmx_exit_reason = 44;
pub const nvmx_exit_reason_NVMX_XR_EOI: nvmx_exit_reason = 45;
pub const nvmx_exit_reason_NVMX_XR_GDTR_IDTR: nvmx_exit_reason = 46;
pub const nvmx_exit_reason_NVMX_XR_LDTR_TR: nvmx_exit_reason = 47;
pub const nvmx_exit_reason_NVMX_XR_EPT_VIOLATION: nvmx_exit_reason = 48;
pub const nvmx_exit_reason_NVMX_XR_EPT_MISCONFIG: nvmx_exit_reason = 49;
pub const nvmx_exit_reason_NVMX_XR_INVEPT: nvmx_exit_reason = 50;
pub const nvmx_exit_reason_NVMX_XR_RDTSCP: nvmx_exit_reason = 51;
pub const nvmx_exit_reason_NVMX_XR_PREEMPTION_TIMER: nvmx_exit_reason = 52;
pub const nvmx_exit_reason_NVMX_XR_INVVPID: nvmx_exit_reason = 53;
pub const nvmx_exit_reason_NVMX_XR_WBINVD: nvmx_exit_reason = 54;
pub const nvmx_exit_reason_NVMX_XR_XSETBV: nvmx_exit_reason = 55;
pub const nvmx_exit_reason_NVMX_XR_APIC_WRITE: nvmx_exit_reason = 56;
pub const nvmx_exit_reason_NVMX_XR_RDRAND: nvmx_exit_reason = 57;
pub const nvmx_exit_reason_NVMX_XR_INVPCID: nvmx_exit_reason = 58;
pub const nvmx_exit_reason_NVMX_XR_VMFUNC: nvmx_exit_reason = 59;
pub const nvmx_exit_reason_NVMX_XR_ENCLS: nvmx_exit_reason = 60;
pub const nvmx_exit_reason_NVMX_XR_RDSEED: nvmx_exit_reason = 61;
pub const nvmx_exit_reason_NVMX_XR_PML_FULL: nvmx_exit_reason = 62;
pub const nvmx_exit_reason_NVMX_XR_XSAVES: nvmx_exit_reason = 63;
pub const nvmx_exit_reason_NVMX_XR_XRSTORS: nvmx_exit_reason = 64;
pub const nvmx_exit_reason_NVMX_XR_PCONFIG: nvmx_exit_reason = 65;
pub const nvmx_exit_reason_NVMX_XR_SPP: nvmx_exit_reason = 66;
pub const nvmx_exit_reason_NVMX_XR_UMWAIT: nvmx_exit_reason = 67;
pub const nvmx_exit_reason_NVMX_XR_TPAUSE: nvmx_exit_reason = 68;
pub const nvmx_exit_reason_NVMX_XR_LOADIWKEY: nvmx_exit_reason = 69;
pub const nvmx_exit_reason_NVMX_XR_ENCLV: nvmx_exit_reason = 70;
pub const nvmx_exit_reason_NVMX_XR_ENQCMD: nvmx_exit_reason = 72;
pub const nvmx_exit_reason_NVMX_XR_ENQCMDS: nvmx_exit_reason = 73;
pub const nvmx_exit_reason_NVMX_XR_BUS_LOCK: nvmx_exit_reason = 74;
pub const nvmx_exit_reason_NVMX_XR_NOTIFY: nvmx_exit_reason = 75;
pub const nvmx_exit_reason_NVMX_XR_SEAMCALL: nvmx_exit_reason = 76;
pub const nvmx_exit_reason_NVMX_XR_TDCALL: nvmx_exit_reason = 77;
pub const nvmx_exit_reason_NVMX_XR_RDMSRLIST: nvmx_exit_reason = 78;
pub const nvmx_exit_reason_NVMX_XR_WRMSRLIST: nvmx_exit_reason = 79;
pub const nvmx_exit_reason_NVMX_XR_RDMSR_IMM: nvmx_exit_reason = 84;
pub const nvmx_exit_reason_NVMX_XR_WRMSRNS_IMM: nvmx_exit_reason = 85;
pub const nvmx_exit_reason_NVMX_XR_COUNT: nvmx_exit_reason = 86;
pub type nvmx_exit_reason = crate::ctypes::c_uint;
pub const nvmx_vmerr_NVMX_VMERR_VMCALL_IN_ROOT: nvmx_vmerr = 1;
pub const nvmx_vmerr_NVMX_VMERR_VMCLEAR_ADDR: nvmx_vmerr = 2;
pub const nvmx_vmerr_NVMX_VMERR_VMCLEAR_VMXON_PTR: nvmx_vmerr = 3;
pub const nvmx_vmerr_NVMX_VMERR_VMLAUNCH_NOT_CLEAR: nvmx_vmerr = 4;
pub const nvmx_vmerr_NVMX_VMERR_VMRESUME_NOT_LAUNCHED: nvmx_vmerr = 5;
pub const nvmx_vmerr_NVMX_VMERR_VMRESUME_AFTER_VMXOFF: nvmx_vmerr = 6;
pub const nvmx_vmerr_NVMX_VMERR_ENTRY_CONTROLS: nvmx_vmerr = 7;
pub const nvmx_vmerr_NVMX_VMERR_ENTRY_HOST_STATE: nvmx_vmerr = 8;
pub const nvmx_vmerr_NVMX_VMERR_VMPTRLD_ADDR: nvmx_vmerr = 9;
pub const nvmx_vmerr_NVMX_VMERR_VMPTRLD_VMXON_PTR: nvmx_vmerr = 10;
pub const nvmx_vmerr_NVMX_VMERR_VMPTRLD_REVISION: nvmx_vmerr = 11;
pub const nvmx_vmerr_NVMX_VMERR_UNSUPPORTED_FIELD: nvmx_vmerr = 12;
pub const nvmx_vmerr_NVMX_VMERR_READ_ONLY_FIELD: nvmx_vmerr = 13;
pub const nvmx_vmerr_NVMX_VMERR_VMXON_IN_ROOT: nvmx_vmerr = 15;
pub const nvmx_vmerr_NVMX_VMERR_ENTRY_MOVSS: nvmx_vmerr = 26;
pub const nvmx_vmerr_NVMX_VMERR_INVALID_OPERAND: nvmx_vmerr = 28;
pub type nvmx_vmerr = crate::ctypes::c_uint;
pub type __uint8_t = crate::ctypes::c_uchar;
pub type __uint16_t = crate::ctypes::c_ushort;
pub type __uint32_t = crate::ctypes::c_uint;
pub type __uint64_t = crate::ctypes::c_ulong;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_caps {
    pub msr: [u64; 19usize],
    pub efer_valid: u64,
    pub debugctl_valid: u64,
    pub perf_global_valid: u64,
    pub feature_control: u64,
    pub maxphyaddr: u8,
    pub linear_width: u8,
}
pub const nvmx_feature_NVMX_FEATURE_EPT: nvmx_feature = 0;
pub const nvmx_feature_NVMX_FEATURE_VPID: nvmx_feature = 1;
pub const nvmx_feature_NVMX_FEATURE_UNRESTRICTED_GUEST: nvmx_feature = 2;
pub const nvmx_feature_NVMX_FEATURE_SHADOW_VMCS: nvmx_feature = 3;
pub const nvmx_feature_NVMX_FEATURE_APIC_ACCESS: nvmx_feature = 4;
pub const nvmx_feature_NVMX_FEATURE_TPR_SHADOW: nvmx_feature = 5;
pub const nvmx_feature_NVMX_FEATURE_X2APIC_MODE: nvmx_feature = 6;
pub const nvmx_feature_NVMX_FEATURE_APIC_REGS: nvmx_feature = 7;
pub const nvmx_feature_NVMX_FEATURE_VID: nvmx_feature = 8;
pub const nvmx_feature_NVMX_FEATURE_POSTED_INT: nvmx_feature = 9;
pub const nvmx_feature_NVMX_FEATURE_PREEMPTION_TIMER: nvmx_feature = 10;
pub const nvmx_feature_NVMX_FEATURE_VNMI: nvmx_feature = 11;
pub const nvmx_feature_NVMX_FEATURE_PML: nvmx_feature = 12;
pub const nvmx_feature_NVMX_FEATURE_EPT_AD: nvmx_feature = 13;
pub const nvmx_feature_NVMX_FEATURE_EPT_X_ONLY: nvmx_feature = 14;
pub const nvmx_feature_NVMX_FEATURE_EPT_2M: nvmx_feature = 15;
pub const nvmx_feature_NVMX_FEATURE_EPT_1G: nvmx_feature = 16;
pub const nvmx_feature_NVMX_FEATURE_EPT_5LEVEL: nvmx_feature = 17;
pub const nvmx_feature_NVMX_FEATURE_MODE_EXEC: nvmx_feature = 18;
pub const nvmx_feature_NVMX_FEATURE_VE: nvmx_feature = 19;
pub const nvmx_feature_NVMX_FEATURE_VMFUNC: nvmx_feature = 20;
pub const nvmx_feature_NVMX_FEATURE_TSC_SCALING: nvmx_feature = 21;
pub const nvmx_feature_NVMX_FEATURE_PAUSE_LOOP: nvmx_feature = 22;
pub const nvmx_feature_NVMX_FEATURE_RDRAND_EXITING: nvmx_feature = 23;
pub const nvmx_feature_NVMX_FEATURE_RDSEED_EXITING: nvmx_feature = 24;
pub const nvmx_feature_NVMX_FEATURE_INVPCID: nvmx_feature = 25;
pub const nvmx_feature_NVMX_FEATURE_XSAVES: nvmx_feature = 26;
pub const nvmx_feature_NVMX_FEATURE_ENCLS: nvmx_feature = 27;
pub const nvmx_feature_NVMX_FEATURE_PERF_GLOBAL_CTRL: nvmx_feature = 28;
pub const nvmx_feature_NVMX_FEATURE_PAT: nvmx_feature = 29;
pub const nvmx_feature_NVMX_FEATURE_EFER: nvmx_feature = 30;
pub const nvmx_feature_NVMX_FEATURE_BNDCFGS: nvmx_feature = 31;
pub const nvmx_feature_NVMX_FEATURE_CET: nvmx_feature = 32;
pub const nvmx_feature_NVMX_FEATURE_PKRS: nvmx_feature = 33;
pub const nvmx_feature_NVMX_FEATURE_CR3_TARGETS: nvmx_feature = 34;
pub const nvmx_feature_NVMX_FEATURE_VMWRITE_RO: nvmx_feature = 35;
pub const nvmx_feature_NVMX_FEATURE_DESC_TABLE: nvmx_feature = 36;
pub const nvmx_feature_NVMX_FEATURE_WBINVD: nvmx_feature = 37;
pub const nvmx_feature_NVMX_FEATURE_RDTSCP: nvmx_feature = 38;
pub const nvmx_feature_NVMX_FEATURE_MTF: nvmx_feature = 39;
pub const nvmx_feature_NVMX_FEATURE_USER_WAIT: nvmx_feature = 40;
pub const nvmx_feature_NVMX_FEATURE_HW_SHADOW: nvmx_feature = 41;
pub const nvmx_feature_NVMX_FEATURE_HW_EPTP_SWITCHING: nvmx_feature = 42;
pub const nvmx_feature_NVMX_FEATURE_COUNT: nvmx_feature = 43;
pub type nvmx_feature = crate::ctypes::c_uint;
extern "C" {
    pub fn nvmx_feature_name(feature: crate::ctypes::c_uint) -> *const crate::ctypes::c_char;
}
extern "C" {
    pub fn nvmx_feature_by_name(
        name: *const crate::ctypes::c_char,
        len: usize,
    ) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_caps_compute(
        hw: *const nvmx_caps,
        withheld: u64,
        compatible: bool,
        out: *mut nvmx_caps,
    );
}
extern "C" {
    pub fn nvmx_caps_compute_beyond(
        hw: *const nvmx_caps,
        withheld: u64,
        beyond: u64,
        out: *mut nvmx_caps,
    );
}
extern "C" {
    pub fn nvmx_caps_restrict(c: *mut nvmx_caps, limit: *const nvmx_caps);
}
extern "C" {
    pub fn nvmx_caps_cpuid(c: *const nvmx_caps, leaf: u32, subleaf: u32, regs: *mut u32);
}
#[repr(C, packed(8))]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vmcs12 {
    pub revision: u32,
    pub abort: u32,
    pub launch_state: u32,
    pub pad0: [u8; 28usize],
    pub io_bitmap_a: u64,
    pub io_bitmap_b: u64,
    pub msr_bitmap: u64,
    pub exit_msr_store_addr: u64,
    pub exit_msr_load_addr: u64,
    pub entry_msr_load_addr: u64,
    pub tsc_offset: u64,
    pub virtual_apic_addr: u64,
    pub apic_access_addr: u64,
    pub posted_int_desc_addr: u64,
    pub ept_pointer: u64,
    pub eoi_exit_bitmap0: u64,
    pub eoi_exit_bitmap1: u64,
    pub eoi_exit_bitmap2: u64,
    pub eoi_exit_bitmap3: u64,
    pub xss_exit_bitmap: u64,
    pub guest_phys_addr: u64,
    pub vmcs_link_pointer: u64,
    pub guest_debugctl: u64,
    pub guest_pat: u64,
    pub guest_efer: u64,
    pub guest_perf_global_ctrl: u64,
    pub guest_pdpte0: u64,
    pub guest_pdpte1: u64,
    pub guest_pdpte2: u64,
    pub guest_pdpte3: u64,
    pub guest_bndcfgs: u64,
    pub host_pat: u64,
    pub host_efer: u64,
    pub host_perf_global_ctrl: u64,
    pub vmread_bitmap: u64,
    pub vmwrite_bitmap: u64,
    pub vmfunc_ctls: u64,
    pub eptp_list_addr: u64,
    pub pml_address: u64,
    pub encls_exit_bitmap: u64,
    pub tsc_multiplier: u64,
    pub pad1: [u8; 8usize],
    pub cr0_mask: u64,
    pub cr4_mask: u64,
    pub cr0_shadow: u64,
    pub cr4_shadow: u64,
    pub pad2: [u8; 32usize],
    pub exit_qualification: u64,
    pub guest_linear_addr: u64,
    pub guest_cr0: u64,
    pub guest_cr3: u64,
    pub guest_cr4: u64,
    pub guest_es_base: u64,
    pub guest_cs_base: u64,
    pub guest_ss_base: u64,
    pub guest_ds_base: u64,
    pub guest_fs_base: u64,
    pub guest_gs_base: u64,
    pub guest_ldtr_base: u64,
    pub guest_tr_base: u64,
    pub guest_gdtr_base: u64,
    pub guest_idtr_base: u64,
    pub guest_dr7: u64,
    pub guest_rsp: u64,
    pub guest_rip: u64,
    pub guest_rflags: u64,
    pub guest_pending_dbg: u64,
    pub guest_sysenter_esp: u64,
    pub guest_sysenter_eip: u64,
    pub host_cr0: u64,
    pub host_cr3: u64,
    pub host_cr4: u64,
    pub host_fs_base: u64,
    pub host_gs_base: u64,
    pub host_tr_base: u64,
    pub host_gdtr_base: u64,
    pub host_idtr_base: u64,
    pub host_sysenter_esp: u64,
    pub host_sysenter_eip: u64,
    pub host_rsp: u64,
    pub host_rip: u64,
    pub host_s_cet: u64,
    pub host_ssp: u64,
    pub host_int_ssp_table: u64,
    pub guest_s_cet: u64,
    pub guest_ssp: u64,
    pub guest_int_ssp_table: u64,
    pub pad3: [u8; 16usize],
    pub pin_ctls: u32,
    pub proc_ctls: u32,
    pub exception_bitmap: u32,
    pub pf_ec_mask: u32,
    pub pf_ec_match: u32,
    pub cr3_target_count: u32,
    pub exit_ctls: u32,
    pub exit_msr_store_count: u32,
    pub exit_msr_load_count: u32,
    pub entry_ctls: u32,
    pub entry_msr_load_count: u32,
    pub entry_intr_info: u32,
    pub entry_exc_error_code: u32,
    pub entry_instr_len: u32,
    pub tpr_threshold: u32,
    pub proc_ctls2: u32,
    pub vm_instr_error: u32,
    pub exit_reason: u32,
    pub exit_intr_info: u32,
    pub exit_intr_error_code: u32,
    pub idt_vectoring_info: u32,
    pub idt_vectoring_error_code: u32,
    pub exit_instr_len: u32,
    pub exit_instr_info: u32,
    pub guest_es_limit: u32,
    pub guest_cs_limit: u32,
    pub guest_ss_limit: u32,
    pub guest_ds_limit: u32,
    pub guest_fs_limit: u32,
    pub guest_gs_limit: u32,
    pub guest_ldtr_limit: u32,
    pub guest_tr_limit: u32,
    pub guest_gdtr_limit: u32,
    pub guest_idtr_limit: u32,
    pub guest_es_ar: u32,
    pub guest_cs_ar: u32,
    pub guest_ss_ar: u32,
    pub guest_ds_ar: u32,
    pub guest_fs_ar: u32,
    pub guest_gs_ar: u32,
    pub guest_ldtr_ar: u32,
    pub guest_tr_ar: u32,
    pub guest_interruptibility: u32,
    pub guest_activity: u32,
    pub guest_sysenter_cs: u32,
    pub host_sysenter_cs: u32,
    pub preemption_timer: u32,
    pub pad4: [u8; 28usize],
    pub vpid: u16,
    pub posted_int_nv: u16,
    pub guest_es_sel: u16,
    pub guest_cs_sel: u16,
    pub guest_ss_sel: u16,
    pub guest_ds_sel: u16,
    pub guest_fs_sel: u16,
    pub guest_gs_sel: u16,
    pub guest_ldtr_sel: u16,
    pub guest_tr_sel: u16,
    pub guest_int_status: u16,
    pub host_es_sel: u16,
    pub host_cs_sel: u16,
    pub host_ss_sel: u16,
    pub host_ds_sel: u16,
    pub host_fs_sel: u16,
    pub host_gs_sel: u16,
    pub host_tr_sel: u16,
    pub pml_index: u16,
    pub pad5: [u8; 26usize],
    pub executive_vmcs: u64,
    pub ve_info_addr: u64,
    pub spptp: u64,
    pub proc_ctls3: u64,
    pub guest_rtit_ctl: u64,
    pub guest_pkrs: u64,
    pub host_pkrs: u64,
    pub cr3_target0: u64,
    pub cr3_target1: u64,
    pub cr3_target2: u64,
    pub cr3_target3: u64,
    pub io_rcx: u64,
    pub io_rsi: u64,
    pub io_rdi: u64,
    pub io_rip: u64,
    pub old_cet: [u8; 48usize],
    pub ple_gap: u32,
    pub ple_window: u32,
    pub guest_smbase: u32,
    pub eptp_index: u16,
    pub pad7: u16,
    pub enclv_exit_bitmap: u64,
    pub instr_timeout: u32,
    pub pad6: [u8; 2876usize],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_check_input {
    pub v12: *const nvmx_vmcs12,
    pub caps: *const nvmx_caps,
    pub current_vmcs: u64,
    pub pdpte: [u64; 4usize],
    pub link_revision: u32,
    pub vtpr: u8,
    pub vtpr_known: bool,
    pub pdpte_known: bool,
    pub l1_ia32e: bool,
    pub in_smm: bool,
}
pub const nvmx_consequence_NVMX_CHECK_PASS: nvmx_consequence = 0;
pub const nvmx_consequence_NVMX_CHECK_VMFAIL: nvmx_consequence = 1;
pub const nvmx_consequence_NVMX_CHECK_ENTRY_FAIL: nvmx_consequence = 2;
pub type nvmx_consequence = crate::ctypes::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_check_row {
    pub id: *const crate::ctypes::c_char,
    pub sdm: *const crate::ctypes::c_char,
    pub text: *const crate::ctypes::c_char,
    pub fields: *const u16,
    pub groups: u32,
    pub consequence: u8,
    pub error: u8,
    pub qualification: u8,
    pub holds: ::core::option::Option<unsafe extern "C" fn(in_: *const nvmx_check_input) -> bool>,
}
extern "C" {
    pub fn nvmx_check_rows(count: *mut usize) -> *const nvmx_check_row;
}
extern "C" {
    pub fn nvmx_check_entry(
        in_: *const nvmx_check_input,
        dirty_groups: u32,
    ) -> *const nvmx_check_row;
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vm {
    _unused: [u8; 0],
}
extern "C" {
    pub fn nvmx_cpuid(vm: *const nvmx_vm, base: u32, leaf: u32, regs: *mut u32) -> bool;
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vcpu {
    _unused: [u8; 0],
}
extern "C" {
    pub fn nvmx_hv_flush_guest_mapping(
        v: *mut nvmx_vcpu,
        input: u64,
        first: u64,
        second: u64,
        result: *mut u64,
    ) -> crate::ctypes::c_int;
}
pub const nvmx_error_NVMX_OK: nvmx_error = 0;
pub const nvmx_error_NVMX_ERR_ABI: nvmx_error = -1;
pub const nvmx_error_NVMX_ERR_OP_MISSING: nvmx_error = -2;
pub const nvmx_error_NVMX_ERR_CAPS: nvmx_error = -3;
pub const nvmx_error_NVMX_ERR_CONFIG: nvmx_error = -4;
pub const nvmx_error_NVMX_ERR_MEMORY: nvmx_error = -5;
pub const nvmx_error_NVMX_ERR_VMCS01: nvmx_error = -6;
pub const nvmx_error_NVMX_ERR_ANSWER: nvmx_error = -7;
pub const nvmx_error_NVMX_ERR_ARGUMENT: nvmx_error = -8;
pub const nvmx_error_NVMX_ERR_GUEST: nvmx_error = -9;
pub const nvmx_error_NVMX_ERR_STATE: nvmx_error = -10;
pub const nvmx_error_NVMX_ERR_IN_L2: nvmx_error = -11;
pub const nvmx_error_NVMX_ERR_AGAIN: nvmx_error = -12;
pub const nvmx_error_NVMX_ERR_STOPPED: nvmx_error = -13;
pub type nvmx_error = crate::ctypes::c_int;
pub const nvmx_refusal_NVMX_REFUSED_NOTHING: nvmx_refusal = 0;
pub const nvmx_refusal_NVMX_REFUSED_VM_MEM_NULL: nvmx_refusal = 1;
pub const nvmx_refusal_NVMX_REFUSED_VM_MEM_ALIGN: nvmx_refusal = 2;
pub const nvmx_refusal_NVMX_REFUSED_VM_MEM_SIZE: nvmx_refusal = 3;
pub const nvmx_refusal_NVMX_REFUSED_VM_MEM_OVERLAP: nvmx_refusal = 4;
pub const nvmx_refusal_NVMX_REFUSED_VM_OUT_NULL: nvmx_refusal = 5;
pub const nvmx_refusal_NVMX_REFUSED_VM_CONFIG_NULL: nvmx_refusal = 6;
pub const nvmx_refusal_NVMX_REFUSED_VM_CONFIG_SIZE: nvmx_refusal = 7;
pub const nvmx_refusal_NVMX_REFUSED_OPS_NULL: nvmx_refusal = 8;
pub const nvmx_refusal_NVMX_REFUSED_HW_NULL: nvmx_refusal = 9;
pub const nvmx_refusal_NVMX_REFUSED_CAPS_SIZE: nvmx_refusal = 10;
pub const nvmx_refusal_NVMX_REFUSED_FLAGS_UNKNOWN: nvmx_refusal = 11;
pub const nvmx_refusal_NVMX_REFUSED_FLAGS_APIC: nvmx_refusal = 12;
pub const nvmx_refusal_NVMX_REFUSED_FLAGS_WAITS: nvmx_refusal = 13;
pub const nvmx_refusal_NVMX_REFUSED_WITHHELD_UNKNOWN: nvmx_refusal = 14;
pub const nvmx_refusal_NVMX_REFUSED_SHADOW_EPT_PAGES: nvmx_refusal = 15;
pub const nvmx_refusal_NVMX_REFUSED_WATCHES: nvmx_refusal = 16;
pub const nvmx_refusal_NVMX_REFUSED_FLAGS_POSTS: nvmx_refusal = 17;
pub const nvmx_refusal_NVMX_REFUSED_FLAGS_PERF: nvmx_refusal = 18;
pub const nvmx_refusal_NVMX_REFUSED_BEYOND: nvmx_refusal = 19;
pub const nvmx_refusal_NVMX_REFUSED_POSTED_VECTOR: nvmx_refusal = 23;
pub const nvmx_refusal_NVMX_REFUSED_OPS_SIZE: nvmx_refusal = 20;
pub const nvmx_refusal_NVMX_REFUSED_OPS_ABI: nvmx_refusal = 21;
pub const nvmx_refusal_NVMX_REFUSED_OP_MISSING: nvmx_refusal = 22;
pub const nvmx_refusal_NVMX_REFUSED_CAPS_MAXPHYADDR: nvmx_refusal = 30;
pub const nvmx_refusal_NVMX_REFUSED_CAPS_LINEAR_WIDTH: nvmx_refusal = 31;
pub const nvmx_refusal_NVMX_REFUSED_CAPS_EFER: nvmx_refusal = 32;
pub const nvmx_refusal_NVMX_REFUSED_CAPS_BASIC_ADDRESSES: nvmx_refusal = 33;
pub const nvmx_refusal_NVMX_REFUSED_CAPS_BASIC_TRUE: nvmx_refusal = 34;
pub const nvmx_refusal_NVMX_REFUSED_CAPS_BASIC_REGION: nvmx_refusal = 35;
pub const nvmx_refusal_NVMX_REFUSED_CAPS_CONTROL_LACKING: nvmx_refusal = 36;
pub const nvmx_refusal_NVMX_REFUSED_CAPS_CONTROL_CONTRADICTS: nvmx_refusal = 37;
pub const nvmx_refusal_NVMX_REFUSED_CAPS_FIXED_CONTRADICTS: nvmx_refusal = 38;
pub const nvmx_refusal_NVMX_REFUSED_VCPU_MEM_NULL: nvmx_refusal = 50;
pub const nvmx_refusal_NVMX_REFUSED_VCPU_MEM_ALIGN: nvmx_refusal = 51;
pub const nvmx_refusal_NVMX_REFUSED_VCPU_MEM_SIZE: nvmx_refusal = 52;
pub const nvmx_refusal_NVMX_REFUSED_VCPU_MEM_OVERLAP: nvmx_refusal = 53;
pub const nvmx_refusal_NVMX_REFUSED_VCPU_OUT_NULL: nvmx_refusal = 54;
pub const nvmx_refusal_NVMX_REFUSED_VCPU_CONFIG_NULL: nvmx_refusal = 55;
pub const nvmx_refusal_NVMX_REFUSED_VCPU_CONFIG_SIZE: nvmx_refusal = 56;
pub const nvmx_refusal_NVMX_REFUSED_VCPU_VM: nvmx_refusal = 57;
pub const nvmx_refusal_NVMX_REFUSED_HOST_NULL: nvmx_refusal = 58;
pub const nvmx_refusal_NVMX_REFUSED_VMCS01_ADDRESS: nvmx_refusal = 59;
pub const nvmx_refusal_NVMX_REFUSED_VPID02_NONE: nvmx_refusal = 60;
pub const nvmx_refusal_NVMX_REFUSED_VPID02_RANGE: nvmx_refusal = 61;
pub const nvmx_refusal_NVMX_REFUSED_VPID02_IS_L1S: nvmx_refusal = 62;
pub const nvmx_refusal_NVMX_REFUSED_VPID02_N_ALONE: nvmx_refusal = 63;
pub const nvmx_refusal_NVMX_REFUSED_MSR_BITMAP_UNUSED: nvmx_refusal = 65;
pub const nvmx_refusal_NVMX_REFUSED_IO_BITMAP_UNUSED: nvmx_refusal = 66;
pub const nvmx_refusal_NVMX_REFUSED_IO_BOTH: nvmx_refusal = 67;
pub const nvmx_refusal_NVMX_REFUSED_IO_PASSTHROUGH: nvmx_refusal = 68;
pub const nvmx_refusal_NVMX_REFUSED_CR4_CONTRADICTS: nvmx_refusal = 69;
pub const nvmx_refusal_NVMX_REFUSED_CR4_KEPT: nvmx_refusal = 70;
pub const nvmx_refusal_NVMX_REFUSED_CR4_UNMASKED: nvmx_refusal = 71;
pub const nvmx_refusal_NVMX_REFUSED_DEBUGCTL_HIDDEN: nvmx_refusal = 72;
pub const nvmx_refusal_NVMX_REFUSED_CR0_UNMASKED: nvmx_refusal = 73;
pub const nvmx_refusal_NVMX_REFUSED_CONTROL_REFUSED: nvmx_refusal = 74;
pub const nvmx_refusal_NVMX_REFUSED_CONTROL_UNKNOWN: nvmx_refusal = 75;
pub const nvmx_refusal_NVMX_REFUSED_LOAD_NOT_UNDONE: nvmx_refusal = 76;
pub const nvmx_refusal_NVMX_REFUSED_HOST_NO_LEDGER: nvmx_refusal = 77;
pub const nvmx_refusal_NVMX_REFUSED_NO_PAGE: nvmx_refusal = 80;
pub const nvmx_refusal_NVMX_REFUSED_PAGE_POINTER: nvmx_refusal = 81;
pub const nvmx_refusal_NVMX_REFUSED_PAGE_ADDRESS: nvmx_refusal = 82;
pub const nvmx_refusal_NVMX_REFUSED_PIN_ADDRESS: nvmx_refusal = 83;
pub const nvmx_refusal_NVMX_REFUSED_PIN_REFUSED: nvmx_refusal = 84;
pub const nvmx_refusal_NVMX_REFUSED_XLATE_SHIFT: nvmx_refusal = 85;
pub const nvmx_refusal_NVMX_REFUSED_XLATE_ADDRESS: nvmx_refusal = 86;
pub const nvmx_refusal_NVMX_REFUSED_XLATE_OFFSET: nvmx_refusal = 87;
pub const nvmx_refusal_NVMX_REFUSED_XLATE_RIGHTS: nvmx_refusal = 88;
pub const nvmx_refusal_NVMX_REFUSED_XLATE_MEMTYPE: nvmx_refusal = 89;
pub const nvmx_refusal_NVMX_REFUSED_VECTOR: nvmx_refusal = 90;
pub const nvmx_refusal_NVMX_REFUSED_VTD_MEM_NULL: nvmx_refusal = 120;
pub const nvmx_refusal_NVMX_REFUSED_VTD_MEM_ALIGN: nvmx_refusal = 121;
pub const nvmx_refusal_NVMX_REFUSED_VTD_MEM_SIZE: nvmx_refusal = 122;
pub const nvmx_refusal_NVMX_REFUSED_VTD_MEM_OVERLAP: nvmx_refusal = 123;
pub const nvmx_refusal_NVMX_REFUSED_VTD_OUT_NULL: nvmx_refusal = 124;
pub const nvmx_refusal_NVMX_REFUSED_VTD_CONFIG_NULL: nvmx_refusal = 125;
pub const nvmx_refusal_NVMX_REFUSED_VTD_CONFIG_SIZE: nvmx_refusal = 126;
pub const nvmx_refusal_NVMX_REFUSED_VTD_OPS_NULL: nvmx_refusal = 127;
pub const nvmx_refusal_NVMX_REFUSED_VTD_OPS_SIZE: nvmx_refusal = 128;
pub const nvmx_refusal_NVMX_REFUSED_VTD_OPS_ABI: nvmx_refusal = 129;
pub const nvmx_refusal_NVMX_REFUSED_VTD_OP_MISSING: nvmx_refusal = 130;
pub const nvmx_refusal_NVMX_REFUSED_VTD_FLAGS_UNKNOWN: nvmx_refusal = 131;
pub const nvmx_refusal_NVMX_REFUSED_VTD_FLAGS_BOTH: nvmx_refusal = 132;
pub const nvmx_refusal_NVMX_REFUSED_VTD_PAGES: nvmx_refusal = 133;
pub const nvmx_refusal_NVMX_REFUSED_VTD_WORK: nvmx_refusal = 134;
pub const nvmx_refusal_NVMX_REFUSED_VTD_FEATURES_UNKNOWN: nvmx_refusal = 135;
pub const nvmx_refusal_NVMX_REFUSED_VTD_FEATURES_NEED: nvmx_refusal = 136;
pub const nvmx_refusal_NVMX_REFUSED_VTD_FEATURES_LACKING: nvmx_refusal = 137;
pub const nvmx_refusal_NVMX_REFUSED_VTD_LEVELS: nvmx_refusal = 138;
pub const nvmx_refusal_NVMX_REFUSED_VTD_LEVELS_LACKING: nvmx_refusal = 139;
pub const nvmx_refusal_NVMX_REFUSED_VTD_WIDTH: nvmx_refusal = 140;
pub const nvmx_refusal_NVMX_REFUSED_VTD_WIDTH_LACKING: nvmx_refusal = 141;
pub const nvmx_refusal_NVMX_REFUSED_VTD_HOST_WIDTH: nvmx_refusal = 142;
pub const nvmx_refusal_NVMX_REFUSED_VTD_DOMAIN_BITS: nvmx_refusal = 143;
pub const nvmx_refusal_NVMX_REFUSED_VMX_ABORT: nvmx_refusal = 100;
pub const nvmx_refusal_NVMX_REFUSED_ENTRY_VMCS02: nvmx_refusal = 101;
pub const nvmx_refusal_NVMX_REFUSED_ENTRY_VMCS01: nvmx_refusal = 103;
pub const nvmx_refusal_NVMX_REFUSED_TRIPLE_FAULT: nvmx_refusal = 102;
pub const nvmx_refusal_NVMX_REFUSED_STATE_BUFFER: nvmx_refusal = 160;
pub const nvmx_refusal_NVMX_REFUSED_STATE_STOPPED: nvmx_refusal = 161;
pub const nvmx_refusal_NVMX_REFUSED_NOT_NOW: nvmx_refusal = 162;
pub const nvmx_refusal_NVMX_REFUSED_STATE_TRUNCATED: nvmx_refusal = 163;
pub const nvmx_refusal_NVMX_REFUSED_STATE_OVERSIZED: nvmx_refusal = 164;
pub const nvmx_refusal_NVMX_REFUSED_STATE_FORMAT: nvmx_refusal = 165;
pub const nvmx_refusal_NVMX_REFUSED_STATE_FLAGS: nvmx_refusal = 166;
pub const nvmx_refusal_NVMX_REFUSED_STATE_ENLIGHTENED: nvmx_refusal = 167;
pub const nvmx_refusal_NVMX_REFUSED_STATE_CONTRADICTION: nvmx_refusal = 168;
pub const nvmx_refusal_NVMX_REFUSED_STATE_SMM: nvmx_refusal = 169;
pub const nvmx_refusal_NVMX_REFUSED_STATE_VMXON_POINTER: nvmx_refusal = 170;
pub const nvmx_refusal_NVMX_REFUSED_STATE_VMCS_POINTER: nvmx_refusal = 171;
pub const nvmx_refusal_NVMX_REFUSED_STATE_REVISION: nvmx_refusal = 172;
pub const nvmx_refusal_NVMX_REFUSED_STATE_OLD_CET: nvmx_refusal = 173;
pub const nvmx_refusal_NVMX_REFUSED_STATE_CHECKS: nvmx_refusal = 174;
pub const nvmx_refusal_NVMX_REFUSED_STATE_NO_RAM: nvmx_refusal = 175;
pub const nvmx_refusal_NVMX_REFUSED_STATE_ALIGNED: nvmx_refusal = 176;
pub const nvmx_refusal_NVMX_REFUSED_VMCS01_SECONDARY: nvmx_refusal = 200;
pub const nvmx_refusal_NVMX_REFUSED_VMCS01_EPT: nvmx_refusal = 201;
pub const nvmx_refusal_NVMX_REFUSED_VMCS01_HOST_64: nvmx_refusal = 202;
pub const nvmx_refusal_NVMX_REFUSED_VMCS01_OWN_INTERRUPTS: nvmx_refusal = 203;
pub const nvmx_refusal_NVMX_REFUSED_VMCS01_SAVE_DEBUG: nvmx_refusal = 204;
pub const nvmx_refusal_NVMX_REFUSED_VMCS01_SAVE_PAT: nvmx_refusal = 205;
pub const nvmx_refusal_NVMX_REFUSED_VMCS01_LOAD_HOST_PAT: nvmx_refusal = 206;
pub const nvmx_refusal_NVMX_REFUSED_VMCS01_SAVE_EFER: nvmx_refusal = 207;
pub const nvmx_refusal_NVMX_REFUSED_VMCS01_LOAD_HOST_EFER: nvmx_refusal = 208;
pub const nvmx_refusal_NVMX_REFUSED_VMCS01_LOAD_DEBUG: nvmx_refusal = 209;
pub const nvmx_refusal_NVMX_REFUSED_VMCS01_LOAD_PAT: nvmx_refusal = 210;
pub const nvmx_refusal_NVMX_REFUSED_VMCS01_LOAD_EFER: nvmx_refusal = 211;
pub const nvmx_refusal_NVMX_REFUSED_VMCS01_ACKNOWLEDGE: nvmx_refusal = 212;
pub const nvmx_refusal_NVMX_REFUSALS_END: nvmx_refusal = 1000;
pub type nvmx_refusal = crate::ctypes::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_error_info {
    pub error: crate::ctypes::c_int,
    pub refusal: crate::ctypes::c_uint,
    pub name: *const crate::ctypes::c_char,
    pub about: u32,
    pub found: u64,
    pub expected: u64,
}
extern "C" {
    pub fn nvmx_describe_error(
        buf: *mut crate::ctypes::c_char,
        size: usize,
        info: *const nvmx_error_info,
    ) -> usize;
}
extern "C" {
    pub fn nvmx_refusal_name(refusal: crate::ctypes::c_uint) -> *const crate::ctypes::c_char;
}
pub const nvmx_field_NVMX_VPID: nvmx_field = 0;
pub const nvmx_field_NVMX_POSTED_INT_NV: nvmx_field = 2;
pub const nvmx_field_NVMX_EPTP_INDEX: nvmx_field = 4;
pub const nvmx_field_NVMX_GUEST_ES_SEL: nvmx_field = 2048;
pub const nvmx_field_NVMX_GUEST_CS_SEL: nvmx_field = 2050;
pub const nvmx_field_NVMX_GUEST_SS_SEL: nvmx_field = 2052;
pub const nvmx_field_NVMX_GUEST_DS_SEL: nvmx_field = 2054;
pub const nvmx_field_NVMX_GUEST_FS_SEL: nvmx_field = 2056;
pub const nvmx_field_NVMX_GUEST_GS_SEL: nvmx_field = 2058;
pub const nvmx_field_NVMX_GUEST_LDTR_SEL: nvmx_field = 2060;
pub const nvmx_field_NVMX_GUEST_TR_SEL: nvmx_field = 2062;
pub const nvmx_field_NVMX_GUEST_INT_STATUS: nvmx_field = 2064;
pub const nvmx_field_NVMX_PML_INDEX: nvmx_field = 2066;
pub const nvmx_field_NVMX_HOST_ES_SEL: nvmx_field = 3072;
pub const nvmx_field_NVMX_HOST_CS_SEL: nvmx_field = 3074;
pub const nvmx_field_NVMX_HOST_SS_SEL: nvmx_field = 3076;
pub const nvmx_field_NVMX_HOST_DS_SEL: nvmx_field = 3078;
pub const nvmx_field_NVMX_HOST_FS_SEL: nvmx_field = 3080;
pub const nvmx_field_NVMX_HOST_GS_SEL: nvmx_field = 3082;
pub const nvmx_field_NVMX_HOST_TR_SEL: nvmx_field = 3084;
pub const nvmx_field_NVMX_IO_BITMAP_A: nvmx_field = 8192;
pub const nvmx_field_NVMX_IO_BITMAP_B: nvmx_field = 8194;
pub const nvmx_field_NVMX_MSR_BITMAP: nvmx_field = 8196;
pub const nvmx_field_NVMX_EXIT_MSR_STORE_ADDR: nvmx_field = 8198;
pub const nvmx_field_NVMX_EXIT_MSR_LOAD_ADDR: nvmx_field = 8200;
pub const nvmx_field_NVMX_ENTRY_MSR_LOAD_ADDR: nvmx_field = 8202;
pub const nvmx_field_NVMX_EXECUTIVE_VMCS: nvmx_field = 8204;
pub const nvmx_field_NVMX_PML_ADDRESS: nvmx_field = 8206;
pub const nvmx_field_NVMX_TSC_OFFSET: nvmx_field = 8208;
pub const nvmx_field_NVMX_VIRTUAL_APIC_ADDR: nvmx_field = 8210;
pub const nvmx_field_NVMX_APIC_ACCESS_ADDR: nvmx_field = 8212;
pub const nvmx_field_NVMX_POSTED_INT_DESC_ADDR: nvmx_field = 8214;
pub const nvmx_field_NVMX_VMFUNC_CTLS: nvmx_field = 8216;
pub const nvmx_field_NVMX_EPT_POINTER: nvmx_field = 8218;
pub const nvmx_field_NVMX_EOI_EXIT_BITMAP0: nvmx_field = 8220;
pub const nvmx_field_NVMX_EOI_EXIT_BITMAP1: nvmx_field = 8222;
pub const nvmx_field_NVMX_EOI_EXIT_BITMAP2: nvmx_field = 8224;
pub const nvmx_field_NVMX_EOI_EXIT_BITMAP3: nvmx_field = 8226;
pub const nvmx_field_NVMX_EPTP_LIST_ADDR: nvmx_field = 8228;
pub const nvmx_field_NVMX_VMREAD_BITMAP: nvmx_field = 8230;
pub const nvmx_field_NVMX_VMWRITE_BITMAP: nvmx_field = 8232;
pub const nvmx_field_NVMX_VE_INFO_ADDR: nvmx_field = 8234;
pub const nvmx_field_NVMX_XSS_EXIT_BITMAP: nvmx_field = 8236;
pub const nvmx_field_NVMX_ENCLS_EXIT_BITMAP: nvmx_field = 8238;
pub const nvmx_field_NVMX_SPPTP: nvmx_field = 8240;
pub const nvmx_field_NVMX_TSC_MULTIPLIER: nvmx_field = 8242;
pub const nvmx_field_NVMX_PROC_CTLS3: nvmx_field = 8244;
pub const nvmx_field_NVMX_ENCLV_EXIT_BITMAP: nvmx_field = 8246;
pub const nvmx_field_NVMX_GUEST_PHYS_ADDR: nvmx_field = 9216;
pub const nvmx_field_NVMX_VMCS_LINK_POINTER: nvmx_field = 10240;
pub const nvmx_field_NVMX_GUEST_DEBUGCTL: nvmx_field = 10242;
pub const nvmx_field_NVMX_GUEST_PAT: nvmx_field = 10244;
pub const nvmx_field_NVMX_GUEST_EFER: nvmx_field = 10246;
pub const nvmx_field_NVMX_GUEST_PERF_GLOBAL_CTRL: nvmx_field = 10248;
pub const nvmx_field_NVMX_GUEST_PDPTE0: nvmx_field = 10250;
pub const nvmx_field_NVMX_GUEST_PDPTE1: nvmx_field = 10252;
pub const nvmx_field_NVMX_GUEST_PDPTE2: nvmx_field = 10254;
pub const nvmx_field_NVMX_GUEST_PDPTE3: nvmx_field = 10256;
pub const nvmx_field_NVMX_GUEST_BNDCFGS: nvmx_field = 10258;
pub const nvmx_field_NVMX_GUEST_RTIT_CTL: nvmx_field = 10260;
pub const nvmx_field_NVMX_GUEST_PKRS: nvmx_field = 10264;
pub const nvmx_field_NVMX_HOST_PAT: nvmx_field = 11264;
pub const nvmx_field_NVMX_HOST_EFER: nvmx_field = 11266;
pub const nvmx_field_NVMX_HOST_PERF_GLOBAL_CTRL: nvmx_field = 11268;
pub const nvmx_field_NVMX_HOST_PKRS: nvmx_field = 11270;
pub const nvmx_field_NVMX_PIN_CTLS: nvmx_field = 16384;
pub const nvmx_field_NVMX_PROC_CTLS: nvmx_field = 16386;
pub const nvmx_field_NVMX_EXCEPTION_BITMAP: nvmx_field = 16388;
pub const nvmx_field_NVMX_PF_EC_MASK: nvmx_field = 16390;
pub const nvmx_field_NVMX_PF_EC_MATCH: nvmx_field = 16392;
pub const nvmx_field_NVMX_CR3_TARGET_COUNT: nvmx_field = 16394;
pub const nvmx_field_NVMX_EXIT_CTLS: nvmx_field = 16396;
pub const nvmx_field_NVMX_EXIT_MSR_STORE_COUNT: nvmx_field = 16398;
pub const nvmx_field_NVMX_EXIT_MSR_LOAD_COUNT: nvmx_field = 16400;
pub const nvmx_field_NVMX_ENTRY_CTLS: nvmx_field = 16402;
pub const nvmx_field_NVMX_ENTRY_MSR_LOAD_COUNT: nvmx_field = 16404;
pub const nvmx_field_NVMX_ENTRY_INTR_INFO: nvmx_field = 16406;
pub const nvmx_field_NVMX_ENTRY_EXC_ERROR_CODE: nvmx_field = 16408;
pub const nvmx_field_NVMX_ENTRY_INSTR_LEN: nvmx_field = 16410;
pub const nvmx_field_NVMX_TPR_THRESHOLD: nvmx_field = 16412;
pub const nvmx_field_NVMX_PROC_CTLS2: nvmx_field = 16414;
pub const nvmx_field_NVMX_PLE_GAP: nvmx_field = 16416;
pub const nvmx_field_NVMX_PLE_WINDOW: nvmx_field = 16418;
pub const nvmx_field_NVMX_INSTR_TIMEOUT: nvmx_field = 16420;
pub const nvmx_field_NVMX_VM_INSTR_ERROR: nvmx_field = 17408;
pub const nvmx_field_NVMX_EXIT_REASON: nvmx_field = 17410;
pub const nvmx_field_NVMX_EXIT_INTR_INFO: nvmx_field = 17412;
pub const nvmx_field_NVMX_EXIT_INTR_ERROR_CODE: nvmx_field = 17414;
pub const nvmx_field_NVMX_IDT_VECTORING_INFO: nvmx_field = 17416;
pub const nvmx_field_NVMX_IDT_VECTORING_ERROR_CODE: nvmx_field = 17418;
pub const nvmx_field_NVMX_EXIT_INSTR_LEN: nvmx_field = 17420;
pub const nvmx_field_NVMX_EXIT_INSTR_INFO: nvmx_field = 17422;
pub const nvmx_field_NVMX_GUEST_ES_LIMIT: nvmx_field = 18432;
pub const nvmx_field_NVMX_GUEST_CS_LIMIT: nvmx_field = 18434;
pub const nvmx_field_NVMX_GUEST_SS_LIMIT: nvmx_field = 18436;
pub const nvmx_field_NVMX_GUEST_DS_LIMIT: nvmx_field = 18438;
pub const nvmx_field_NVMX_GUEST_FS_LIMIT: nvmx_field = 18440;
pub const nvmx_field_NVMX_GUEST_GS_LIMIT: nvmx_field = 18442;
pub const nvmx_field_NVMX_GUEST_LDTR_LIMIT: nvmx_field = 18444;
pub const nvmx_field_NVMX_GUEST_TR_LIMIT: nvmx_field = 18446;
pub const nvmx_field_NVMX_GUEST_GDTR_LIMIT: nvmx_field = 18448;
pub const nvmx_field_NVMX_GUEST_IDTR_LIMIT: nvmx_field = 18450;
pub const nvmx_field_NVMX_GUEST_ES_AR: nvmx_field = 18452;
pub const nvmx_field_NVMX_GUEST_CS_AR: nvmx_field = 18454;
pub const nvmx_field_NVMX_GUEST_SS_AR: nvmx_field = 18456;
pub const nvmx_field_NVMX_GUEST_DS_AR: nvmx_field = 18458;
pub const nvmx_field_NVMX_GUEST_FS_AR: nvmx_field = 18460;
pub const nvmx_field_NVMX_GUEST_GS_AR: nvmx_field = 18462;
pub const nvmx_field_NVMX_GUEST_LDTR_AR: nvmx_field = 18464;
pub const nvmx_field_NVMX_GUEST_TR_AR: nvmx_field = 18466;
pub const nvmx_field_NVMX_GUEST_INTERRUPTIBILITY: nvmx_field = 18468;
pub const nvmx_field_NVMX_GUEST_ACTIVITY: nvmx_field = 18470;
pub const nvmx_field_NVMX_GUEST_SMBASE: nvmx_field = 18472;
pub const nvmx_field_NVMX_GUEST_SYSENTER_CS: nvmx_field = 18474;
pub const nvmx_field_NVMX_PREEMPTION_TIMER: nvmx_field = 18478;
pub const nvmx_field_NVMX_HOST_SYSENTER_CS: nvmx_field = 19456;
pub const nvmx_field_NVMX_CR0_MASK: nvmx_field = 24576;
pub const nvmx_field_NVMX_CR4_MASK: nvmx_field = 24578;
pub const nvmx_field_NVMX_CR0_SHADOW: nvmx_field = 24580;
pub const nvmx_field_NVMX_CR4_SHADOW: nvmx_field = 24582;
pub const nvmx_field_NVMX_CR3_TARGET0: nvmx_field = 24584;
pub const nvmx_field_NVMX_CR3_TARGET1: nvmx_field = 24586;
pub const nvmx_field_NVMX_CR3_TARGET2: nvmx_field = 24588;
pub const nvmx_field_NVMX_CR3_TARGET3: nvmx_field = 24590;
pub const nvmx_field_NVMX_EXIT_QUALIFICATION: nvmx_field = 25600;
pub const nvmx_field_NVMX_IO_RCX: nvmx_field = 25602;
pub const nvmx_field_NVMX_IO_RSI: nvmx_field = 25604;
pub const nvmx_field_NVMX_IO_RDI: nvmx_field = 25606;
pub const nvmx_field_NVMX_IO_RIP: nvmx_field = 25608;
pub const nvmx_field_NVMX_GUEST_LINEAR_ADDR: nvmx_field = 25610;
pub const nvmx_field_NVMX_GUEST_CR0: nvmx_field = 26624;
pub const nvmx_field_NVMX_GUEST_CR3: nvmx_field = 26626;
pub const nvmx_field_NVMX_GUEST_CR4: nvmx_field = 26628;
pub const nvmx_field_NVMX_GUEST_ES_BASE: nvmx_field = 26630;
pub const nvmx_field_NVMX_GUEST_CS_BASE: nvmx_field = 26632;
pub const nvmx_field_NVMX_GUEST_SS_BASE: nvmx_field = 26634;
pub const nvmx_field_NVMX_GUEST_DS_BASE: nvmx_field = 26636;
pub const nvmx_field_NVMX_GUEST_FS_BASE: nvmx_field = 26638;
pub const nvmx_field_NVMX_GUEST_GS_BASE: nvmx_field = 26640;
pub const nvmx_field_NVMX_GUEST_LDTR_BASE: nvmx_field = 26642;
pub const nvmx_field_NVMX_GUEST_TR_BASE: nvmx_field = 26644;
pub const nvmx_field_NVMX_GUEST_GDTR_BASE: nvmx_field = 26646;
pub const nvmx_field_NVMX_GUEST_IDTR_BASE: nvmx_field = 26648;
pub const nvmx_field_NVMX_GUEST_DR7: nvmx_field = 26650;
pub const nvmx_field_NVMX_GUEST_RSP: nvmx_field = 26652;
pub const nvmx_field_NVMX_GUEST_RIP: nvmx_field = 26654;
pub const nvmx_field_NVMX_GUEST_RFLAGS: nvmx_field = 26656;
pub const nvmx_field_NVMX_GUEST_PENDING_DBG: nvmx_field = 26658;
pub const nvmx_field_NVMX_GUEST_SYSENTER_ESP: nvmx_field = 26660;
pub const nvmx_field_NVMX_GUEST_SYSENTER_EIP: nvmx_field = 26662;
pub const nvmx_field_NVMX_GUEST_S_CET: nvmx_field = 26664;
pub const nvmx_field_NVMX_GUEST_SSP: nvmx_field = 26666;
pub const nvmx_field_NVMX_GUEST_INT_SSP_TABLE: nvmx_field = 26668;
pub const nvmx_field_NVMX_HOST_CR0: nvmx_field = 27648;
pub const nvmx_field_NVMX_HOST_CR3: nvmx_field = 27650;
pub const nvmx_field_NVMX_HOST_CR4: nvmx_field = 27652;
pub const nvmx_field_NVMX_HOST_FS_BASE: nvmx_field = 27654;
pub const nvmx_field_NVMX_HOST_GS_BASE: nvmx_field = 27656;
pub const nvmx_field_NVMX_HOST_TR_BASE: nvmx_field = 27658;
pub const nvmx_field_NVMX_HOST_GDTR_BASE: nvmx_field = 27660;
pub const nvmx_field_NVMX_HOST_IDTR_BASE: nvmx_field = 27662;
pub const nvmx_field_NVMX_HOST_SYSENTER_ESP: nvmx_field = 27664;
pub const nvmx_field_NVMX_HOST_SYSENTER_EIP: nvmx_field = 27666;
pub const nvmx_field_NVMX_HOST_RSP: nvmx_field = 27668;
pub const nvmx_field_NVMX_HOST_RIP: nvmx_field = 27670;
pub const nvmx_field_NVMX_HOST_S_CET: nvmx_field = 27672;
pub const nvmx_field_NVMX_HOST_SSP: nvmx_field = 27674;
pub const nvmx_field_NVMX_HOST_INT_SSP_TABLE: nvmx_field = 27676;
pub type nvmx_field = crate::ctypes::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_host {
    _unused: [u8; 0],
}
pub const nvmx_memtype_NVMX_MEMTYPE_UC: nvmx_memtype = 0;
pub const nvmx_memtype_NVMX_MEMTYPE_WC: nvmx_memtype = 1;
pub const nvmx_memtype_NVMX_MEMTYPE_WT: nvmx_memtype = 4;
pub const nvmx_memtype_NVMX_MEMTYPE_WP: nvmx_memtype = 5;
pub const nvmx_memtype_NVMX_MEMTYPE_WB: nvmx_memtype = 6;
pub type nvmx_memtype = crate::ctypes::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_xlate {
    pub hpa: u64,
    pub rights: u8,
    pub page_shift: u8,
    pub memtype: u8,
    pub ignore_pat: bool,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_host_ops {
    pub size: u32,
    pub abi: u32,
    pub translate: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_host,
            gpa: u64,
            access: crate::ctypes::c_uint,
            out: *mut nvmx_xlate,
        ) -> crate::ctypes::c_int,
    >,
    pub map: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_host,
            gpa: u64,
            write: bool,
        ) -> *mut crate::ctypes::c_void,
    >,
    pub unmap: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_host,
            gpa: u64,
            page: *mut crate::ctypes::c_void,
            wrote: bool,
        ),
    >,
    pub pin: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_host, gpa: u64, hpa: *mut u64) -> crate::ctypes::c_int,
    >,
    pub unpin: ::core::option::Option<unsafe extern "C" fn(h: *mut nvmx_host, gpa: u64, hpa: u64)>,
    pub page_alloc: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_host, hpa: *mut u64) -> *mut crate::ctypes::c_void,
    >,
    pub page_free: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_host, page: *mut crate::ctypes::c_void, hpa: u64),
    >,
    pub vmcs_load: ::core::option::Option<unsafe extern "C" fn(h: *mut nvmx_host, hpa: u64)>,
    pub vmcs_clear: ::core::option::Option<unsafe extern "C" fn(h: *mut nvmx_host, hpa: u64)>,
    pub vmcs_read_many: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_host, fields: *const u32, values: *mut u64, n: usize),
    >,
    pub vmcs_write_many: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_host, fields: *const u32, values: *const u64, n: usize),
    >,
    pub flush_ept: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_host, eptp: u64, scope: crate::ctypes::c_uint),
    >,
    pub flush_vpid: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_host,
            vpid: u16,
            scope: crate::ctypes::c_uint,
            linear: u64,
        ),
    >,
    pub l1_msr_read: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_host, msr: u32, value: *mut u64) -> crate::ctypes::c_int,
    >,
    pub l1_msr_write: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_host, msr: u32, value: u64) -> crate::ctypes::c_int,
    >,
    pub l1_state_loaded: ::core::option::Option<unsafe extern "C" fn(h: *mut nvmx_host)>,
    pub pending_events:
        ::core::option::Option<unsafe extern "C" fn(h: *mut nvmx_host) -> crate::ctypes::c_uint>,
    pub ack_interrupt:
        ::core::option::Option<unsafe extern "C" fn(h: *mut nvmx_host) -> crate::ctypes::c_int>,
    pub inject_l1: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_host,
            vector: crate::ctypes::c_uint,
            has_error: bool,
            error: u32,
        ),
    >,
    pub barrier: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_host, kinds: crate::ctypes::c_uint),
    >,
    pub kick_others: ::core::option::Option<unsafe extern "C" fn(h: *mut nvmx_host)>,
    pub trace: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_host,
            what: crate::ctypes::c_uint,
            a: u64,
            b: u64,
            c: u64,
        ),
    >,
    pub take_event: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_host,
            event: crate::ctypes::c_uint,
        ) -> crate::ctypes::c_int,
    >,
    pub set_cr2: ::core::option::Option<unsafe extern "C" fn(h: *mut nvmx_host, cr2: u64)>,
    pub inject_l2: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_host,
            vector: crate::ctypes::c_uint,
            has_error: bool,
            error: u32,
        ),
    >,
    pub make_vmcs02: ::core::option::Option<unsafe extern "C" fn(h: *mut nvmx_host, hpa: u64)>,
    pub set_dr6: ::core::option::Option<unsafe extern "C" fn(h: *mut nvmx_host, conditions: u64)>,
    pub watch: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_host,
            gpas: *const u64,
            n: usize,
            batch: u64,
        ) -> crate::ctypes::c_int,
    >,
    pub unwatch: ::core::option::Option<unsafe extern "C" fn(h: *mut nvmx_host, gpa: u64)>,
    pub end_interrupt: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_host, vector: crate::ctypes::c_uint),
    >,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_state_header {
    pub flags: u16,
    pub format: u16,
    pub size: u32,
    pub vmxon_pa: u64,
    pub vmcs12_pa: u64,
    pub smm_flags: u16,
    pub pad: u16,
    pub vmx_flags: u32,
    pub preemption_timer_deadline: u64,
    pub reserved: [u8; 88usize],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_state {
    pub header: nvmx_state_header,
    pub vmcs12: [u8; 4096usize],
    pub shadow_vmcs12: [u8; 4096usize],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_state_live {
    pub magic: u64,
    pub efer: u64,
    pub pat: u64,
    pub debugctl: u64,
    pub dr7: u64,
    pub bndcfgs: u64,
    pub perf_global_ctrl: u64,
    pub pdpte: [u64; 4usize],
    pub timer_deadline: u64,
    pub event_info: u32,
    pub event_error: u32,
    pub event_len: u32,
    pub flags: u32,
    pub size: u32,
    pub pad: u32,
    pub pkrs: u64,
    pub s_cet: u64,
    pub ssp: u64,
    pub int_ssp_table: u64,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_state_context {
    pub l1_tsc: u64,
    pub smm: bool,
}
extern "C" {
    pub fn nvmx_state_save(
        v: *mut nvmx_vcpu,
        blob: *mut crate::ctypes::c_void,
        bytes: usize,
        l1_tsc: u64,
        needed: *mut usize,
        info: *mut nvmx_error_info,
    ) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_state_restore(
        v: *mut nvmx_vcpu,
        blob: *const crate::ctypes::c_void,
        bytes: usize,
        context: *const nvmx_state_context,
        info: *mut nvmx_error_info,
    ) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_state_reset(v: *mut nvmx_vcpu);
}
extern "C" {
    pub fn nvmx_state_drop(v: *mut nvmx_vcpu);
}
extern "C" {
    pub fn nvmx_smi(v: *mut nvmx_vcpu);
}
extern "C" {
    pub fn nvmx_rsm(v: *mut nvmx_vcpu) -> bool;
}
pub const nvmx_trace_NVMX_TRACE_ENTRY_REFUSED: nvmx_trace = 1;
pub const nvmx_trace_NVMX_TRACE_ENTRY_FAILED: nvmx_trace = 2;
pub const nvmx_trace_NVMX_TRACE_EXIT: nvmx_trace = 3;
pub const nvmx_trace_NVMX_TRACE_ROUTE: nvmx_trace = 4;
pub const nvmx_trace_NVMX_TRACE_CHECK: nvmx_trace = 5;
pub const nvmx_trace_NVMX_TRACE_ENTER: nvmx_trace = 6;
pub const nvmx_trace_NVMX_TRACE_LEAVE: nvmx_trace = 7;
pub const nvmx_trace_NVMX_TRACE_FILL: nvmx_trace = 8;
pub const nvmx_trace_NVMX_TRACE_INVEPT: nvmx_trace = 9;
pub const nvmx_trace_NVMX_TRACE_INVVPID: nvmx_trace = 10;
pub const nvmx_trace_NVMX_TRACE_MSR_LIST: nvmx_trace = 11;
pub const nvmx_trace_NVMX_TRACE_STOP: nvmx_trace = 12;
pub const nvmx_trace_NVMX_TRACE_RESUME: nvmx_trace = 13;
pub const nvmx_trace_NVMX_TRACE_COUNT: nvmx_trace = 14;
pub type nvmx_trace = crate::ctypes::c_uint;
extern "C" {
    pub fn nvmx_trace_name(what: crate::ctypes::c_uint) -> *const crate::ctypes::c_char;
}
extern "C" {
    pub fn nvmx_trace_value_name(
        what: crate::ctypes::c_uint,
        i: crate::ctypes::c_uint,
    ) -> *const crate::ctypes::c_char;
}
extern "C" {
    pub fn nvmx_describe_record(
        buf: *mut crate::ctypes::c_char,
        size: usize,
        cpu: crate::ctypes::c_uint,
        time: u64,
        what: crate::ctypes::c_uint,
        a: u64,
        b: u64,
        c: u64,
    ) -> usize;
}
extern "C" {
    pub fn nvmx_trace_select(v: *mut nvmx_vcpu, records: u32);
}
pub const nvmx_owner_NVMX_OWNER_L1: nvmx_owner = 0;
pub const nvmx_owner_NVMX_OWNER_LIBRARY: nvmx_owner = 1;
pub const nvmx_owner_NVMX_OWNER_HOST: nvmx_owner = 2;
pub type nvmx_owner = crate::ctypes::c_uint;
pub const nvmx_cause_NVMX_CAUSE_NONE: nvmx_cause = 0;
pub const nvmx_cause_NVMX_CAUSE_ALWAYS: nvmx_cause = 1;
pub const nvmx_cause_NVMX_CAUSE_CONTROL: nvmx_cause = 2;
pub const nvmx_cause_NVMX_CAUSE_CONTROL_02: nvmx_cause = 3;
pub const nvmx_cause_NVMX_CAUSE_EXCEPTION_BITMAP: nvmx_cause = 4;
pub const nvmx_cause_NVMX_CAUSE_PF_MATCH: nvmx_cause = 5;
pub const nvmx_cause_NVMX_CAUSE_CR_MASK: nvmx_cause = 6;
pub const nvmx_cause_NVMX_CAUSE_IO_BITMAP: nvmx_cause = 7;
pub const nvmx_cause_NVMX_CAUSE_MSR_BITMAP: nvmx_cause = 8;
pub const nvmx_cause_NVMX_CAUSE_MSR_CLOSED: nvmx_cause = 9;
pub const nvmx_cause_NVMX_CAUSE_VMCS_BITMAP: nvmx_cause = 10;
pub const nvmx_cause_NVMX_CAUSE_XSS_BITMAP: nvmx_cause = 11;
pub const nvmx_cause_NVMX_CAUSE_ENCLS_BITMAP: nvmx_cause = 12;
pub const nvmx_cause_NVMX_CAUSE_EPT: nvmx_cause = 13;
pub const nvmx_cause_NVMX_CAUSE_EVENT: nvmx_cause = 14;
pub const nvmx_cause_NVMX_CAUSE_HOST_EVENTS: nvmx_cause = 15;
pub const nvmx_cause_NVMX_CAUSE_HOST_TIMER: nvmx_cause = 16;
pub const nvmx_cause_NVMX_CAUSE_L1: nvmx_cause = 17;
pub const nvmx_cause_NVMX_CAUSE_COUNT: nvmx_cause = 18;
pub type nvmx_cause = crate::ctypes::c_uint;
extern "C" {
    pub fn nvmx_cause_name(cause: crate::ctypes::c_uint) -> *const crate::ctypes::c_char;
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_why {
    pub owner: u8,
    pub cause: u8,
    pub shared: bool,
    pub detail: u32,
}
extern "C" {
    pub fn nvmx_why_host(v: *mut nvmx_vcpu, regs: *const nvmx_regs, why: *mut nvmx_why);
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vm_config {
    pub size: u32,
    pub caps_size: u32,
    pub ops: *const nvmx_host_ops,
    pub hw: *const nvmx_caps,
    pub withheld: u64,
    pub flags: u32,
    pub shadow_ept_pages: u32,
    pub limit: *const nvmx_caps,
    pub watches: *mut crate::ctypes::c_void,
    pub watches_n: u32,
    pub posted_vector02: u32,
    pub beyond: u64,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vcpu_config {
    pub size: u32,
    pub vpid02: u16,
    pub vpid02_n: u16,
    pub host: *mut nvmx_host,
    pub vmcs01: u64,
    pub msr_bitmap01: *const u8,
    pub io_bitmap01: *const u8,
    pub io_passthrough: bool,
    pub cr4_kept: u64,
    pub cr4_hidden: u64,
    pub debugctl_hidden: u64,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_regs {
    pub gpr: [u64; 16usize],
}
pub const nvmx_verdict_NVMX_RESUME_L1: nvmx_verdict = 0;
pub const nvmx_verdict_NVMX_RESUME_L2: nvmx_verdict = 1;
pub const nvmx_verdict_NVMX_HOST: nvmx_verdict = 2;
pub const nvmx_verdict_NVMX_STOP: nvmx_verdict = 3;
pub const nvmx_verdict_NVMX_AGAIN: nvmx_verdict = 4;
pub type nvmx_verdict = crate::ctypes::c_uint;
extern "C" {
    pub fn nvmx_vm_init(
        mem: *mut crate::ctypes::c_void,
        size: usize,
        config: *const nvmx_vm_config,
        out: *mut *mut nvmx_vm,
        info: *mut nvmx_error_info,
    ) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_vm_destroy(vm: *mut nvmx_vm);
}
extern "C" {
    pub fn nvmx_vm_caps(vm: *const nvmx_vm) -> *const nvmx_caps;
}
extern "C" {
    pub fn nvmx_caps_of_host(c: *mut nvmx_caps, flags: u32);
}
extern "C" {
    pub fn nvmx_vcpu_init(
        mem: *mut crate::ctypes::c_void,
        size: usize,
        vm: *mut nvmx_vm,
        config: *const nvmx_vcpu_config,
        out: *mut *mut nvmx_vcpu,
        info: *mut nvmx_error_info,
    ) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_vcpu_destroy(v: *mut nvmx_vcpu);
}
extern "C" {
    pub fn nvmx_handle_exit(v: *mut nvmx_vcpu, regs: *mut nvmx_regs) -> nvmx_verdict;
}
extern "C" {
    pub fn nvmx_handle_exit_reason(
        v: *mut nvmx_vcpu,
        regs: *mut nvmx_regs,
        reason: u32,
    ) -> nvmx_verdict;
}
extern "C" {
    pub fn nvmx_handle_exit_at_once(v: *mut nvmx_vcpu, regs: *mut nvmx_regs, reason: u32) -> bool;
}
extern "C" {
    pub fn nvmx_check_events(v: *mut nvmx_vcpu, regs: *mut nvmx_regs) -> nvmx_verdict;
}
extern "C" {
    pub fn nvmx_posted_notification(v: *mut nvmx_vcpu) -> nvmx_verdict;
}
extern "C" {
    pub fn nvmx_l2_virtual_interrupt(v: *mut nvmx_vcpu) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_l2_waits(v: *const nvmx_vcpu) -> bool;
}
extern "C" {
    pub fn nvmx_wants_immediate_exit(v: *mut nvmx_vcpu) -> bool;
}
extern "C" {
    pub fn nvmx_current_vmcs(v: *const nvmx_vcpu) -> u64;
}
extern "C" {
    pub fn nvmx_vcpu_park(v: *mut nvmx_vcpu);
}
extern "C" {
    pub fn nvmx_vcpu_unpark(v: *mut nvmx_vcpu);
}
extern "C" {
    pub fn nvmx_vcpu_unpark_here(v: *mut nvmx_vcpu);
}
extern "C" {
    pub fn nvmx_vmcs01_changed(v: *mut nvmx_vcpu) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_bitmaps01_changed(v: *mut nvmx_vcpu);
}
extern "C" {
    pub fn nvmx_pins_moved(v: *mut nvmx_vcpu);
}
extern "C" {
    pub fn nvmx_entry_refused(v: *mut nvmx_vcpu) -> nvmx_verdict;
}
extern "C" {
    pub fn nvmx_reflect(v: *mut nvmx_vcpu, regs: *mut nvmx_regs) -> nvmx_verdict;
}
extern "C" {
    pub fn nvmx_l1_cr_check(
        v: *const nvmx_vcpu,
        cr: crate::ctypes::c_uint,
        value: u64,
    ) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_in_vmx_operation(v: *const nvmx_vcpu) -> bool;
}
extern "C" {
    pub fn nvmx_in_l2(v: *const nvmx_vcpu) -> bool;
}
extern "C" {
    pub fn nvmx_must_launch(v: *const nvmx_vcpu) -> bool;
}
extern "C" {
    pub fn nvmx_msr_read(v: *mut nvmx_vcpu, msr: u32, value: *mut u64) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_msr_write(v: *mut nvmx_vcpu, msr: u32, value: u64) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_feature_control_set(v: *mut nvmx_vcpu, value: u64) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_inject_exception(
        v: *mut nvmx_vcpu,
        regs: *mut nvmx_regs,
        vector: crate::ctypes::c_uint,
        has_error: bool,
        error: u32,
        payload: u64,
    ) -> nvmx_verdict;
}
extern "C" {
    pub fn nvmx_complete_instruction(
        v: *mut nvmx_vcpu,
        length: crate::ctypes::c_uint,
        flags: crate::ctypes::c_uint,
        traps: u64,
    ) -> nvmx_verdict;
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_l2_exit {
    pub reason: u32,
    pub intr_info: u32,
    pub intr_error: u32,
    pub idt_info: u32,
    pub idt_error: u32,
    pub instr_len: u32,
    pub qualification: u64,
    pub physical: u64,
}
extern "C" {
    pub fn nvmx_exit_to_l1(v: *mut nvmx_vcpu, exit: *const nvmx_l2_exit) -> nvmx_verdict;
}
extern "C" {
    pub fn nvmx_l2_ran(v: *mut nvmx_vcpu);
}
extern "C" {
    pub fn nvmx_l2_timer(v: *mut nvmx_vcpu) -> u64;
}
extern "C" {
    pub fn nvmx_l2_slept(v: *mut nvmx_vcpu, ticks: u64);
}
extern "C" {
    pub fn nvmx_l1_wants_exception(
        v: *const nvmx_vcpu,
        vector: crate::ctypes::c_uint,
        error: u32,
    ) -> bool;
}
extern "C" {
    pub fn nvmx_l1_wants_port(
        v: *mut nvmx_vcpu,
        port: u16,
        size: crate::ctypes::c_uint,
    ) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_before_l2(v: *mut nvmx_vcpu) -> nvmx_verdict;
}
extern "C" {
    pub fn nvmx_l2_translate(
        v: *mut nvmx_vcpu,
        gpa2: u64,
        access: crate::ctypes::c_uint,
        gpa1: *mut u64,
        exit: *mut nvmx_l2_exit,
    ) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_host_invalidate(vm: *mut nvmx_vm, self_: *mut nvmx_vcpu, gpa: u64, length: u64);
}
extern "C" {
    pub fn nvmx_host_write_protect(vm: *mut nvmx_vm, self_: *mut nvmx_vcpu, gpa: u64, length: u64);
}
extern "C" {
    pub fn nvmx_host_uses(vm: *mut nvmx_vm, gpa: u64, length: u64) -> bool;
}
extern "C" {
    pub fn nvmx_host_changed(vm: *mut nvmx_vm, self_: *mut nvmx_vcpu);
}
extern "C" {
    pub fn nvmx_give_pages(v: *mut nvmx_vcpu, pages: u32) -> u32;
}
extern "C" {
    pub fn nvmx_watch_written(vm: *mut nvmx_vm, gpa: u64, length: u64);
}
extern "C" {
    pub fn nvmx_watch_armed(vm: *mut nvmx_vm, batch: u64);
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_view {
    pub vmcs12: *mut crate::ctypes::c_void,
    pub vmcs12_gpa: u64,
    pub vmxon_gpa: u64,
    pub shadow_vmcs: u64,
    pub pin: u32,
    pub proc_: u32,
    pub proc2: u32,
    pub exit: u32,
    pub entry: u32,
    pub msr_bitmap: *const crate::ctypes::c_void,
    pub eptp: u64,
}
extern "C" {
    pub fn nvmx_view(v: *const nvmx_vcpu, out: *mut nvmx_view, size: usize);
}
extern "C" {
    pub fn nvmx_host_fault(
        v: *const nvmx_vcpu,
        gpa: *mut u64,
        access: *mut crate::ctypes::c_uint,
    ) -> bool;
}
extern "C" {
    pub fn nvmx_awaited(v: *const nvmx_vcpu, gpa: *mut u64, access: *mut crate::ctypes::c_uint);
}
pub const nvmx_stop_NVMX_STOP_NONE: nvmx_stop = 0;
pub const nvmx_stop_NVMX_STOP_VMX_ABORT: nvmx_stop = 1;
pub const nvmx_stop_NVMX_STOP_NO_MEMORY: nvmx_stop = 2;
pub const nvmx_stop_NVMX_STOP_ENTRY_VMCS02: nvmx_stop = 3;
pub const nvmx_stop_NVMX_STOP_HOST_OP: nvmx_stop = 4;
pub const nvmx_stop_NVMX_STOP_CONTROL: nvmx_stop = 5;
pub const nvmx_stop_NVMX_STOP_TRIPLE_FAULT: nvmx_stop = 6;
pub type nvmx_stop = crate::ctypes::c_uint;
extern "C" {
    pub fn nvmx_stop_code(v: *const nvmx_vcpu) -> nvmx_stop;
}
extern "C" {
    pub fn nvmx_stop_detail(v: *const nvmx_vcpu) -> u64;
}
extern "C" {
    pub fn nvmx_stop_info(v: *const nvmx_vcpu, info: *mut nvmx_error_info);
}
pub const nvmx_counter_NVMX_CNT_ENTRY: nvmx_counter = 0;
pub const nvmx_counter_NVMX_CNT_ENTRY_FAIL: nvmx_counter = 1;
pub const nvmx_counter_NVMX_CNT_EXIT_TO_L1: nvmx_counter = 2;
pub const nvmx_counter_NVMX_CNT_EXIT_L0: nvmx_counter = 3;
pub const nvmx_counter_NVMX_CNT_EXIT_HOST: nvmx_counter = 4;
pub const nvmx_counter_NVMX_CNT_INSTR: nvmx_counter = 5;
pub const nvmx_counter_NVMX_CNT_VMREAD: nvmx_counter = 6;
pub const nvmx_counter_NVMX_CNT_VMWRITE: nvmx_counter = 7;
pub const nvmx_counter_NVMX_CNT_VMPTRLD: nvmx_counter = 8;
pub const nvmx_counter_NVMX_CNT_VMCLEAR: nvmx_counter = 9;
pub const nvmx_counter_NVMX_CNT_INVEPT: nvmx_counter = 10;
pub const nvmx_counter_NVMX_CNT_INVVPID: nvmx_counter = 11;
pub const nvmx_counter_NVMX_CNT_EPT_PAGES: nvmx_counter = 12;
pub const nvmx_counter_NVMX_CNT_EPT_FILL: nvmx_counter = 13;
pub const nvmx_counter_NVMX_CNT_EPT_FAULT: nvmx_counter = 14;
pub const nvmx_counter_NVMX_CNT_MSR_GRANT: nvmx_counter = 15;
pub const nvmx_counter_NVMX_CNT_ENTRY_REFUSED: nvmx_counter = 16;
pub const nvmx_counter_NVMX_CNT_AGAIN: nvmx_counter = 17;
pub const nvmx_counter_NVMX_CNT_HV_FLUSH: nvmx_counter = 18;
pub const nvmx_counter_NVMX_CNT_COUNT: nvmx_counter = 19;
pub type nvmx_counter = crate::ctypes::c_uint;
extern "C" {
    pub fn nvmx_counter(v: *const nvmx_vcpu, c: nvmx_counter) -> u64;
}
extern "C" {
    pub fn nvmx_counter_name(c: crate::ctypes::c_uint) -> *const crate::ctypes::c_char;
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_field_exits {
    pub name: *const crate::ctypes::c_char,
    pub encoding: u32,
    pub vmreads: u64,
    pub vmwrites: u64,
}
extern "C" {
    pub fn nvmx_field_exits(
        v: *const nvmx_vcpu,
        n: crate::ctypes::c_uint,
        out: *mut nvmx_field_exits,
    ) -> bool;
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vtd {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vtd_host {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vtd_frame {
    pub hpa: u64,
    pub rights: u8,
    pub page_shift: u8,
}
pub const nvmx_vtd_target_kind_NVMX_VTD_BLOCK: nvmx_vtd_target_kind = 0;
pub const nvmx_vtd_target_kind_NVMX_VTD_IDENTITY: nvmx_vtd_target_kind = 1;
pub const nvmx_vtd_target_kind_NVMX_VTD_DOMAIN: nvmx_vtd_target_kind = 2;
pub type nvmx_vtd_target_kind = crate::ctypes::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vtd_target {
    pub kind: nvmx_vtd_target_kind,
    pub device_tlb: bool,
    pub domain: u64,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vtd_domain {
    pub root: u64,
    pub levels: u8,
    pub width: u8,
}
pub const nvmx_vtd_flush_kind_NVMX_VTD_FLUSH_DOMAIN: nvmx_vtd_flush_kind = 0;
pub const nvmx_vtd_flush_kind_NVMX_VTD_FLUSH_PAGES: nvmx_vtd_flush_kind = 1;
pub const nvmx_vtd_flush_kind_NVMX_VTD_FLUSH_DEVICE_TLB: nvmx_vtd_flush_kind = 2;
pub type nvmx_vtd_flush_kind = crate::ctypes::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vtd_flush {
    pub kind: u8,
    pub order: u8,
    pub leaf_only: bool,
    pub domain: u64,
    pub iova: u64,
    pub device: *mut crate::ctypes::c_void,
    pub source_id: u16,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vtd_ops {
    pub size: u32,
    pub abi: u32,
    pub map: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_vtd_host,
            gpa: u64,
            write: bool,
        ) -> *mut crate::ctypes::c_void,
    >,
    pub unmap: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_vtd_host,
            gpa: u64,
            page: *mut crate::ctypes::c_void,
            wrote: bool,
        ),
    >,
    pub interrupt: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_vtd_host, address: u64, data: u32),
    >,
    pub interrupts_changed:
        ::core::option::Option<unsafe extern "C" fn(h: *mut nvmx_vtd_host, index: u32, count: u32)>,
    pub trace: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_vtd_host, event: crate::ctypes::c_uint, a: u64, b: u64),
    >,
    pub page_alloc: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_vtd_host, hpa: *mut u64) -> *mut crate::ctypes::c_void,
    >,
    pub page_free: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_vtd_host, page: *mut crate::ctypes::c_void, hpa: u64),
    >,
    pub domain_open: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_vtd_host,
            d: *const nvmx_vtd_domain,
            domain: *mut u64,
        ) -> crate::ctypes::c_int,
    >,
    pub domain_close:
        ::core::option::Option<unsafe extern "C" fn(h: *mut nvmx_vtd_host, domain: u64)>,
    pub attach: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_vtd_host,
            device: *mut crate::ctypes::c_void,
            target: *const nvmx_vtd_target,
        ) -> crate::ctypes::c_int,
    >,
    pub flush: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_vtd_host,
            list: *const nvmx_vtd_flush,
            n: crate::ctypes::c_uint,
        ) -> crate::ctypes::c_int,
    >,
    pub frame: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_vtd_host,
            gpa: u64,
            out: *mut nvmx_vtd_frame,
        ) -> crate::ctypes::c_int,
    >,
    pub table_written: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_vtd_host, p: *const crate::ctypes::c_void, len: usize),
    >,
    pub dma_map: ::core::option::Option<
        unsafe extern "C" fn(
            h: *mut nvmx_vtd_host,
            domain: u64,
            iova: u64,
            gpa: u64,
            len: u64,
            rights: crate::ctypes::c_uint,
        ) -> crate::ctypes::c_int,
    >,
    pub dma_unmap: ::core::option::Option<
        unsafe extern "C" fn(h: *mut nvmx_vtd_host, domain: u64, iova: u64, len: u64),
    >,
    pub drain: ::core::option::Option<unsafe extern "C" fn(h: *mut nvmx_vtd_host)>,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vtd_config {
    pub size: u32,
    pub ops: *const nvmx_vtd_ops,
    pub host: *mut nvmx_vtd_host,
    pub hw_cap: u64,
    pub hw_ecap: u64,
    pub features: u32,
    pub flags: u32,
    pub levels: u8,
    pub width: u8,
    pub host_width: u8,
    pub domain_bits: u8,
    pub pages: u32,
    pub work: u32,
    pub fault_burst: u32,
    pub routes_later: bool,
}
extern "C" {
    pub fn nvmx_vtd_init(
        mem: *mut crate::ctypes::c_void,
        size: usize,
        config: *const nvmx_vtd_config,
        out: *mut *mut nvmx_vtd,
        info: *mut nvmx_error_info,
    ) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_vtd_destroy(u: *mut nvmx_vtd);
}
extern "C" {
    pub fn nvmx_vtd_reset(u: *mut nvmx_vtd) -> crate::ctypes::c_int;
}
pub const nvmx_vtd_verdict_NVMX_VTD_DONE: nvmx_vtd_verdict = 0;
pub const nvmx_vtd_verdict_NVMX_VTD_MORE: nvmx_vtd_verdict = 1;
pub const nvmx_vtd_verdict_NVMX_VTD_WAITING: nvmx_vtd_verdict = 2;
pub type nvmx_vtd_verdict = crate::ctypes::c_uint;
extern "C" {
    pub fn nvmx_vtd_read(u: *mut nvmx_vtd, offset: u32, size: crate::ctypes::c_uint) -> u64;
}
extern "C" {
    pub fn nvmx_vtd_write(
        u: *mut nvmx_vtd,
        offset: u32,
        size: crate::ctypes::c_uint,
        value: u64,
    ) -> nvmx_vtd_verdict;
}
extern "C" {
    pub fn nvmx_vtd_run(u: *mut nvmx_vtd) -> nvmx_vtd_verdict;
}
extern "C" {
    pub fn nvmx_vtd_flush_done(u: *mut nvmx_vtd, result: crate::ctypes::c_int) -> nvmx_vtd_verdict;
}
extern "C" {
    pub fn nvmx_vtd_interrupts_done(u: *mut nvmx_vtd) -> nvmx_vtd_verdict;
}
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_NONE: nvmx_vtd_fault = 0;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_ROOT_P: nvmx_vtd_fault = 1;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_CONTEXT_P: nvmx_vtd_fault = 2;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_CONTEXT_INVALID: nvmx_vtd_fault = 3;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_WIDTH: nvmx_vtd_fault = 4;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_WRITE: nvmx_vtd_fault = 5;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_READ: nvmx_vtd_fault = 6;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_TABLE: nvmx_vtd_fault = 7;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_ROOT: nvmx_vtd_fault = 8;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_CONTEXT: nvmx_vtd_fault = 9;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_ROOT_RSVD: nvmx_vtd_fault = 10;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_CONTEXT_RSVD: nvmx_vtd_fault = 11;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_ENTRY_RSVD: nvmx_vtd_fault = 12;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_TYPE: nvmx_vtd_fault = 13;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_INTERRUPT_RANGE: nvmx_vtd_fault = 14;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_IR_RSVD: nvmx_vtd_fault = 32;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_IR_INDEX: nvmx_vtd_fault = 33;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_IR_P: nvmx_vtd_fault = 34;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_IR_TABLE: nvmx_vtd_fault = 35;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_IR_ENTRY_RSVD: nvmx_vtd_fault = 36;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_IR_COMPATIBILITY: nvmx_vtd_fault = 37;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_IR_SOURCE: nvmx_vtd_fault = 38;
pub const nvmx_vtd_fault_NVMX_VTD_FAULT_ROOT_ADDRESS: nvmx_vtd_fault = 48;
pub type nvmx_vtd_fault = crate::ctypes::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vtd_dma {
    pub gpa: u64,
    pub len: u64,
    pub rights: u8,
    pub page_shift: u8,
    pub snoop: bool,
    pub untranslated_only: bool,
}
extern "C" {
    pub fn nvmx_vtd_translate(
        u: *mut nvmx_vtd,
        source_id: u16,
        iova: u64,
        len: u64,
        access: crate::ctypes::c_uint,
        out: *mut nvmx_vtd_dma,
    ) -> nvmx_vtd_fault;
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vtd_msi {
    pub destination: u32,
    pub vector: u8,
    pub delivery_mode: u8,
    pub logical: bool,
    pub redirection_hint: bool,
    pub level: bool,
    pub assert: bool,
}
extern "C" {
    pub fn nvmx_vtd_interrupt(
        u: *mut nvmx_vtd,
        source_id: u16,
        address: u64,
        data: u32,
        access: crate::ctypes::c_uint,
        out: *mut nvmx_vtd_msi,
    ) -> nvmx_vtd_fault;
}
extern "C" {
    pub fn nvmx_vtd_device_add(
        u: *mut nvmx_vtd,
        source_id: u16,
        device: *mut crate::ctypes::c_void,
        flags: crate::ctypes::c_uint,
    ) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_vtd_device_remove(u: *mut nvmx_vtd, source_id: u16) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn nvmx_vtd_host_invalidate(u: *mut nvmx_vtd, gpa: u64, len: u64) -> nvmx_vtd_verdict;
}
extern "C" {
    pub fn nvmx_vtd_physical_fault(
        u: *mut nvmx_vtd,
        source_id: u16,
        iova: u64,
        access: crate::ctypes::c_uint,
    ) -> bool;
}
extern "C" {
    pub fn nvmx_vtd_tick(u: *mut nvmx_vtd);
}
extern "C" {
    pub fn nvmx_vtd_save(
        u: *const nvmx_vtd,
        blob: *mut crate::ctypes::c_void,
        size: usize,
    ) -> usize;
}
extern "C" {
    pub fn nvmx_vtd_restore(
        u: *mut nvmx_vtd,
        blob: *const crate::ctypes::c_void,
        size: usize,
    ) -> crate::ctypes::c_int;
}
pub const nvmx_vtd_scope_type_NVMX_VTD_SCOPE_ENDPOINT: nvmx_vtd_scope_type = 1;
pub const nvmx_vtd_scope_type_NVMX_VTD_SCOPE_BRIDGE: nvmx_vtd_scope_type = 2;
pub const nvmx_vtd_scope_type_NVMX_VTD_SCOPE_IOAPIC: nvmx_vtd_scope_type = 3;
pub const nvmx_vtd_scope_type_NVMX_VTD_SCOPE_HPET: nvmx_vtd_scope_type = 4;
pub type nvmx_vtd_scope_type = crate::ctypes::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vtd_scope {
    pub type_: u8,
    pub enumeration_id: u8,
    pub start_bus: u8,
    pub path_len: u8,
    pub path: [nvmx_vtd_scope__bindgen_ty_1; 4usize],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vtd_scope__bindgen_ty_1 {
    pub device: u8,
    pub function: u8,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vtd_drhd {
    pub base: u64,
    pub segment: u16,
    pub include_all: bool,
    pub scopes: *const nvmx_vtd_scope,
    pub scope_count: crate::ctypes::c_uint,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vtd_rmrr {
    pub base: u64,
    pub limit: u64,
    pub segment: u16,
    pub scopes: *const nvmx_vtd_scope,
    pub scope_count: crate::ctypes::c_uint,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct nvmx_vtd_dmar_config {
    pub host_width: u8,
    pub interrupt_remapping: bool,
    pub x2apic_opt_out: bool,
    pub device_tlbs: bool,
    pub oem_id: [crate::ctypes::c_char; 6usize],
    pub oem_table_id: [crate::ctypes::c_char; 8usize],
    pub drhd: *const nvmx_vtd_drhd,
    pub drhd_count: crate::ctypes::c_uint,
    pub rmrr: *const nvmx_vtd_rmrr,
    pub rmrr_count: crate::ctypes::c_uint,
}
extern "C" {
    pub fn nvmx_vtd_dmar(
        table: *mut crate::ctypes::c_void,
        size: usize,
        config: *const nvmx_vtd_dmar_config,
    ) -> usize;
}
extern "C" {
    pub fn nvmx_vtd_cap(u: *const nvmx_vtd) -> u64;
}
extern "C" {
    pub fn nvmx_vtd_ecap(u: *const nvmx_vtd) -> u64;
}
pub const nvmx_vtd_event_NVMX_VTD_EV_FAULT: nvmx_vtd_event = 0;
pub const nvmx_vtd_event_NVMX_VTD_EV_BAD_ACCESS: nvmx_vtd_event = 1;
pub const nvmx_vtd_event_NVMX_VTD_EV_QUEUE_ERROR: nvmx_vtd_event = 2;
pub const nvmx_vtd_event_NVMX_VTD_EV_NO_DOMAIN: nvmx_vtd_event = 3;
pub const nvmx_vtd_event_NVMX_VTD_EV_NO_PAGE: nvmx_vtd_event = 4;
pub const nvmx_vtd_event_NVMX_VTD_EV_STORM: nvmx_vtd_event = 5;
pub const nvmx_vtd_event_NVMX_VTD_EV_BLOCKED: nvmx_vtd_event = 6;
pub type nvmx_vtd_event = crate::ctypes::c_uint;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_READ: nvmx_vtd_counter = 0;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_WRITE: nvmx_vtd_counter = 1;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_BAD_ACCESS: nvmx_vtd_counter = 2;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_DESCRIPTOR: nvmx_vtd_counter = 3;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_QUEUE_ERROR: nvmx_vtd_counter = 4;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_WAIT: nvmx_vtd_counter = 5;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_TRANSLATE: nvmx_vtd_counter = 6;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_TRANSLATE_HIT: nvmx_vtd_counter = 7;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_FAULT: nvmx_vtd_counter = 8;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_FAULT_RECORD: nvmx_vtd_counter = 9;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_INTERRUPT: nvmx_vtd_counter = 10;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_MSI: nvmx_vtd_counter = 11;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_COMPARE: nvmx_vtd_counter = 12;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_ENTRY: nvmx_vtd_counter = 13;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_LEAF: nvmx_vtd_counter = 14;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_DUMMY: nvmx_vtd_counter = 15;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_UNMAPPED: nvmx_vtd_counter = 16;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_FLUSH: nvmx_vtd_counter = 17;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_FLUSH_ITEM: nvmx_vtd_counter = 18;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_PHYSICAL_FAULT: nvmx_vtd_counter = 19;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_SPURIOUS_FAULT: nvmx_vtd_counter = 20;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_PAGES: nvmx_vtd_counter = 21;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_BLOCKED: nvmx_vtd_counter = 22;
pub const nvmx_vtd_counter_NVMX_VTD_CNT_COUNT: nvmx_vtd_counter = 23;
pub type nvmx_vtd_counter = crate::ctypes::c_uint;
extern "C" {
    pub fn nvmx_vtd_counter(u: *const nvmx_vtd, c: nvmx_vtd_counter) -> u64;
}
extern "C" {
    pub fn nvmx_vtd_counter_name(c: crate::ctypes::c_uint) -> *const crate::ctypes::c_char;
}
