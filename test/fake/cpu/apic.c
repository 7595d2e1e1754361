/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* APIC virtualization, virtual interrupts and posted interrupts (SDM 29). */
#include "cpu.h"

/* Registers in the virtual-APIC page (29.1.1). */
enum { ID = 0x20, VTPR = 0x80, VPPR = 0xa0, VEOI = 0xb0, VISR = 0x100, VIRR = 0x200, ICR_LOW = 0x300, ICR_HIGH = 0x310, SELF_IPI = 0x3f0 };

static bool proc(const struct fake_cpu *c, uint32_t bit)
{
	return c->guest && fake_field(c, NVMX_PROC_CTLS) & bit;
}

static bool proc2(const struct fake_cpu *c, uint32_t bit)
{
	return c->guest && fake_proc2(c) & bit;
}

static uint64_t at(const struct fake_cpu *c, unsigned offset)
{
	return fake_field(c, NVMX_VIRTUAL_APIC_ADDR) + offset;
}

static uint32_t reg(const struct fake_cpu *c, unsigned offset)
{
	return (uint32_t)fake_phys_read(c, at(c, offset), 4);
}

static void set_reg(struct fake_cpu *c, unsigned offset, uint32_t value)
{
	fake_phys_write(c, at(c, offset), value, 4);
}

/* VISR and VIRR have 32 vectors in every 16 bytes. */
static void mark(struct fake_cpu *c, unsigned set, unsigned vector, bool on)
{
	unsigned offset = set + vector / 32 * 16;
	uint32_t bit = 1u << vector % 32;

	set_reg(c, offset, on ? reg(c, offset) | bit : reg(c, offset) & ~bit);
}

static unsigned highest(const struct fake_cpu *c, unsigned set)
{
	for (unsigned i = 8; i-- > 0;) {
		uint32_t word = reg(c, set + i * 16);

		if (word)
			return i * 32 + 31 - (unsigned)__builtin_clz(word);
	}
	return 0;
}

static unsigned rvi(const struct fake_cpu *c)
{
	return fake_field(c, NVMX_GUEST_INT_STATUS) & 0xff;
}

static unsigned svi(const struct fake_cpu *c)
{
	return fake_field(c, NVMX_GUEST_INT_STATUS) >> 8 & 0xff;
}

static void set_status(struct fake_cpu *c, unsigned requesting, unsigned servicing)
{
	fake_field_set(c, NVMX_GUEST_INT_STATUS, requesting | servicing << 8);
}

static void request(struct fake_cpu *c, unsigned vector)
{
	if (vector > rvi(c))
		set_status(c, vector, svi(c));
}

/* 29.1.3 */
static void virtualize_ppr(struct fake_cpu *c)
{
	uint32_t tpr = reg(c, VTPR) & 0xff;

	set_reg(c, VPPR, tpr >> 4 >= svi(c) >> 4 ? tpr : svi(c) & 0xf0);
}

/* 29.2.1 */
static void evaluate(struct fake_cpu *c)
{
	c->virtual_interrupt = !proc(c, NVMX_PROC_INT_WINDOW) && rvi(c) >> 4 > (reg(c, VPPR) & 0xff) >> 4;
}

void fake_apic_enter(struct fake_cpu *c)
{
	c->virtual_interrupt = false;
	if (!proc2(c, NVMX_PROC2_VID))
		return;
	virtualize_ppr(c);
	evaluate(c);
}

/* 26.7.7 */
bool fake_apic_below_threshold(const struct fake_cpu *c)
{
	return proc(c, NVMX_PROC_TPR_SHADOW) && proc2(c, NVMX_PROC2_APIC_ACCESS) && !proc2(c, NVMX_PROC2_VID) &&
	       (fake_field(c, NVMX_TPR_THRESHOLD) & 15) > (reg(c, VTPR) & 0xff) >> 4;
}

static void trap(struct fake_cpu *c, uint32_t reason, uint64_t qualification)
{
	const struct fake_exit x = { .reason = reason, .qualification = qualification };

	fake_vmexit(c, &x);
}

/* 29.1.2; the instruction has retired. */
static void virtualize_tpr(struct fake_cpu *c)
{
	if (proc2(c, NVMX_PROC2_VID)) {
		virtualize_ppr(c);
		evaluate(c);
	} else if ((reg(c, VTPR) & 0xff) >> 4 < (fake_field(c, NVMX_TPR_THRESHOLD) & 15)) {
		trap(c, NVMX_XR_TPR, 0);
	}
}

/* 29.1.4 */
static void virtualize_eoi(struct fake_cpu *c)
{
	unsigned vector = svi(c);

	mark(c, VISR, vector, false);
	set_status(c, rvi(c), highest(c, VISR));
	virtualize_ppr(c);
	if (fake_field(c, NVMX_EOI_EXIT_BITMAP0 + 2 * (vector / 64)) >> vector % 64 & 1)
		trap(c, NVMX_XR_EOI, vector);
	else
		evaluate(c);
}

/* 29.1.5 */
static void virtualize_self_ipi(struct fake_cpu *c, unsigned vector)
{
	mark(c, VIRR, vector, true);
	request(c, vector);
	evaluate(c);
}

/* Entries of the PID-pointer table, and a posted-interrupt descriptor (29.1.6, table 29-1). */
#define PID_VALID 1u
#define PID_RESERVED 0x3eu
enum { PID_CONTROL = 32, PID_ON = 1, PID_SN = 2, PID_NDST = 36 };

/* This processor's APIC ID is 0, and there is no other one that would take a notification. */
static void notify(struct fake_cpu *c, unsigned vector, uint32_t destination)
{
	if (!destination)
		c->intr[vector / 64] |= 1ull << vector % 64;
}

/* 29.1.6: the interrupt is posted for the virtual processor `to`; false: there is an APIC-write VM exit instead. */
static bool virtualize_ipi(struct fake_cpu *c, unsigned vector, uint32_t to)
{
	uint64_t pid, word;
	uint32_t control;

	if (!(fake_proc3(c) & NVMX_PROC3_IPI_VIRT) || vector < 16 || to > fake_field(c, NVMX_LAST_PID_POINTER_INDEX))
		return false;
	pid = fake_phys_read(c, fake_field(c, NVMX_PID_POINTER_TABLE) + 8ull * to, 8);
	if (!(pid & PID_VALID) || pid & PID_RESERVED || pid >> c->caps->maxphyaddr)
		return false;
	pid &= ~0x3full;
	word = pid + vector / 64 * 8;
	fake_phys_write(c, word, fake_phys_read(c, word, 8) | 1ull << vector % 64, 8);
	control = (uint32_t)fake_phys_read(c, pid + PID_CONTROL, 4);
	if (control & (PID_ON | PID_SN))
		return true;
	fake_phys_write(c, pid + PID_CONTROL, control | PID_ON, 4);
	notify(c, control >> 16 & 0xff, (uint32_t)fake_phys_read(c, pid + PID_NDST, 4));
	return true;
}

/* 29.2.2 */
void fake_apic_deliver(struct fake_cpu *c)
{
	unsigned vector = rvi(c);

	mark(c, VISR, vector, true);
	set_reg(c, VPPR, vector & 0xf0);
	mark(c, VIRR, vector, false);
	set_status(c, highest(c, VIRR), vector);
	c->virtual_interrupt = false;
	fake_deliver(c, NVMX_INTR_VALID | NVMX_EVENT_EXT_INT << 8 | vector, 0, 0);
}

/* 29.6 */
void fake_apic_posted(struct fake_cpu *c)
{
	uint64_t descriptor = fake_field(c, NVMX_POSTED_INT_DESC_ADDR);

	fake_phys_write(c, descriptor + 32, fake_phys_read(c, descriptor + 32, 8) & ~1ull, 8);
	for (unsigned i = 0; i < 8; i++) {
		uint32_t word = (uint32_t)fake_phys_read(c, descriptor + 4 * i, 4);

		fake_phys_write(c, descriptor + 4 * i, 0, 4);
		if (!word)
			continue;
		set_reg(c, VIRR + i * 16, reg(c, VIRR + i * 16) | word);
		request(c, i * 32 + 31 - (unsigned)__builtin_clz(word));
	}
	evaluate(c);
}

void fake_apic_cr8(struct fake_cpu *c, uint64_t value)
{
	set_reg(c, VTPR, (uint32_t)(value & 15) << 4);
	virtualize_tpr(c);
}

uint64_t fake_apic_tpr(const struct fake_cpu *c)
{
	return (reg(c, VTPR) & 0xff) >> 4;
}

/* 29.4.2: registers whose reads "APIC-register virtualization" answers. */
static bool readable(unsigned offset)
{
	switch (offset) {
	case ID:
	case 0x30:
	case VTPR:
	case VEOI:
	case 0xd0:
	case 0xe0:
	case 0xf0:
	case 0x280:
	case ICR_LOW:
	case ICR_HIGH:
	case 0x380:
	case 0x3e0:
		return true;
	default:
		return (offset >= VISR && offset < 0x280) || (offset >= 0x320 && offset <= 0x370);
	}
}

/* 29.4.3.1: and whose writes. */
static bool writable(unsigned offset)
{
	return readable(offset) && offset != 0x30 && (offset < VISR || offset >= 0x280);
}

bool fake_apic_virtualizes(const struct fake_cpu *c, unsigned offset, unsigned len, unsigned access)
{
	bool regs = proc2(c, NVMX_PROC2_APIC_REGS), vid = proc2(c, NVMX_PROC2_VID), write = access & ACCESS_W;

	if (!proc(c, NVMX_PROC_TPR_SHADOW) || c->vectoring || access & ACCESS_X || len > 4 || (offset & 15) + len > 4)
		return false;
	offset &= ~15u;
	if (offset == VTPR)
		return true;
	if (regs)
		return write ? writable(offset) : readable(offset);
	if (write && offset == ICR_LOW && fake_proc3(c) & NVMX_PROC3_IPI_VIRT)
		return true;
	return write && vid && (offset == VEOI || offset == ICR_LOW);
}

/* 29.1.5, 29.4.3.2: an edge-triggered fixed IPI to itself, with a vector that the APIC takes. */
#define ICR_RESERVED 0xfff32000u
static bool is_self_ipi(uint32_t icr)
{
	return !(icr & ICR_RESERVED) && (icr >> 18 & 3) == 1 && !(icr & 0x8000) && !(icr & 0x700) && icr & 0xf0;
}

/* 29.1.6: an edge-triggered fixed IPI to one processor by its APIC ID. */
static bool is_unicast(uint32_t icr)
{
	return !(icr & (ICR_RESERVED | 0xc0000 | 0x8000 | 0xf00));
}

/* 29.4.3.2: what follows the write, after the instruction. */
void fake_apic_written(struct fake_cpu *c, unsigned offset)
{
	bool vid = proc2(c, NVMX_PROC2_VID);

	offset &= ~3u;
	switch (offset) {
	case VTPR:
		set_reg(c, VTPR, reg(c, VTPR) & 0xff);
		virtualize_tpr(c);
		return;
	case VEOI:
		if (!vid)
			break;
		set_reg(c, VEOI, 0);
		virtualize_eoi(c);
		return;
	case ICR_LOW:
		if (is_unicast(reg(c, ICR_LOW)) && virtualize_ipi(c, reg(c, ICR_LOW) & 0xff, reg(c, ICR_HIGH) >> 24))
			return;
		if (!vid || !is_self_ipi(reg(c, ICR_LOW)))
			break;
		virtualize_self_ipi(c, reg(c, ICR_LOW) & 0xff);
		return;
	case ICR_HIGH:
		set_reg(c, ICR_HIGH, reg(c, ICR_HIGH) & 0xff000000u);
		return;
	default:
		break;
	}
	trap(c, NVMX_XR_APIC_WRITE, offset);
}

uint64_t fake_apic_address(const struct fake_cpu *c, unsigned offset)
{
	return at(c, offset);
}

/* 29.5: RDMSR of an x2APIC register. */
bool fake_x2apic_read(const struct fake_cpu *c, uint32_t msr, uint64_t *value)
{
	unsigned offset = (msr & 0xff) << 4;

	if (!proc2(c, NVMX_PROC2_X2APIC_MODE) || msr >> 8 != 8 || (!proc2(c, NVMX_PROC2_APIC_REGS) && offset != VTPR))
		return false;
	*value = fake_phys_read(c, at(c, offset), 8);
	return true;
}

/* 29.5: WRMSR of an x2APIC register; *fault: it has reserved bits.  What follows comes with fake_x2apic_written(). */
bool fake_x2apic_write(struct fake_cpu *c, uint32_t msr, uint64_t value, bool *fault)
{
	unsigned offset = (msr & 0xff) << 4;
	bool vid = proc2(c, NVMX_PROC2_VID);

	if (!proc2(c, NVMX_PROC2_X2APIC_MODE) || msr >> 8 != 8)
		return false;
	if (offset != VTPR && !(vid && (offset == VEOI || offset == SELF_IPI)) &&
	    !(offset == ICR_LOW && fake_proc3(c) & NVMX_PROC3_IPI_VIRT))
		return false;
	*fault = offset == VEOI ? value : offset == ICR_LOW ? value & ICR_RESERVED : value >> 8;
	if (!*fault)
		fake_phys_write(c, at(c, offset), value, 8);
	return true;
}

void fake_x2apic_written(struct fake_cpu *c, uint32_t msr)
{
	unsigned offset = (msr & 0xff) << 4, vector;

	if (offset == VTPR) {
		virtualize_tpr(c);
	} else if (offset == VEOI) {
		virtualize_eoi(c);
	} else if (offset == ICR_LOW) {
		if (!is_unicast(reg(c, ICR_LOW)) || !virtualize_ipi(c, reg(c, ICR_LOW) & 0xff, reg(c, ICR_LOW + 4)))
			trap(c, NVMX_XR_APIC_WRITE, ICR_LOW);
	} else {
		vector = reg(c, SELF_IPI) & 0xff;
		if (vector >> 4)
			virtualize_self_ipi(c, vector);
		else
			trap(c, NVMX_XR_APIC_WRITE, SELF_IPI);
	}
}
