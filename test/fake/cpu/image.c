/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What a run begins with: capabilities, memory image, L1's registers. */
#include <string.h>
#include <nestvmx/vmcs12.h>
#include "cpu.h"

static void control(struct nvmx_caps *caps, uint32_t msr, uint32_t must, uint32_t may)
{
	caps->msr[msr - NVMX_CAPS_FIRST_MSR] = (uint64_t)(must | may) << 32 | must;
}

static void controls(struct nvmx_caps *c)
{
	const uint32_t pin = NVMX_PIN_EXT_INT | NVMX_PIN_NMI | NVMX_PIN_VNMI | NVMX_PIN_PREEMPTION_TIMER |
		NVMX_PIN_POSTED_INT;
	const uint32_t proc = 0xf7f9fffeu & ~NVMX_PROC_TERTIARY;
	const uint32_t proc2 = NVMX_PROC2_EPT | NVMX_PROC2_DESC_TABLE | NVMX_PROC2_RDTSCP | NVMX_PROC2_VPID |
		NVMX_PROC2_WBINVD | NVMX_PROC2_UNRESTRICTED | NVMX_PROC2_RDRAND | NVMX_PROC2_INVPCID |
		NVMX_PROC2_SHADOW_VMCS | NVMX_PROC2_RDSEED | NVMX_PROC2_XSAVES | NVMX_PROC2_TSC_SCALING |
		NVMX_PROC2_VMFUNC | NVMX_PROC2_VE | NVMX_PROC2_APIC_ACCESS | NVMX_PROC2_X2APIC_MODE | NVMX_PROC2_APIC_REGS |
		NVMX_PROC2_VID | NVMX_PROC2_PML | NVMX_PROC2_MODE_EXEC | NVMX_PROC2_BUS_LOCK | NVMX_PROC2_NOTIFY;
	const uint32_t exit = NVMX_EXIT_SAVE_DEBUG | NVMX_EXIT_HOST_64 | NVMX_EXIT_ACK_INT | NVMX_EXIT_SAVE_PAT |
		NVMX_EXIT_LOAD_PAT | NVMX_EXIT_SAVE_EFER | NVMX_EXIT_LOAD_EFER | NVMX_EXIT_SAVE_PREEMPTION_TIMER;
	const uint32_t entry = NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_IA32E | NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_EFER;

	control(c, NVMX_MSR_VMX_PINBASED_CTLS, 0x16, pin);
	control(c, NVMX_MSR_VMX_TRUE_PINBASED_CTLS, 0x16, pin);
	control(c, NVMX_MSR_VMX_PROCBASED_CTLS, 0x0401e172, proc | NVMX_PROC_MTF);
	control(c, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, 0x04006172, proc | NVMX_PROC_MTF);
	control(c, NVMX_MSR_VMX_PROCBASED_CTLS2, 0, proc2);
	control(c, NVMX_MSR_VMX_EXIT_CTLS, 0x00036dff, exit);
	control(c, NVMX_MSR_VMX_TRUE_EXIT_CTLS, 0x00036dfb, exit);
	control(c, NVMX_MSR_VMX_ENTRY_CTLS, 0x000011ff, entry);
	control(c, NVMX_MSR_VMX_TRUE_ENTRY_CTLS, 0x000011fb, entry);
}

static void set(struct nvmx_caps *c, uint32_t msr, uint64_t value)
{
	c->msr[msr - NVMX_CAPS_FIRST_MSR] = value;
}

void fake_hw_caps(struct nvmx_caps *c)
{
	memset(c, 0, sizeof(*c));
	controls(c);
	set(c, NVMX_MSR_VMX_BASIC, 0x5a5a | 4096ull << 32 | NVMX_BIT64(54) | 6ull << 50 | NVMX_BIT64(55));
	set(c, NVMX_MSR_VMX_MISC, NVMX_MISC_STORE_LMA | NVMX_MISC_HLT | NVMX_MISC_SHUTDOWN | NVMX_MISC_WAIT_SIPI |
				  4u << 16 | NVMX_MISC_VMWRITE_RO | NVMX_MISC_ZERO_LEN_INJECT);
	set(c, NVMX_MSR_VMX_CR0_FIXED0, 0x80000021);
	set(c, NVMX_MSR_VMX_CR0_FIXED1, 0xffffffff);
	set(c, NVMX_MSR_VMX_CR4_FIXED0, 0x2000);
	set(c, NVMX_MSR_VMX_CR4_FIXED1, 0x3727ff);
	set(c, NVMX_MSR_VMX_EPT_VPID_CAP, NVMX_EPT_X_ONLY | NVMX_EPT_WALK4 | NVMX_EPT_UC | NVMX_EPT_WB | NVMX_EPT_2M |
					  NVMX_EPT_1G | NVMX_EPT_INVEPT | NVMX_EPT_AD | NVMX_EPT_INVEPT_SINGLE |
					  NVMX_EPT_INVEPT_ALL | NVMX_EPT_INVVPID | NVMX_EPT_INVVPID_ADDR |
					  NVMX_EPT_INVVPID_SINGLE | NVMX_EPT_INVVPID_ALL | NVMX_EPT_INVVPID_NON_GLOBAL);
	set(c, NVMX_MSR_VMX_VMCS_ENUM, 0x2e);
	set(c, NVMX_MSR_VMX_VMFUNC, NVMX_VMFUNC_EPTP_SWITCHING);
	c->efer_valid = NVMX_EFER_SCE | NVMX_EFER_LME | NVMX_EFER_LMA | NVMX_EFER_NXE;
	c->debugctl_valid = 3;
	c->feature_control = NVMX_FC_LOCK | NVMX_FC_VMX_OUTSIDE_SMX;
	c->maxphyaddr = 39;
	c->linear_width = 48;
}

void fake_hw_caps_ipis(struct nvmx_caps *c)
{
	c->msr[NVMX_MSR_VMX_PROCBASED_CTLS - NVMX_CAPS_FIRST_MSR] |= (uint64_t)NVMX_PROC_TERTIARY << 32;
	c->msr[NVMX_MSR_VMX_TRUE_PROCBASED_CTLS - NVMX_CAPS_FIRST_MSR] |= (uint64_t)NVMX_PROC_TERTIARY << 32;
	set(c, NVMX_MSR_VMX_PROCBASED_CTLS3, NVMX_PROC3_IPI_VIRT);
}

static void put(uint8_t *ram, uint64_t at, uint64_t value)
{
	memcpy(ram + at, &value, 8);
}

/* Four levels of tables at `at` that map the first 2 MiB as they are; `leaf` and `inner` are the entries' low bits. */
static void identity(uint8_t *ram, uint64_t at, uint64_t inner, uint64_t leaf)
{
	for (unsigned i = 0; i < 3; i++)
		put(ram, at + i * FAKE_PAGE, (at + (i + 1) * FAKE_PAGE) | inner);
	for (unsigned i = 0; i < 512; i++)
		put(ram, at + 3 * FAKE_PAGE + i * 8, i * FAKE_PAGE | leaf);
}

void fake_memory_image(uint8_t *ram)
{
	const uint64_t pt_b = FAKE_EPT_B + 3 * FAKE_PAGE + FAKE_L2_DATA / FAKE_PAGE * 8;

	identity(ram, FAKE_L1_TABLES, 0x27, 0x67);
	identity(ram, FAKE_L2_TABLES, 0x27, 0x67);
	identity(ram, FAKE_EPT_A, 7, 0x37);
	identity(ram, FAKE_EPT_B, 7, 0x37);
	put(ram, pt_b + 8, (FAKE_L2_DATA + 2 * FAKE_PAGE) | 0x37);  /* another frame */
	put(ram, pt_b + 16, (FAKE_L2_DATA + FAKE_PAGE) | 0x31);     /* read only */
	put(ram, pt_b + 24, 0);                                      /* not present */
	put(ram, pt_b + 32, (FAKE_L2_DATA + 4 * FAKE_PAGE) | 0x32); /* misconfigured: write only */
	put(ram, pt_b + 40, (FAKE_L2_DATA + 5 * FAKE_PAGE) | 0x33); /* no execute */
	put(ram, FAKE_EPTP_LIST, FAKE_EPT_A | 0x1e);
	put(ram, FAKE_EPTP_LIST + 8, FAKE_EPT_B | 0x1e);
	put(ram, FAKE_EPTP_LIST + 16, FAKE_EPT_A | 0x18);          /* uncacheable tables */
	put(ram, FAKE_EPTP_LIST + 24, FAKE_EPT_B | 0x1f);          /* no memory type */
	put(ram, FAKE_EPTP_LIST + 32, FAKE_EPT_B | 0x1e | 1ull << 63);
	put(ram, FAKE_EPTP_LIST + 40, FAKE_EPT_B | 0x1e);          /* the same again */
	put(ram, FAKE_EPTP_LIST + 511 * 8, FAKE_EPT_B | 0x18);
	put(ram, FAKE_VMXON_REGION, NVMX_VMCS12_REVISION);
	put(ram, FAKE_VMCS_A, NVMX_VMCS12_REVISION);
	put(ram, FAKE_VMCS_B, NVMX_VMCS12_REVISION);
	put(ram, FAKE_VMCS_SHADOW, NVMX_VMCS12_REVISION | NVMX_SHADOW_VMCS_INDICATOR);
}

static struct fake_seg segment(uint16_t sel, uint32_t ar)
{
	return (struct fake_seg){ sel, sel == 0x40 ? 0x67 : ~0u, ar, 0 };
}

void fake_l1_state(struct fake_arch *a)
{
	memset(a, 0, sizeof(*a));
	a->rip = FAKE_L1_CODE;
	a->gpr[4] = FAKE_L1_STACK - 8;
	a->rflags = 2;
	a->cr0 = 0x80050033;
	a->cr3 = FAKE_L1_TABLES;
	a->cr4 = NVMX_CR4_PAE | NVMX_CR4_VMXE;
	a->dr7 = 0x400;
	a->xcr0 = 1;
	a->efer = NVMX_EFER_LME | NVMX_EFER_LMA;
	a->pat = 0x0007040600070406;
	for (unsigned i = 0; i < 6; i++)
		a->seg[i] = segment(i == FAKE_SEG_CS ? 8 : 16, i == FAKE_SEG_CS ? 0xa09b : 0xc093);
	a->seg[FAKE_SEG_TR] = segment(0x40, 0x8b);
	a->seg[FAKE_SEG_LDTR] = segment(0, NVMX_AR_UNUSABLE);
	a->gdtr_base = 0x5000;
	a->gdtr_limit = 0x7f;
	a->idtr_base = FAKE_L1_IDT;
	a->idtr_limit = 0xfff;
}
