/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * L1's VPIDs on those that the host gave.  A VPID of the host's holds translations of one VPID of L1's; it is flushed when
 * it comes to serve another, and else only by L1's INVVPID.  The first serves the entries without VPID, each of which
 * flushes (SDM 28.3.3.1), and if it is the only one all others too.
 *
 * On other processors than this vCPU's there may be translations of the past: nvmx_vpid_forget() when it moves.
 */
#include "invept.h"
#include "../vmcs/values.h"
#include "../vmx/port.h"

static unsigned vpids(const struct nvmx_vcpu *v)
{
	unsigned n = v->config.vpid02_n;

	return n < 1 ? 1 : n < NVMX_VPIDS ? n : NVMX_VPIDS;
}

static void flush(struct nvmx_vcpu *v, unsigned i, unsigned type, uint64_t linear)
{
	nvmx_vmwrite_flush(v);
	v->counters[NVMX_CNT_INVVPID]++;
	v->ops->flush_vpid(v->host, (uint16_t)(v->config.vpid02 + i), type, linear);
}

/* The place of L1's VPID, or that of the one that was not used for longest. */
static unsigned place(const struct nvmx_vcpu *v, uint16_t vpid12)
{
	unsigned n = vpids(v), oldest = n > 1, i;

	for (i = oldest; i < n; i++) {
		if (v->vpid[i].of12 == vpid12)
			return i;
		if (v->vpid[i].last_use < v->vpid[oldest].last_use)
			oldest = i;
	}
	return oldest;
}

static __attribute__((__noinline__)) uint16_t enter_with(struct nvmx_vcpu *v, uint16_t vpid12)
{
	unsigned i = place(v, vpid12);

	v->vpid[i].last_use = ++v->clock;
	if (v->vpid[i].of12 != vpid12) {
		flush(v, i, NVMX_FLUSH_SINGLE, 0);
		v->vpid[i].of12 = vpid12;
	}
	return (uint16_t)(v->config.vpid02 + i);
}

uint16_t nvmx_vpid_enter(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12)
{
	if (!v->config.vpid02)
		return 0;
	if (nvmx_v12_proc2(v12) & NVMX_PROC2_VPID && v12->vpid)
		return enter_with(v, v12->vpid);
	v->vpid[0].of12 = 0;
	flush(v, 0, NVMX_FLUSH_SINGLE, 0); /* as each entry does with VPID 0 (SDM 28.3.3.1) */
	return v->config.vpid02;
}

void nvmx_vpid_flush(struct nvmx_vcpu *v, const struct nvmx_slot *s)
{
	if (v->config.vpid02) /* without, the exit and the entry flush (SDM 28.3.3.1) */
		flush(v, s->vpid02 ? (unsigned)s->vpid02 - v->config.vpid02 : 0, NVMX_FLUSH_SINGLE, 0);
}

void nvmx_vpid_forget(struct nvmx_vcpu *v)
{
	for (unsigned i = 0; i < NVMX_VPIDS; i++)
		v->vpid[i].of12 = 0;
}

bool nvmx_invvpid_supported(const struct nvmx_caps *caps, uint64_t type)
{
	static const uint64_t cap[] = {
		[NVMX_FLUSH_ADDRESS] = NVMX_EPT_INVVPID_ADDR,
		[NVMX_FLUSH_SINGLE] = NVMX_EPT_INVVPID_SINGLE,
		[NVMX_FLUSH_ALL] = NVMX_EPT_INVVPID_ALL,
		[NVMX_FLUSH_SINGLE_NON_GLOBAL] = NVMX_EPT_INVVPID_NON_GLOBAL,
	};

	return type <= NVMX_FLUSH_SINGLE_NON_GLOBAL && nvmx_caps_get(caps, NVMX_MSR_VMX_EPT_VPID_CAP) & cap[type];
}

/* Whether an INVVPID of the address is none that the processor could refuse a host with 4-level paging. */
static bool host_may_name(unsigned type, uint64_t linear)
{
	return type != NVMX_FLUSH_ADDRESS || nvmx_canonical_in(48, linear);
}

/* What all of a VPID is flushed for waits for its next use: several INVVPIDs in a row cost one flush. */
void nvmx_invvpid(struct nvmx_vcpu *v, unsigned type, uint16_t vpid12, uint64_t linear)
{
	unsigned i;

	if (type == NVMX_FLUSH_ALL) {
		nvmx_vpid_forget(v);
		return;
	}
	i = place(v, vpid12);
	if (v->vpid[i].of12 != vpid12)
		return;
	if (type != NVMX_FLUSH_SINGLE && v->config.vpid02 && nvmx_invvpid_supported(&v->vm->hw, type) && host_may_name(type, linear))
		flush(v, i, type, linear);
	else
		v->vpid[i].of12 = 0;
}
