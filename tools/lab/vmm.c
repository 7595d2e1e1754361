/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <elf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm.h"

#define MB_MAGIC	0x1BADB002u
#define MB_BOOT_MAGIC	0x2BADB002u
#define MB_INFO		0x9000u		/* where the guest finds its boot information */
#define MB_CMDLINE	0x9800u
#define MB_MMAP		0x9400u
#define MB_SEARCH	8192u
#define LOW_END		0xa0000u
#define HIGH_START	0x100000u
#define COM1		0x3f8
#define COM1_LSR	0x3fd
#define LSR_IDLE	0x60
#define PM1A_CNT	0xb004
#define PM1_SLP_EN	0x2000
#define SHUTDOWN_PORT	0x8900
#define MAX_CPUID	256
#define HUGE_PAGE	(2u << 20)

struct mb_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
};

struct mb_mmap {
	uint32_t size;
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

static uint8_t *read_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	uint8_t *data;

	if (fd < 0 || fstat(fd, &st) < 0)
		err(1, "%s", path);
	data = malloc((size_t)st.st_size + 1);
	if (!data || read(fd, data, (size_t)st.st_size) != st.st_size)
		err(1, "%s", path);
	close(fd);
	*size = (size_t)st.st_size;
	return data;
}

static void place(struct vm *vm, uint64_t at, const uint8_t *from, uint64_t filesz, uint64_t memsz)
{
	if (at > vm->size || memsz > vm->size - at || filesz > memsz)
		errx(1, "image does not fit: %#lx + %#lx", (unsigned long)at, (unsigned long)memsz);
	memcpy(vm->mem + at, from, filesz);
	memset(vm->mem + at + filesz, 0, memsz - filesz);
}

static uint32_t load_elf32(struct vm *vm, const uint8_t *data, size_t size)
{
	const Elf32_Ehdr *eh = (const void *)data;
	const Elf32_Phdr *ph = (const void *)(data + eh->e_phoff);

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && ph[i].p_offset + ph[i].p_filesz <= size)
			place(vm, ph[i].p_paddr, data + ph[i].p_offset, ph[i].p_filesz, ph[i].p_memsz);
	return eh->e_entry;
}

static uint32_t load_elf64(struct vm *vm, const uint8_t *data, size_t size)
{
	const Elf64_Ehdr *eh = (const void *)data;
	const Elf64_Phdr *ph = (const void *)(data + eh->e_phoff);

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && ph[i].p_offset + ph[i].p_filesz <= size)
			place(vm, ph[i].p_paddr, data + ph[i].p_offset, ph[i].p_filesz, ph[i].p_memsz);
	return (uint32_t)eh->e_entry;
}

/* Address fields in the header (bit 16 of its flags) win over ELF. */
static uint32_t load_image(struct vm *vm, const char *path)
{
	size_t size, at;
	uint8_t *data = read_file(path, &size);
	const uint32_t *h = NULL;

	for (at = 0; at + 32 <= size && at < MB_SEARCH; at += 4) {
		h = (const void *)(data + at);
		if (h[0] == MB_MAGIC && h[0] + h[1] + h[2] == 0)
			break;
		h = NULL;
	}
	if (!h)
		errx(1, "%s: no multiboot image", path);
	if (h[1] & 0x10000) {
		size_t from = at - (h[3] - h[4]);
		size_t len = h[5] ? h[5] - h[4] : size - from;

		if (from > size || len > size - from)
			errx(1, "%s: bad multiboot addresses", path);
		place(vm, h[4], data + from, len, h[6] > h[4] + len ? h[6] - h[4] : len);
		return h[7];
	}
	if (size < sizeof(Elf64_Ehdr) || memcmp(data, ELFMAG, SELFMAG))
		errx(1, "%s: neither ELF nor addresses in the header", path);
	return data[EI_CLASS] == ELFCLASS64 ? load_elf64(vm, data, size) : load_elf32(vm, data, size);
}

static void boot_information(struct vm *vm, int argc, char **argv)
{
	struct mb_info *mb = (void *)(vm->mem + MB_INFO);
	struct mb_mmap *map = (void *)(vm->mem + MB_MMAP);
	char *cmdline = (char *)vm->mem + MB_CMDLINE;

	for (int i = 0; i < argc; i++) {
		if (strlen(cmdline) + strlen(argv[i]) > 1000)
			errx(1, "arguments too long");
		strcat(strcat(cmdline, i ? " " : ""), argv[i]);
	}
	map[0] = (struct mb_mmap){ sizeof(*map) - 4, 0, LOW_END, 1 };
	map[1] = (struct mb_mmap){ sizeof(*map) - 4, HIGH_START, vm->size - HIGH_START, 1 };
	*mb = (struct mb_info){ .flags = 0x45, .mem_lower = LOW_END / 1024,
		.mem_upper = (uint32_t)((vm->size - HIGH_START) / 1024), .cmdline = MB_CMDLINE,
		.mmap_length = 2 * sizeof(*map), .mmap_addr = MB_MMAP };
}

void vm_slot(struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size, void *mem)
{
	struct kvm_userspace_memory_region region = { .slot = slot, .flags = flags, .guest_phys_addr = gpa,
		.memory_size = size, .userspace_addr = (uintptr_t)mem };

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		err(1, "KVM_SET_USER_MEMORY_REGION");
}

void vm_cpu(struct vm *vm, unsigned long request, void *argument, const char *name)
{
	if (ioctl(vm->cpu, request, argument) < 0)
		err(1, "%s", name);
}

/* As QEMU does it: private memory, aligned so that the host may use large pages, and wants to. */
static uint8_t *guest_memory(size_t size, bool small_pages)
{
	uint8_t *mem = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED)
		err(1, "guest memory");
	mem = (uint8_t *)(((uintptr_t)mem + HUGE_PAGE - 1) & -(uintptr_t)HUGE_PAGE);
	if (madvise(mem, size, small_pages ? MADV_NOHUGEPAGE : MADV_HUGEPAGE) && !small_pages)
		warn("no large pages");
	return mem;
}

static void create_machine(struct vm *vm)
{
	struct kvm_pit_config pit = { .flags = 0 };
	struct kvm_enable_cap ring = { .cap = KVM_CAP_DIRTY_LOG_RING, .args[0] = vm->ring };
	uint64_t identity = 0xfffbc000;

	vm->kvm = open("/dev/kvm", O_RDWR);
	if (vm->kvm < 0)
		err(1, "/dev/kvm");
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		err(1, "KVM_CREATE_VM");
	if (vm->ring && ioctl(vm->fd, KVM_ENABLE_CAP, &ring))
		err(1, "KVM_CAP_DIRTY_LOG_RING");
	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) || ioctl(vm->fd, KVM_SET_TSS_ADDR, identity + 4096))
		err(1, "KVM_SET_TSS_ADDR");
	if (!vm->no_chips && (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) || ioctl(vm->fd, KVM_CREATE_PIT2, &pit)))
		err(1, "KVM_CREATE_IRQCHIP");
	if (!vm->mem)
		vm->mem = guest_memory(vm->size, vm->small_pages);
	if (vm->pass_marks && iopl(3))
		err(1, "iopl");
	vm_slot(vm, 0, 0, 0, vm->size, vm->mem);
}

static int create_cpu(const struct vm *vm, unsigned number)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + MAX_CPUID * sizeof(cpuid->entries[0]));
	int cpu = ioctl(vm->fd, KVM_CREATE_VCPU, number);

	if (cpu < 0 || !cpuid)
		err(1, "KVM_CREATE_VCPU");
	cpuid->nent = MAX_CPUID;
	if (ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid) || ioctl(cpu, KVM_SET_CPUID2, cpuid))
		err(1, "KVM_SET_CPUID2");
	free(cpuid);
	return cpu;
}

static struct kvm_run *map_run(const struct vm *vm, int cpu)
{
	struct kvm_run *run = mmap(NULL, (size_t)ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);

	if (run == MAP_FAILED)
		err(1, "KVM_RUN's page");
	return run;
}

void vm_create(struct vm *vm)
{
	create_machine(vm);
	vm->cpu = create_cpu(vm, 0);
	vm->run = map_run(vm, vm->cpu);
	for (unsigned i = 0; i < vm->others; i++)
		vm->other[i] = create_cpu(vm, i + 1);
}

struct other {
	struct vm vm;		/* as this virtual CPU has it */
	unsigned number;
	void (*began)(unsigned number);
};

static void *run_other(void *argument)
{
	struct other *o = argument;
	enum vm_end end;

	if (o->began)
		o->began(o->number);
	do
		end = vm_step(&o->vm);
	while (end == VM_RUNS || end == VM_INTERRUPTED);
	fflush(stdout);
	errx(1, "processor %u has ended the machine", o->number);
}

void vm_run_others(const struct vm *vm, void (*began)(unsigned number))
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < vm->others; i++) {
		struct other *o = malloc(sizeof(*o));
		pthread_t thread;

		if (!o)
			err(1, "processor");
		*o = (struct other){ .vm = *vm, .number = i + 1, .began = began };
		o->vm.cpu = vm->other[i];
		o->vm.run = map_run(vm, vm->other[i]);
		if (pthread_create(&thread, NULL, run_other, o))
			errx(1, "no thread");
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void vm_close(struct vm *vm)
{
	munmap(vm->run, (size_t)ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	close(vm->cpu);
	close(vm->fd);
	close(vm->kvm);
}

/* The state that the Multiboot Specification 3.2 promises. */
static void start_cpu(struct vm *vm, uint32_t entry)
{
	struct kvm_segment data = { .limit = 0xffffffff, .selector = 0x10, .type = 3, .present = 1, .db = 1, .s = 1,
		.g = 1 };
	struct kvm_segment code = data;
	struct kvm_regs regs = { .rax = MB_BOOT_MAGIC, .rbx = MB_INFO, .rip = entry, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(vm->cpu, KVM_GET_SREGS, &sregs))
		err(1, "KVM_GET_SREGS");
	code.selector = 8;
	code.type = 11;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 = 0x11;
	if (ioctl(vm->cpu, KVM_SET_SREGS, &sregs) || ioctl(vm->cpu, KVM_SET_REGS, &regs))
		err(1, "KVM_SET_SREGS");
}

static void serial_out(const struct vm *vm, char c)
{
	static char last = '\n';

	if (last == '\n' && vm->prefix)
		fputs(vm->prefix, stdout);
	last = c;
	putchar(c);
	if (c == '\n')
		fflush(stdout);
}

/* True when the guest has asked for power off. */
static int port_written(const struct vm *vm, unsigned port, unsigned size, const uint8_t *data)
{
	static const char word[] = "Shutdown";
	static unsigned matched;

	if (port == COM1) {
		serial_out(vm, data[0]);
	} else if (port == SHUTDOWN_PORT) {
		matched = data[0] == word[matched] ? matched + 1 : 0;
		return matched == sizeof(word) - 1;
	} else if (port == PM1A_CNT && size >= 2) {
		if (!vm->pass_marks || data[1] & PM1_SLP_EN >> 8)
			return data[1] & PM1_SLP_EN >> 8;
		outw((unsigned short)(data[0] | data[1] << 8), PM1A_CNT);
	}
	return 0;
}

static int io_exit(struct vm *vm)
{
	struct kvm_run *run = vm->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	for (unsigned i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_IN)
			memset(data, run->io.port == COM1_LSR ? LSR_IDLE : 0xff, run->io.size);
		else if (port_written(vm, run->io.port, run->io.size, data))
			return 1;
	}
	return 0;
}

void vm_load(struct vm *vm, const char *path, int argc, char **argv)
{
	uint32_t entry = load_image(vm, path);

	boot_information(vm, argc, argv);
	start_cpu(vm, entry);
}

enum vm_end vm_step(struct vm *vm)
{
	if (ioctl(vm->cpu, KVM_RUN, 0)) {
		if (errno != EINTR && errno != EAGAIN)	/* EAGAIN: a virtual CPU has waited for its INIT */
			err(1, "KVM_RUN");
		return VM_INTERRUPTED;
	}
	switch (vm->run->exit_reason) {
	case KVM_EXIT_IO:
		return io_exit(vm) ? VM_OFF : VM_RUNS;
	case KVM_EXIT_MMIO:
		if (!vm->run->mmio.is_write)
			memset(vm->run->mmio.data, 0xff, sizeof(vm->run->mmio.data));
		return VM_RUNS;
	case KVM_EXIT_INTR:
		return VM_INTERRUPTED;
	default:
		warnx("the guest stopped: exit %u, %#llx", vm->run->exit_reason,
		      (unsigned long long)vm->run->hw.hardware_exit_reason);
		return VM_STOPPED;
	}
}
