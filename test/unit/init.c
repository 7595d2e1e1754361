/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Setting a VM and its vCPUs up and taking them down (what is refused: misuse.c); parking a vCPU; a vmcs01 that the host changed. */
#include "minihost.h"
#include "invept/invept.h"

static int xlate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	(void)h;
	(void)access;
	*out = (struct nvmx_xlate){ .hpa = gpa, .rights = 7, .page_shift = 12, .memtype = 6 };
	return 0;
}

static void flush_ept(struct nvmx_host *h, uint64_t eptp, unsigned scope)
{
	(void)eptp;
	(void)scope;
	h->flushes++;
}

static int msr_read(struct nvmx_host *h, uint32_t msr, uint64_t *value)
{
	(void)h;
	*value = msr;
	return 0;
}

static int msr_write(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	(void)h;
	(void)msr;
	(void)value;
	return 0;
}

static unsigned pending(struct nvmx_host *h)
{
	(void)h;
	return 0;
}

static int ack(struct nvmx_host *h)
{
	(void)h;
	return -1;
}

static int take(struct nvmx_host *h, unsigned event)
{
	(void)h;
	(void)event;
	return -1;
}

/* All that a vmcs01 may have on. */
#define EXITS01 (~NVMX_EXIT_SECONDARY)
#define ENTRIES01 0x0057f3ffu

struct setup {
	struct nvmx_host_ops ops;
	struct nvmx_caps hw;
	struct nvmx_vm_config config;
	struct nvmx_vm *vm;
};

static void fill(struct mini *m, struct setup *s)
{
	memset(s, 0, sizeof(*s));
	s->ops = m->ops;
	s->ops.size = sizeof(s->ops);
	s->ops.abi = NVMX_ABI_VERSION;
	s->ops.translate = xlate;
	s->ops.flush_ept = flush_ept;
	s->ops.l1_msr_read = msr_read;
	s->ops.l1_msr_write = msr_write;
	s->ops.pending_events = pending;
	s->ops.ack_interrupt = ack;
	s->ops.take_event = take;
	s->hw = m->vm->hw;
	s->config = (struct nvmx_vm_config){ .size = sizeof(s->config), .caps_size = sizeof(s->hw), .ops = &s->ops, .hw = &s->hw, .shadow_ept_pages = 16 };
}

/* The machine's own VM and vCPU memory is used anew. */
static int vm_init(struct mini *m, struct setup *s)
{
	return nvmx_vm_init(m->vm, NVMX_VM_SIZE, &s->config, &s->vm, NULL);
}

static int vcpu_init(struct mini *m, struct setup *s, struct nvmx_vcpu **v)
{
	const struct nvmx_vcpu_config config = { .size = sizeof(config), .host = &m->host, .vmcs01 = MINI_VMCS01, .vpid02 = 77 };

	return nvmx_vcpu_init(m->v, NVMX_VCPU_SIZE, s->vm, &config, v, NULL);
}

static void good_vmcs01(struct mini *m)
{
	F01(PROC_CTLS) = NVMX_PROC_SECONDARY;
	F01(PROC_CTLS2) = NVMX_PROC2_EPT;
	F01(EXIT_CTLS) = EXITS01;
	F01(ENTRY_CTLS) = ENTRIES01;
}

/* With vmcs02 current the call is refused, and nothing of vmcs01 is read. */
static void refused_in_l2(struct mini *m, struct nvmx_vcpu *v)
{
	const struct nvmx_vmcs01 kept = v->vmcs01;
	uint64_t pending = v->slots[0].pending;
	unsigned vmreads = m->host.vmreads, loads = m->host.loads;

	v->in_l2 = true;
	F01(CR0_MASK) = NVMX_CR0_TS | NVMX_CR0_CD | NVMX_CR0_NW;
	assert_int_equal(nvmx_vmcs01_changed(v), NVMX_ERR_IN_L2);
	assert_memory_equal(&v->vmcs01, &kept, sizeof(kept));
	assert_int_equal(v->slots[0].pending, pending);
	assert_int_equal(m->host.vmreads, vmreads);
	assert_int_equal(m->host.loads, loads);
	v->in_l2 = false;
	v->smm.active = v->smm.in_l2 = true; /* L2 goes on with the end of SMM, on vmcs02 as it is */
	assert_int_equal(nvmx_vmcs01_changed(v), NVMX_ERR_IN_L2);
	assert_memory_equal(&v->vmcs01, &kept, sizeof(kept));
	v->smm.in_l2 = false;
	assert_int_equal(nvmx_vmcs01_changed(v), NVMX_OK);
	v->smm.active = false;
	assert_int_equal(nvmx_vmcs01_changed(v), NVMX_OK);
	assert_int_equal(v->vmcs01.cr0_mask, NVMX_CR0_TS | NVMX_CR0_CD | NVMX_CR0_NW);
}

/* What is read of vmcs01 at first, and again when the host says that it has changed. */
static void vmcs01_changes(void **state)
{
	struct mini *m = *state;
	struct nvmx_vcpu *v = NULL;
	struct setup s;

	fill(m, &s);
	assert_int_equal(vm_init(m, &s), NVMX_OK);
	assert_ptr_equal(s.vm, m->vm);
	good_vmcs01(m);
	F01(PROC_CTLS2) = NVMX_PROC2_EPT | NVMX_PROC2_VPID;
	F01(VPID) = 9;
	assert_int_equal(vcpu_init(m, &s, &v), NVMX_OK);
	assert_int_equal(v->vmcs01.vpid, 9);
	F01(PROC_CTLS2) = NVMX_PROC2_EPT;
	assert_int_equal(nvmx_vmcs01_changed(v), NVMX_OK);
	assert_int_equal(v->vmcs01.vpid, 0);
	assert_int_equal(v->vmcs01.ctl[NVMX_WORD_PROC2], NVMX_PROC2_EPT);
	refused_in_l2(m, v);
	nvmx_vcpu_destroy(v);
	nvmx_vm_destroy(s.vm);
}

/* A host that was built when the table of ops ended earlier: what it lacks is absent, and its configurations' ends are 0. */
static void older_hosts(void **state)
{
	struct mini *m = *state;
	struct nvmx_vcpu_config config = { .size = offsetof(struct nvmx_vcpu_config, cr4_kept), .host = &m->host,
					   .vmcs01 = MINI_VMCS01, .vpid02 = 77, .cr4_kept = ~0ull, .debugctl_hidden = ~0ull };
	struct nvmx_vcpu *v = NULL;
	struct setup s;

	fill(m, &s);
	s.ops.make_vmcs02 = (void (*)(struct nvmx_host *, uint64_t))(void (*)(void))flush_ept; /* none of the host's table */
	s.ops.set_dr6 = s.ops.make_vmcs02;
	s.ops.size = offsetof(struct nvmx_host_ops, make_vmcs02);
	s.config.size = offsetof(struct nvmx_vm_config, limit);
	s.config.limit = &s.hw;
	s.hw.msr[NVMX_MSR_VMX_MISC - NVMX_CAPS_FIRST_MSR] |= NVMX_MISC_HLT;
	good_vmcs01(m);
	assert_int_equal(vm_init(m, &s), NVMX_OK);
	assert_null(s.vm->ops->make_vmcs02);
	assert_null(s.vm->ops->set_dr6);
	assert_ptr_equal(s.vm->ops->set_cr2, s.ops.set_cr2);
	assert_int_equal(nvmx_vcpu_init(m->v, NVMX_VCPU_SIZE, s.vm, &config, &v, NULL), NVMX_OK);
	assert_int_equal(v->config.cr4_kept, 0);
	assert_int_equal(v->config.debugctl_hidden, 0);
	nvmx_vcpu_destroy(v);
	nvmx_vm_destroy(s.vm);
}

/* L1 is not offered what would hold the interrupts back of a host that owns them. */
static void a_host_that_owns_interrupts(void **state)
{
	struct mini *m = *state;
	struct setup s;

	fill(m, &s);
	s.config.flags = NVMX_HOST_OWNS_INTERRUPTS;
	s.hw.msr[NVMX_MSR_VMX_MISC - NVMX_CAPS_FIRST_MSR] |= NVMX_MISC_HLT | NVMX_MISC_SHUTDOWN | NVMX_MISC_WAIT_SIPI;
	assert_int_equal(vm_init(m, &s), NVMX_OK);
	assert_int_equal(nvmx_caps_get(nvmx_vm_caps(s.vm), NVMX_MSR_VMX_MISC) & 0x1c0, NVMX_MISC_HLT);
	assert_false(nvmx_caps_may(nvmx_vm_caps(s.vm), NVMX_MSR_VMX_TRUE_PINBASED_CTLS) & NVMX_PIN_POSTED_INT);
	nvmx_vm_destroy(s.vm);
}

static uint64_t *word_of(struct setup *s, uint32_t msr)
{
	return &s->hw.msr[msr - NVMX_CAPS_FIRST_MSR];
}

/* Hardware shadows what L1 has and the processor has a field for; the host's own timer saves its value where no push follows. */
static void what_hardware_shadows(void **state)
{
	struct mini *m = *state;
	const struct nvmx_caps processor = m->vm->hw;
	struct setup s;

	for (unsigned without = 0; without < 5; without++) {
		fill(m, &s);
		s.hw = processor;
		*word_of(&s, NVMX_MSR_VMX_MISC) |= without == 1 ? 0 : NVMX_MISC_VMWRITE_RO;
		*word_of(&s, NVMX_MSR_VMX_EPT_VPID_CAP) |= NVMX_EPT_AD;
		s.config.flags = without == 2 ? NVMX_HOST_OWNS_TIMER : 0;
		if (without == 3)
			*word_of(&s, NVMX_MSR_VMX_PROCBASED_CTLS2) &= ~((uint64_t)NVMX_PROC2_PML << 32);
		s.config.withheld = without == 4 ? 1ull << NVMX_FEATURE_PML : 0;
		assert_int_equal(vm_init(m, &s), NVMX_OK);
		assert_int_equal(nvmx_set_has(&s.vm->hw_rw, NVMX_I_PROC_CTLS), without != 1);
		assert_int_equal(nvmx_set_has(&s.vm->hw_ro, NVMX_I_EXIT_REASON), without != 1);
		assert_int_equal(nvmx_set_has(&s.vm->hw_rw, NVMX_I_PREEMPTION_TIMER), without != 1 && without != 2);
		assert_true(nvmx_set_has(&s.vm->rows, NVMX_I_PREEMPTION_TIMER));
		assert_int_equal(nvmx_set_has(&s.vm->hw_rw, NVMX_I_PML_INDEX), without == 0 || without == 2);
		nvmx_vm_destroy(s.vm);
	}
}

/* A parked vCPU has nothing of its own active on the processor; unparked, the VMCS of the level that runs is current. */
static void parking(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *slot;

	mini_enter_vmx(m, true);
	slot = m->v->cur;
	slot->look02 = 0;
	nvmx_vcpu_park(m->v);
	assert_int_equal(nvmx_current_vmcs(m->v), MINI_VMCS01); /* what a host's register accessors look into */
	assert_int_equal(slot->look02, NVMX_LOOK_LAUNCH);
	m->host.current = NULL; /* another vCPU has used the processor */
	nvmx_vcpu_unpark(m->v);
	assert_int_equal(nvmx_current_vmcs(m->v), MINI_VMCS01);
	m->v->in_l2 = true;
	nvmx_vcpu_park(m->v);
	m->host.current = NULL;
	slot->vpid02 = 0;
	nvmx_vcpu_unpark(m->v);
	assert_int_equal(nvmx_current_vmcs(m->v), slot->page02.hpa);
	assert_int_equal(slot->vpid02, m->v->config.vpid02);
	assert_int_equal(m->v->batch_n, 0); /* vmcs02 has it, too */
	m->v->in_l2 = false;
	nvmx_vmcs_load(m->v, MINI_VMCS01);
}

/* The VPID that an entry with L1's `vpid` is for is flushed, or not. */
static unsigned flushes_of_entry(struct mini *m, uint16_t vpid)
{
	const struct nvmx_vmcs12 v12 = { .proc_ctls = NVMX_PROC_SECONDARY, .proc_ctls2 = NVMX_PROC2_VPID, .vpid = vpid };
	unsigned before = m->host.flushes;

	nvmx_vpid_enter(m->v, &v12);
	return m->host.flushes - before;
}

static void move(struct mini *m)
{
	nvmx_vcpu_park(m->v);
	m->host.current = NULL;
	nvmx_vcpu_unpark(m->v);
}

/* What L1 invalidates on one processor is gone on the one before, too, when it comes back there: each move forgets. */
static void vpids_on_another_processor(void **state)
{
	struct mini *m = *state;

	m->v->config.vpid02_n = 3;
	assert_int_equal(flushes_of_entry(m, 5), 1);
	assert_int_equal(flushes_of_entry(m, 5), 0);
	move(m);
	nvmx_invvpid(m->v, NVMX_FLUSH_ADDRESS, 5, 0x1000);
	move(m);
	assert_int_equal(flushes_of_entry(m, 5), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(vmcs01_changes), MINI_TEST(older_hosts), MINI_TEST(a_host_that_owns_interrupts), MINI_TEST(what_hardware_shadows),
		MINI_TEST(parking), MINI_TEST(vpids_on_another_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
