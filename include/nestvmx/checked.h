/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A layer between the library and a host's table of ops that holds both to <nestvmx/host.h>: for whoever writes a host, in its
 * debug build.  Each call of an op, and its answer, is compared with what was promised (<nestvmx/promises.def>); a promise
 * that does not hold is reported by name, with the op and what was found.  Nothing else changes: the call and its answer go
 * through as they are.
 *
 *	static struct nvmx_ledger_page pages[4096];
 *	static struct nvmx_ledger ledger;
 *
 *	nvmx_ledger_of(&ledger, &vm_config, &vcpu_config);  // both as without the layer
 *	ledger.vpid01 = 1; // as in vmcs01
 *	ledger.pages = pages, ledger.pages_n = 4096, ledger.report = my_report;
 *	vm_config.ops = nvmx_checked_ops(&my_ops, &ledger);
 *	vcpu_config.host = nvmx_checked_host(&ledger);
 *	...
 *	nvmx_vcpu_destroy(vcpu);
 *	nvmx_ledger_end(&ledger);
 *
 * Both the table and the host are the layer's, or neither: nvmx_vcpu_init() refuses a host that is no ledger beside this table
 * (NVMX_REFUSED_HOST_NO_LEDGER); a ledger beside the host's own table it cannot know, and the first op crashes.  Set `report` at first: what else
 * is told is told at the end.  One ledger for each vCPU; the table of any of them serves the VM.  With NVMX_HOST_PAGES_OF_VM there is one more, the VM's, whose
 * `host` is any address: its table goes to nvmx_vm_init(), it keeps the pages of all vCPUs, whose ledgers name it (`vm`), and it is
 * ended when nvmx_vm_destroy() has returned.  What the port header's accessors read and write is not seen here; its
 * NVMX_PORT_MAP gets the layer's host, which is a ledger: `host` in it is the real one.  No malloc, no globals: all state is in the
 * ledgers.
 */
#ifndef NESTVMX_CHECKED_H
#define NESTVMX_CHECKED_H

#include <nestvmx/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Stable numbers: NVMX_PROMISE_<NAME>. */
enum nvmx_promise {
	NVMX_PROMISE_NONE = 0,
#define NVMX_P(number, NAME, whose, promise) NVMX_PROMISE_##NAME = (number),
#include <nestvmx/promises.def>
	NVMX_PROMISES_END = 100
};

/* A promise that was broken, and by what. */
struct nvmx_broken {
	unsigned promise;      /* enum nvmx_promise */
	const char *op;        /* the op whose call or answer broke it.  Static; "" for nvmx_ledger_end() */
	uint64_t found;        /* the value that did */
	uint64_t about;        /* the address, MSR or field that it is about, or 0 */
};

/* A page that the library has from page_alloc; 0 throughout at first. */
struct nvmx_ledger_page {
	uint64_t hpa;          /* with bit 0: the place was in use */
	void *page;
	bool vmcs, cleared;
};

/* What a ledger has room for: more mapped or pinned frames than the library holds at a time. */
#define NVMX_LEDGER_MAPS 16u
#define NVMX_LEDGER_PINS 64u

/* The books of one vCPU's ops: the embedder's memory, which the layer alone writes once it works. */
struct nvmx_ledger {
	/* The embedder's, and not changed after nvmx_checked_ops(); the rest of the structure is 0 then. */
	uint32_t size;                 /* sizeof(struct nvmx_ledger) */
	uint32_t revision;             /* the processor's VMCS revision identifier; 0: not compared */
	struct nvmx_host *host;        /* what the real ops get */
	uint64_t vmcs01;
	uint8_t maxphyaddr;            /* the processor's physical-address width */
	uint16_t vpid01, vpid02, vpid02_n; /* as in vmcs01 (0: none) and in nvmx_vcpu_config */
	struct nvmx_ledger_page *pages; /* room for the pages that the vCPU may have at a time; if there are more, or NULL, pages that are
	                                * not in the books are no fault */
	uint32_t pages_n;              /* a power of two, twice what is expected: it is a hash table */
	struct nvmx_ledger *vm;        /* with NVMX_HOST_PAGES_OF_VM, the ledger that keeps the pages of the VM's vCPUs, these instead of
	                                * pages[]; it is prepared before this one.  NULL: pages are the vCPU's */
	bool (*lock_held)(struct nvmx_host *h); /* what the port's lock macros know; NULL: nothing */
	/* Called for each promise that is broken, in the context of the op: calls nothing of the library but the three below.
	 * NULL: what is in `first` and `broken` is all. */
	void (*report)(struct nvmx_host *h, const struct nvmx_broken *what);

	/* What came of it. */
	uint64_t broken;               /* how many promises were broken */
	struct nvmx_broken first;      /* the first of them */
	uint64_t calls;                /* of ops */

	/* The layer's own. */
	const char *under_way;         /* the op that has not returned yet */
	struct nvmx_host_ops real, table;
	/* What is mapped ... */
	struct {
		uint64_t gpa;
		void *page;            /* NULL: free */
		bool write;
	} map[NVMX_LEDGER_MAPS];
	/* ... and pinned. */
	struct {
		uint64_t gpa, hpa;
		bool held;
	} pin[NVMX_LEDGER_PINS];
	uint64_t current;              /* the current VMCS; ~0: none */
	uint32_t pages_live;
	bool pages_lost;               /* there was no room for one */
	bool pages_held;               /* a lock: who looks for pages, or for a batch, where these are the VM's */
	unsigned long pages_flags;     /* of the port's lock macros */
	unsigned pending;              /* what pending_events answered last, less what was taken */
	bool in_l2;                    /* as the barriers say */
	uint64_t batch;                /* of the last watch */
	int acknowledged;              /* the vector that ack_interrupt gave last, and one; 0: none, or it was ended */
};

struct nvmx_vm_config;
struct nvmx_vcpu_config;
/*
 * Begins *ledger: what the configurations of the VM and of the vCPU (<nestvmx/nestvmx.h>) say, `size` and `revision` too, and 0 in all
 * else, of which the embedder sets what it wants: vpid01, pages and pages_n, vm, lock_held, report.  Pure; nothing is kept of `vm` and `vcpu`.
 */
void nvmx_ledger_of(struct nvmx_ledger *ledger, const struct nvmx_vm_config *vm, const struct nvmx_vcpu_config *vcpu);
/*
 * Prepares *ledger, and returns the table to hand to nvmx_vm_init(): it has the ops that `real` has, whose size and ABI are as for
 * nvmx_vm_init().  NULL, and nvmx_vm_init() then says that vm_config.ops is: `ledger` or `real` is NULL, or real->size, ledger->size, host,
 * pages_n (a power of two) or vm (one that has none) is not what it must be.  Any context.  `real` is copied.
 */
const struct nvmx_host_ops *nvmx_checked_ops(const struct nvmx_host_ops *real, struct nvmx_ledger *ledger);
/* What nvmx_vcpu_config.host is with it. */
struct nvmx_host *nvmx_checked_host(struct nvmx_ledger *ledger);
/* The vCPU, or the VM, was destroyed: whatever it still has is reported.  Returns how many promises were broken since nvmx_checked_ops(). */
uint64_t nvmx_ledger_end(struct nvmx_ledger *ledger);

/* "XLATE_SHIFT"; the sentence of <nestvmx/promises.def>; whether it is the host's to keep.  NULL, false: no such promise.  Pure. */
const char *nvmx_promise_name(unsigned promise);
const char *nvmx_promise_text(unsigned promise);
bool nvmx_promise_is_hosts(unsigned promise);
/*
 * Writes one line for *what, with a NUL, into buf[0..size), cut off where that is too short: the op, the promise's name, who broke
 * it, its sentence, and what was found.  Returns its whole length without the NUL; NVMX_DESCRIBE_MAX (<nestvmx/error.h>) holds each.  Pure.
 */
size_t nvmx_describe_broken(char *buf, size_t size, const struct nvmx_broken *what);

#ifdef __cplusplus
}
#endif

#endif
