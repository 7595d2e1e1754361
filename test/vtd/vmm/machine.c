/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#define _GNU_SOURCE
#include "machine.h"
#include "bus.h"
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_CPUID 256u
#define MAX_ROUTES 64u
#define CPUID1_ECX_TSC_DEADLINE (1u << 24)
#define CPUID1_ECX_HYPERVISOR (1u << 31)
#define CPUID80000001_ECX_SVM (1u << 2)

static int kvm, vm, cpu;
static struct kvm_run *run;
static uint8_t *ram;
static uint64_t ram_size;
static struct route current[MAX_ROUTES];
static unsigned current_count;
static uint8_t address_bits;
static bool irqchip, nested;
static int off = -1;

static int must(int result, const char *what)
{
	if (result < 0)
		err(2, "%s", what);
	return result;
}

static void create_memory(uint64_t size)
{
	int fd = must(memfd_create("l1", MFD_CLOEXEC), "memfd_create");

	must(ftruncate(fd, (off_t)size), "L1's memory");
	ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ram == MAP_FAILED)
		err(2, "L1's memory");
	close(fd);
	ram_size = size;
	machine_map(0, 0, ram, size);
}

/* What KVM supports, a local APIC timer that needs no calibration, and SVM for an L1 with guests alone. */
static void set_cpuid(void)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + MAX_CPUID * sizeof(cpuid->entries[0]));

	if (!cpuid)
		err(2, "CPUID");
	cpuid->nent = MAX_CPUID;
	must(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	for (unsigned i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == 1)
			e->ecx |= CPUID1_ECX_TSC_DEADLINE | CPUID1_ECX_HYPERVISOR;
		if (e->function == 0x80000001 && !nested)
			e->ecx &= ~CPUID80000001_ECX_SVM;
		if (e->function == 0x80000008)
			address_bits = (uint8_t)e->eax;
	}
	must(ioctl(cpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
}

static void enable(uint32_t cap, uint64_t arg, const char *what)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { arg } };

	must(ioctl(vm, KVM_ENABLE_CAP, &c), what);
}

static void create_irqchip(void)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (irqchip) {
		must(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
		must(ioctl(vm, KVM_CREATE_PIT2, &pit), "KVM_CREATE_PIT2");
	} else {
		enable(KVM_CAP_SPLIT_IRQCHIP, IOAPIC_PINS, "KVM_CAP_SPLIT_IRQCHIP");
		enable(KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS, "KVM_CAP_X2APIC_API");
	}
}

static void mask_alarm(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(how, &set, NULL);
}

void machine_create(uint64_t size, bool with_irqchip, bool with_svm)
{
	int run_size;

	mask_alarm(SIG_BLOCK); /* also in the threads to come: it is for the one that runs L1 */
	kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	irqchip = with_irqchip;
	nested = with_svm;
	create_irqchip();
	create_memory(size);
	cpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	run_size = must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	if (run == MAP_FAILED)
		err(2, "the processor's state");
	set_cpuid();
}

uint64_t machine_ram_size(void)
{
	return ram_size;
}

uint8_t machine_address_bits(void)
{
	return address_bits;
}

bool machine_irqchip(void)
{
	return irqchip;
}

void machine_edge(unsigned pin)
{
	struct kvm_irq_level level = { .irq = pin, .level = 1 };

	must(ioctl(vm, KVM_IRQ_LINE, &level), "KVM_IRQ_LINE");
	level.level = 0;
	must(ioctl(vm, KVM_IRQ_LINE, &level), "KVM_IRQ_LINE");
}

void *machine_ram(uint64_t gpa, uint64_t len)
{
	return gpa < ram_size && len <= ram_size - gpa ? ram + gpa : NULL;
}

void machine_map(unsigned slot, uint64_t gpa, void *memory, uint64_t len)
{
	struct kvm_userspace_memory_region region = { .slot = slot, .guest_phys_addr = gpa, .memory_size = len,
						      .userspace_addr = (uintptr_t)memory };

	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
}

void machine_msi(struct msi msi)
{
	struct kvm_msi m = { .address_lo = (uint32_t)msi.address, .address_hi = (uint32_t)(msi.address >> 32),
			     .data = msi.data };

	must(ioctl(vm, KVM_SIGNAL_MSI, &m), "KVM_SIGNAL_MSI");
}

static void set_irqfd(int fd, unsigned gsi, uint32_t flags)
{
	struct kvm_irqfd irqfd = { .fd = (uint32_t)fd, .gsi = gsi, .flags = flags };

	must(ioctl(vm, KVM_IRQFD, &irqfd), "KVM_IRQFD");
}

/* The pins of KVM's own controllers. */
static unsigned pin_routes(struct kvm_irq_routing_entry *e)
{
	unsigned n = 0;

	for (unsigned pin = 0; irqchip && pin < IOAPIC_PINS; pin++) {
		e[n++] = (struct kvm_irq_routing_entry){ .gsi = pin, .type = KVM_IRQ_ROUTING_IRQCHIP,
							 .u.irqchip = { KVM_IRQCHIP_IOAPIC, pin } };
		if (pin < 16)
			e[n++] = (struct kvm_irq_routing_entry){ .gsi = pin, .type = KVM_IRQ_ROUTING_IRQCHIP,
								 .u.irqchip = { pin / 8, pin % 8 } };
	}
	return n;
}

static void set_routing(const struct route *routes, unsigned n)
{
	struct kvm_irq_routing *table = calloc(1, sizeof(*table) + (MAX_ROUTES + 2 * IOAPIC_PINS) * sizeof(table->entries[0]));

	if (!table)
		err(2, "routes");
	table->nr = pin_routes(table->entries);
	for (unsigned i = 0; i < n; i++)
		table->entries[table->nr++] = (struct kvm_irq_routing_entry){
			.gsi = IOAPIC_PINS + i, .type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = (uint32_t)routes[i].msi.address,
				   .address_hi = (uint32_t)(routes[i].msi.address >> 32), .data = routes[i].msi.data },
		};
	must(ioctl(vm, KVM_SET_GSI_ROUTING, table), "KVM_SET_GSI_ROUTING");
	free(table);
}

void machine_routes(const struct route *routes, unsigned n)
{
	if (n > MAX_ROUTES)
		errx(2, "%u routes", n);
	if (n == current_count && !memcmp(current, routes, n * sizeof(*routes)))
		return;
	for (unsigned i = 0; i < current_count; i++)
		set_irqfd(current[i].fd, IOAPIC_PINS + i, KVM_IRQFD_FLAG_DEASSIGN);
	set_routing(routes, n);
	for (unsigned i = 0; i < n; i++)
		set_irqfd(routes[i].fd, IOAPIC_PINS + i, 0);
	memcpy(current, routes, n * sizeof(*routes));
	current_count = n;
}

void machine_start(uint32_t entry, uint32_t eax, uint32_t ebx)
{
	struct kvm_segment data = { .limit = 0xffffffff, .selector = 0x10, .type = 3, .present = 1, .db = 1, .s = 1,
				    .g = 1 };
	struct kvm_segment code = data;
	struct kvm_regs regs = { .rax = eax, .rbx = ebx, .rip = entry, .rflags = 2 };
	struct kvm_sregs sregs;

	must(ioctl(cpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	code.selector = 8;
	code.type = 11;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 = 0x11;
	must(ioctl(cpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(ioctl(cpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static void io_exit(void)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	for (unsigned i = 0; i < run->io.count; i++, data += run->io.size)
		bus_port(run->io.port, data, run->io.size, run->io.direction == KVM_EXIT_IO_OUT);
}

static void time_over(int signal)
{
	(void)signal;
	run->immediate_exit = 1;
}

/* Where L1 is that came to no end: its registers, and what its local APIC has. */
static void tell_state(void)
{
	static const struct { const char *name; unsigned first, n; } parts[] = {
		{ "isr", 0x10, 8 }, { "irr", 0x20, 8 }, { "lvt timer", 0x32, 1 }, { "timer", 0x38, 2 }, { "tpr", 8, 1 },
	};
	struct kvm_regs regs;
	struct kvm_lapic_state apic;
	struct kvm_mp_state mp;

	must(ioctl(cpu, KVM_GET_REGS, &regs), "KVM_GET_REGS");
	must(ioctl(cpu, KVM_GET_LAPIC, &apic), "KVM_GET_LAPIC");
	must(ioctl(cpu, KVM_GET_MP_STATE, &mp), "KVM_GET_MP_STATE");
	printf("vmm: no end: rip %#llx rsp %#llx rflags %#llx state %u exit %u", regs.rip, regs.rsp, regs.rflags, mp.mp_state,
	       run->exit_reason);
	for (unsigned i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		printf(" %s", parts[i].name);
		for (unsigned k = 0; k < parts[i].n; k++) {
			uint32_t value;

			memcpy(&value, apic.regs + 16 * (parts[i].first + k), sizeof(value));
			printf(" %x", value);
		}
	}
	putchar('\n');
}

int machine_run(unsigned seconds)
{
	signal(SIGALRM, time_over);
	mask_alarm(SIG_UNBLOCK);
	alarm(seconds);
	while (off < 0) {
		if (ioctl(cpu, KVM_RUN, 0)) {
			if (run->immediate_exit) {
				tell_state();
				return 1;
			}
			if (errno == EINTR || errno == EAGAIN)
				continue;
			err(2, "KVM_RUN");
		}
		if (run->exit_reason == KVM_EXIT_IO) {
			io_exit();
		} else if (run->exit_reason == KVM_EXIT_MMIO) {
			bus_memory(run->mmio.phys_addr, run->mmio.data, run->mmio.len, run->mmio.is_write);
		} else {
			warnx("L1 stopped: exit %u, %#llx", run->exit_reason,
			      (unsigned long long)run->hw.hardware_exit_reason);
			return 1;
		}
	}
	return off;
}

void machine_turn_off(int status)
{
	off = status;
}
