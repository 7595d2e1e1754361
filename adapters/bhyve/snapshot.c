/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots.  bhyve saves and restores vmcs01 and what no VMCS holds; the library's part comes behind that, with what bhyve leaves
 * out of vmcs01 and an L1 in VMX operation cannot do without.  While L2 runs, L1's registers are those of vmcs12's host state.
 *
 * bhyve's user writes L1's memory before it asks for the vCPUs.  So the VMCSs that the library has go back to memory when a vCPU
 * stops for it (VM_EXITCODE_DEBUG): nest_done().
 */
#include "bhyve.h"

#ifdef BHYVE_SNAPSHOT

#define MAGIC 0x3154534e	/* "NST1" */

/* In front of the library's blob. */
struct saved {
	uint32_t magic;
	uint32_t size;		/* of the blob */
	uint64_t feature_control;
	uint64_t cr0_shadow, cr4_shadow; /* of vmcs01 */
	uint64_t l1_tsc;
	uint32_t halted;
	uint32_t pad;
};

static int save(struct nest *n, struct saved *s, struct nvmx_state *blob)
{
	uint64_t loaded;
	size_t size = 0;
	int error;

	nest_outside_begin(n);
	s->l1_tsc = nest_l1_tsc(n);
	error = nvmx_state_save(n->v, blob, sizeof(*blob), s->l1_tsc, &size, NULL);
	if (error == NVMX_ERR_AGAIN)
		nest_await(n, NEST_NOTHING);
	nvmx_msr_read(n->v, MSR_IA32_FEATURE_CONTROL, &s->feature_control);
	loaded = nest_to_vmcs01(n);
	s->cr0_shadow = vmcs_read(VMCS_CR0_SHADOW);
	s->cr4_shadow = vmcs_read(VMCS_CR4_SHADOW);
	nest_from_vmcs01(n, loaded);
	nest_outside_end(n);
	s->magic = MAGIC;
	s->size = size;
	s->halted = n->halted;
	return (error);
}

static int restore(struct nest *n, const struct saved *s, const struct nvmx_state *blob)
{
	const struct nvmx_state_context context = { .l1_tsc = s->l1_tsc };
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];
	uint64_t loaded;
	int error;

	nest_outside_begin(n);
	loaded = nest_to_vmcs01(n);
	vmcs_write(VMCS_CR0_SHADOW, s->cr0_shadow);
	vmcs_write(VMCS_CR4_SHADOW, s->cr4_shadow);
	n->pat01 = n->vcpu->guest_msrs[IDX_MSR_PAT];
	vmcs_write(VMCS_GUEST_IA32_PAT, n->pat01);
	nest_from_vmcs01(n, loaded);
	error = nvmx_state_restore(n->v, blob, s->size, &context, &info);
	nvmx_describe_error(line, sizeof(line), &info);
	if (error == NVMX_OK && nvmx_feature_control_set(n->v, s->feature_control) != 0) {
		snprintf(line, sizeof(line), "IA32_FEATURE_CONTROL %#jx", (uintmax_t)s->feature_control);
		error = NVMX_ERR_STATE;
	}
	if (error == NVMX_ERR_AGAIN)
		nest_await(n, NEST_NOTHING);
	nest_outside_end(n);
	if (error == NVMX_OK) {
		n->halted = s->halted != 0;
		n->posted = nest_has_vid(n);
	} else if (error != NVMX_ERR_AGAIN)
		printf("vmm: nested state refused: %s\n", line);
	return (error);
}

/* Makes present what the library waits for, until it has what it needs.  An errno. */
static int persist(struct nest *n, struct saved *s, struct nvmx_state *blob, enum vm_snapshot_op op)
{
	int error;

	do {
		nest_pages_fill(n);
		error = op == VM_SNAPSHOT_SAVE ? save(n, s, blob) : restore(n, s, blob);
	} while (error == NVMX_ERR_AGAIN && nest_hold(n) == 0);
	nest_release(n);
	nest_pins_drop(n);
	return (error == NVMX_OK ? 0 : EINVAL);
}

static int transfer(struct nest *n, struct vm_snapshot_meta *meta, struct nvmx_state *blob)
{
	struct saved s = { 0 };
	int error = 0;

	if (meta->op == VM_SNAPSHOT_SAVE)
		error = persist(n, &s, blob, meta->op);
	if (error == 0)
		error = vm_snapshot_buf(&s, sizeof(s), meta);
	if (error == 0 && (s.magic != MAGIC || s.size > sizeof(*blob)))
		error = EINVAL;
	if (error == 0)
		error = vm_snapshot_buf(blob, s.size, meta);
	if (error == 0 && meta->op == VM_SNAPSHOT_RESTORE)
		error = persist(n, &s, blob, meta->op);
	return (error);
}

int nest_snapshot(struct vmx_vcpu *vcpu, struct vm_snapshot_meta *meta)
{
	struct nvmx_state *blob;
	int error;

	if (vcpu->nest == NULL)
		nest_create(vcpu);
	if (vcpu->nest == NULL)
		return (0);
	if (vcpu->nest->again != NEST_NOTHING)
		return (EBUSY);
	blob = malloc(sizeof(*blob), M_NEST, M_WAITOK | M_ZERO);
	error = transfer(vcpu->nest, meta, blob);
	free(blob, M_NEST);
	return (error);
}

void nest_done(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = vmm_is_intel() ? nest_cookie(vcpu) : NULL;
	struct nvmx_state *blob;
	struct saved s;

	if (v == NULL || v->nest == NULL || vm_exitinfo(vcpu)->exitcode != VM_EXITCODE_DEBUG)
		return;
	if (v->nest->again != NEST_NOTHING || !nvmx_in_vmx_operation(v->nest->v))
		return;
	blob = malloc(sizeof(*blob), M_NEST, M_WAITOK | M_ZERO);
	persist(v->nest, &s, blob, VM_SNAPSHOT_SAVE);
	free(blob, M_NEST);
}

#else

void nest_done(struct vcpu *vcpu __unused)
{
}

#endif
