/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* metal's look at who may write memory by DMA: what the BIOS leaves, and what L1's writes to ports begin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>
#include <string.h>

/* A machine of the test's own in place of <vmx.h>: PCI functions, and one I/O port behind a function's base register. */
#define METAL_VMX_H
#define EXIT_REASONS 80
struct cpuid_regs { uint32_t eax, ebx, ecx, edx; };
static struct function { uint32_t number, word[16]; } pci[4];
static uint32_t address, leaf7;
static uint16_t usb_command;

static uint32_t *config(void)
{
	for (unsigned i = 0; i < 4; i++)
		if (pci[i].word[0] && pci[i].number == (address >> 8 & 0xffff))
			return &pci[i].word[address / 4 % 16];
	return NULL;
}

static uint32_t inl(uint16_t port)
{
	return port == 0xcf8 ? address : config() ? *config() : ~0u;
}

static uint16_t inw(uint16_t port)
{
	assert_int_equal(port, 0xc020);
	return usb_command;
}

static void outl(uint16_t port, uint32_t value)
{
	assert_int_equal(port, 0xcf8);
	address = value;
}

static void outw(uint16_t port, uint16_t value)
{
	assert_int_equal(port, 0xcfc);
	*config() = value;
}

static struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	assert_int_equal(leaf, 7);
	assert_int_equal(subleaf, 0);
	return (struct cpuid_regs){ 0, leaf7, 0, 0 };
}

#include "../../adapters/metal/dma.c"

struct machine machine;
static bool intercepted[0x10000];
static unsigned ends;

void io_intercept(uint16_t port, bool on)
{
	intercepted[port] = on;
}

void watch_end(void)
{
	assert_true(machine.dma);	/* else a watch could begin behind it */
	ends++;
}

#define COMMAND(f) pci[f].word[1]
#define CLASS(f) pci[f].word[2]

/* Intel's 440FX: host and ISA bridge, which are bus masters for ever, and an IDE and a USB controller. */
static void reset(void)
{
	static const struct function board[4] = {
		{ 0, { 0x12378086, 6, 0x06000002 } }, { 8, { 0x70008086, 7, 0x06010000 } },
		{ 9, { 0x70108086, 1, 0x01018000 } }, { 0x20a, { 0x70208086, 5, 0x0c030001, [8] = 0xc021 } },
	};

	memcpy(pci, board, sizeof(pci));
	memset(intercepted, 0, sizeof(intercepted));
	machine.dma = 0;
	leaf7 = 0xd19f27eb;
	usb_command = ends = 0;
}

static bool begins(uint16_t port, uint32_t size, uint32_t value)
{
	machine.dma = 0;
	ends = 0;
	assert_true(dma_owns(port, size));
	dma_write(port, size, value);
	assert_int_equal(ends, machine.dma);
	return machine.dma;
}

static void what_the_bios_leaves(void **state)
{
	(void)state;
	reset();
	dma_create();
	assert_false(machine.dma);
	assert_int_equal(COMMAND(3), 1);	/* a controller that does not run is no master until its driver comes */

	reset();
	usb_command = 1;
	dma_create();
	assert_true(machine.dma);
	assert_int_equal(COMMAND(3), 5);

	reset();
	COMMAND(2) |= 4;
	dma_create();
	assert_true(machine.dma);

	reset();
	CLASS(3) = 0x0c032000;	/* EHCI: metal does not know whether it runs */
	dma_create();
	assert_true(machine.dma);

	reset();
	pci[0].word[0] = 0x29c08086;	/* Q35: there may be another way to configuration space */
	dma_create();
	assert_true(machine.dma);

	reset();
	leaf7 |= 1u << 25;
	dma_create();
	assert_true(machine.dma);
}

static void ports_are_intercepted(void **state)
{
	static const uint16_t ports[] = { 0x0a, 0x0e, 0x0f, 0xd4, 0xdc, 0xde, 0xcfc, 0xcfd, 0xcfe, 0xcff };
	unsigned n = 0;

	(void)state;
	reset();
	dma_watch();
	for (unsigned i = 0; i < sizeof(ports) / sizeof(*ports); i++)
		assert_true(intercepted[ports[i]]);
	for (unsigned port = 0; port < 0x10000; port++) {
		n += intercepted[port];
		assert_int_equal(dma_owns((uint16_t)port, 1), intercepted[port]);
	}
	assert_int_equal(n, sizeof(ports) / sizeof(*ports));
	assert_true(dma_owns(0xcfa, 4));
	assert_true(dma_owns(0x09, 2));
	assert_false(dma_owns(0xcf8, 4));
	dma_begins();
	for (unsigned port = 0; port < 0x10000; port++)
		assert_false(intercepted[port]);

	reset();
	machine.dma = 1;
	dma_watch();
	assert_false(intercepted[0xcfc]);
}

static void bus_masters(void **state)
{
	(void)state;
	reset();
	address = 0x80000904;
	assert_true(begins(0xcfc, 4, 5));
	assert_true(begins(0xcfc, 2, 0x107));
	assert_true(begins(0xcfc, 1, 4));
	assert_false(begins(0xcfc, 4, 0xffff0003));
	assert_false(begins(0xcfd, 1, 4));
	assert_false(begins(0xcfe, 2, 0xffff));
	assert_true(begins(0xcfa, 4, 0));	/* no driver does: it may be anything */
	address = 0x80000920;
	assert_false(begins(0xcfc, 4, 0xffffffff));
	address = 0x80000907;			/* bits 1:0 are none of the register's number */
	assert_true(begins(0xcfc, 1, 4));
}

static void isa_channels(void **state)
{
	(void)state;
	reset();
	assert_true(begins(0x0a, 1, 2));	/* the floppy's */
	assert_true(begins(0x0a, 1, 0));
	assert_false(begins(0x0a, 1, 6));
	assert_true(begins(0x0e, 1, 0));
	assert_true(begins(0x0f, 1, 0xb));
	assert_true(begins(0x0f, 1, 0xe));
	assert_false(begins(0x0f, 1, 0xf));
	assert_false(begins(0xd4, 1, 0));	/* the cascade */
	assert_true(begins(0xd4, 1, 1));
	assert_false(begins(0xd4, 1, 5));
	assert_true(begins(0xdc, 1, 0));
	assert_false(begins(0xde, 1, 0xe));
	assert_true(begins(0xde, 1, 0xd));
	assert_true(begins(0x09, 2, 0xffff));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_bios_leaves),
		cmocka_unit_test(ports_are_intercepted),
		cmocka_unit_test(bus_masters),
		cmocka_unit_test(isa_channels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
