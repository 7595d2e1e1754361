/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The host's callbacks, each of which holds the library to the protocol of <nestvmx/host.h>. */
#include <stdlib.h>
#include <string.h>
#include "host.h"
#include "fake_port.h"

static struct nvmx_host *port_host; /* for the accessors of a port header, which get no argument */

/* Counts a callback that may fail; true: this is the one. */
static bool fails(struct nvmx_host *h)
{
	FAKE_ASSERT(h->inside);
	return ++h->r->callbacks == h->m->fail_at;
}

uint32_t fake_host_random(struct nvmx_host *h)
{
	h->random = h->random * 1664525u + 1013904223u;
	return h->random >> 8;
}

static int translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	memset(out, 0xa5, sizeof(*out));
	FAKE_ASSERT(access & 7 && !(access & ~15u));
	if (fails(h) || gpa >= FAKE_RAM_SIZE)
		return -1;
	if (fake_not_now(h, gpa, access & NVMX_ACCESS_PEEK))
		return NVMX_NOT_NOW;
	if ((access & (NVMX_ACCESS_W | NVMX_ACCESS_PEEK)) == NVMX_ACCESS_W)
		fake_watch_written(h, gpa); /* L2 is about to */
	*out = (struct nvmx_xlate){ fake_ram_hpa(&h->mem, gpa), h->watched[gpa / FAKE_PAGE] ? 5 : 7, 12, 6, false };
	return 0;
}

#ifdef NESTVMX_PORT_HEADER
#include "fake_port.h"

/* L1's memory as it is, where nothing is to be undone: the ops are not called.  The library's host is the ledger's. */
void *fake_port_map(struct nvmx_host *host, uint64_t gpa)
{
	struct nvmx_host *h = ((struct nvmx_ledger *)(void *)host)->host;

	FAKE_ASSERT(h->inside && gpa % FAKE_PAGE == 0);
	if (fails(h) || gpa >= FAKE_RAM_SIZE)
		return NULL;
	return fake_not_now(h, gpa, false) ? NVMX_MAP_NOT_NOW : h->mem.ram + gpa;
}

static void *map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	(void)h, (void)gpa, (void)write;
	FAKE_ASSERT(false);
	return NULL;
}

static void unmap(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)h, (void)gpa, (void)page, (void)wrote;
	FAKE_ASSERT(false);
}
#else
static struct fake_mapping *mapping_of(struct nvmx_host *h, uint64_t gpa)
{
	for (unsigned i = 0; i < FAKE_MAPPINGS; i++)
		if (h->mapping[i].refs && h->mapping[i].gpa == gpa)
			return &h->mapping[i];
	return NULL;
}

/* Another processor of the guest writes while the library is not looking. */
static void mutate(struct nvmx_host *h, uint8_t *frame)
{
	for (unsigned n = fake_host_random(h) % 4; n; n--)
		frame[fake_host_random(h) % FAKE_PAGE] ^= (uint8_t)(1u << fake_host_random(h) % 8);
}

/* The library works on a copy, so that the sanitizer sees a use after unmap and a write without the right to it. */
static void *map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	struct fake_mapping *p;
	uint8_t *frame;

	FAKE_ASSERT(gpa % FAKE_PAGE == 0);
	if (fails(h) || gpa >= FAKE_RAM_SIZE)
		return NULL;
	if (fake_not_now(h, gpa, false))
		return NVMX_MAP_NOT_NOW;
	frame = h->mem.ram + gpa;
	p = mapping_of(h, gpa);
	if (!p) {
		for (p = h->mapping; p->refs; p++)
			FAKE_ASSERT(p < h->mapping + FAKE_MAPPINGS - 1);
		if (h->m->mutate) {
			fake_watch_written(h, gpa);
			mutate(h, frame);
		}
		*p = (struct fake_mapping){ .gpa = gpa, .copy = aligned_alloc(FAKE_PAGE, FAKE_PAGE), .before = malloc(FAKE_PAGE) };
		memcpy(p->copy, frame, FAKE_PAGE);
		memcpy(p->before, frame, FAKE_PAGE);
	}
	p->write |= write;
	p->refs++;
	h->mappings++;
	FAKE_ASSERT(h->mappings <= FAKE_MAPPINGS);
	return p->copy;
}

static void unmap(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote)
{
	struct fake_mapping *p = mapping_of(h, gpa);

	FAKE_ASSERT(h->inside && p && p->copy == page && (!wrote || p->write));
	if (!p->write)
		FAKE_ASSERT(!memcmp(p->copy, p->before, FAKE_PAGE));
	if (wrote)
		memcpy(h->mem.ram + gpa, p->copy, FAKE_PAGE);
	h->mappings--;
	if (--p->refs)
		return;
	free(p->copy);
	free(p->before);
}

#endif

static int pin(struct nvmx_host *h, uint64_t gpa, uint64_t *hpa)
{
	*hpa = 0xa5a5a5a5a5a5a000;
	FAKE_ASSERT(gpa % FAKE_PAGE == 0);
	if (fails(h) || gpa >= FAKE_RAM_SIZE)
		return -1;
	if (fake_not_now(h, gpa, false))
		return NVMX_NOT_NOW;
	FAKE_ASSERT(h->pins < FAKE_PINS);
	*hpa = fake_ram_hpa(&h->mem, gpa);
	h->pin[h->pins++] = (struct fake_pin){ gpa, *hpa };
	return 0;
}

static void unpin(struct nvmx_host *h, uint64_t gpa, uint64_t hpa)
{
	unsigned i = 0;

	while (i < h->pins && (h->pin[i].gpa != gpa || h->pin[i].hpa != hpa))
		i++;
	FAKE_ASSERT(i < h->pins);
	h->pin[i] = h->pin[--h->pins];
}

static uint64_t owned_by(struct nvmx_host *h, uint64_t hpa, enum fake_owner owner)
{
	if (hpa)
		h->owner[(hpa - FAKE_HOST_BASE) / FAKE_PAGE] = (uint8_t)owner;
	return hpa;
}

uint64_t fake_host_own(struct nvmx_host *h, uint64_t hpa)
{
	return owned_by(h, hpa, FAKE_OF_HOST);
}

uint64_t fake_host_frame(struct nvmx_host *h, enum fake_owner owner)
{
	return owned_by(h, fake_host_page(&h->mem), owner);
}

static enum fake_owner owner_of(const struct nvmx_host *h, uint64_t hpa)
{
	uint64_t frame = (hpa - FAKE_HOST_BASE) / FAKE_PAGE;

	return hpa >= FAKE_HOST_BASE && frame < FAKE_HOST_FRAMES ? (enum fake_owner)h->owner[frame] : FAKE_FREE;
}

static void *page_alloc(struct nvmx_host *h, uint64_t *hpa)
{
	*hpa = 0xa5a5a5a5a5a5a000;
	if (fails(h))
		return NULL;
	*hpa = fake_host_frame(h, FAKE_OF_LIBRARY);
	FAKE_ASSERT(*hpa && ++h->got <= NVMX_PAGES_PER_CALL(FAKE_BUDGET));
	return fake_at(&h->mem, *hpa);
}

static void page_free(struct nvmx_host *h, void *page, uint64_t hpa)
{
	FAKE_ASSERT(h->inside && owner_of(h, hpa) == FAKE_OF_LIBRARY && fake_at(&h->mem, hpa) == page);
	FAKE_ASSERT(h->cpu.vmcs != hpa); /* a page that is the current VMCS */
	h->owner[(hpa - FAKE_HOST_BASE) / FAKE_PAGE] = FAKE_FREE;
	fake_host_page_free(&h->mem, hpa);
}

static void vmcs_load(struct nvmx_host *h, uint64_t hpa)
{
	FAKE_ASSERT(h->inside && (hpa == h->vmcs01 || owner_of(h, hpa) == FAKE_OF_LIBRARY));
	FAKE_ASSERT(fake_vmptrld(&h->cpu, hpa) == FAKE_VM_SUCCEED);
}

static void vmcs_clear(struct nvmx_host *h, uint64_t hpa)
{
	FAKE_ASSERT(h->inside && hpa != h->vmcs01 && owner_of(h, hpa) == FAKE_OF_LIBRARY);
	FAKE_ASSERT(fake_vmclear(&h->cpu, hpa) == FAKE_VM_SUCCEED);
}

static bool granted(const struct nvmx_host *h, uint64_t hpa)
{
	if (owner_of(h, hpa) == FAKE_OF_LIBRARY)
		return true;
	for (unsigned i = 0; i < h->pins; i++)
		if (h->pin[i].hpa >> 12 == hpa >> 12)
			return true;
	return false;
}

static const uint16_t address_fields[] = {
	NVMX_IO_BITMAP_A, NVMX_IO_BITMAP_B, NVMX_MSR_BITMAP, NVMX_EXIT_MSR_STORE_ADDR, NVMX_ENTRY_MSR_LOAD_ADDR,
	NVMX_EXIT_MSR_LOAD_ADDR, NVMX_VIRTUAL_APIC_ADDR, NVMX_APIC_ACCESS_ADDR, NVMX_POSTED_INT_DESC_ADDR,
	NVMX_EPT_POINTER, NVMX_PML_ADDRESS, NVMX_EPTP_LIST_ADDR, NVMX_VMREAD_BITMAP, NVMX_VMWRITE_BITMAP,
	NVMX_VE_INFO_ADDR, NVMX_VMCS_LINK_POINTER,
};

/* No address enters a VMCS that is not the library's page, a pinned frame, or what vmcs01 has. */
static void check_write(const struct nvmx_host *h, uint32_t field, uint64_t value)
{
	bool is_address = false;

	for (unsigned i = 0; i < sizeof(address_fields) / sizeof(*address_fields); i++)
		is_address |= field == address_fields[i];
	if (!is_address || value == 0 || value == FAKE_NONE || value == *fake_value(&h->mem, h->vmcs01, field))
		return;
	FAKE_ASSERT(granted(h, value));
}

static uint64_t read_field(struct nvmx_host *h, uint32_t field)
{
	uint64_t value = 0xa5a5a5a5a5a5a5a5;

	FAKE_ASSERT(h->inside && h->cpu.vmcs != FAKE_NONE);
	FAKE_ASSERT(fake_vmread(&h->cpu, field, &value) == FAKE_VM_SUCCEED);
	return value;
}

static void write_field(struct nvmx_host *h, uint32_t field, uint64_t value)
{
	FAKE_ASSERT(h->inside && h->cpu.vmcs != FAKE_NONE);
	check_write(h, field, value);
	FAKE_ASSERT(fake_vmwrite(&h->cpu, field, value) == FAKE_VM_SUCCEED);
}

#ifndef NESTVMX_PORT_HEADER
static void read_many(struct nvmx_host *h, const uint32_t *fields, uint64_t *values, size_t n)
{
	FAKE_ASSERT(n);
	for (size_t i = 0; i < n; i++)
		values[i] = read_field(h, fields[i]);
}

static void write_many(struct nvmx_host *h, const uint32_t *fields, const uint64_t *values, size_t n)
{
	FAKE_ASSERT(n);
	for (size_t i = 0; i < n; i++)
		write_field(h, fields[i], values[i]);
}
#endif

uint64_t fake_port_vmread(uint32_t field)
{
	return read_field(port_host, field);
}

void fake_port_vmwrite(uint32_t field, uint64_t value)
{
	write_field(port_host, field, value);
}

static void flush_ept(struct nvmx_host *h, uint64_t eptp, unsigned scope)
{
	FAKE_ASSERT(h->inside && (scope == NVMX_FLUSH_ALL || (scope == NVMX_FLUSH_SINGLE && granted(h, eptp))));
	FAKE_ASSERT(fake_invept(&h->cpu, scope, scope == NVMX_FLUSH_ALL ? 0 : eptp, 0) == FAKE_VM_SUCCEED);
}

static bool is_vpid02(const struct fake_machine *m, uint64_t vpid)
{
	return vpid >= 2 && vpid < 2 + (m->vpids ? m->vpids : 1);
}

static void flush_vpid(struct nvmx_host *h, uint16_t vpid, unsigned scope, uint64_t linear)
{
	FAKE_ASSERT(h->inside && !h->m->no_vpid && (vpid == 1 || is_vpid02(h->m, vpid) || scope == NVMX_FLUSH_ALL));
	FAKE_ASSERT(fake_invvpid(&h->cpu, scope, vpid, linear) == FAKE_VM_SUCCEED);
}

static int l1_msr_read(struct nvmx_host *h, uint32_t msr, uint64_t *value)
{
	const uint64_t *area = fake_area_msr(h, msr);

	*value = 0xa5a5a5a5a5a5a5a5;
	if (fails(h) || msr == NVMX_MSR_FEATURE_CONTROL || msr - NVMX_CAPS_FIRST_MSR < NVMX_CAPS_MSRS)
		return -1;
	if (area)
		*value = *area;
	else if (!fake_rdmsr(&h->cpu, msr, value))
		return -1;
	if (msr == NVMX_MSR_TSC)
		*value += 0x1000;
	return 0;
}

static int l1_msr_write(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	uint64_t *area = fake_area_msr(h, msr);
	struct fake_arch saved = h->cpu.a;

	if (fails(h) || msr == NVMX_MSR_FEATURE_CONTROL || !fake_wrmsr(&h->cpu, msr, value))
		return -1;
	if (area) {
		*area = value;
		h->cpu.a = saved;
	}
	return 0;
}

/* The task priority decides what the interrupt controller offers. */
static int offered(const struct nvmx_host *h)
{
	int v = fake_highest(h->virq);

	return v >> 4 > (int)(h->cpu.a.cr8 & 15) ? v : -1;
}

static unsigned pending_events(struct nvmx_host *h)
{
	FAKE_ASSERT(h->inside);
	return (offered(h) >= 0 ? NVMX_PENDING_INTR : 0) | (h->vnmi ? NVMX_PENDING_NMI : 0) |
	       (h->vinit ? NVMX_PENDING_INIT : 0) | (h->vsipi ? NVMX_PENDING_SIPI : 0);
}

static int ack_interrupt(struct nvmx_host *h)
{
	int v = offered(h);

	FAKE_ASSERT(h->inside);
	if (v >= 0)
		h->virq[v / 64] &= ~(1ull << v % 64);
	h->acknowledged = v;
	return v;
}

static void end_interrupt(struct nvmx_host *h, unsigned vector)
{
	FAKE_ASSERT(h->inside && (int)vector == h->acknowledged);
	h->acknowledged = -1;
}

static int take_event(struct nvmx_host *h, unsigned event)
{
	FAKE_ASSERT(h->inside && (pending_events(h) & event));
	if (event == NVMX_PENDING_NMI)
		h->vnmi = false;
	else if (event == NVMX_PENDING_INIT)
		h->vinit = false;
	else
		h->vsipi = false;
	return event == NVMX_PENDING_SIPI ? h->vsipi_vector : 0;
}

static void set_cr2(struct nvmx_host *h, uint64_t cr2)
{
	h->cpu.a.cr2 = cr2;
}

static void set_dr6(struct nvmx_host *h, uint64_t conditions)
{
	FAKE_ASSERT(h->inside && !(conditions & ~0x600full));
	h->cpu.a.dr6 = (h->cpu.a.dr6 & ~0xfull) | conditions;
}

static void l1_state_loaded(struct nvmx_host *h)
{
	FAKE_ASSERT(h->inside && h->cpu.vmcs == h->vmcs01);
}

static void barrier(struct nvmx_host *h, unsigned kinds)
{
	FAKE_ASSERT(h->inside && kinds && !(kinds & ~3u));
	h->barriers |= kinds;
	h->barriers_since |= kinds;
}

static void trace(struct nvmx_host *h, unsigned what, uint64_t a, uint64_t b, uint64_t c)
{
	FAKE_ASSERT(h->inside && h->m->traced && nvmx_trace_name(what));
	if (h->r->traced_n < FAKE_TRACED_MAX)
		h->r->traced[h->r->traced_n] = (struct fake_traced){ what, a, b, c };
	h->r->traced_n++;
}

const struct nvmx_host_ops fake_host_ops = {
	.size = sizeof(struct nvmx_host_ops),
	.abi = NVMX_ABI_VERSION,
	.translate = translate,
	.map = map,
	.unmap = unmap,
	.pin = pin,
	.unpin = unpin,
	.page_alloc = page_alloc,
	.page_free = page_free,
	.vmcs_load = vmcs_load,
	.vmcs_clear = vmcs_clear,
#ifndef NESTVMX_PORT_HEADER
	.vmcs_read_many = read_many,
	.vmcs_write_many = write_many,
#endif
	.flush_ept = flush_ept,
	.flush_vpid = flush_vpid,
	.l1_msr_read = l1_msr_read,
	.l1_msr_write = l1_msr_write,
	.l1_state_loaded = l1_state_loaded,
	.pending_events = pending_events,
	.ack_interrupt = ack_interrupt,
	.barrier = barrier,
	.trace = trace,
	.take_event = take_event,
	.set_cr2 = set_cr2,
	.set_dr6 = set_dr6,
	.end_interrupt = end_interrupt,
	.watch = fake_watch,
	.unwatch = fake_unwatch,
};

void fake_host_clean(const struct nvmx_host *h)
{
	FAKE_ASSERT(!h->mappings && !h->pins && h->cpu.vmcs == h->vmcs01);
	for (unsigned i = 0; i < FAKE_HOST_FRAMES; i++)
		FAKE_ASSERT(h->owner[i] != FAKE_OF_LIBRARY);
}

/* A page of the library's in place of an APIC-access page, which L2 never reaches. */
static bool is_own_apic_page(const struct nvmx_host *h, uint64_t hpa)
{
	return fake_proc2(&h->cpu) & NVMX_PROC2_APIC_ACCESS && fake_field(&h->cpu, NVMX_APIC_ACCESS_ADDR) == hpa &&
	       owner_of(h, hpa) == FAKE_OF_LIBRARY;
}

/* Every table of the shadow EPT is the library's, every leaf a frame of L1. */
static void check_tables(const struct nvmx_host *h, uint64_t table, unsigned level)
{
	const uint64_t *entry = fake_at(&h->mem, table);

	FAKE_ASSERT(owner_of(h, table) == FAKE_OF_LIBRARY);
	for (unsigned i = 0; i < 512; i++) {
		uint64_t hpa = entry[i] & 0x7ffffff000ull;

		if (!(entry[i] & 7))
			continue;
		if (level == 1 || (entry[i] & 0x80))
			FAKE_ASSERT(level == 1 && (fake_is_ram(&h->mem, hpa) || is_own_apic_page(h, hpa)));
		else
			check_tables(h, hpa, level - 1);
	}
}

static uint8_t owned_byte(const struct nvmx_host *h, uint64_t page, unsigned at)
{
	FAKE_ASSERT(owner_of(h, page) == FAKE_OF_LIBRARY);
	return ((const uint8_t *)fake_at(&h->mem, page))[at];
}

/* The host's own intercepts hold for L2 too: the VMX MSRs must exit. */
static void check_msr_bitmap(const struct nvmx_host *h, uint64_t page)
{
	for (uint32_t msr = NVMX_CAPS_FIRST_MSR; msr < NVMX_CAPS_FIRST_MSR + NVMX_CAPS_MSRS; msr++)
		FAKE_ASSERT((owned_byte(h, page, msr / 8) & owned_byte(h, page, 2048 + msr / 8)) >> msr % 8 & 1);
}

/* What L2 can switch to by itself is as good as what it runs on. */
static void check_vm_functions(struct nvmx_host *h)
{
	uint64_t functions = fake_field(&h->cpu, NVMX_VMFUNC_CTLS), list = fake_field(&h->cpu, NVMX_EPTP_LIST_ADDR), eptp;

	if (!functions)
		return;
	FAKE_ASSERT(functions == NVMX_VMFUNC_EPTP_SWITCHING && owner_of(h, list) == FAKE_OF_LIBRARY);
	FAKE_ASSERT(!h->m->exits_on_vmfunc && !(h->m->withheld >> NVMX_FEATURE_HW_EPTP_SWITCHING & 1));
	for (unsigned i = 0; i < 512; i++) {
		memcpy(&eptp, (uint8_t *)fake_at(&h->mem, list) + 8 * i, 8);
		if (!eptp)
			continue;
		FAKE_ASSERT(owner_of(h, eptp & ~0xfffull) == FAKE_OF_LIBRARY);
		check_tables(h, eptp & ~0xfffull, 4);
	}
}

/* The host's MSR areas: those of vmcs01, never L1's. */
static const uint16_t area_fields[] = {
	NVMX_ENTRY_MSR_LOAD_ADDR, NVMX_ENTRY_MSR_LOAD_COUNT, NVMX_EXIT_MSR_STORE_ADDR, NVMX_EXIT_MSR_STORE_COUNT,
	NVMX_EXIT_MSR_LOAD_ADDR, NVMX_EXIT_MSR_LOAD_COUNT,
};

/* The host's interrupts and NMIs make L2 exit, whatever L1 asked for. */
static void check_own_events(const struct nvmx_host *h)
{
	uint64_t pin = fake_field(&h->cpu, NVMX_PIN_CTLS);

	FAKE_ASSERT(pin & NVMX_PIN_EXT_INT && pin & NVMX_PIN_NMI);
	FAKE_ASSERT(!(pin & NVMX_PIN_POSTED_INT) ||
		    (h->m->notifies && fake_field(&h->cpu, NVMX_POSTED_INT_NV) == FAKE_POSTED_VECTOR));
	FAKE_ASSERT(fake_field(&h->cpu, NVMX_GUEST_ACTIVITY) <= NVMX_ACTIVITY_HLT);
}

void fake_check_vmcs02(struct nvmx_host *h)
{
	const struct fake_cpu *c = &h->cpu;
	uint64_t proc = fake_field(c, NVMX_PROC_CTLS), eptp = fake_field(c, NVMX_EPT_POINTER);
	uint32_t proc2 = fake_proc2(c);

	FAKE_ASSERT(owner_of(h, c->vmcs) == FAKE_OF_LIBRARY);
	FAKE_ASSERT(proc2 & NVMX_PROC2_EPT);
	if (h->m->flags & NVMX_HOST_OWNS_INTERRUPTS)
		check_own_events(h);
	FAKE_ASSERT(fake_field(c, NVMX_HOST_RIP) == *fake_value(&h->mem, h->vmcs01, NVMX_HOST_RIP));
	for (unsigned i = 0; i < sizeof(area_fields) / sizeof(*area_fields); i++)
		FAKE_ASSERT(fake_field(c, area_fields[i]) == *fake_value(&h->mem, h->vmcs01, area_fields[i]));
	FAKE_ASSERT(eptp == h->eptp01 || owner_of(h, eptp & ~0xfffull) == FAKE_OF_LIBRARY);
	if (eptp != h->eptp01)
		check_tables(h, eptp & ~0xfffull, 4);
	if (proc2 & NVMX_PROC2_VMFUNC)
		check_vm_functions(h);
	if (proc & NVMX_PROC_MSR_BITMAPS)
		check_msr_bitmap(h, fake_field(c, NVMX_MSR_BITMAP));
	FAKE_ASSERT(!(fake_proc3(c) & NVMX_PROC3_IPI_VIRT)); /* the descriptors are those of L1's processors */
	if (proc2 & NVMX_PROC2_APIC_ACCESS)
		FAKE_ASSERT(granted(h, fake_field(c, NVMX_APIC_ACCESS_ADDR)));
	if (proc & NVMX_PROC_TPR_SHADOW)
		FAKE_ASSERT(granted(h, fake_field(c, NVMX_VIRTUAL_APIC_ADDR)));
	if (proc & NVMX_PROC_IO_BITMAPS)
		FAKE_ASSERT(granted(h, fake_field(c, NVMX_IO_BITMAP_A)) && granted(h, fake_field(c, NVMX_IO_BITMAP_B)));
	if (!h->m->no_vpid)
		FAKE_ASSERT((proc2 & NVMX_PROC2_VPID) && is_vpid02(h->m, fake_field(c, NVMX_VPID)));
}


void fake_port_use(struct nvmx_host *h)
{
	port_host = h;
}
