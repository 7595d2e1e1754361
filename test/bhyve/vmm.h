/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A model of vmm.ko: what of it calls the adapter, and what the adapter calls. */
#ifndef BHYVE_VMM_H
#define BHYVE_VMM_H

#include <machine/vmm.h>
#include <dev/vmm/vmm_vm.h>
#include <nestvmx/fake.h>
#include "vlapic.h"
#include "vlapic_priv.h"
#include "vmx.h"
#include "world.h"

#define VCPUS 2
#define HALTED_FOR_EVER 1000u
#define CALLS_MAX 20000u /* of vmx_run() for one run of a script */

struct vcpu {
	struct vm *vm;
	int vcpuid;
	void *cookie;
	struct vlapic vlapic;
	struct vm_exit exitinfo;
	uint64_t nextrip, exitintinfo, tsc_offset;
	int nmi_pending, extint_pending, exception_pending, exc_vector, exc_errcode_valid;
	uint32_t exc_errcode;
	bool yield, reqidle, debug; /* asked for by somebody */
	bool slice_ends;          /* `yield`, when it has run once more */
	bool stopped;             /* for a debugger or a snapshot */
	int cpu, on;              /* where its thread is to run next, and where it does */
	bool in_run;              /* in vmx_run(): `guest` is the processor's */
	enum vcpu_state state;
	bool pic;                 /* interrupts from outside come by the PIC, not the APIC */
	struct fake_cpu guest;    /* what of the guest no VMCS and no field of vmxctx has, while it does not run */
	enum fake_stop stop;
	struct fake_trace *trace;
	/* What a case wants at each turn of the loop: true ends the run. */
	bool (*between)(struct vcpu *vcpu, void *arg);
	void (*entering)(struct vcpu *vcpu);
	void (*emulating)(struct vcpu *vcpu);
	void *arg;
	u_long entries, user, hlts, emulated, steps;
};

struct vm {
	const char *name;
	struct vmx *vmx;
	struct vcpu *vcpu[VCPUS];
	uint64_t pic[4];          /* what the PIC asks for */
	enum vm_suspend_how suspend;
};

/* vmm.c */
struct vm *vm_create(const char *name);
struct vcpu *vcpu_create(struct vm *vm, int n);
void vm_destroy(struct vm *vm);
/* Runs the guest until its script ends, or `between` says so. */
void vm_run(struct vcpu *vcpu);

/* vmx.c */
void vmx_modinit(void);
void vmx_modcleanup(void);
struct vmx *vmx_init(struct vm *vm, pmap_t pmap);
void vmx_cleanup(struct vmx *vmx);
struct vmx_vcpu *vmx_vcpu_init(struct vmx *vmx, struct vcpu *vcpu, int n);
void vmx_vcpu_cleanup(struct vmx_vcpu *vcpu);
void vmx_run(struct vmx_vcpu *vcpu, uint64_t rip);
int vmx_exit_process(struct vmx_vcpu *vcpu, struct vm_exit *e);
int vmx_set_tsc_offset(struct vmx_vcpu *vcpu, uint64_t offset);
struct vm_snapshot_meta;
int vmx_vcpu_snapshot(struct vmx_vcpu *vcpu, struct vm_snapshot_meta *meta);
int vmx_setcap(struct vmx_vcpu *vcpu, int type, int value);
/* Emulates a load or store of a device that is not there. */
void vmx_emulate(struct vcpu *vcpu);
/* What has come from outside is the devices'. */
void vmx_outside(struct vcpu *vcpu, struct fake_cpu *c);
/* A field of the VMCS of the guest that runs, or will: what the register accessors do. */
int vmx_getfield(struct vmx_vcpu *vcpu, uint32_t field, uint64_t *value);
int vmx_setfield(struct vmx_vcpu *vcpu, uint32_t field, uint64_t value);

#endif
