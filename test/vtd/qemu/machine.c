/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#define _GNU_SOURCE
#include "machine.h"
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNIT_BASE 0xfed90000ull
#define BAR_BASE 0xe0000000u
#define BAR_SIZE 0x100000u
#define FIRST_SLOT 4u

#define EDU_SOURCE 0x80u
#define EDU_DESTINATION 0x88u
#define EDU_COUNT 0x90u
#define EDU_COMMAND 0x98u
#define EDU_RUN 1u
#define EDU_TO_MEMORY 2u
#define EDU_BUFFER 0x40000u

static struct {
	pid_t pid;
	FILE *to, *from;
	unsigned char *memory;
} machine;

static void die(const char *why)
{
	fprintf(stderr, "vtd-qemu: %s\n", why);
	exit(1);
}

/* One line to qtest; its answer, which is `OK` and perhaps a number. */
__attribute__((format(printf, 1, 2))) static uint64_t ask(const char *format, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, format);
	vfprintf(machine.to, format, ap);
	va_end(ap);
	fputc('\n', machine.to);
	fflush(machine.to);
	do {
		if (!fgets(line, sizeof(line), machine.from))
			die("QEMU has ended");
	} while (!strncmp(line, "IRQ ", 4));
	if (strncmp(line, "OK", 2))
		die(line);
	return strtoull(line + 2, NULL, 0);
}

static uint64_t read_bus(uint64_t address, unsigned size)
{
	return ask("read%c 0x%" PRIx64, size == 8 ? 'q' : 'l', address);
}

static void write_bus(uint64_t address, unsigned size, uint64_t value)
{
	ask("write%c 0x%" PRIx64 " 0x%" PRIx64, size == 8 ? 'q' : 'l', address, value);
}

static void config_write(unsigned slot, unsigned offset, uint32_t value)
{
	ask("outl 0xcf8 0x%x", 0x80000000u | slot << 11 | offset);
	ask("outl 0xcfc 0x%x", value);
}

static uint32_t config_read(unsigned slot, unsigned offset)
{
	ask("outl 0xcf8 0x%x", 0x80000000u | slot << 11 | offset);
	return (uint32_t)ask("inl 0xcfc");
}

static int memory_file(const char *name, size_t size)
{
	int fd = memfd_create(name, 0);

	if (fd < 0 || ftruncate(fd, (off_t)size))
		die("no memory file");
	return fd;
}

/* cli; hlt; and should anything wake it, hlt again. */
static int bios_file(void)
{
	static const unsigned char code[] = { 0xfa, 0xf4, 0xeb, 0xfd };
	unsigned char image[0x10000];
	int fd = memory_file("bios", sizeof(image));

	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = code[i % sizeof(code)];
	if (write(fd, image, sizeof(image)) != sizeof(image))
		die("no BIOS file");
	return fd;
}

static void run_qemu(int socket, int memory, int bios)
{
	char backend[128], chardev[64], firmware[64];
	const char *program = getenv("VTD_QEMU") ? getenv("VTD_QEMU") : "qemu-system-x86_64";

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(backend, sizeof(backend), "memory-backend-file,id=m,size=4G,share=on,mem-path=/proc/self/fd/%d", memory);
	snprintf(chardev, sizeof(chardev), "socket,id=q,fd=%d", socket);
	snprintf(firmware, sizeof(firmware), "/proc/self/fd/%d", bios);
	execlp(program, program, "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35,memory-backend=m",
	       "-m", "4G", "-object", backend, "-bios", firmware, "-accel", "tcg", "-icount", "shift=0,sleep=off",
	       "-chardev", chardev, "-object", "qtest,id=t,chardev=q,log=/dev/null", "-device", "intel-iommu,aw-bits=48",
	       "-device", "edu,addr=4,dma_mask=0xffffffffffffffff", "-device",
	       "edu,addr=5,dma_mask=0xffffffffffffffff", "-device", "edu,addr=6,dma_mask=0xffffffffffffffff",
	       (char *)NULL);
	perror(program);
	_exit(127);
}

static void enable_device(unsigned slot, uint32_t bar)
{
	if (config_read(slot, 0) != 0x11e81234)
		die("a device is missing");
	config_write(slot, 0x10, bar);
	config_write(slot, 0x04, 6); /* memory space, bus master */
}

void machine_start(void)
{
	int pair[2], memory = memory_file("memory", LOW_RAM + HIGH_RAM), bios = bios_file();

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("no socket");
	fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	machine.pid = fork();
	if (machine.pid == 0)
		run_qemu(pair[1], memory, bios);
	close(pair[1]);
	machine.to = fdopen(pair[0], "w");
	machine.from = fdopen(dup(pair[0]), "r");
	machine.memory = mmap(NULL, LOW_RAM + HIGH_RAM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memory, 0);
	if (machine.pid < 0 || !machine.to || !machine.from || machine.memory == MAP_FAILED)
		die("no process, socket or memory");
	close(memory);
	close(bios);
	for (unsigned i = 0; i < DEVICES; i++)
		enable_device(FIRST_SLOT + i, BAR_BASE + i * BAR_SIZE);
}

void machine_stop(void)
{
	kill(machine.pid, SIGKILL);
	waitpid(machine.pid, NULL, 0);
	fclose(machine.to);
	fclose(machine.from);
	munmap(machine.memory, LOW_RAM + HIGH_RAM);
}

void *machine_memory(uint64_t hpa)
{
	if (hpa < LOW_RAM)
		return machine.memory + hpa;
	if (hpa - HIGH_BASE < HIGH_RAM)
		return machine.memory + LOW_RAM + (hpa - HIGH_BASE);
	die("an address that is not RAM");
	return NULL;
}

uint64_t unit_read(uint32_t offset, unsigned size)
{
	return read_bus(UNIT_BASE + offset, size);
}

void unit_write(uint32_t offset, unsigned size, uint64_t value)
{
	write_bus(UNIT_BASE + offset, size, value);
}

uint16_t edu_source_id(unsigned device)
{
	return (uint16_t)((FIRST_SLOT + device) << 3);
}

static void edu_run(unsigned device, uint64_t source, uint64_t destination, unsigned len, unsigned command)
{
	uint64_t bar = BAR_BASE + device * BAR_SIZE;

	write_bus(bar + EDU_SOURCE, 8, source);
	write_bus(bar + EDU_DESTINATION, 8, destination);
	write_bus(bar + EDU_COUNT, 8, len);
	write_bus(bar + EDU_COMMAND, 8, EDU_RUN | command);
	for (unsigned tries = 0; read_bus(bar + EDU_COMMAND, 8) & EDU_RUN; tries++)
		if (tries == 100000)
			die("a device does not finish");
}

void edu_read(unsigned device, uint64_t address, unsigned len)
{
	edu_run(device, address, EDU_BUFFER, len, 0);
}

void edu_write(unsigned device, uint64_t address, unsigned len)
{
	edu_run(device, EDU_BUFFER, address, len, EDU_TO_MEMORY);
}
