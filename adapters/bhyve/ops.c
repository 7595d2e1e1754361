/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of ops, and those that need no file of their own. */
#include "bhyve.h"

static void op_flush_ept(struct nvmx_host *h __unused, uint64_t eptp, unsigned scope)
{
	invept(scope, (struct invept_desc){ .eptp = eptp });
}

static void op_flush_vpid(struct nvmx_host *h __unused, uint16_t vpid, unsigned scope, uint64_t linear)
{
	invvpid(scope, (struct invvpid_desc){ .vpid = vpid, .linear_addr = linear });
}

static int ibpb = 1;
SYSCTL_INT(_hw_vmm_nested, OID_AUTO, ibpb, CTLFLAG_RWTUN, &ibpb, 0,
    "Keep branch predictions of a guest's guest from its hypervisor (IBPB)");

/* L1D is flushed at each VM entry, if at all: vmcs02 has vmcs01's MSR area, and vmx_enter_guest() does it by software. */
static void op_barrier(struct nvmx_host *h __unused, unsigned kinds)
{
	if ((kinds & NVMX_BARRIER_IBPB) != 0 && ibpb != 0 && (cpu_stdext_feature3 & CPUID_STDEXT3_IBPB) != 0)
		wrmsr(MSR_IA32_PRED_CMD, IA32_PRED_CMD_IBPB_BARRIER);
}

static void op_set_cr2(struct nvmx_host *h, uint64_t cr2)
{
	nest_of_host(h)->vcpu->ctx.guest_cr2 = cr2;
}

static void op_set_dr6(struct nvmx_host *h, uint64_t conditions)
{
	const uint64_t which = 0xf, set = 1ul << 13 | 1ul << 14, inverted = 1ul << 16;
	register_t *dr6 = &nest_of_host(h)->vcpu->ctx.guest_dr6;

	*dr6 = ((*dr6 & ~which) | (conditions & (which | set))) & ~(conditions & inverted);
}

const struct nvmx_host_ops nest_ops = {
	.size = sizeof(nest_ops),
	.abi = NVMX_ABI_VERSION,
	.translate = nest_op_translate,
	.map = nest_op_map,
	.unmap = nest_op_unmap,
	.pin = nest_op_pin,
	.unpin = nest_op_unpin,
	.page_alloc = nest_op_page_alloc,
	.page_free = nest_op_page_free,
	.vmcs_load = nest_op_vmcs_load,
	.vmcs_clear = nest_op_vmcs_clear,
	.flush_ept = op_flush_ept,
	.flush_vpid = op_flush_vpid,
	.l1_msr_read = nest_op_l1_msr_read,
	.l1_msr_write = nest_op_l1_msr_write,
	.l1_state_loaded = nest_op_l1_state_loaded,
	.pending_events = nest_op_pending_events,
	.ack_interrupt = nest_op_ack_interrupt,
	.barrier = op_barrier,
	.kick_others = nest_op_kick_others,
	.trace = nest_op_trace,
	.take_event = nest_op_take_event,
	.set_cr2 = op_set_cr2,
	.make_vmcs02 = nest_op_make_vmcs02,
	.set_dr6 = op_set_dr6,
};
