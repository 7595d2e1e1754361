/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A whole host that embeds libnestvmx, on a fake processor: it runs L1, which runs L2, and both see what they see without a host. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <nestvmx/fake.h>
#include <nestvmx/nestvmx.h>
#include <cmocka.h>

struct nvmx_host {
	struct fake_cpu cpu;
	struct fake_mem mem;
	struct nvmx_caps hw;
	struct nvmx_vm *vm;
	struct nvmx_vcpu *vcpu;
	_Alignas(64) unsigned char vm_memory[NVMX_VM_SIZE], vcpu_memory[NVMX_VCPU_SIZE];
};

static int translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	(void)access;
	*out = (struct nvmx_xlate){ .hpa = fake_ram_hpa(&h->mem, gpa), .rights = NVMX_ACCESS_RWX, .page_shift = 12, .memtype = NVMX_MEMTYPE_WB };
	return gpa < FAKE_RAM_SIZE ? 0 : -1;
}

static void *map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	(void)write;
	return gpa < FAKE_RAM_SIZE ? h->mem.ram + gpa : NULL;
}
static void unmap(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote) { (void)h, (void)gpa, (void)page, (void)wrote; }

static int pin(struct nvmx_host *h, uint64_t gpa, uint64_t *hpa)
{
	*hpa = fake_ram_hpa(&h->mem, gpa);
	return gpa < FAKE_RAM_SIZE ? 0 : -1;
}
static void unpin(struct nvmx_host *h, uint64_t gpa, uint64_t hpa) { (void)h, (void)gpa, (void)hpa; }
static void *page_alloc(struct nvmx_host *h, uint64_t *hpa) { return fake_at(&h->mem, *hpa = fake_host_page(&h->mem)); }
static void page_free(struct nvmx_host *h, void *page, uint64_t hpa) { (void)page, fake_host_page_free(&h->mem, hpa); }
static void vmcs_load(struct nvmx_host *h, uint64_t hpa) { assert_int_equal(fake_vmptrld(&h->cpu, hpa), FAKE_VM_SUCCEED); }
static void vmcs_clear(struct nvmx_host *h, uint64_t hpa) { assert_int_equal(fake_vmclear(&h->cpu, hpa), FAKE_VM_SUCCEED); }

static void read_many(struct nvmx_host *h, const uint32_t *fields, uint64_t *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(fake_vmread(&h->cpu, fields[i], &values[i]), FAKE_VM_SUCCEED);
}
static void write_many(struct nvmx_host *h, const uint32_t *fields, const uint64_t *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(fake_vmwrite(&h->cpu, fields[i], values[i]), FAKE_VM_SUCCEED);
}
static void flush_ept(struct nvmx_host *h, uint64_t eptp, unsigned scope) { fake_invept(&h->cpu, scope, eptp, 0); }
static void flush_vpid(struct nvmx_host *h, uint16_t vpid, unsigned scope, uint64_t linear) { fake_invvpid(&h->cpu, scope, vpid, linear); }
static int read_msr(struct nvmx_host *h, uint32_t msr, uint64_t *value) { return fake_rdmsr(&h->cpu, msr, value) ? 0 : -1; }
static int write_msr(struct nvmx_host *h, uint32_t msr, uint64_t value) { return fake_wrmsr(&h->cpu, msr, value) ? 0 : -1; }
static void set_cr2(struct nvmx_host *h, uint64_t cr2) { h->cpu.a.cr2 = cr2; }

static const struct nvmx_host_ops ops = {
	.size = sizeof(ops), .abi = NVMX_ABI_VERSION, .translate = translate, .map = map, .unmap = unmap, .pin = pin, .unpin = unpin,
	.page_alloc = page_alloc, .page_free = page_free, .vmcs_load = vmcs_load, .vmcs_clear = vmcs_clear,
	.vmcs_read_many = read_many, .vmcs_write_many = write_many, .flush_ept = flush_ept, .flush_vpid = flush_vpid,
	.l1_msr_read = read_msr, .l1_msr_write = write_msr, .set_cr2 = set_cr2,
};

/* An exit that is the host's own: here CPUID of L1 alone. */
static enum nvmx_verdict emulate(struct nvmx_host *h, struct nvmx_regs *regs)
{
	assert_int_equal(fake_field(&h->cpu, NVMX_EXIT_REASON), NVMX_XR_CPUID);
	fake_cpuid((uint32_t)regs->gpr[0], regs->gpr);
	return nvmx_complete_instruction(h->vcpu, 0, 0, 0);
}

static enum fake_stop run(struct nvmx_host *h)
{
	char line[NVMX_DESCRIBE_MAX];
	struct nvmx_error_info why;
	struct nvmx_regs regs;

	for (enum nvmx_verdict verdict;;) {
		bool launch = nvmx_in_l2(h->vcpu) ? nvmx_must_launch(h->vcpu) : !fake_launched(&h->mem, h->cpu.vmcs);

		if (fake_vmenter(&h->cpu, launch) != FAKE_VM_ENTERED)
			fail_msg("VM entry: %s", h->cpu.refused ? h->cpu.refused : "wrong launch state");
		fake_run(&h->cpu);
		if (h->cpu.stop != FAKE_EXITED)
			return h->cpu.stop;
		memcpy(regs.gpr, h->cpu.a.gpr, sizeof(regs.gpr));
		verdict = nvmx_handle_exit(h->vcpu, &regs);
		if (verdict == NVMX_HOST)
			verdict = emulate(h, &regs);
		if (verdict == NVMX_STOP) {
			nvmx_stop_info(h->vcpu, &why);
			nvmx_describe_error(line, sizeof(line), &why);
			fail_msg("stopped: %s", line);
		}
		memcpy(h->cpu.a.gpr, regs.gpr, sizeof(regs.gpr));
	}
}

/* L1 looks who it is, and runs an L2 that does the same and then calls it. */
static void write_scripts(struct script *l1, struct script *l2)
{
	script_start(l1, FAKE_L1_CODE);
	script_op(l1, FAKE_CPUID);
	script_enter_vmx(l1);
	for (unsigned n = 0; n < 2; n++) {
		script_run(l1, n ? FAKE_VMRESUME : FAKE_VMLAUNCH);
		script_look(l1, true);
		script_advance(l1);
	}
	script_op(l1, FAKE_END);
	script_start(l2, FAKE_L2_CODE);
	script_op(l2, FAKE_CPUID);
	script_op(l2, FAKE_VMCALL);
}

static void an_l2_runs(void **state)
{
	static struct script l1, l2; /* these are large */
	static struct fake_trace nested, bare;
	static struct nvmx_host h;
	struct nvmx_vm_config vm = { .size = sizeof(vm), .caps_size = sizeof(h.hw), .ops = &ops, .hw = &h.hw };
	struct nvmx_vcpu_config vcpu = { .size = sizeof(vcpu), .host = &h, .vpid02 = 2 };
	struct nvmx_error_info error;
	struct fake_code code[2];

	(void)state;
	write_scripts(&l1, &l2);
	code[0] = l1.code, code[1] = l2.code;
	fake_hw_caps(&h.hw);
	fake_setup(&h.cpu, &h.mem, FAKE_RAM_BASE, &h.hw, code, 2, &nested);
	vcpu.vmcs01 = fake_native(&h.cpu);
	assert_int_equal(nvmx_vm_init(h.vm_memory, sizeof(h.vm_memory), &vm, &h.vm, &error), NVMX_OK);
	assert_int_equal(nvmx_vcpu_init(h.vcpu_memory, sizeof(h.vcpu_memory), h.vm, &vcpu, &h.vcpu, &error), NVMX_OK);
	assert_string_equal(fake_stop_name(run(&h)), "FAKE_STOP_END");
	assert_int_equal(nvmx_counter(h.vcpu, NVMX_CNT_ENTRY), 2);
	fake_run_alone(nvmx_vm_caps(h.vm), code, 2, &bare);
	assert_int_equal(fake_trace_differs(&bare, &nested), -1);
	nvmx_vcpu_destroy(h.vcpu);
	nvmx_vm_destroy(h.vm);
	fake_mem_free(&h.mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(an_l2_runs) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
