/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_SX_H
#define SHIM_SYS_SX_H

#include <sys/lock.h>
#include <sys/proc.h>

struct sx {
	struct lock_object lock_object;
	struct thread *owner;
};
void sx_init(struct sx *sx, const char *name);
void sx_destroy(struct sx *sx);
void sx_xlock(struct sx *sx);
void sx_xunlock(struct sx *sx);

#endif
