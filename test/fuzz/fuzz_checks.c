/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The pure checks over any vmcs12: no row misbehaves on any bits, and nvmx_check_entry's answer is the first row that
 * does not hold.
 */
#include <string.h>
#include <nestvmx/check.h>
#include "host.h"
#include "vmcs/vmcs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct nvmx_check_row *first_by_hand(const struct nvmx_check_input *in)
{
	size_t n;
	const struct nvmx_check_row *rows = nvmx_check_rows(&n);

	for (size_t i = 0; i < n; i++)
		if (!rows[i].holds(in))
			return &rows[i];
	return NULL;
}

static void defaults(struct nvmx_vmcs12 *v12)
{
	memset(v12, 0, sizeof(*v12));
	for (size_t i = 0; i < script_default_count; i++)
		nvmx_v12_set(v12, (unsigned)nvmx_field_find(script_defaults[i].field), script_defaults[i].value);
	v12->guest_rip = FAKE_L2_CODE;
	v12->host_rip = FAKE_L1_CODE;
}

/* The facts that the caller of the checks gathers from memory. */
static void set_facts(struct nvmx_check_input *in, bool link, uint64_t value)
{
	if (link) {
		in->link_revision = (uint32_t)value;
		return;
	}
	in->vtpr = (uint8_t)value;
	in->vtpr_known = value >> 8 & 1;
	in->pdpte_known = value >> 9 & 1;
	in->l1_ia32e = value >> 10 & 1;
	in->pdpte[0] = value;
}

/* Records of a field number and as many bytes as the field has, over a vmcs12 that passes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nvmx_vmcs12 v12;
	static struct nvmx_caps hw, caps;
	struct nvmx_check_input in = { .v12 = &v12, .caps = &caps, .l1_ia32e = true };
	const struct nvmx_check_row *found;

	fake_hw_caps(&hw);
	nvmx_caps_compute(&hw, 0, size && data[0] & 1, &caps);
	defaults(&v12);
	for (size_t at = 1; at < size;) {
		unsigned row = data[at++] % (NVMX_ROWS + 2);
		uint64_t value = 0;
		size_t n = row < NVMX_ROWS ? nvmx_field_rows[row].size : 4;

		n = n < size - at ? n : size - at;
		memcpy(&value, data + at, n);
		at += n;
		if (row < NVMX_ROWS)
			nvmx_v12_set(&v12, row, value);
		else
			set_facts(&in, row == NVMX_ROWS, value);
	}
	found = nvmx_check_entry(&in, NVMX_GROUPS_ALL);
	FAKE_ASSERT(found == first_by_hand(&in));
	FAKE_ASSERT(!found || found->consequence == NVMX_CHECK_VMFAIL || found->consequence == NVMX_CHECK_ENTRY_FAIL);
	return 0;
}
