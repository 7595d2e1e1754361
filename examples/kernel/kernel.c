/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The hypervisor without nested VMX: pages, and the exits of a guest. */
#include "kernel.h"
#include "port.h"

#define DIRECT_MAP 0xffff800000000000ull

static uint64_t free_pages; /* each holds the address of the next */

void *phys_to_virt(uint64_t hpa)
{
	return (void *)(uintptr_t)(DIRECT_MAP + hpa);
}

uint64_t page_get(void)
{
	uint64_t hpa = free_pages, *page = phys_to_virt(hpa);

	if (!hpa)
		return 0;
	free_pages = page[0];
	for (unsigned i = 0; i < PAGE / 8; i++)
		page[i] = 0;
	return hpa;
}

void page_put(uint64_t hpa)
{
	*(uint64_t *)phys_to_virt(hpa) = free_pages;
	free_pages = hpa;
}

void add_pages(uint64_t first, uint64_t end)
{
	for (; first < end; first += PAGE)
		page_put(first);
}

_Noreturn void panic(const char *why)
{
	for (; *why; why++)
		__asm__ volatile("outb %0, %1" : : "a"(*why), "Nd"((uint16_t)0xe9));
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void cpuid(struct nvmx_host *h)
{
	uint32_t leaf = (uint32_t)h->regs.gpr[0], subleaf = (uint32_t)h->regs.gpr[1], r[4];

	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(subleaf));
	nvmx_caps_cpuid(nvmx_vm_caps(nest_vm()), leaf, subleaf, r);
	h->regs.gpr[0] = r[0], h->regs.gpr[3] = r[1], h->regs.gpr[1] = r[2], h->regs.gpr[2] = r[3];
	nvmx_complete_instruction(h->vcpu, 0, 0, 0);
}

void guest_exit(struct nvmx_host *h)
{
	switch (nvmx_port_vmread(NVMX_EXIT_REASON)) {
	case NVMX_XR_CPUID: cpuid(h); return;
	case NVMX_XR_HLT: nvmx_complete_instruction(h->vcpu, 0, NVMX_INSN_HLT, 0); return;
	case NVMX_XR_RDMSR:
	case NVMX_XR_WRMSR: nvmx_inject_exception(h->vcpu, &h->regs, NVMX_VECTOR_GP, true, 0, 0); return;
	case NVMX_XR_VMCALL: nvmx_inject_exception(h->vcpu, &h->regs, NVMX_VECTOR_UD, false, 0, 0); return;
	default: panic("an exit that this kernel does not know\n");
	}
}
