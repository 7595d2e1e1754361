/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_MACHINE_ATOMIC_H
#define SHIM_MACHINE_ATOMIC_H

#include <sys/types.h>

/* Where another processor may come in between. */
void shim_elsewhere(void);

#define SHIM_ATOMIC(type, name)                                                                     \
	static inline __unused type atomic_load_##name(const volatile type *p)                      \
	{                                                                                           \
		return __atomic_load_n(p, __ATOMIC_RELAXED);                                        \
	}                                                                                           \
	static inline __unused type atomic_load_acq_##name(const volatile type *p)                  \
	{                                                                                           \
		return __atomic_load_n(p, __ATOMIC_ACQUIRE);                                        \
	}                                                                                           \
	static inline __unused void atomic_store_##name(volatile type *p, type value)               \
	{                                                                                           \
		__atomic_store_n(p, value, __ATOMIC_RELAXED);                                       \
	}                                                                                           \
	static inline __unused void atomic_store_rel_##name(volatile type *p, type value)           \
	{                                                                                           \
		__atomic_store_n(p, value, __ATOMIC_RELEASE);                                       \
	}                                                                                           \
	static inline __unused void atomic_add_##name(volatile type *p, type value)                 \
	{                                                                                           \
		shim_elsewhere();                                                            \
		__atomic_fetch_add(p, value, __ATOMIC_SEQ_CST);                                     \
	}                                                                                           \
	static inline __unused void atomic_subtract_##name(volatile type *p, type value)            \
	{                                                                                           \
		shim_elsewhere();                                                            \
		__atomic_fetch_sub(p, value, __ATOMIC_SEQ_CST);                                     \
	}                                                                                           \
	static inline __unused type atomic_fetchadd_##name(volatile type *p, type value)            \
	{                                                                                           \
		shim_elsewhere();                                                            \
		return __atomic_fetch_add(p, value, __ATOMIC_SEQ_CST);                              \
	}                                                                                           \
	static inline __unused void atomic_set_##name(volatile type *p, type value)                 \
	{                                                                                           \
		shim_elsewhere();                                                            \
		__atomic_fetch_or(p, value, __ATOMIC_SEQ_CST);                                      \
	}                                                                                           \
	static inline __unused void atomic_clear_##name(volatile type *p, type value)               \
	{                                                                                           \
		shim_elsewhere();                                                            \
		__atomic_fetch_and(p, ~value, __ATOMIC_SEQ_CST);                                    \
	}                                                                                           \
	static inline __unused type atomic_swap_##name(volatile type *p, type value)                \
	{                                                                                           \
		shim_elsewhere();                                                            \
		return __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);                             \
	}                                                                                           \
	static inline __unused type atomic_readandclear_##name(volatile type *p)                    \
	{                                                                                           \
		shim_elsewhere();                                                            \
		return __atomic_exchange_n(p, 0, __ATOMIC_SEQ_CST);                                 \
	}                                                                                           \
	static inline __unused int atomic_cmpset_##name(volatile type *p, type from, type to)       \
	{                                                                                           \
		shim_elsewhere();                                                            \
		return __atomic_compare_exchange_n(p, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	}
SHIM_ATOMIC(u_int, int)
SHIM_ATOMIC(u_long, long)
SHIM_ATOMIC(uint64_t, 64)
#undef SHIM_ATOMIC
#define atomic_store_rel_ptr(p, value) __atomic_store_n(p, value, __ATOMIC_RELEASE)
#define atomic_load_long(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define atomic_load_int(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define atomic_load_ptr(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define atomic_thread_fence_seq_cst() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define atomic_thread_fence_acq() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define atomic_thread_fence_rel() __atomic_thread_fence(__ATOMIC_RELEASE)

#endif
