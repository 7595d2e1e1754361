/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "port.h"
#include "trace.h"

static const struct {
	const char *name, *value[3];
} records[NVMX_TRACE_COUNT] = {
	[NVMX_TRACE_ENTRY_REFUSED] = { "entry_refused", { "vm_instruction_error", "vmcs12" } },
	[NVMX_TRACE_ENTRY_FAILED] = { "entry_failed", { "reason", "qualification", "vmcs12" } },
	[NVMX_TRACE_EXIT] = { "exit", { "reason", "level", "rip" } },
	[NVMX_TRACE_ROUTE] = { "route", { "reason", "owner", "cause" } },
	[NVMX_TRACE_CHECK] = { "check", { "row", "consequence", "vmcs12" } },
	[NVMX_TRACE_ENTER] = { "enter", { "vmcs12", "rip", "cr3" } },
	[NVMX_TRACE_LEAVE] = { "leave", { "reason", "qualification", "vmcs12" } },
	[NVMX_TRACE_FILL] = { "fill", { "gpa2", "qualification", "answer" } },
	[NVMX_TRACE_INVEPT] = { "invept", { "type", "eptp" } },
	[NVMX_TRACE_INVVPID] = { "invvpid", { "type", "vpid", "linear" } },
	[NVMX_TRACE_MSR_LIST] = { "msr_list", { "list", "count", "failed" } },
	[NVMX_TRACE_STOP] = { "stop", { "code", "detail" } },
	[NVMX_TRACE_RESUME] = { "resume", { "level" } },
};

const char *nvmx_trace_name(unsigned what)
{
	return what < NVMX_TRACE_COUNT ? records[what].name : NULL;
}

const char *nvmx_trace_value_name(unsigned what, unsigned i)
{
	return what < NVMX_TRACE_COUNT && i < 3 ? records[what].value[i] : NULL;
}

void nvmx_trace_select(struct nvmx_vcpu *v, uint32_t wanted)
{
	v->traced = v->ops->trace ? wanted : 0;
}

void nvmx_trace_emit(struct nvmx_vcpu *v, enum nvmx_trace what, uint64_t a, uint64_t b, uint64_t c)
{
	v->ops->trace(v->host, what, a, b, c);
}

void nvmx_trace_enter(struct nvmx_vcpu *v)
{
	nvmx_trace_emit(v, NVMX_TRACE_ENTER, v->cur->gpa, nvmx_vmread(v, NVMX_GUEST_RIP), nvmx_vmread(v, NVMX_GUEST_CR3));
}

void nvmx_trace_exit(struct nvmx_vcpu *v, const struct nvmx_regs *regs, uint32_t reason)
{
	v->trace_regs = regs;
	NVMX_TRACE(v, EXIT, reason, v->in_l2 ? 2 : 1, nvmx_vmread(v, NVMX_GUEST_RIP));
}
