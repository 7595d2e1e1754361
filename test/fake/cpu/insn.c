/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Fetching and executing the instructions of a script. */
#include <string.h>
#include "cpu.h"

enum rule { NEVER, ALWAYS, PROC, PROC2, OWN };

static const struct op {
	const char *name;
	uint8_t length, flags, reason, rule;
	uint32_t bit;
} ops[] = {
#define OP(NAME, length, flags, reason, rule, bit) [FAKE_##NAME] = { #NAME, length, flags, reason, rule, bit },
#include "ops.def"
};
_Static_assert(sizeof(ops) / sizeof(*ops) == FAKE_OPS, "each instruction has its row");

const char *fake_op_name(unsigned op)
{
	return op < FAKE_OPS ? ops[op].name : "?";
}

unsigned fake_length(const struct fake_insn *i)
{
	return ops[i->op].length + (i->mem ? 4u : 0u);
}

const struct fake_insn *fake_insn_at(const struct fake_cpu *c, uint64_t linear)
{
	for (size_t k = 0; k < c->codes; k++) {
		uint64_t offset = linear - c->code[k].linear;

		if (offset < c->code[k].bytes && c->code[k].index[offset])
			return &c->code[k].insn[c->code[k].index[offset] - 1];
	}
	return NULL;
}

uint64_t fake_after(const struct fake_cpu *c, uint64_t linear)
{
	const struct fake_insn *i = fake_insn_at(c, linear);

	return i ? c->a.rip + fake_length(i) : 0;
}

static bool is_branch(unsigned op)
{
	return op == FAKE_IRET || op == FAKE_CALL || op == FAKE_RET;
}

void fake_retire(struct fake_cpu *c, const struct fake_insn *i)
{
	c->a.rip += fake_length(i);
	if (!fake_is_64(c))
		c->a.rip = (uint32_t)c->a.rip;
	c->a.blocking &= ~(NVMX_BLOCK_STI | NVMX_BLOCK_MOVSS);
	c->a.rflags &= ~NVMX_RFLAGS_RF;
	if ((c->a.rflags & NVMX_RFLAGS_TF) && (is_branch(i->op) || !(c->a.debugctl & NVMX_DEBUGCTL_BTF))) /* 17.4.3 */
		c->a.pending_dbg |= NVMX_BIT(14);
	if (c->guest && c->timer_on && c->timer)
		c->timer--;
	if (c->guest && (fake_field(c, NVMX_PROC_CTLS) & NVMX_PROC_MTF))
		c->mtf = true;
	if (c->apic_write) {
		c->apic_write = false;
		fake_apic_written(c, c->apic_offset);
	}
}

static bool canonical(const struct fake_cpu *c, uint64_t v)
{
	unsigned shift = 64u - c->caps->linear_width;

	return (uint64_t)((int64_t)(v << shift) >> shift) == v;
}

bool fake_operand(struct fake_cpu *c, const struct fake_insn *i, unsigned len, uint64_t *linear)
{
	const struct fake_seg *s = &c->a.seg[i->seg];
	uint64_t off = i->disp;
	unsigned fault = i->seg == FAKE_SEG_SS ? NVMX_VECTOR_SS : NVMX_VECTOR_GP;

	if (i->base < 16)
		off += c->a.gpr[i->base];
	if (i->index < 16)
		off += c->a.gpr[i->index] << i->scale;
	if (i->asize < 8)
		off &= (1ull << i->asize * 8) - 1;
	if (fake_is_64(c)) {
		*linear = off + (i->seg == FAKE_SEG_FS || i->seg == FAKE_SEG_GS ? s->base : 0);
		if (canonical(c, *linear) && canonical(c, *linear + len - 1))
			return true;
	} else {
		*linear = (uint32_t)(off + s->base);
		if (!(s->ar & NVMX_AR_UNUSABLE) && off + len - 1 <= s->limit)
			return true;
	}
	fake_raise(c, fault, true, 0);
	return false;
}

bool fake_msr_exits(const struct fake_cpu *c, uint32_t msr, bool write)
{
	uint64_t at = fake_field(c, NVMX_MSR_BITMAP) + (write ? 2048 : 0);
	uint32_t n = msr & 0x1fff;

	if (!(fake_field(c, NVMX_PROC_CTLS) & NVMX_PROC_MSR_BITMAPS) || (msr != n && msr != (n | 0xc0000000u)))
		return true;
	return fake_phys_read(c, at + (msr >> 31 ? 1024 : 0) + n / 8, 1) >> n % 8 & 1;
}

bool fake_io_exits(const struct fake_cpu *c, unsigned port, unsigned size)
{
	uint64_t proc = fake_field(c, NVMX_PROC_CTLS);

	if (!(proc & NVMX_PROC_IO_BITMAPS))
		return proc & NVMX_PROC_UNCOND_IO;
	for (unsigned p = port; p < port + size; p++) {
		uint64_t at = fake_field(c, p & 0x8000 ? NVMX_IO_BITMAP_B : NVMX_IO_BITMAP_A) + (p & 0x7fff) / 8;

		if (p > 0xffff || (fake_phys_read(c, at, 1) >> p % 8 & 1))
			return true;
	}
	return false;
}

static uint64_t qualification(const struct fake_cpu *c, const struct fake_insn *i)
{
	switch (i->op) {
	case FAKE_INVLPG:
		return c->a.gpr[i->reg];
	case FAKE_MOV_DR: /* 27.2.1, table 27-4 */
		return (i->imm & 7) | (i->imm >> 3 & 1) << 4 | (uint64_t)i->reg << 8;
	case FAKE_TASK_SWITCH: /* table 27-2 */
		return i->imm & 0xc000ffff;
	default:
		return i->mem ? i->disp : 0;
	}
}

bool fake_intercepts(struct fake_cpu *c, const struct fake_insn *i)
{
	const struct op *op = &ops[i->op];
	bool yes = op->rule == ALWAYS;

	if (!c->guest)
		return false;
	if (op->rule == PROC)
		yes = fake_field(c, NVMX_PROC_CTLS) & op->bit;
	else if (op->rule == PROC2)
		yes = fake_proc2(c) & op->bit;
	if (yes)
		fake_insn_exit(c, i, op->reason, qualification(c, i));
	return yes;
}

static uint64_t tsc(const struct fake_cpu *c)
{
	uint64_t t = fake_tsc(c), m;

	if (!c->guest || !(fake_field(c, NVMX_PROC_CTLS) & NVMX_PROC_TSC_OFFSET))
		return t;
	m = fake_proc2(c) & NVMX_PROC2_TSC_SCALING ? fake_field(c, NVMX_TSC_MULTIPLIER) : 1ull << 48;
	return (uint64_t)((unsigned __int128)t * m >> 48) + fake_field(c, NVMX_TSC_OFFSET);
}

static void rdtsc(struct fake_cpu *c, const struct fake_insn *i)
{
	uint64_t t = tsc(c);

	if (i->op == FAKE_RDTSCP) {
		if (c->guest && !(fake_proc2(c) & NVMX_PROC2_RDTSCP)) {
			fake_raise(c, NVMX_VECTOR_UD, false, 0);
			return;
		}
		if (c->guest && (fake_field(c, NVMX_PROC_CTLS) & NVMX_PROC_RDTSC)) {
			fake_insn_exit(c, i, NVMX_XR_RDTSCP, 0);
			return;
		}
		c->a.gpr[1] = c->a.tsc_aux;
	}
	c->a.gpr[0] = (uint32_t)t;
	c->a.gpr[2] = t >> 32;
	fake_retire(c, i);
}

static void msr(struct fake_cpu *c, const struct fake_insn *i)
{
	uint32_t index = (uint32_t)c->a.gpr[1];
	uint64_t value = (uint32_t)c->a.gpr[0] | c->a.gpr[2] << 32;
	bool write = i->op == FAKE_WRMSR, fault = false, virtualized;

	if (c->guest && fake_msr_exits(c, index, write)) {
		fake_insn_exit(c, i, ops[i->op].reason, 0);
		return;
	}
	if (c->guest && write && fake_x2apic_write(c, index, value, &fault)) {
		if (fault) {
			fake_raise(c, NVMX_VECTOR_GP, true, 0);
			return;
		}
		fake_retire(c, i);
		fake_x2apic_written(c, index);
		return;
	}
	virtualized = c->guest && !write && fake_x2apic_read(c, index, &value);
	if (!virtualized && !(write ? fake_wrmsr(c, index, value) : fake_rdmsr(c, index, &value))) {
		fake_raise(c, NVMX_VECTOR_GP, true, 0);
		return;
	}
	if (!write) {
		if (index == NVMX_MSR_TSC)
			value = tsc(c);
		c->a.gpr[0] = (uint32_t)value;
		c->a.gpr[2] = value >> 32;
	}
	fake_retire(c, i);
}

static void io(struct fake_cpu *c, const struct fake_insn *i)
{
	bool in = i->op == FAKE_IN;
	uint64_t mask = (1ull << i->size * 8) - 1;

	if (c->guest && fake_io_exits(c, (unsigned)i->imm, i->size)) {
		fake_insn_exit(c, i, NVMX_XR_IO, (i->size - 1u) | (in ? 8u : 0u) | i->imm << 16);
		return;
	}
	if (in)
		c->a.gpr[0] = (c->a.gpr[0] & ~mask) | (~i->imm & mask);
	fake_retire(c, i);
}

static void invpcid_or_xsaves(struct fake_cpu *c, const struct fake_insn *i)
{
	bool pcid = i->op == FAKE_INVPCID;
	uint64_t set = ((uint32_t)c->a.gpr[0] | c->a.gpr[2] << 32) & c->a.xss, linear;

	if (c->guest && !(fake_proc2(c) & (pcid ? NVMX_PROC2_INVPCID : NVMX_PROC2_XSAVES)))
		fake_raise(c, NVMX_VECTOR_UD, false, 0);
	else if (c->guest && (pcid ? fake_field(c, NVMX_PROC_CTLS) & NVMX_PROC_INVLPG :
				     set & fake_field(c, NVMX_XSS_EXIT_BITMAP)))
		fake_insn_exit(c, i, ops[i->op].reason, i->mem ? i->disp : 0);
	else if (!i->mem || fake_operand(c, i, 16, &linear))
		fake_retire(c, i);
}

/* SDM 25.2: the VM exit comes after the instruction that has locked the bus. */
static void split_lock(struct fake_cpu *c, const struct fake_insn *i)
{
	const struct fake_exit x = { .reason = NVMX_XR_BUS_LOCK };

	fake_retire(c, i);
	if (c->guest && fake_proc2(c) & NVMX_PROC2_BUS_LOCK)
		fake_vmexit(c, &x);
}

/* SDM 25.2: the window passes without an instruction boundary; the instruction begins again after it. */
static void stall(struct fake_cpu *c, const struct fake_insn *i)
{
	const struct fake_exit x = { .reason = NVMX_XR_NOTIFY };

	if (c->guest && fake_proc2(c) & NVMX_PROC2_NOTIFY && c->stalled != c->clock) {
		c->stalled = c->clock;
		fake_vmexit(c, &x);
	} else {
		fake_retire(c, i);
	}
}

static void memory(struct fake_cpu *c, const struct fake_insn *i)
{
	uint64_t linear;

	if (!fake_operand(c, i, i->size, &linear))
		return;
	if (i->op == FAKE_LOAD ? fake_read(c, linear, i->size, &c->a.gpr[i->reg]) :
				 fake_write(c, linear, i->size, i->reg < 16 ? c->a.gpr[i->reg] : i->imm))
		fake_retire(c, i);
}

/* Where a hypervisor's handler would set its guest's RIP: past the instruction, unless the exit was no instruction's. */
static void next(struct fake_cpu *c, const struct fake_insn *i)
{
	uint32_t reason = c->trace->last_reason;
	bool nmi = reason == NVMX_XR_EXCEPTION_NMI && NVMX_INTR_TYPE(c->trace->last_intr) == NVMX_EVENT_NMI;
	const struct fake_insn *g = fake_insn_at(c, c->a.gpr[i->reg]);

	if (g && !nmi && reason != NVMX_XR_EXT_INT && reason != NVMX_XR_INT_WINDOW && reason != NVMX_XR_NMI_WINDOW &&
	    reason != NVMX_XR_MTF && reason != NVMX_XR_EOI && reason != NVMX_XR_APIC_WRITE && reason != NVMX_XR_BUS_LOCK &&
	    reason != NVMX_XR_PREEMPTION_TIMER && reason != NVMX_XR_TPR &&
	    reason != NVMX_XR_INIT && reason != NVMX_XR_SIPI && !(reason & NVMX_XR_ENTRY_FAILURE))
		c->a.gpr[i->reg] += fake_length(g);
	fake_retire(c, i);
}

static void software_event(struct fake_cpu *c, const struct fake_insn *i)
{
	unsigned vector = i->op == FAKE_INT3 ? NVMX_VECTOR_BP : (unsigned)i->imm & 0xff;
	unsigned type = i->op == FAKE_INT3 ? NVMX_EVENT_SW_EXC : NVMX_EVENT_SW_INT;
	uint32_t info = NVMX_INTR_VALID | type << 8 | vector;
	struct fake_exit x = { .reason = NVMX_XR_EXCEPTION_NMI, .intr_info = info, .len = fake_length(i), .has_len = true };

	if (i->op == FAKE_RAISE) {
		if (vector == NVMX_VECTOR_PF)
			fake_page_fault(c, i->disp, i->size);
		else
			fake_raise(c, vector & 31, vector == NVMX_VECTOR_GP || vector == NVMX_VECTOR_AC,
				   vector == NVMX_VECTOR_GP ? i->size : 0);
		return;
	}
	c->a.rflags &= ~NVMX_RFLAGS_RF; /* no fault: it has executed (17.3.1.1) */
	if (c->guest && i->op == FAKE_INT3 && (fake_field(c, NVMX_EXCEPTION_BITMAP) & NVMX_BIT(NVMX_VECTOR_BP)))
		fake_vmexit(c, &x);
	else
		fake_deliver(c, info, 0, fake_length(i));
}

static void tables(struct fake_cpu *c, const struct fake_insn *i)
{
	switch (i->op) {
	case FAKE_LIDT: c->a.idtr_limit = (uint32_t)i->imm & 0xffff; break;
	case FAKE_LGDT: c->a.gdtr_limit = (uint32_t)i->imm & 0xffff; break;
	case FAKE_SIDT: c->a.gpr[i->reg] = c->a.idtr_limit; break;
	case FAKE_SGDT: c->a.gpr[i->reg] = c->a.gdtr_limit; break;
	case FAKE_SLDT: c->a.gpr[i->reg] = c->a.seg[FAKE_SEG_LDTR].sel; break;
	case FAKE_STR: c->a.gpr[i->reg] = c->a.seg[FAKE_SEG_TR].sel; break;
	default: break; /* LLDT and LTR: the same selector again */
	}
	fake_retire(c, i);
}

/* DR0 to DR3; of the others scripts have no use. */
static void mov_dr(struct fake_cpu *c, const struct fake_insn *i)
{
	unsigned n = i->imm & 7;

	if (n < 4 && i->imm & 8)
		c->a.gpr[i->reg] = c->a.dr[n];
	else if (n < 4)
		c->a.dr[n] = c->a.gpr[i->reg];
}

/* SDM 25.3: where NMIs exit, it ends their virtual blocking alone. */
static void iret(struct fake_cpu *c)
{
	uint64_t pin = c->guest ? fake_field(c, NVMX_PIN_CTLS) : 0;

	if (!(pin & NVMX_PIN_NMI) || pin & NVMX_PIN_VNMI)
		c->a.blocking &= ~NVMX_BLOCK_NMI;
}

/* Effects of instructions that need no more than a line; true: done. */
static bool short_ones(struct fake_cpu *c, const struct fake_insn *i)
{
	switch (i->op) {
	case FAKE_CPUID: fake_cpuid((uint32_t)c->a.gpr[0], c->a.gpr); break;
	case FAKE_MOVI: c->a.gpr[i->reg] = i->imm; break;
	case FAKE_RDPMC: c->a.gpr[0] = 7; break;
	case FAKE_RDRAND: c->a.gpr[i->reg] = 0x5eed; break;
	case FAKE_RDSEED: c->a.gpr[i->reg] = 0x5eee; break;
	case FAKE_XSETBV: c->a.xcr0 = (c->a.gpr[0] & 7) | 1; break;
	case FAKE_INVLPG: fake_tlb_flush(c, true, fake_vpid(c), false, 0, true, c->a.gpr[i->reg]); break;
	case FAKE_CLI: c->a.rflags &= ~NVMX_RFLAGS_IF; break;
	case FAKE_IRET: iret(c); break;
	case FAKE_NOP:
	case FAKE_PAUSE:
	case FAKE_INVD:
	case FAKE_WBINVD:
	case FAKE_MONITOR:
	case FAKE_MWAIT:
	case FAKE_TASK_SWITCH: break;
	case FAKE_MOV_DR: mov_dr(c, i); break;
	default: return false;
	}
	fake_retire(c, i);
	return true;
}

static void blockers(struct fake_cpu *c, const struct fake_insn *i)
{
	bool was_open = c->a.rflags & NVMX_RFLAGS_IF;

	fake_retire(c, i);
	if (i->op == FAKE_HLT)
		c->a.activity = NVMX_ACTIVITY_HLT;
	if (i->op == FAKE_STI)
		c->a.rflags |= NVMX_RFLAGS_IF;
	if (i->op == FAKE_STI && !was_open)
		c->a.blocking |= NVMX_BLOCK_STI;
	if (i->op == FAKE_MOV_SS)
		c->a.blocking |= NVMX_BLOCK_MOVSS;
}

static void finish(struct fake_cpu *c)
{
	c->stop = FAKE_STOP_END;
	fake_see(c, FAKE_SEEN_STOP, FAKE_STOP_END, 0);
}

static void execute(struct fake_cpu *c, const struct fake_insn *i)
{
	if ((ops[i->op].flags & FAKE_OP_PRIVILEGED) && fake_cpl(c)) {
		fake_raise(c, NVMX_VECTOR_GP, true, 0);
		return;
	}
	if (fake_intercepts(c, i) || short_ones(c, i))
		return;
	if (i->op >= FAKE_VMXON) {
		fake_vmx_insn(c, i);
		return;
	}
	if (i->op >= FAKE_SGDT && i->op <= FAKE_LTR) {
		tables(c, i);
		return;
	}
	switch (i->op) {
	case FAKE_LOAD:
	case FAKE_STORE: memory(c, i); break;
	case FAKE_NEXT: next(c, i); break;
	case FAKE_END: finish(c); break;
	case FAKE_SPLIT_LOCK: split_lock(c, i); break;
	case FAKE_STALL: stall(c, i); break;
	case FAKE_RDTSC:
	case FAKE_RDTSCP: rdtsc(c, i); break;
	case FAKE_RDMSR:
	case FAKE_WRMSR: msr(c, i); break;
	case FAKE_IN:
	case FAKE_OUT: io(c, i); break;
	case FAKE_INVPCID:
	case FAKE_XSAVES:
	case FAKE_XRSTORS: invpcid_or_xsaves(c, i); break;
	case FAKE_INT:
	case FAKE_INT3:
	case FAKE_RAISE: software_event(c, i); break;
	case FAKE_CALL:
	case FAKE_RET: fake_branch(c, i); break;
	case FAKE_HLT:
	case FAKE_STI:
	case FAKE_MOV_SS: blockers(c, i); break;
	default: fake_cr_insn(c, i);
	}
}

void fake_take_outside(struct fake_cpu *c)
{
	if (c->dma.clock && c->dma.clock <= c->clock) {
		memcpy(c->mem->ram + c->dma.gpa, &c->dma.value, 8);
		c->dma.clock = 0;
	}
	for (; c->outside_next < c->outsides && c->outside[c->outside_next].clock <= c->clock; c->outside_next++) {
		const struct fake_outside *o = &c->outside[c->outside_next];

		switch (o->source) {
		case FAKE_EXT_INT: c->intr[o->vector / 64] |= 1ull << o->vector % 64; break;
		case FAKE_NMI: c->nmi = true; break;
		case FAKE_INIT: c->init = true; break;
		default:
			c->sipi = true;
			c->sipi_vector = o->vector;
		}
	}
}

void fake_idle(struct fake_cpu *c)
{
	c->clock++;
	if (c->outside_next < c->outsides)
		return;
	if (c->guest && c->timer_on && c->timer && c->timer < FAKE_TIMER_FAR) {
		c->timer--;
		return;
	}
	c->stop = FAKE_STOP_HUNG;
	fake_see(c, FAKE_SEEN_STOP, FAKE_STOP_HUNG, 0);
}

/* A guest may see, of a VMREAD, only what the SDM defines: the rest differs from processor to processor. */
static void observe(struct fake_cpu *c)
{
	const struct fake_insn *i = c->last_insn;

	c->last_insn = NULL;
	if (!i || i->op != FAKE_VMREAD || i->mem || (c->a.rflags & (NVMX_RFLAGS_CF | NVMX_RFLAGS_ZF)))
		return;
	c->a.gpr[i->reg] = fake_comparable(c->trace, (uint32_t)c->last_field, c->a.gpr[i->reg]);
	fake_see(c, FAKE_SEEN_VMREAD, c->last_field, c->a.gpr[i->reg]);
}

static void begin(struct fake_cpu *c, const struct fake_insn *i, uint64_t linear)
{
	if (linear == c->last_fetch)
		return;
	c->clock++;
	c->last_fetch = linear;
	c->last_insn = i;
	c->last_field = c->a.gpr[i->reg2 & 15];
	fake_see(c, FAKE_SEEN_FETCH, i->op, 0);
}

static void step(struct fake_cpu *c)
{
	uint64_t linear = c->a.rip + (fake_is_64(c) ? 0 : c->a.seg[FAKE_SEG_CS].base), hpa;
	const struct fake_insn *i;

	if (c->a.activity != NVMX_ACTIVITY_ACTIVE || linear != c->last_fetch) {
		observe(c);
		fake_take_outside(c);
	}
	if (fake_boundary(c))
		return;
	if (c->a.activity != NVMX_ACTIVITY_ACTIVE) {
		fake_idle(c);
		return;
	}
	if (!(c->a.rflags & NVMX_RFLAGS_RF) && fake_breakpoints(c, linear)) {
		fake_breakpoint(c, fake_breakpoints(c, linear));
		return;
	}
	if (!fake_linear(c, linear, ACCESS_X, &hpa))
		return;
	i = fake_insn_at(c, linear);
	if (!i) {
		fake_triple_fault(c);
		return;
	}
	begin(c, i, linear);
	execute(c, i);
}

void fake_run(struct fake_cpu *c)
{
	while (c->stop == FAKE_RUNNING) {
		step(c);
		if (c->stop == FAKE_RUNNING && ++c->steps > FAKE_MAX_STEPS) {
			c->stop = FAKE_STOP_STEPS;
			fake_see(c, FAKE_SEEN_STOP, FAKE_STOP_STEPS, 0);
		}
	}
}
