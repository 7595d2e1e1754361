/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_MACHINE_VMM_SNAPSHOT_H
#define SHIM_MACHINE_VMM_SNAPSHOT_H

#include <sys/errno.h>
#include <sys/types.h>

enum vm_snapshot_op { VM_SNAPSHOT_SAVE, VM_SNAPSHOT_RESTORE };

struct vm_snapshot_buffer {
	uint8_t *const buf_start;
	const size_t buf_size;
	uint8_t *buf;
	size_t buf_rem;
};

struct vm_snapshot_meta {
	void *dev_data;
	const char *dev_name;
	struct vm_snapshot_buffer buffer;
	enum vm_snapshot_op op;
};

int vm_snapshot_buf(void *data, size_t size, struct vm_snapshot_meta *meta);
void vm_snapshot_buf_err(const char *name, const enum vm_snapshot_op op);

#define SNAPSHOT_BUF_OR_LEAVE(data, size, meta, result, label) \
	do {                                                   \
		(result) = vm_snapshot_buf(data, size, meta);  \
		if (result) {                                  \
			vm_snapshot_buf_err(#data, (meta)->op); \
			goto label;                            \
		}                                              \
	} while (0)
#define SNAPSHOT_VAR_OR_LEAVE(variable, meta, result, label) \
	SNAPSHOT_BUF_OR_LEAVE(&(variable), sizeof(variable), meta, result, label)

#endif
