/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The record of what guests can see. */
#include <inttypes.h>
#include <stdio.h>
#include "cpu.h"

static void digest(uint64_t *d, uint64_t value)
{
	*d = (*d ^ value) * 0x9e3779b97f4a7c15ull;
	*d ^= *d >> 29;
}

uint64_t fake_visible_cr(const struct fake_cpu *c, unsigned cr)
{
	uint64_t value = cr ? c->a.cr4 : c->a.cr0, mask;

	if (!c->guest)
		return value;
	mask = fake_field(c, cr ? NVMX_CR4_MASK : NVMX_CR0_MASK);
	return (value & ~mask) | (fake_field(c, cr ? NVMX_CR4_SHADOW : NVMX_CR0_SHADOW) & mask);
}

static uint64_t control_digest(const struct fake_cpu *c)
{
	const struct fake_arch *a = &c->a;
	const uint64_t v[] = { fake_visible_cr(c, 0), fake_visible_cr(c, 4), a->cr2, a->cr3, a->cr8, a->dr6, a->dr7, a->xcr0, a->efer,
		a->pat, a->debugctl, a->perf, a->sysenter_cs, a->sysenter_esp, a->sysenter_eip, a->xss, a->tsc_aux, a->star,
		a->lstar, a->fmask, a->kernel_gs, a->bndcfgs, a->s_cet, a->u_cet, a->ssp, a->ssp_table, a->pkrs };
	uint64_t d = 0;

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		digest(&d, v[i]);
	return d;
}

static uint64_t segment_digest(const struct fake_arch *a)
{
	uint64_t d = 0;

	for (unsigned i = 0; i < 8; i++) {
		bool unusable = a->seg[i].ar & NVMX_AR_UNUSABLE;

		digest(&d, a->seg[i].sel);
		if (!unusable || i == FAKE_SEG_FS || i == FAKE_SEG_GS)
			digest(&d, a->seg[i].base);
		digest(&d, unusable ? NVMX_AR_UNUSABLE : (uint64_t)a->seg[i].limit << 32 | a->seg[i].ar);
	}
	digest(&d, a->gdtr_base);
	digest(&d, a->idtr_base);
	digest(&d, (uint64_t)a->gdtr_limit << 32 | a->idtr_limit);
	return d;
}

/* Where NMIs exit and are not virtual, no IRET ends their blocking (SDM 25.3): the guest cannot find out. */
static bool hides_nmi_blocking(const struct fake_cpu *c)
{
	return c->hides_nmi_blocking ||
	       (c->guest && (fake_field(c, NVMX_PIN_CTLS) & (NVMX_PIN_NMI | NVMX_PIN_VNMI)) == NVMX_PIN_NMI);
}

void fake_see(struct fake_cpu *c, enum fake_seen seen, uint64_t info, uint64_t error)
{
	struct fake_trace *t = c->trace;
	struct fake_record *r = &t->record[t->n];

	if (t->n == FAKE_TRACE_MAX) {
		c->stop = FAKE_STOP_STEPS;
		return;
	}
	if (t->keep)
		t->keep[t->n] = c->a;
	t->n++;
	*r = (struct fake_record){ .seen = (uint8_t)seen, .info = info, .error = error };
	if (seen == FAKE_SEEN_STOP) /* the state may be the host's */
		return;
	r->rip = c->a.rip;
	/* A guest does not see RF as an instruction begins: an access that L0 has answered leaves it 1 (SDM 27.3.3). */
	r->rflags = c->a.rflags & ~(seen == FAKE_SEEN_FETCH ? NVMX_RFLAGS_RF : 0);
	for (unsigned i = 0; i < 16; i++)
		digest(&r->gpr, c->a.gpr[i]);
	r->control = control_digest(c);
	r->segment = segment_digest(&c->a);
	digest(&r->rest, (uint64_t)c->a.activity << 32 | (c->a.blocking & ~(hides_nmi_blocking(c) ? NVMX_BLOCK_NMI : 0)));
	digest(&r->rest, c->a.pending_dbg);
}

#define R(reason) (1ull << NVMX_XR_##reason)

/* Exits for which the SDM defines the VM-exit instruction length (27.2.5) ... */
static const uint64_t has_length =
	R(CPUID) | R(GETSEC) | R(HLT) | R(INVD) | R(INVLPG) | R(RDPMC) | R(RDTSC) | R(VMCALL) | R(VMCLEAR) | R(VMLAUNCH) |
	R(VMPTRLD) | R(VMPTRST) | R(VMREAD) | R(VMRESUME) | R(VMWRITE) | R(VMXOFF) | R(VMXON) | R(CR_ACCESS) | R(MOV_DR) |
	R(IO) | R(RDMSR) | R(WRMSR) | R(MWAIT) | R(MONITOR) | R(PAUSE) | R(GDTR_IDTR) | R(LDTR_TR) | R(INVEPT) | R(RDTSCP) |
	R(INVVPID) | R(WBINVD) | R(XSETBV) | R(RDRAND) | R(INVPCID) | R(VMFUNC) | R(RDSEED) | R(XSAVES) | R(TASK_SWITCH);

/* ... and the VM-exit instruction information. */
static const uint64_t has_info = R(VMCLEAR) | R(VMPTRLD) | R(VMPTRST) | R(VMREAD) | R(VMWRITE) | R(VMXON) | R(GDTR_IDTR) |
	R(LDTR_TR) | R(INVEPT) | R(INVVPID) | R(RDRAND) | R(INVPCID) | R(RDSEED) | R(XSAVES);

static bool software_event(uint32_t info)
{
	unsigned type = NVMX_INTR_TYPE(info);

	return (info & NVMX_INTR_VALID) &&
	       (type == NVMX_EVENT_SW_INT || type == NVMX_EVENT_SW_EXC || type == NVMX_EVENT_PRIV_SW_EXC);
}

static bool in(uint64_t set, uint32_t reason)
{
	return reason < 64 ? set >> reason & 1 : reason == NVMX_XR_XRSTORS && set != R(IO);
}

/* Whether the SDM gives the field a value after the exit whose reason, and other fields, L1 read before. */
static bool defined(const struct fake_trace *t, uint32_t field)
{
	uint32_t reason = t->last_reason;

	switch (field) {
	case NVMX_EXIT_INTR_ERROR_CODE:
		return (t->last_intr & NVMX_INTR_VALID) && (t->last_intr & NVMX_INTR_DELIVER_EC);
	case NVMX_IDT_VECTORING_ERROR_CODE:
		return (t->last_vect & NVMX_INTR_VALID) && (t->last_vect & NVMX_INTR_DELIVER_EC);
	case NVMX_EXIT_INSTR_LEN:
		return in(has_length, reason) || software_event(t->last_vect) ||
		       (reason == NVMX_XR_EXCEPTION_NMI && software_event(t->last_intr));
	case NVMX_EXIT_INSTR_INFO:
		return in(has_info, reason);
	case NVMX_GUEST_LINEAR_ADDR:
		return (reason == NVMX_XR_EPT_VIOLATION && (t->last_qual & NVMX_BIT(7)));
	case NVMX_GUEST_PHYS_ADDR:
		return reason == NVMX_XR_EPT_VIOLATION || reason == NVMX_XR_EPT_MISCONFIG;
	default:
		return true;
	}
}

uint64_t fake_comparable(struct fake_trace *t, uint32_t field, uint64_t value)
{
	if (field == NVMX_EXIT_REASON)
		t->last_reason = (uint32_t)value;
	if (field == NVMX_EXIT_QUALIFICATION)
		t->last_qual = value;
	if (field == NVMX_EXIT_INTR_INFO || field == NVMX_IDT_VECTORING_INFO) {
		*(field == NVMX_EXIT_INTR_INFO ? &t->last_intr : &t->last_vect) = (uint32_t)value;
		if (!(value & NVMX_INTR_VALID))
			value = 0;
	}
	return defined(t, field) ? value : 0;
}

static bool same(const struct fake_record *x, const struct fake_record *y)
{
	return x->seen == y->seen && x->rip == y->rip && x->rflags == y->rflags && x->info == y->info &&
	       x->error == y->error && x->gpr == y->gpr && x->control == y->control && x->segment == y->segment &&
	       x->rest == y->rest;
}

long fake_trace_differs(const struct fake_trace *x, const struct fake_trace *y)
{
	size_t n = x->n < y->n ? x->n : y->n;

	for (size_t i = 0; i < n; i++)
		if (!same(&x->record[i], &y->record[i]))
			return (long)i;
	return x->n == y->n ? -1 : (long)n;
}

bool fake_trace_read(const struct fake_trace *t, uint32_t field, size_t n, uint64_t *value)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct fake_record *r = &t->record[i];

		if (r->seen != FAKE_SEEN_VMREAD || r->info != field || n--)
			continue;
		*value = r->error;
		return true;
	}
	return false;
}

const char *fake_stop_name(enum fake_stop stop)
{
	switch (stop) {
	case FAKE_RUNNING: return "FAKE_RUNNING";
	case FAKE_EXITED: return "FAKE_EXITED";
	case FAKE_STOP_END: return "FAKE_STOP_END";
	case FAKE_STOP_SHUTDOWN: return "FAKE_STOP_SHUTDOWN";
	case FAKE_STOP_HUNG: return "FAKE_STOP_HUNG";
	case FAKE_STOP_ABORT: return "FAKE_STOP_ABORT";
	case FAKE_STOP_STEPS: return "FAKE_STOP_STEPS";
	}
	return "no enum fake_stop";
}

static void print_record(const struct fake_record *r)
{
	switch (r->seen) {
	case FAKE_SEEN_FETCH:
		fprintf(stderr, "%s", fake_op_name((unsigned)r->info));
		break;
	case FAKE_SEEN_EVENT:
		fprintf(stderr, "event %#" PRIx64 " error %#" PRIx64, r->info, r->error);
		break;
	case FAKE_SEEN_STOP:
		fprintf(stderr, "%s %" PRIu64, fake_stop_name((enum fake_stop)r->info), r->error);
		break;
	default:
		fprintf(stderr, "read %s: %#" PRIx64, fake_field_name((uint32_t)r->info), r->error);
	}
	fprintf(stderr, "  rflags %#" PRIx64 " digests %04x %04x %04x %04x", r->rflags, (unsigned)r->gpr & 0xffff,
		(unsigned)r->control & 0xffff, (unsigned)r->segment & 0xffff, (unsigned)r->rest & 0xffff);
}

void fake_trace_print(const struct fake_trace *t, const char *name, size_t from, size_t to)
{
	for (size_t i = from; i < t->n && i <= to; i++) {
		fprintf(stderr, "  %s[%zu] rip %#" PRIx64 " ", name, i, t->record[i].rip);
		print_record(&t->record[i]);
		fputc('\n', stderr);
	}
}

#define SHOW(member)                                                                                              \
	do {                                                                                                      \
		if (x->member != y->member)                                                                       \
			fprintf(stderr, "    " #member ": %#" PRIx64 " | %#" PRIx64 "\n", (uint64_t)x->member,    \
				(uint64_t)y->member);                                                              \
	} while (0)

void fake_arch_differences(const struct fake_arch *x, const struct fake_arch *y)
{
	for (unsigned i = 0; i < 16; i++)
		if (x->gpr[i] != y->gpr[i])
			fprintf(stderr, "    gpr %u: %#" PRIx64 " | %#" PRIx64 "\n", i, x->gpr[i], y->gpr[i]);
	for (unsigned i = 0; i < 8; i++) {
		SHOW(seg[i].sel);
		SHOW(seg[i].base);
		SHOW(seg[i].limit);
		SHOW(seg[i].ar);
	}
	SHOW(rip); SHOW(rflags); SHOW(cr0); SHOW(cr2); SHOW(cr3); SHOW(cr4); SHOW(cr8); SHOW(dr6); SHOW(dr7); SHOW(xcr0);
	SHOW(gdtr_base); SHOW(gdtr_limit); SHOW(idtr_base); SHOW(idtr_limit); SHOW(efer); SHOW(pat); SHOW(debugctl);
	SHOW(perf); SHOW(sysenter_cs); SHOW(sysenter_esp); SHOW(sysenter_eip); SHOW(xss); SHOW(tsc_aux); SHOW(star);
	SHOW(bndcfgs); SHOW(s_cet); SHOW(u_cet); SHOW(ssp); SHOW(ssp_table); SHOW(pkrs);
	SHOW(lstar); SHOW(fmask); SHOW(kernel_gs); SHOW(activity); SHOW(blocking); SHOW(pending_dbg);
}
