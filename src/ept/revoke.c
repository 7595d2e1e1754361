/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The host takes frames of L1 back, or the right to write to them. */
#include "shadow.h"

/*
 * The other vCPUs' flushes are pending in their roots: what keeps them from running on what they have cached is that they
 * leave L2.  The list's lock is not held over that, for they may be waiting for it.
 */
static void lose(struct nvmx_vm *vm, struct nvmx_vcpu *self, uint64_t gpa, uint64_t len, enum nvmx_ept_loss loss)
{
	struct nvmx_ept *ve = nvmx_ept_of_vm(vm);
	struct nvmx_host *kick = NULL;
	uint64_t end = gpa + len - 1 < gpa ? ~0ull : gpa + len - 1;
	struct nvmx_vcpu *v;
	bool mine = false;

	if (!len)
		return;
	/* A fill that translated before this either sees the count or has its leaf in a chain by now. */
	__atomic_add_fetch(&ve->changes, 1, __ATOMIC_SEQ_CST);
	nvmx_ept_lock(&ve->lock);
	for (v = ve->vcpus; v; v = nvmx_ept_of(v)->next) {
		if (!nvmx_ept_lose(nvmx_ept_of(v), gpa, end, loss))
			continue;
		if (v == self)
			mine = true;
		else
			kick = self ? self->host : v->host;
	}
	nvmx_ept_unlock(&ve->lock);
	if (mine)
		self->ops->flush_ept(self->host, nvmx_ept_of(self)->hot.eptp02, NVMX_FLUSH_ALL);
	if (kick && vm->ops->kick_others)
		vm->ops->kick_others(kick);
}

void nvmx_host_invalidate(struct nvmx_vm *vm, struct nvmx_vcpu *self, uint64_t gpa, uint64_t length)
{
	lose(vm, self, gpa, length, NVMX_EPT_LOSE_ALL);
}

void nvmx_host_write_protect(struct nvmx_vm *vm, struct nvmx_vcpu *self, uint64_t gpa, uint64_t length)
{
	lose(vm, self, gpa, length, NVMX_EPT_LOSE_WRITE);
}
