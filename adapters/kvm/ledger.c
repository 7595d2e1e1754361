// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the adapter has taken of the kernel and given back, over all vCPUs: told when the module goes, with a warning if the
 * two differ.
 */
#include "nest.h"

static const char *const names[NEST_THINGS] = {
	[NEST_VM] = "VMs", [NEST_VCPU] = "vCPUs", [NEST_PAGE] = "pages", [NEST_FRAME] = "frames", [NEST_PIN] = "pins",
	[NEST_VMCS02] = "vmcs02s",
};
static atomic64_t taken[NEST_THINGS], returned[NEST_THINGS];

void nest_took(enum nest_thing thing)
{
	atomic64_inc(&taken[thing]);
}

void nest_returned(enum nest_thing thing)
{
	atomic64_inc(&returned[thing]);
}

void nest_ledger_close(void)
{
	int i;

	for (i = 0; i < NEST_THINGS; i++) {
		s64 in = atomic64_read(&taken[i]), out = atomic64_read(&returned[i]);

		pr_info("kvm_intel: nestvmx: ledger: %s %lld taken, %lld returned\n", names[i], in, out);
		WARN(in != out, "kvm_intel: nestvmx: ledger: %lld %s are missing\n", in - out, names[i]);
	}
}
