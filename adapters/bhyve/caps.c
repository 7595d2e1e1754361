/* SPDX-License-Identifier: BSD-2-Clause */
/* The processor's capabilities, and what the administrator says: hw.vmm.nested. */
#include "bhyve.h"

#define WITHHELD(name) (1ull << NVMX_FEATURE_##name)
#define FEATURE_CONTROL_SET (IA32_FEATURE_CONTROL_LOCK | IA32_FEATURE_CONTROL_VMX_EN)
#define DEBUGCTL_LBR_BTF 3

SYSCTL_DECL(_hw_vmm);
SYSCTL_NODE(_hw_vmm, OID_AUTO, nested, CTLFLAG_RW | CTLFLAG_MPSAFE, NULL, "Nested VMX");

static char vms[512];
SYSCTL_STRING(_hw_vmm_nested, OID_AUTO, vms, CTLFLAG_RWTUN, vms, sizeof(vms),
    "Names of the virtual machines with nested VMX, as they are made; * for all");

static char withheld[256];
SYSCTL_STRING(_hw_vmm_nested, OID_AUTO, withheld, CTLFLAG_RWTUN, withheld, sizeof(withheld),
    "VMX features that they are not offered (docs/features.md)");

u_int nest_shadow_pages = 4096;
SYSCTL_UINT(_hw_vmm_nested, OID_AUTO, shadow_pages, CTLFLAG_RDTUN, &nest_shadow_pages, 0,
    "Pages for shadow EPT tables, for each virtual machine");

const char *nest_lacks = "no VMX on this processor, or vmm is not initialized";
static int available_sysctl(SYSCTL_HANDLER_ARGS)
{
	const char *text = nest_lacks != NULL ? nest_lacks : "yes";

	return (SYSCTL_OUT(req, text, strlen(text) + 1));
}
SYSCTL_PROC(_hw_vmm_nested, OID_AUTO, available, CTLTYPE_STRING | CTLFLAG_RD | CTLFLAG_MPSAFE, NULL, 0, available_sysctl, "A",
    "Whether nested VMX can be offered, or what lacks");

struct nvmx_caps nest_hw;
int nest_kick_vector;

static size_t word_length(const char *s)
{
	return (strcspn(s, " ,\t"));
}

/* Calls `found` with each word of a list, until it says true. */
static bool any_word(const char *list, bool (*found)(const char *word, size_t length, void *arg), void *arg)
{
	for (; *list != '\0'; list += list[0] != '\0') {
		size_t length = word_length(list);

		if (length != 0 && found(list, length, arg))
			return (true);
		list += length;
	}
	return (false);
}

static bool is_name(const char *word, size_t length, void *arg)
{
	const char *name = arg;

	return ((length == 1 && word[0] == '*') || (strlen(name) == length && strncmp(word, name, length) == 0));
}

/* A sysctl that is being written at this moment may be read by halves, and names another one or none. */
bool nest_is_named(const char *vm)
{
	char list[sizeof(vms)];

	strlcpy(list, vms, sizeof(list));
	return (any_word(list, is_name, __DECONST(char *, vm)));
}

static bool add_feature(const char *word, size_t length, void *arg)
{
	int feature = nvmx_feature_by_name(word, length);

	if (feature < 0)
		printf("vmm: hw.vmm.nested.withheld: no feature %.*s\n", (int)length, word);
	else
		*(uint64_t *)arg |= 1ull << feature;
	return (false);
}

/* What vmcs01, with these secondary controls, leaves off: L2 would find the instruction gone although L1 has the control. */
uint64_t nest_withheld(uint32_t proc_ctls2)
{
	uint64_t set = WITHHELD(ENCLS);
	char list[sizeof(withheld)];

	if ((proc_ctls2 & NVMX_PROC2_INVPCID) == 0)
		set |= WITHHELD(INVPCID);
	if ((proc_ctls2 & NVMX_PROC2_RDTSCP) == 0)
		set |= WITHHELD(RDTSCP);
	if ((proc_ctls2 & NVMX_PROC2_XSAVES) == 0)
		set |= WITHHELD(XSAVES);
	if ((proc_ctls2 & NVMX_PROC2_USER_WAIT) == 0)
		set |= WITHHELD(USER_WAIT);
	strlcpy(list, withheld, sizeof(list));
	any_word(list, add_feature, &set);
	return (set);
}

void nest_modinit(int ipinum)
{
	u_int i;

	nest_kick_vector = ipinum;
	for (i = 0; i < NVMX_CAPS_MSRS; i++)
		if (rdmsr_safe(NVMX_CAPS_FIRST_MSR + i, &nest_hw.msr[i]) != 0)
			nest_hw.msr[i] = 0;
	nest_hw.efer_valid = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	nest_hw.debugctl_valid = DEBUGCTL_LBR_BTF;
	nest_hw.feature_control = FEATURE_CONTROL_SET;
	nest_hw.maxphyaddr = cpu_maxphyaddr;
	nest_hw.linear_width = 48;
	nest_lacks = NULL;
	if ((nvmx_caps_get(&nest_hw, NVMX_MSR_VMX_BASIC) & 1ull << 55) == 0)
		nest_lacks = "the processor has no TRUE capability MSRs";
	if ((nvmx_caps_may(&nest_hw, NVMX_MSR_VMX_EXIT_CTLS) & (NVMX_EXIT_LOAD_PAT | NVMX_EXIT_SAVE_PAT)) !=
	    (NVMX_EXIT_LOAD_PAT | NVMX_EXIT_SAVE_PAT))
		nest_lacks = "the processor's VM exits do not switch IA32_PAT";
	if (nest_shadow_pages < NVMX_SHADOW_EPT_PAGES_MIN)
		nest_shadow_pages = NVMX_SHADOW_EPT_PAGES_MIN;
}
