/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The spin locks of the shadow EPT.  One at a time, never over a callback, for at most 512 entries: see nvmx_ept_look_at() in
 * shadow.h.  First come, first served, so that who gives a lock back in the middle of long work has given it to those who wait.
 */
#ifndef NVMX_SRC_EPT_LOCK_H
#define NVMX_SRC_EPT_LOCK_H

#include <stdint.h>

/* What a waiting processor does; a build for user space may give way to the thread that holds the lock. */
#ifndef NVMX_RELAX
#define NVMX_RELAX() __builtin_ia32_pause()
#endif

/* <nestvmx/host.h> says what a port header defines. */
#ifdef NESTVMX_PORT_HEADER
#include NESTVMX_PORT_HEADER
#endif
#ifndef NVMX_PORT_LOCK_BEGIN
#ifdef NVMX_PORT_PREEMPT_OFF
#define NVMX_PORT_LOCK_BEGIN(flags) NVMX_PORT_PREEMPT_OFF()
#define NVMX_PORT_LOCK_END(flags) NVMX_PORT_PREEMPT_ON()
#else
#define NVMX_PORT_LOCK_BEGIN(flags) ((void)0)
#define NVMX_PORT_LOCK_END(flags) ((void)0)
#endif
#define NVMX_LOCK_HAS_FLAGS 0
#else
#define NVMX_LOCK_HAS_FLAGS 1
#endif

/* A test build counts the entries that are looked at under a lock. */
#ifndef NVMX_LOCK_VISIT
#define NVMX_LOCK_VISIT(n) ((void)0)
#endif

struct nvmx_ept_lock {
	uint16_t next, owner;   /* tickets */
	unsigned long flags;    /* the owner's */
};

static inline void nvmx_ept_lock(struct nvmx_ept_lock *lock)
{
	unsigned long flags = 0;
	uint16_t mine;

	NVMX_PORT_LOCK_BEGIN(flags);
	mine = __atomic_fetch_add(&lock->next, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE) != mine)
		NVMX_RELAX();
	if (NVMX_LOCK_HAS_FLAGS)
		lock->flags = flags;
}

static inline void nvmx_ept_unlock(struct nvmx_ept_lock *lock)
{
	unsigned long flags = NVMX_LOCK_HAS_FLAGS ? lock->flags : 0;

	(void)flags;
	__atomic_store_n(&lock->owner, (uint16_t)(lock->owner + 1), __ATOMIC_RELEASE);
	NVMX_PORT_LOCK_END(flags);
}

#endif
