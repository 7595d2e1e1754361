/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* <nestvmx/fake_ops.h>: a host with one callback of its own, held to <nestvmx/host.h> by the checking layer. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <nestvmx/checked.h>
#include <nestvmx/fake_ops.h>
#include <nestvmx/nestvmx.h>
#include <cmocka.h>

static struct nvmx_host {
	struct fake_host on;
	unsigned translations;
	struct nvmx_caps hw;
	struct nvmx_vm *vm;
	struct nvmx_vcpu *vcpu;
	struct nvmx_ledger ledger;
	struct nvmx_ledger_page pages[2 * FAKE_HOST_FRAMES];
	_Alignas(64) unsigned char vm_memory[NVMX_VM_SIZE], vcpu_memory[NVMX_VCPU_SIZE];
} host;

static int translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	h->translations++;
	return fake_ready_ops.translate(h, gpa, access, out);
}

static void report(struct nvmx_host *h, const struct nvmx_broken *what)
{
	char line[NVMX_DESCRIBE_MAX];

	(void)h;
	nvmx_describe_broken(line, sizeof(line), what);
	fail_msg("%s", line);
}

static void make(const struct fake_code *code, struct fake_trace *trace)
{
	struct nvmx_host_ops ops = fake_ready_ops;
	struct nvmx_vm_config vm = { .size = sizeof(vm), .caps_size = sizeof(host.hw), .ops = &ops, .hw = &host.hw };
	struct nvmx_vcpu_config vcpu = { .size = sizeof(vcpu), .host = &host, .vpid02 = 2 };
	struct nvmx_error_info error;

	ops.translate = translate;
	fake_hw_caps(&host.hw);
	fake_setup(&host.on.cpu, &host.on.mem, FAKE_RAM_BASE, &host.hw, code, 2, trace);
	vcpu.vmcs01 = fake_native(&host.on.cpu);
	nvmx_ledger_of(&host.ledger, &vm, &vcpu);
	host.ledger.vpid01 = 1;
	host.ledger.pages = host.pages;
	host.ledger.pages_n = 2 * FAKE_HOST_FRAMES;
	host.ledger.report = report;
	vm.ops = nvmx_checked_ops(&ops, &host.ledger);
	vcpu.host = nvmx_checked_host(&host.ledger);
	assert_int_equal(nvmx_vm_init(host.vm_memory, sizeof(host.vm_memory), &vm, &host.vm, &error), NVMX_OK);
	assert_int_equal(nvmx_vcpu_init(host.vcpu_memory, sizeof(host.vcpu_memory), host.vm, &vcpu, &host.vcpu, &error), NVMX_OK);
}

/* All exits are the library's. */
static enum fake_stop run(void)
{
	struct fake_cpu *c = &host.on.cpu;
	struct nvmx_regs regs;

	for (;;) {
		assert_int_equal(fake_vmenter(c, nvmx_in_l2(host.vcpu) ? nvmx_must_launch(host.vcpu) : !fake_launched(&host.on.mem, c->vmcs)), FAKE_VM_ENTERED);
		fake_run(c);
		if (c->stop != FAKE_EXITED)
			return c->stop;
		memcpy(regs.gpr, c->a.gpr, sizeof(regs.gpr));
		assert_true(nvmx_handle_exit(host.vcpu, &regs) < NVMX_HOST);
		memcpy(c->a.gpr, regs.gpr, sizeof(regs.gpr));
	}
}

/* L2, with an EPT of L1's, stores to a page and has a page fault at an address; L1 sees both. */
static void write_scripts(struct script *l1, struct script *l2)
{
	script_start(l1, FAKE_L1_CODE);
	script_enter_vmx(l1);
	script_vmwrite(l1, NVMX_EXCEPTION_BITMAP, 1u << NVMX_VECTOR_PF);
	script_run(l1, FAKE_VMLAUNCH);
	script_look(l1, true);
	script_load(l1, 3, FAKE_L2_DATA, 8);
	script_op(l1, FAKE_END);
	script_start(l2, FAKE_L2_CODE);
	script_store(l2, FAKE_L2_DATA, 0x1234, 8);
	script_load(l2, 3, 0x40000000, 8);
}

static void the_ready_made_callbacks_make_a_host(void **state)
{
	static struct fake_trace nested, bare;
	static struct script l1, l2;
	struct fake_code code[2];
	uint64_t seen = 0;

	(void)state;
	write_scripts(&l1, &l2);
	code[0] = l1.code;
	code[1] = l2.code;
	make(code, &nested);
	assert_string_equal(fake_stop_name(run()), "FAKE_STOP_END");
	assert_int_equal(fake_run_alone(nvmx_vm_caps(host.vm), code, 2, &bare), FAKE_STOP_END);
	assert_int_equal(fake_trace_differs(&bare, &nested), -1);
	assert_true(fake_trace_read(&nested, NVMX_EXIT_QUALIFICATION, 0, &seen));
	assert_int_equal(seen, 0x40000000);
	assert_int_equal(host.on.cpu.a.gpr[3], 0x1234);
	assert_true(host.translations > 0);
	nvmx_vcpu_destroy(host.vcpu);
	nvmx_vm_destroy(host.vm);
	assert_int_equal(nvmx_ledger_end(&host.ledger), 0);
	fake_mem_free(&host.on.mem);
}

/* What is not L1's RAM is nowhere, and what the processor refuses is told. */
static void the_ready_made_callbacks_refuse(void **state)
{
	const struct nvmx_host_ops *ops = &fake_ready_ops;
	static struct fake_trace trace;
	struct nvmx_xlate x;
	uint64_t value;

	(void)state;
	fake_hw_caps(&host.hw);
	fake_mem_init(&host.on.mem, FAKE_RAM_BASE);
	fake_cpu_init(&host.on.cpu, &host.hw, &host.on.mem, &trace);
	assert_int_equal(ops->translate(&host, FAKE_RAM_SIZE - 1, NVMX_ACCESS_R, &x), 0);
	assert_int_equal(ops->translate(&host, FAKE_RAM_SIZE, NVMX_ACCESS_R, &x), -1);
	assert_ptr_equal(ops->map(&host, 0x3000, true), host.on.mem.ram + 0x3000);
	assert_null(ops->map(&host, FAKE_RAM_SIZE, false));
	assert_int_equal(ops->pin(&host, 0x3000, &value), 0);
	assert_int_equal(value, fake_ram_hpa(&host.on.mem, 0x3000));
	assert_int_equal(ops->pin(&host, FAKE_RAM_SIZE, &value), -1);
	assert_int_equal(ops->l1_msr_write(&host, NVMX_MSR_EFER, NVMX_EFER_NXE), 0);
	assert_int_equal(ops->l1_msr_read(&host, NVMX_MSR_EFER, &value), 0);
	assert_int_equal(value, NVMX_EFER_NXE);
	assert_int_equal(ops->l1_msr_read(&host, 0x12345678, &value), -1);
	assert_int_equal(ops->l1_msr_write(&host, NVMX_MSR_EFER, ~0ull), -1);
	ops->set_cr2(&host, 0x5000);
	assert_int_equal(host.on.cpu.a.cr2, 0x5000);
	for (unsigned n = 0; ops->page_alloc(&host, &value); n++)
		assert_in_range(n, 0, FAKE_HOST_FRAMES);
	fake_mem_free(&host.on.mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ready_made_callbacks_make_a_host),
		cmocka_unit_test(the_ready_made_callbacks_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
