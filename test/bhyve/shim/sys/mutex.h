/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_MUTEX_H
#define SHIM_SYS_MUTEX_H

#include <sys/lock.h>
#include <sys/proc.h>

#define MTX_DEF 0
#define MTX_SPIN 1

struct mtx {
	struct lock_object lock_object;
	int kind;
	struct thread *owner;
};

void mtx_init(struct mtx *m, const char *name, const char *type, int kind);
void mtx_destroy(struct mtx *m);
void mtx_lock(struct mtx *m);
void mtx_unlock(struct mtx *m);
void mtx_lock_spin(struct mtx *m);
void mtx_unlock_spin(struct mtx *m);

#endif
