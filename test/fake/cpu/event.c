/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Exceptions, interrupts, and what is due between two instructions (SDM 6, 25.2, 26.7, table 6-2).
 *
 * Scripts have no handlers.  An event that is delivered reads its IDT entry and writes the stack, as a real one would,
 * and is recorded; then the guest goes on as if the handler had returned, past the instruction if that had a fault.
 */
#include "cpu.h"

unsigned fake_cpl(const struct fake_cpu *c)
{
	return NVMX_AR_DPL(c->a.seg[FAKE_SEG_SS].ar);
}

void fake_triple_fault(struct fake_cpu *c)
{
	const struct fake_exit x = { .reason = NVMX_XR_TRIPLE_FAULT };

	if (c->guest) {
		c->vectoring = c->vectoring_len = 0;
		c->a.rflags &= ~NVMX_RFLAGS_RF; /* 27.3.3 leaves it open */
		fake_vmexit(c, &x);
		return;
	}
	c->stop = FAKE_STOP_SHUTDOWN;
	fake_see(c, FAKE_SEEN_STOP, FAKE_STOP_SHUTDOWN, 0);
}

static bool contributory(unsigned vector)
{
	return vector == 0 || (vector >= NVMX_VECTOR_TS && vector <= NVMX_VECTOR_GP) || vector == NVMX_VECTOR_CP;
}

/* SDM 24.6.3, 25.2 */
static bool exits(const struct fake_cpu *c, unsigned vector, uint32_t error)
{
	uint64_t bitmap = fake_field(c, NVMX_EXCEPTION_BITMAP);
	bool set = bitmap >> vector & 1;

	if (vector == NVMX_VECTOR_PF && (error & fake_field(c, NVMX_PF_EC_MASK)) != fake_field(c, NVMX_PF_EC_MATCH))
		return !set;
	return set;
}

static void exception(struct fake_cpu *c, uint32_t info, uint32_t error, uint32_t len, uint64_t qualification)
{
	unsigned vector = info & 31, first = c->vectoring & 31;
	bool was_exception = (c->vectoring & NVMX_INTR_VALID) && NVMX_INTR_TYPE(c->vectoring) == NVMX_EVENT_HW_EXC;

	if (c->guest && exits(c, vector, error)) {
		const struct fake_exit x = { .reason = NVMX_XR_EXCEPTION_NMI, .qualification = qualification,
			.intr_info = info, .intr_error = error, .len = len, .has_len = len != 0 };

		fake_vmexit(c, &x);
		return;
	}
	if (vector == NVMX_VECTOR_PF)
		c->a.cr2 = qualification;
	if (vector == NVMX_VECTOR_DB) { /* 17.2.3, 17.2.4, 17.4.1, 17.4.3 */
		c->a.dr6 = (c->a.dr6 & ~0xfull) | qualification;
		c->a.dr7 &= ~NVMX_DR7_GD;
		c->a.debugctl &= ~(NVMX_DEBUGCTL_LBR | NVMX_DEBUGCTL_BTF);
	}
	/* As where a VM entry injects it, which a host that intercepts it does (26.7.3). */
	if (NVMX_INTR_TYPE(info) == NVMX_EVENT_HW_EXC)
		c->a.pending_dbg = 0;
	if (was_exception && first == NVMX_VECTOR_DF) {
		fake_triple_fault(c);
		return;
	}
	if (was_exception && ((contributory(first) && contributory(vector)) ||
			      (first == NVMX_VECTOR_PF && (contributory(vector) || vector == NVMX_VECTOR_PF)))) {
		c->vectoring = 0;
		exception(c, NVMX_INTR_VALID | NVMX_INTR_DELIVER_EC | NVMX_EVENT_HW_EXC << 8 | NVMX_VECTOR_DF, 0, 0, 0);
		return;
	}
	fake_deliver(c, info, error, len);
}

void fake_raise(struct fake_cpu *c, unsigned vector, bool has_error, uint32_t error)
{
	exception(c, NVMX_INTR_VALID | (has_error ? NVMX_INTR_DELIVER_EC : 0) | NVMX_EVENT_HW_EXC << 8 | vector, error, 0, 0);
}

void fake_page_fault(struct fake_cpu *c, uint64_t linear, uint32_t error)
{
	exception(c, NVMX_INTR_VALID | NVMX_INTR_DELIVER_EC | NVMX_EVENT_HW_EXC << 8 | NVMX_VECTOR_PF, error, 0, linear);
}

static uint64_t linear_rip(const struct fake_cpu *c)
{
	return c->a.rip + (fake_is_64(c) ? 0 : c->a.seg[FAKE_SEG_CS].base);
}

/* 17.2.4, 17.2.5: enabled, and of instruction execution */
uint64_t fake_breakpoints(const struct fake_cpu *c, uint64_t linear)
{
	uint64_t conditions = 0;

	for (unsigned n = 0; n < 4; n++)
		if (c->a.dr7 >> 2 * n & 3 && !(c->a.dr7 >> (16 + 4 * n) & 3) && c->a.dr[n] == linear)
			conditions |= NVMX_BIT(n);
	return conditions;
}

void fake_breakpoint(struct fake_cpu *c, uint64_t conditions)
{
	exception(c, NVMX_INTR_VALID | NVMX_EVENT_HW_EXC << 8 | NVMX_VECTOR_DB, 0, 0, conditions);
}

static bool software(uint32_t info)
{
	unsigned type = NVMX_INTR_TYPE(info);

	return type == NVMX_EVENT_SW_INT || type == NVMX_EVENT_SW_EXC || type == NVMX_EVENT_PRIV_SW_EXC;
}

static bool through_idt(struct fake_cpu *c, unsigned vector, uint64_t rip)
{
	unsigned size = c->a.efer & NVMX_EFER_LMA ? 16 : c->a.cr0 & NVMX_CR0_PE ? 8 : 4;
	unsigned word = size == 16 ? 8 : 4;
	uint64_t ignored, sp = c->a.gpr[4] - word;

	c->supervisor = true;
	if ((vector + 1) * size - 1 > c->a.idtr_limit) {
		fake_raise(c, NVMX_VECTOR_GP, true, vector * 8 + 2);
		return false;
	}
	if (!fake_read(c, c->a.idtr_base + (uint64_t)vector * size, word, &ignored))
		return false;
	if (word == 4)
		sp = (uint32_t)(sp + c->a.seg[FAKE_SEG_SS].base);
	return fake_write(c, sp, word, rip);
}

void fake_deliver(struct fake_cpu *c, uint32_t info, uint32_t error, uint32_t len)
{
	uint64_t back = c->a.rip + (software(info) ? len : 0), after;

	c->vectoring = info;
	c->vectoring_error = error;
	c->vectoring_len = software(info) ? len : 0;
	/* Before a VM exit, too, that the delivery runs into (27.1). */
	c->a.activity = NVMX_ACTIVITY_ACTIVE;
	c->a.blocking &= ~(NVMX_BLOCK_STI | NVMX_BLOCK_MOVSS);
	if (NVMX_INTR_TYPE(info) == NVMX_EVENT_NMI)
		c->a.blocking |= NVMX_BLOCK_NMI;
	if (!through_idt(c, info & NVMX_INTR_VECTOR, back)) {
		c->supervisor = false;
		return;
	}
	c->supervisor = false;
	c->vectoring = c->vectoring_len = 0;
	c->a.rip = back;
	if (NVMX_INTR_TYPE(info) == NVMX_EVENT_HW_EXC)
		c->a.rflags &= ~NVMX_RFLAGS_RF; /* it was in the image that the handler dropped */
	fake_see(c, FAKE_SEEN_EVENT, info, info & NVMX_INTR_DELIVER_EC ? error : 0);
	if (NVMX_INTR_TYPE(info) != NVMX_EVENT_HW_EXC)
		return;
	if ((info & NVMX_INTR_VECTOR) == NVMX_VECTOR_DB) {
		if (fake_breakpoints(c, linear_rip(c))) /* as handlers do, so that the instruction executes now */
			c->a.rflags |= NVMX_RFLAGS_RF;
		return;
	}
	after = fake_after(c, linear_rip(c));
	if (after)
		c->a.rip = after;
	else
		fake_triple_fault(c);
}

static uint64_t pin(const struct fake_cpu *c)
{
	return c->guest ? fake_field(c, NVMX_PIN_CTLS) : 0;
}

static uint64_t proc(const struct fake_cpu *c)
{
	return c->guest ? fake_field(c, NVMX_PROC_CTLS) : 0;
}

static bool simple_exit(struct fake_cpu *c, uint32_t reason)
{
	const struct fake_exit x = { .reason = reason };

	fake_vmexit(c, &x);
	return true;
}

static bool debug_trap(struct fake_cpu *c)
{
	const uint64_t due = c->a.pending_dbg & 0x500f;

	if (!due || (c->a.blocking & NVMX_BLOCK_MOVSS) || c->a.activity > NVMX_ACTIVITY_HLT)
		return false;
	c->a.pending_dbg = 0;
	exception(c, NVMX_INTR_VALID | NVMX_EVENT_HW_EXC << 8 | NVMX_VECTOR_DB, 0, 0, due & 0x400f);
	return true;
}

static bool nmi(struct fake_cpu *c)
{
	const uint32_t info = NVMX_INTR_VALID | NVMX_EVENT_NMI << 8 | 2;
	const struct fake_exit x = { .reason = NVMX_XR_EXCEPTION_NMI, .intr_info = info };
	uint32_t blocking = c->a.blocking & ~(pin(c) & NVMX_PIN_VNMI ? NVMX_BLOCK_NMI : 0);

	if (pin(c) & NVMX_PIN_NMI) /* STI's blocking is of the delivery, not of the VM exit */
		blocking &= ~NVMX_BLOCK_STI;
	if (!c->nmi || (blocking & (NVMX_BLOCK_STI | NVMX_BLOCK_MOVSS | NVMX_BLOCK_NMI)))
		return false;
	c->nmi = false;
	if (pin(c) & NVMX_PIN_NMI)
		fake_vmexit(c, &x);
	else
		fake_deliver(c, info, 0, 0);
	return true;
}

int fake_highest(const uint64_t set[4])
{
	for (int i = 3; i >= 0; i--) {
		uint64_t usable = set[i] & (i ? ~0ull : ~0xffffull); /* vectors 0 to 15 are not interrupts' */

		if (usable)
			return i * 64 + 63 - __builtin_clzll(usable);
	}
	return -1;
}

static int highest(const struct fake_cpu *c)
{
	int v = fake_highest(c->intr);

	return v >> 4 > (int)(c->a.cr8 & 15) ? v : -1;
}

static bool interrupt(struct fake_cpu *c)
{
	int v = highest(c);
	uint32_t info = NVMX_INTR_VALID | NVMX_EVENT_EXT_INT << 8 | (v > 0 ? (unsigned)v : 0);
	struct fake_exit x = { .reason = NVMX_XR_EXT_INT };
	bool open = (c->a.rflags & NVMX_RFLAGS_IF) && !(c->a.blocking & (NVMX_BLOCK_STI | NVMX_BLOCK_MOVSS));
	bool exiting = pin(c) & NVMX_PIN_EXT_INT, take;

	if (v < 0 || (!exiting && !open))
		return false;
	if (exiting && pin(c) & NVMX_PIN_POSTED_INT && (unsigned)v == fake_field(c, NVMX_POSTED_INT_NV)) {
		c->intr[v / 64] &= ~(1ull << v % 64);
		fake_apic_posted(c);
		return true;
	}
	take = !exiting || (fake_field(c, NVMX_EXIT_CTLS) & NVMX_EXIT_ACK_INT);
	if (take)
		c->intr[v / 64] &= ~(1ull << v % 64);
	if (exiting) {
		x.intr_info = take ? info : 0;
		fake_vmexit(c, &x);
	} else {
		fake_deliver(c, info, 0, 0);
	}
	return true;
}

static bool windows_and_interrupts(struct fake_cpu *c)
{
	bool shadow = c->a.blocking & (NVMX_BLOCK_STI | NVMX_BLOCK_MOVSS);

	if (c->a.activity == NVMX_ACTIVITY_SHUTDOWN)
		return nmi(c);
	if ((proc(c) & NVMX_PROC_NMI_WINDOW) && !(c->a.blocking & NVMX_BLOCK_NMI) && !shadow)
		return simple_exit(c, NVMX_XR_NMI_WINDOW);
	if (nmi(c))
		return true;
	if ((proc(c) & NVMX_PROC_INT_WINDOW) && (c->a.rflags & NVMX_RFLAGS_IF) && !shadow)
		return simple_exit(c, NVMX_XR_INT_WINDOW);
	if (c->guest && c->virtual_interrupt && (c->a.rflags & NVMX_RFLAGS_IF) && !shadow) {
		fake_apic_deliver(c);
		return true;
	}
	return interrupt(c);
}

static bool startup(struct fake_cpu *c)
{
	const struct fake_exit x = { .reason = NVMX_XR_SIPI, .qualification = c->sipi_vector };

	if (!c->sipi)
		return false;
	c->sipi = false;
	fake_vmexit(c, &x);
	return true;
}

bool fake_boundary(struct fake_cpu *c)
{
	if (c->guest && c->a.activity == NVMX_ACTIVITY_WAIT_SIPI)
		return startup(c);
	if (c->guest && c->init) {
		c->init = false;
		return simple_exit(c, NVMX_XR_INIT);
	}
	if (c->guest && c->mtf) {
		c->mtf = false;
		return simple_exit(c, NVMX_XR_MTF);
	}
	if (c->guest && c->below_threshold && c->a.activity <= NVMX_ACTIVITY_HLT) {
		c->below_threshold = false;
		return simple_exit(c, NVMX_XR_TPR);
	}
	if (debug_trap(c))
		return true;
	if (c->guest && c->timer_on && !c->timer && c->a.activity <= NVMX_ACTIVITY_SHUTDOWN)
		return simple_exit(c, NVMX_XR_PREEMPTION_TIMER);
	return windows_and_interrupts(c);
}
