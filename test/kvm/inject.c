/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What KVM and its user do to an L2 at one moment: events that wait, SMIs, sleep, memory that fails.  The L1 of test/l1/work.c runs
 * until it runs an L2; each step goes on from there in a virtual machine of its own.
 *
 *	inject STEP IMAGE [ARGUMENT...]
 *
 *	events    exceptions, INIT and the monitor trap that wait together: which one L1 sees, and what of the others is left
 *	debugctl  bits of IA32_DEBUGCTL that KVM ignores
 *	timer     L1's VMX-preemption timer with SMIs and RSMs before it runs out
 *	again     an L2 that had entered asleep, awake, with an SMI
 *	halt      a VM entry into HLT where the interrupt controller is user space's
 *	wait      an NMI for an L2 that waits for a SIPI, which nobody can send, where KVM has no interrupt controllers
 *	filter    an MSR that user space keeps from L1, in the list of a VM entry
 *	poison    a page of L2's with a hardware error
 *	gone      a page of L2's that user space has unmapped
 *	device    device memory of the host in a memory slot
 *	zeros     memory of L1's that nothing was ever written to: a bitmap in which no port exits, tables that map nothing
 *	refused   a vmcs02 that passes every check, and that the processor refuses
 *	shrink    the host's kernel wants memory back while L2 runs
 *	reclaim   the host's kernel swaps the process's memory, and one page is used by L2 alone; in the control group /cg/l1
 *
 * Exit status 0: all went well.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <nestvmx/arch.h>
#include <nestvmx/state.h>
#include <nestvmx/vmcs12.h>

#include "snapshot.h"

#define MEMORY (20u << 20)
#define PAGE 4096u
/* Below 1 MiB, where work.elf has nothing: SMM's handler (SMBASE is 30000H), and code of L1's and L2's. */
#define SMM_CODE 0x38000u
#define SPIN 0x38100u		/* JMP to itself; interrupts are on, since Bochs may keep the host's away otherwise (docs/kvm.md) */
#define L1_SPIN 0x38180u	/* STI before it */
#define RESUME 0x38200u		/* VMRESUME */
#define LOAD 0x38300u		/* MOV RAX, [RBX]; JMP to itself */
#define LOOP 0x38400u		/* MOV RAX, [RBX], for ever */
#define OUT 0x38500u		/* OUT 80H, AL, for ever */
#define DATA 0x3a000u
#define ZEROS 0x3c000u		/* two pages */
#define DEVICE_GPA (64u << 20)
#define VGA 0xa0000u
#define TPR 0x80u

static struct vm vm = { .size = MEMORY };
static struct snapshot l2, now;
static unsigned wrong;

static void expect(bool good, const char *step, const char *what, uint64_t got)
{
	if (good)
		return;
	wrong++;
	printf("torture: inject: %s: %s: %#llx\n", step, what, (unsigned long long)got);
}

static struct nvmx_vmcs12 *v12_of(struct snapshot *s)
{
	return (void *)(s->nested.room + sizeof(struct kvm_nested_state));
}

static void wake(int signal)
{
	(void)signal;
	vm.run->immediate_exit = 1;
}

static void wake_after(unsigned ms)
{
	struct itimerval t = { .it_value = { 0, ms * 1000 } };

	setitimer(ITIMER_REAL, &t, NULL);
}

/* Runs the guest for so long, in milliseconds. */
static enum vm_end run(unsigned ms)
{
	enum vm_end end;

	wake_after(ms);
	do
		end = vm_step(&vm);
	while (end == VM_RUNS || (end == VM_INTERRUPTED && !vm.run->immediate_exit));
	vm.run->immediate_exit = 0;
	return end;
}

/* A KVM_RUN that deals with what waits, and ends short of the guest for a signal. */
static void almost_enter(void)
{
	struct { struct kvm_signal_mask head; uint64_t set; } none = { .head.len = sizeof(none.set) };
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, NULL);
	raise(SIGALRM);
	VM_CPU(&vm, KVM_SET_SIGNAL_MASK, &none);
	if (ioctl(vm.cpu, KVM_RUN, 0) != -1 || errno != EINTR)
		errx(1, "KVM_RUN with a signal that waits");
	VM_CPU(&vm, KVM_SET_SIGNAL_MASK, NULL);
	sigwaitinfo(&alarm, NULL);
	sigprocmask(SIG_UNBLOCK, &alarm, NULL);
}

/* A virtual machine in the state `now`, with the same memory. */
static void renew(void)
{
	struct kvm_enable_cap payload = { .cap = KVM_CAP_EXCEPTION_PAYLOAD, .args[0] = 1 };

	vm_close(&vm);
	vm_create(&vm);
	vm_slot(&vm, 1u << 16, 0, 0, MEMORY, vm.mem);	/* SMM's address space */
	if (ioctl(vm.fd, KVM_ENABLE_CAP, &payload))
		err(1, "KVM_CAP_EXCEPTION_PAYLOAD");
	snapshot_put(&vm, &now, NESTED_LAST);
}

static struct nvmx_vmcs12 *look(void)
{
	now.nested.state.size = SNAPSHOT_NESTED;
	VM_CPU(&vm, KVM_GET_NESTED_STATE, &now.nested);
	return v12_of(&now);
}

/* L2 at `rip`, and nothing that would end its stay by itself. */
static void l2_at(uint32_t rip)
{
	struct nvmx_vmcs12 *v12;

	now = l2;
	v12 = v12_of(&now);
	now.nested.state.flags = KVM_STATE_NESTED_GUEST_MODE;
	now.nested.state.hdr.vmx.flags = 0;
	now.events = (struct kvm_vcpu_events){ 0 };
	now.regs.rip = v12->guest_rip = rip;
	now.regs.rflags = v12->guest_rflags = 2 | NVMX_RFLAGS_IF;
	v12->guest_activity = NVMX_ACTIVITY_ACTIVE;
	v12->guest_interruptibility = 0;
	v12->pin_ctls &= ~NVMX_PIN_PREEMPTION_TIMER;
	v12->exit_ctls &= ~NVMX_EXIT_SAVE_PREEMPTION_TIMER;
	memset((char *)v12 + NVMX_STATE_LIVE_OFFSET, 0, sizeof(struct nvmx_state_live));
	v12->host_rip = L1_SPIN;
}

#define MTF KVM_STATE_NESTED_MTF_PENDING
#define BS 0x4000u
#define DONT_CARE (~0u)
#define UNBLOCK 0x1000u

static const struct {
	const char *what;
	uint16_t flags;			/* of the nested state */
	bool init, nmi_blocked, intercepted, has_error;
	uint8_t vector;
	uint32_t payload;
	uint32_t reason, pending_dbg;	/* what L1 has to see (SDM 6.9, 25.5.2, 27.3.4) */
	uint32_t unblock;		/* bit 12 of the interruption information (27.2.2) */
} rows[] = {
	{ "a single step behind the monitor trap", MTF, 0, 0, 0, 0, 1, BS, NVMX_XR_MTF, BS, DONT_CARE },
	{ "one that L1 intercepts", MTF, 0, 0, 1, 0, 1, BS, NVMX_XR_MTF, BS, DONT_CARE },
	{ "a data breakpoint behind the monitor trap", MTF, 0, 0, 0, 0, 1, 2, NVMX_XR_MTF, 0x1002, DONT_CARE },
	{ "the monitor trap alone", MTF, 0, 0, 0, 0, 0, 0, NVMX_XR_MTF, 0, DONT_CARE },
	{ "a single step behind an INIT", 0, 1, 0, 0, 0, 1, BS, NVMX_XR_INIT, BS, DONT_CARE },
	{ "one that L1 intercepts, behind an INIT", 0, 1, 0, 1, 0, 1, BS, NVMX_XR_INIT, BS, DONT_CARE },
	{ "an INIT alone", 0, 1, 0, 0, 0, 0, 0, NVMX_XR_INIT, 0, DONT_CARE },
	{ "a single step alone", 0, 0, 0, 1, 0, 1, BS, NVMX_XR_EXCEPTION_NMI, 0, 0 },
	{ "#PF where NMIs are blocked", 0, 0, 1, 1, 1, 14, 0, NVMX_XR_EXCEPTION_NMI, 0, UNBLOCK },
	{ "#GP where NMIs are blocked", 0, 0, 1, 1, 1, 13, 0, NVMX_XR_EXCEPTION_NMI, 0, UNBLOCK },
	{ "#DF where NMIs are blocked", 0, 0, 1, 1, 1, 8, 0, NVMX_XR_EXCEPTION_NMI, 0, 0 },
	{ "#GP where NMIs are open", 0, 0, 0, 1, 1, 13, 0, NVMX_XR_EXCEPTION_NMI, 0, 0 },
};

static void put_row(unsigned i)
{
	struct kvm_vcpu_events e = { .flags = KVM_VCPUEVENT_VALID_SMM | KVM_VCPUEVENT_VALID_PAYLOAD };
	struct nvmx_vmcs12 *v12;

	l2_at(SPIN);
	v12 = v12_of(&now);
	now.nested.state.flags |= rows[i].flags;
	v12->exception_bitmap = rows[i].intercepted ? 1u << rows[i].vector : 0;
	v12->pf_ec_mask = v12->pf_ec_match = 0;
	renew();
	e.exception.nr = rows[i].vector;
	e.exception.pending = rows[i].vector != 0;
	e.exception.has_error_code = rows[i].has_error;
	e.exception_has_payload = rows[i].payload != 0;
	e.exception_payload = rows[i].payload;
	e.nmi.masked = rows[i].nmi_blocked;
	e.smi.latched_init = rows[i].init;
	VM_CPU(&vm, KVM_SET_VCPU_EVENTS, &e);
}

static void events(void)
{
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct nvmx_vmcs12 *v12;

		put_row(i);
		almost_enter();
		v12 = look();
		if (now.nested.state.flags & KVM_STATE_NESTED_GUEST_MODE) {
			expect(false, rows[i].what, "L2 is not left", now.nested.state.flags);
			continue;
		}
		expect(v12->exit_reason == rows[i].reason, rows[i].what, "exit reason", v12->exit_reason);
		expect(v12->guest_pending_dbg == rows[i].pending_dbg, rows[i].what, "pending debug exceptions", v12->guest_pending_dbg);
		expect(rows[i].unblock == DONT_CARE || (v12->exit_intr_info & UNBLOCK) == rows[i].unblock, rows[i].what,
		       "interruption information", v12->exit_intr_info);
	}
}

static uint64_t msr_of(uint32_t index)
{
	struct { struct kvm_msrs head; struct kvm_msr_entry entry; } one = { .head.nmsrs = 1, .entry.index = index };

	if (ioctl(vm.cpu, KVM_GET_MSRS, &one) != 1)
		err(1, "KVM_GET_MSRS");
	return one.entry.data;
}

/* LBR is taken from L1, and kept for it, but does not reach the processor, whose LBRs are the host's. */
static void debugctl(void)
{
	struct nvmx_vmcs12 *v12;

	l2_at(SPIN);
	v12 = v12_of(&now);
	v12->entry_ctls |= NVMX_ENTRY_LOAD_DEBUG;
	v12->exit_ctls |= NVMX_EXIT_SAVE_DEBUG;
	v12->guest_debugctl = 1;
	now.nested.state.flags |= KVM_STATE_NESTED_RUN_PENDING;
	renew();
	expect(msr_of(NVMX_MSR_DEBUGCTL) == 0, "debugctl", "in vmcs02", msr_of(NVMX_MSR_DEBUGCTL));
	run(2);
	v12 = look();
	expect(v12->guest_debugctl == 1, "debugctl", "in vmcs12", v12->guest_debugctl);
}

static void smi(void)
{
	if (ioctl(vm.cpu, KVM_SMI, 0))
		err(1, "KVM_SMI");
}

/* It runs out when it would have without the SMIs (SDM 25.5.1), which come four times as often. */
static void timer(void)
{
	struct nvmx_vmcs12 *v12;
	uint64_t khz = (uint64_t)ioctl(vm.cpu, KVM_GET_TSC_KHZ, 0);
	unsigned n;

	l2_at(SPIN);
	v12 = v12_of(&now);
	v12->pin_ctls |= NVMX_PIN_PREEMPTION_TIMER;
	v12->preemption_timer = (uint32_t)(khz * 40 / 32);
	now.nested.state.flags |= KVM_STATE_NESTED_RUN_PENDING;
	renew();
	for (n = 0; n < 12; n++) {
		if (run(10) != VM_INTERRUPTED)
			break;
		v12 = look();
		if (!(now.nested.state.flags & KVM_STATE_NESTED_GUEST_MODE))
			break;
		smi();
	}
	expect(n >= 3 && n < 8 && v12->exit_reason == NVMX_XR_PREEMPTION_TIMER, "timer", "periods of 10 ms", n);
}

/* What L2's activity was at its entry is not what it is after an SMI. */
static void again(void)
{
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };

	l2_at(SPIN);
	v12_of(&now)->guest_activity = NVMX_ACTIVITY_HLT;
	renew();
	VM_CPU(&vm, KVM_SET_MP_STATE, &mp);	/* it wakes up */
	run(2);
	smi();
	run(5);
	VM_CPU(&vm, KVM_GET_MP_STATE, &mp);
	look();
	expect(now.nested.state.flags & KVM_STATE_NESTED_GUEST_MODE, "again", "L2 is left", v12_of(&now)->exit_reason);
	expect(mp.mp_state == KVM_MP_STATE_RUNNABLE, "again", "L2 sleeps", mp.mp_state);
}

/* As vm_create(), but what KVM has of an interrupt controller is nothing. */
static void without_chips(void)
{
	vm_close(&vm);
	vm.no_chips = true;
	vm_create(&vm);
	VM_CPU(&vm, KVM_SET_SREGS, &now.sregs);
	snapshot_put_msrs(&vm, &now);
	VM_CPU(&vm, KVM_SET_REGS, &now.regs);
	VM_CPU(&vm, KVM_SET_NESTED_STATE, &now.nested);
}

/* L1 is about to enter L2 at SPIN. */
static struct nvmx_vmcs12 *l1_resumes(void)
{
	struct nvmx_vmcs12 *v12;

	do
		run(7);
	while (look(), now.nested.state.flags & KVM_STATE_NESTED_GUEST_MODE);
	snapshot_take(&vm, &now);
	now.regs.rip = RESUME;
	now.regs.rflags = 2;
	v12 = v12_of(&now);
	v12->launch_state = 1;
	v12->guest_rip = SPIN;
	v12->guest_rflags = 2 | NVMX_RFLAGS_IF;
	v12->guest_activity = NVMX_ACTIVITY_ACTIVE;
	v12->guest_interruptibility = 0;
	v12->entry_intr_info = 0;
	v12->pin_ctls &= ~NVMX_PIN_PREEMPTION_TIMER;
	v12->exit_ctls &= ~NVMX_EXIT_SAVE_PREEMPTION_TIMER;
	v12->host_rip = L1_SPIN;
	return v12;
}

static void halt(void)
{
	struct kvm_interrupt interrupt = { .irq = 0x45 };
	struct nvmx_vmcs12 *v12 = l1_resumes();
	struct kvm_regs regs;
	int r;

	v12->guest_activity = NVMX_ACTIVITY_HLT;
	v12->pin_ctls |= NVMX_PIN_EXT_INT;
	v12->exit_ctls |= NVMX_EXIT_ACK_INT;
	without_chips();
	wake_after(50);
	r = ioctl(vm.cpu, KVM_RUN, 0);
	expect(!r && vm.run->exit_reason == KVM_EXIT_HLT, "halt", "KVM_RUN ends with exit", r ? (uint64_t)errno : vm.run->exit_reason);
	look();
	expect(now.nested.state.flags & KVM_STATE_NESTED_GUEST_MODE, "halt", "L2 is not entered", v12_of(&now)->exit_reason);
	run(5);		/* user space wakes it up */
	look();
	VM_CPU(&vm, KVM_GET_REGS, &regs);
	expect(now.nested.state.flags & KVM_STATE_NESTED_GUEST_MODE && regs.rip == SPIN, "halt", "woken up, it runs at", regs.rip);
	VM_CPU(&vm, KVM_INTERRUPT, &interrupt);
	run(5);
	v12 = look();
	expect(v12->exit_reason == NVMX_XR_EXT_INT && v12->exit_intr_info == (NVMX_INTR_VALID | 0x45), "halt",
	       "with an interrupt of user space's, exit reason", v12->exit_reason);
}

static void wait_for_sipi(void)
{
	enum vm_end end;

	l2_at(SPIN);
	v12_of(&now)->guest_activity = NVMX_ACTIVITY_WAIT_SIPI;
	without_chips();
	VM_CPU(&vm, KVM_NMI, NULL);
	end = run(5);
	expect(end == VM_INTERRUPTED, "wait", "the VM has ended", (uint64_t)end);
	look();
	expect(now.nested.state.flags & KVM_STATE_NESTED_GUEST_MODE, "wait", "L2 is left", v12_of(&now)->exit_reason);
}

/* L1's VM entry is to load an MSR that user space keeps from it. */
static void filter(void)
{
	static uint8_t none;
	const struct { uint32_t index, reserved; uint64_t value; } entry = { .index = NVMX_MSR_LSTAR };
	struct kvm_msr_filter denied = { .ranges[0] = { .flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, .nmsrs = 1,
		.base = entry.index, .bitmap = &none } };
	struct nvmx_vmcs12 *v12 = l1_resumes();

	v12->entry_msr_load_addr = DATA;
	v12->entry_msr_load_count = 1;
	memcpy(vm.mem + DATA, &entry, sizeof(entry));
	renew();
	if (ioctl(vm.fd, KVM_X86_SET_MSR_FILTER, &denied))
		err(1, "KVM_X86_SET_MSR_FILTER");
	run(5);
	v12 = look();
	expect(v12->exit_reason == (NVMX_XR_ENTRY_FAILURE | NVMX_XR_ENTRY_FAIL_MSR) && v12->exit_qualification == 1, "filter", "exit reason",
	       v12->exit_reason);
}

static sigjmp_buf bus_error;
static siginfo_t bus_info;

static void on_bus_error(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	bus_info = *info;
	siglongjmp(bus_error, 1);
}

static void l2_loads(uint64_t gpa)
{
	l2_at(LOAD);
	now.regs.rbx = gpa;
	renew();
}

static void poison(void)
{
	struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };

	vm.mem[DATA] = 1;	/* a page of its own, not the kernel's for zeroes */
	l2_loads(DATA);
	run(5);	/* it is mapped, and taken away again */
	sigaction(SIGBUS, &action, NULL);
	/* Later kernels signal the caller of this, too. */
	if (!sigsetjmp(bus_error, 1) && madvise(vm.mem + DATA, PAGE, MADV_HWPOISON))
		err(1, "MADV_HWPOISON");
	memset(&bus_info, 0, sizeof(bus_info));
	VM_CPU(&vm, KVM_SET_REGS, &now.regs);
	if (!sigsetjmp(bus_error, 1)) {
		run(20);
		expect(false, "poison", "no SIGBUS, but exit", vm.run->exit_reason);
		return;
	}
	expect(bus_info.si_code == BUS_MCEERR_AR, "poison", "si_code", (uint64_t)bus_info.si_code);
	expect(bus_info.si_addr == vm.mem + DATA, "poison", "si_addr", (uintptr_t)bus_info.si_addr - (uintptr_t)vm.mem);
}

static void gone(void)
{
	int r;

	l2_loads(DATA);
	if (munmap(vm.mem + DATA, PAGE))
		err(1, "munmap");
	wake_after(50);
	r = ioctl(vm.cpu, KVM_RUN, 0);
	expect(r == -1 && errno == EFAULT, "gone", "KVM_RUN ends with exit", r ? (uint64_t)errno : vm.run->exit_reason);
}

/* Whether it was cached nobody can tell; the module counts what it has given out as device memory (nest_stats). */
static void device(void)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC);
	uint8_t *vga = fd < 0 ? MAP_FAILED : mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, VGA);

	if (vga == MAP_FAILED)
		err(1, "/dev/mem");
	l2_loads(DEVICE_GPA);
	vm_slot(&vm, 1, 0, DEVICE_GPA, PAGE, vga);
	run(5);
	look();
	expect(now.nested.state.flags & KVM_STATE_NESTED_GUEST_MODE, "device", "L2 is left", v12_of(&now)->exit_reason);
	vm_close(&vm);
}

/* The host has its page of zeros there, for whoever reads. */
static struct nvmx_vmcs12 *l2_with_zeros(uint32_t rip)
{
	l2_at(rip);
	if (madvise(vm.mem + ZEROS, 2 * PAGE, MADV_DONTNEED))
		err(1, "MADV_DONTNEED");
	return v12_of(&now);
}

static void zeros(void)
{
	struct nvmx_vmcs12 *v12 = l2_with_zeros(OUT);

	v12->proc_ctls |= NVMX_PROC_IO_BITMAPS;
	v12->io_bitmap_a = ZEROS;
	v12->io_bitmap_b = ZEROS + PAGE;
	renew();
	run(5);
	v12 = look();
	expect(now.nested.state.flags & KVM_STATE_NESTED_GUEST_MODE, "zeros", "L2 is left for a port, exit reason", v12->exit_reason);
	v12 = l2_with_zeros(SPIN);
	v12->ept_pointer = (v12->ept_pointer & (PAGE - 1)) | ZEROS;
	renew();
	run(5);
	v12 = look();
	expect(v12->exit_reason == NVMX_XR_EPT_VIOLATION, "zeros", "with tables that map nothing, exit reason", v12->exit_reason);
}

/*
 * The TPR of the virtual-APIC page falls below the threshold between the check and the VM entry (SDM 26.2.1.1).  L1 is not at a
 * VMLAUNCH or VMRESUME, so that it cannot have VMfail.
 */
static void refused(void)
{
	struct nvmx_vmcs12 *v12;
	enum vm_end end;

	l2_at(SPIN);
	v12 = v12_of(&now);
	v12->proc_ctls |= NVMX_PROC_TPR_SHADOW;
	v12->virtual_apic_addr = DATA;
	v12->tpr_threshold = 5;
	vm.mem[DATA + TPR] = 0x50;
	renew();
	vm.mem[DATA + TPR] = 0;
	end = run(5);
	v12 = look();
	expect(end == VM_INTERRUPTED, "refused", "the VM has ended", (uint64_t)end);
	expect(v12->exit_reason == (NVMX_XR_ENTRY_FAILURE | NVMX_XR_ENTRY_FAIL_GUEST), "refused", "exit reason", v12->exit_reason);
}

/* L1 and its L2s, whose shadow it is that shrinks, go on, and check themselves. */
static void shrink(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	enum vm_end end = VM_INTERRUPTED;

	for (unsigned i = 0; i < 4 && end == VM_INTERRUPTED; i++) {
		if (write(fd, "2", 1) != 1)
			err(1, "drop_caches");
		end = run(20);
	}
	expect(end == VM_INTERRUPTED, "shrink", "L1 has ended", (uint64_t)end);
	close(fd);
}

static bool is_swapped(int pagemap, const uint8_t *at)
{
	uint64_t entry;

	if (pread(pagemap, &entry, sizeof(entry), (off_t)((uintptr_t)at / PAGE * sizeof(entry))) != sizeof(entry))
		err(1, "/proc/self/pagemap");
	return entry >> 62 & 1;
}

/* Nobody but L2 uses the page, so that nothing but what the module says of its age can save it. */
static void reclaim(void)
{
	enum { COLD = 4096, ROUNDS = 20, WARM = 5 };	/* pages; of 256 pages each */
	static uint8_t cold[COLD][PAGE] __attribute__((aligned(PAGE)));
	int memory = open("/cg/l1/memory.reclaim", O_WRONLY), pagemap = open("/proc/self/pagemap", O_RDONLY);
	unsigned taken = 0, lost = 0;

	vm.mem[DATA] = 1;
	memset(cold, 1, sizeof(cold));
	l2_at(LOOP);
	now.regs.rbx = DATA;
	renew();
	for (unsigned i = 0; i < ROUNDS; i++) {
		run(5);
		if (write(memory, "1M", 2) != 2 && errno != EAGAIN)
			err(1, "memory.reclaim");
		lost += i >= WARM && is_swapped(pagemap, vm.mem + DATA);
	}
	for (unsigned i = 0; i < COLD; i++)
		taken += is_swapped(pagemap, cold[i]);
	for (unsigned i = 0; i < MEMORY / PAGE; i++)
		taken += is_swapped(pagemap, vm.mem + i * PAGE);
	printf("reclaim: %u pages taken, L2's %u times of %u\n", taken, lost, (unsigned)(ROUNDS - WARM));
	expect(taken >= COLD / 8, "reclaim", "of what nobody uses the kernel took", taken);
	expect(lost == 0, "reclaim", "L2's page was taken for cold", lost);
}

static void code(void)
{
	static const struct { uint32_t at; uint8_t bytes[8]; } pieces[] = {
		{ SMM_CODE, { 0x0f, 0xaa } },
		{ SPIN, { 0xeb, 0xfe } },
		{ L1_SPIN, { 0xfb, 0xeb, 0xfe } },
		{ RESUME, { 0x0f, 0x01, 0xc3, 0xeb, 0xfe } },
		{ LOAD, { 0x48, 0x8b, 0x03, 0xeb, 0xfe } },
		{ OUT, { 0xe6, 0x80, 0xeb, 0xfc } },
		{ LOOP, { 0x48, 0x8b, 0x03, 0xeb, 0xfb } },
	};

	for (unsigned i = 0; i < sizeof(pieces) / sizeof(*pieces); i++)
		memcpy(vm.mem + pieces[i].at, pieces[i].bytes, sizeof(pieces[i].bytes));
}

static const struct {
	const char *name;
	void (*run)(void);
} steps[] = {
	{ "events", events }, { "debugctl", debugctl }, { "timer", timer }, { "again", again }, { "halt", halt },
	{ "wait", wait_for_sipi }, { "filter", filter },
	{ "poison", poison }, { "gone", gone }, { "device", device }, { "zeros", zeros }, { "refused", refused },
	{ "shrink", shrink }, { "reclaim", reclaim },
};

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = wake };
	unsigned i = 0;

	while (argc > 2 && i < sizeof(steps) / sizeof(*steps) && strcmp(argv[1], steps[i].name))
		i++;
	if (argc < 3 || i == sizeof(steps) / sizeof(*steps))
		errx(1, "usage: inject events|debugctl|timer|again|halt|wait|filter|poison|gone|device|zeros|refused|shrink|reclaim IMAGE [ARGUMENT...]");
	sigaction(SIGALRM, &action, NULL);
	vm_create(&vm);
	/* The kernel does not take a large page apart, to give up a part of it, while KVM holds another part. */
	if (madvise(vm.mem, MEMORY, MADV_NOHUGEPAGE))
		err(1, "MADV_NOHUGEPAGE");
	vm_load(&vm, argv[2], argc - 3, argv + 3);
	code();
	do {
		if (run(7) != VM_INTERRUPTED)
			errx(1, "L1 has ended");
		snapshot_take(&vm, &l2);
	} while (!snapshot_in_l2(&l2));
	steps[i].run();
	printf("torture: inject: %s: %u wrong\n", argv[1], wrong);
	return wrong != 0;
}
