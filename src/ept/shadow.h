/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The shadow's data: tables, roots, the pool of pages, the reverse map.  docs/ept.md tells how they work together.
 */
#ifndef NVMX_SRC_EPT_SHADOW_H
#define NVMX_SRC_EPT_SHADOW_H

#include "walk.h"
#include "lock.h"
#include "watch.h"
#include "named.h"

#define NVMX_EPT_ROOTS 1024      /* per vCPU, in so far as its pages hold them */
#define NVMX_EPT_ROOTS_OF_PAGE 8
#define NVMX_EPT_ROOT_HEADS 64   /* chains of roots by the address of L1's top table */
#define NVMX_EPT_LISTED 8        /* entries of the processor's EPTP list */
#define NVMX_EPT_MIN_PAGES 256   /* a vCPU may always have so many: enough for what one instruction can touch */
#define NVMX_EPT_STOCK 20        /* pages that one fault may need: 5 tables of 3, table records, roots */
#define NVMX_EPT_OWN_PAGES 32    /* that a vCPU keeps to itself where it shares: its stock, a top table, what it needs once; */
#define NVMX_EPT_SPARE 8         /* and what it gets beside, to leave to the VM */
#define NVMX_EPT_RESTOCK 40      /* and so many are got when there are fewer than that */
#define NVMX_EPT_HELD_MAX 512    /* entries that are looked at before the lock is given to those who wait */
#define NVMX_EPT_PAGES 256       /* in a page of pages */
#define NVMX_EPT_HEADS 16        /* pages of chain heads with the default budget, */
#define NVMX_EPT_HEADS_DIRS 8    /* and pages of pages of them at most: with all, 8 GiB in 4-KiB pages have a chain each */
#define NVMX_EPT_BLOCK 512       /* chain heads: those of the 4-KiB frames of 2 MiB */
#define NVMX_EPT_RECORD 160      /* bytes of a table's record */
#define NVMX_EPT_PER_SLAB 25     /* records in a page; the first holds the page's address */
#define NVMX_EPT_NUMBERS 32      /* and so many numbers of tables it takes */
#define NVMX_EPT_SLABS_OF_DIR 512
#define NVMX_EPT_SLABS (NVMX_EPT_PAGES * NVMX_EPT_SLABS_OF_DIR) /* 3 million tables; a link of a chain has 23 bits for the number */
#define NVMX_EPT_AROUND_MIN 16   /* entries that a table's first fault fills */
#define NVMX_EPT_AROUND_MAX 512
#define NVMX_EPT_REFILL 32       /* leaves that L1 changed which re-validation makes anew at once */
#define NVMX_EPT_LIVE 8
#define NVMX_EPT_YOUNG 32        /* tables that are not evicted if there are others: what one instruction can need */
#define NVMX_EPT_NEXT_TABLES 8   /* tables made current beside the one that faulted */
#define NVMX_EPT_RECENT 4        /* ways that a VM entry after an INVEPT makes current, per root */
#define NVMX_EPT_TRUST_MAX 512
#define NVMX_EPT_WINDOWS 8       /* tables of which L2 sees a window, per vCPU */
#define NVMX_EPT_IN_WINDOW 8     /* entries: a line of the cache */
#define NVMX_EPT_FOR_DROP (1 + NVMX_EPT_IN_WINDOW) /* entries looked at to drop one: it may lead to a table with a window */
#define NVMX_EPT_WHOLE_MIN 4     /* tables that are compared wholly after a window was too small, at first and at most */
#define NVMX_EPT_WHOLE_MAX 256
#define NVMX_EPT_QUIET_MIN 2      /* comparisons without a difference before a table's frame is to be watched, at first and at most */
#define NVMX_EPT_QUIET_MAX 256
#define NVMX_EPT_LOOSE 16        /* tables that an INVEPT cuts off one by one, per root */
#define NVMX_EPT_KEEP_MAX 1024   /* entries that are looked at for links that may stay */
#define NVMX_EPT_PAUSE_MAX 1024
#define NVMX_EPT_TABLES_AT_ONCE 32 /* tables of 4-KiB pages that an INVEPT of ranges compares; more are as good as all */
#define NVMX_EPT_SHARED_LEVELS 2  /* of the tables that vCPUs share: of 4-KiB pages, of 2-MiB pages */
#define NVMX_EPT_HOMES 4         /* of the tables that vCPUs share, by the address of L1's table */
#define NVMX_EPT_SHARED_CHAIN 64 /* of them, looked at for one */

/* A page of pages. */
struct nvmx_ept_pages {
	void *va[NVMX_EPT_PAGES];
	uint64_t hpa[NVMX_EPT_PAGES];
};
_Static_assert(sizeof(struct nvmx_ept_pages) == 4096, "a page");

static inline struct nvmx_ept_pages *nvmx_ept_pages(const struct nvmx_page *page)
{
	return (struct nvmx_ept_pages *)page->va;
}

/* A shadow table.  Tables are numbered for the chains of the reverse map; 0 is none. */
struct nvmx_ept_table {
	uint64_t *hw;      /* what the processor walks */
	uint64_t *copy;    /* EPT12's entries that hw[] was made from, 0 where it has none; NULL in a table of parts */
	uint64_t *window;  /* what the processor walks instead, with a few of hw[]'s entries and 0 elsewhere; NULL: none */
	uint64_t *side;    /* link: address of the lower table's record; leaf: its neighbours in the chain, next << 32 | previous */
	uint64_t hw_hpa, copy_hpa, side_hpa;
	uint64_t gpa12;    /* EPT12's table; in a table of parts the L1 frame that its first entry maps */
	struct nvmx_ept_table *shared; /* the VM's table whose entries these are, its body; NULL: they are its own */
	uint64_t word;     /* of the watch under which the entries were last known to be EPT12's; 0: of none */
	uint32_t place;    /* in the watches */
	uint32_t number;
	uint32_t next;     /* in the list of free records or of detached tables, or a body in the chain of its name */
	uint16_t lo, hi;   /* entries outside [lo, hi) are 0 */
	uint16_t leaves;
	uint8_t level;
	uint8_t state;     /* enum nvmx_ept_table_state */
	uint8_t live_n;    /* of a vCPU's table, as what follows: links in live[]; more than NVMX_EPT_LIVE: there are more */
	uint8_t next_tables; /* how many lower tables a fault in one of them makes current, too */
	uint8_t window_number; /* in windows[] */
	union {
		struct {   /* of a vCPU's table */
			uint64_t generation; /* of the root, when the entries were last known to be EPT12's */
			struct nvmx_ept_table *parent;
			uint32_t made;     /* tables of the vCPU until then */
			uint32_t since;    /* INVEPTs of the vCPU until then */
			uint16_t live[NVMX_EPT_LIVE]; /* the links that were made since all were cut, if they are so few */
			uint16_t index;    /* in the parent */
			uint16_t links;
			uint16_t around;   /* how many neighbours the next fault fills, too */
			uint16_t root;
			uint16_t window_first; /* entry */
			uint16_t quiet;    /* comparisons running without a difference, */
			uint16_t quiet_need; /* and how many it takes before the frame is to be watched */
		};
		struct {   /* of a body, under the lock of its home */
			uint64_t key, epoch; /* what it stands for: its name */
			uint64_t stamp;    /* the VM's clock right before the entries were last compared with EPT12 */
			uint64_t turns;    /* how often some were made, or all compared */
			uint64_t users;    /* bits of the vCPUs that have had it, */
			uint64_t twice;    /* and of those that have had it more than once, or share a bit */
			uint32_t refs;     /* tables whose `shared` it is */
			uint8_t home;
		};
	};
};
_Static_assert(sizeof(struct nvmx_ept_table) <= NVMX_EPT_RECORD && NVMX_EPT_PER_SLAB * NVMX_EPT_RECORD <= 4096 &&
	       NVMX_EPT_PER_SLAB <= NVMX_EPT_NUMBERS, "records of a slab");
enum nvmx_ept_table_state { NVMX_EPT_T_FREE, NVMX_EPT_T_TOP, NVMX_EPT_T_LINKED, NVMX_EPT_T_DETACHED };

/* Where L2 has faulted after INVEPTs, in 2 MiB. */
struct nvmx_ept_recent {
	uint64_t gpa2;
	uint16_t trust;         /* 0: free */
	uint16_t left;          /* so many VM entries after an INVEPT take it for used */
	bool asked;             /* the last one did not */
	bool whole;             /* L2 uses more of the table than a window at gpa2 shows */
};

/* A page that stands for a table which was compared with EPT12 in a few of its entries alone. */
struct nvmx_ept_window {
	struct nvmx_page page;
	uint64_t generation;    /* of the root, when it was opened */
	struct nvmx_ept_table *table; /* NULL: none */
	bool stray;             /* opened for a table that was not among the recent ones */
};

struct nvmx_ept_root {
	uint64_t role12;        /* 0: free */
	uint64_t eptp02;
	uint64_t generation;
	struct nvmx_ept_rules rules;
	struct nvmx_ept_table *top;
	uint16_t number;        /* in the pages of roots */
	uint16_t next;          /* number + 1 of the next in the chain, or of free ones */
	uint64_t alls, moves;   /* the vCPU's invept_alls, moved that were seen to */
	uint64_t stamp;         /* the VM's clock at the last INVEPT: what was compared since may be used */
	bool stale;             /* INVEPT of it alone: what may have changed is to be cut off */
	bool invepted;          /* there was one */
	bool many_loose;        /* more than loose[] has */
	uint8_t loose_n;
	uint64_t writes;        /* of watched frames, until which the tables that are current and not loose are as EPT12 has them */
	uint32_t loose[NVMX_EPT_LOOSE]; /* numbers of tables that are current, or shown by a window, and whose frames are not watched */
	bool flush;             /* the processor may have cached what the shadow no longer has */
	bool ahead;             /* cut, and no VM entry of L1's since */
	uint16_t whole_left;    /* so many more tables are compared wholly when L2 strays into them */
	uint16_t whole_next;    /* and so many after the next window that was too small */
	struct nvmx_ept_recent recent[NVMX_EPT_RECENT];
};
_Static_assert(sizeof(struct nvmx_ept_root) <= 4096 / NVMX_EPT_ROOTS_OF_PAGE, "roots of a page");

/* An entry of the processor's EPTP list. */
struct nvmx_ept_listed {
	uint64_t role12;
	uint16_t index, root;
};

/* Where a revocation that has given the lock back goes on in a chain. */
struct nvmx_ept_cursor {
	struct nvmx_ept_cursor *next;
	uint32_t link;
};

/* Where tables are at home: their records, and the chains of their leaves.  A vCPU's are in its own, those that vCPUs share in the
 * VM's. */
struct nvmx_ept_home {
	_Alignas(64) struct nvmx_ept_lock lock;
	uint32_t held;           /* entries looked at since the lock was taken */
	uint32_t free_records;
	struct nvmx_ept_cursor *cursors;
	uint32_t free_n;         /* records in free_records */
	uint32_t slabs;
	uint32_t slabs_max;      /* NVMX_EPT_SLABS */
	uint32_t heads_n;        /* chain heads, a power of two that goes with the budget */
	uint32_t heads_bits;
	uint32_t names_n;        /* the VM's: chains of its tables by what they stand for; their heads are behind the others */
	uint64_t leaves[4];      /* by level: entries in chains */
	struct nvmx_page dir;    /* a page of pages, with the addresses of the slabs */
	struct nvmx_page used;   /* a bit for each block of heads; clear: its chains are empty */
	struct nvmx_page heads[NVMX_EPT_HEADS_DIRS]; /* pages of pages, with chain heads */
};

struct nvmx_ept_vcpu {
	struct nvmx_ept_hot hot; /* first */
	struct nvmx_vcpu *next;  /* of the VM */
	struct nvmx_ept_home home;
	struct nvmx_ept *vm;
	uint64_t bit;            /* in `users` of shared tables */
	bool lessened;           /* a shared table whose lock is held allows less than it did */
	uint64_t seen;           /* `moved` as it was when the flush was last seen to that it stands for */
	struct {
		uint64_t first, last; /* the frames for which the host is asked again, since its map changed meanwhile; */
		bool hit;             /* and whether it took one of them back */
	} again;
	uint32_t pages;          /* got from page_alloc and not given back */
	uint32_t fixed;          /* of them chain heads */
	uint32_t pool_n;
	uint64_t *pool;          /* zeroed pages; the first two words of each: next, own address */
	uint32_t detached;
	uint32_t tables;
	uint64_t epoch;          /* of the VM, when the roots were made */
	struct nvmx_page list;   /* the EPTP list; entries that listed[] has not are 0 */
	uint32_t listed_n;
	uint32_t listed_next;    /* gives way to the next one when all are taken */
	struct nvmx_ept_listed listed[NVMX_EPT_LISTED];
	struct nvmx_ept_window windows[NVMX_EPT_WINDOWS];
	uint32_t window_next;    /* the one to look at first for the next table */
	const struct nvmx_ept_watches *watches; /* the VM's */
	uint64_t armed;          /* the batch up to which frames were armed when EPT12 was read */
	uint32_t invepts;
	uint32_t want_n;         /* frames that are to be watched */
	uint32_t want_pause;     /* so many batches are not begun, since the host has refused one, */
	uint32_t want_pause_next; /* and so many after the next refusal */
	uint64_t want[NVMX_WATCH_BATCH];
	struct nvmx_page root_pages; /* a page of pages, with roots */
	uint32_t roots_n;        /* roots that have a place; */
	uint16_t free_roots;     /* number + 1 of the first that is free */
	uint16_t root_heads[NVMX_EPT_ROOT_HEADS];
	uint64_t invept_alls;    /* INVEPTs of all contexts */
	uint64_t moved;          /* how often the vCPU went to another processor, or another one has taken from a table that both use */
	uint32_t made;           /* tables */
	uint32_t random;         /* where eviction begins */
	struct nvmx_ept_named named; /* by L1 on another vCPU, perhaps, and not seen to; under the lock */
	uint32_t noted;          /* whether there is any */
};

enum nvmx_ept_sharing { NVMX_EPT_NOT_SHARING, NVMX_EPT_PREPARING, NVMX_EPT_SHARING };

struct nvmx_ept {
	struct nvmx_vcpu *vcpus;
	struct nvmx_ept_lock lock; /* of the list for those who change it */
	uint32_t walkers[2];     /* those who read it, who began with `walk` as it was: revocations */
	uint32_t walk;
	uint32_t vcpus_n;
	uint32_t pages;          /* of all vCPUs */
	uint32_t kicking;        /* revocations that have taken something, and whose kick is not done yet */
	uint32_t born;           /* vCPUs until now */
	uint32_t attached;       /* those that may have tables */
	uint32_t sharing;        /* enum nvmx_ept_sharing */
	uint32_t budget;
	uint64_t clock;          /* INVEPTs of roots that may have shared tables */
	struct nvmx_ept_home shared[NVMX_EPT_HOMES];
	struct nvmx_ept_watches watches;
	uint64_t changes;        /* of the host's map */
	uint64_t epoch;          /* how often all of it may have changed: what was made before is given up */
};

static inline struct nvmx_ept_vcpu *nvmx_ept_of(struct nvmx_vcpu *v)
{
	return (struct nvmx_ept_vcpu *)v->ept;
}

static inline struct nvmx_ept *nvmx_ept_of_vm(struct nvmx_vm *vm)
{
	return (struct nvmx_ept *)vm->ept;
}

/*
 * The lock of a vCPU's tables, roots and chains.  The vCPU itself changes all of it; others, in a revocation, no more than
 * leaves, and they give frames back only by nvmx_ept_drop() and nvmx_ept_replace().  A pointer to a table is good as long as the
 * vCPU that is at work has not evicted it.
 */
static inline void nvmx_ept_hold_home(struct nvmx_ept_home *h)
{
	nvmx_ept_lock(&h->lock);
	h->held = 0;
}

static inline void nvmx_ept_release_home(struct nvmx_ept_home *h)
{
	nvmx_ept_unlock(&h->lock);
}

static inline void nvmx_ept_hold(struct nvmx_ept_vcpu *e)
{
	nvmx_ept_hold_home(&e->home);
}

static inline void nvmx_ept_release(struct nvmx_ept_vcpu *e)
{
	nvmx_ept_release_home(&e->home);
}

/*
 * n more entries, NVMX_EPT_HELD_MAX at most, will be looked at: the lock is given to those who wait if it would be held for too
 * many.  Whether a leaf is there, and whether the host has changed its map, is to be asked after it.
 */
static inline void nvmx_ept_look_at(struct nvmx_ept_vcpu *e, unsigned n)
{
	if (__builtin_expect(e->home.held + n > NVMX_EPT_HELD_MAX, 0)) {
		nvmx_ept_release(e);
		nvmx_ept_hold(e);
	}
	e->home.held += n;
}

static inline struct nvmx_ept_table *nvmx_ept_table(struct nvmx_ept_home *h, uint32_t number)
{
	uint64_t **slabs = nvmx_ept_pages(&h->dir)->va[number / NVMX_EPT_NUMBERS / NVMX_EPT_SLABS_OF_DIR];
	uint64_t *slab = slabs[number / NVMX_EPT_NUMBERS % NVMX_EPT_SLABS_OF_DIR];

	return (struct nvmx_ept_table *)((char *)slab + number % NVMX_EPT_NUMBERS * NVMX_EPT_RECORD);
}

static inline struct nvmx_ept_root *nvmx_ept_root_at(const struct nvmx_ept_vcpu *e, unsigned number)
{
	char *page = nvmx_ept_pages(&e->root_pages)->va[number / NVMX_EPT_ROOTS_OF_PAGE];

	return (struct nvmx_ept_root *)(void *)(page + number % NVMX_EPT_ROOTS_OF_PAGE * (4096 / NVMX_EPT_ROOTS_OF_PAGE));
}

static inline uint32_t *nvmx_ept_head_at(const struct nvmx_ept_home *h, uint32_t n)
{
	uint32_t page = n / 1024;

	return (uint32_t *)nvmx_ept_pages(&h->heads[page / NVMX_EPT_PAGES])->va[page % NVMX_EPT_PAGES] + n % 1024;
}

/* The table that link i of t leads to. */
static inline struct nvmx_ept_table *nvmx_ept_lower(const struct nvmx_ept_table *t, unsigned i)
{
	return (struct nvmx_ept_table *)(uintptr_t)t->side[i];
}

/* Whether entry i, which is not empty, is a leaf.  In tables in common there is nothing else, whatever others do to the entry meanwhile. */
static inline bool nvmx_ept_is_leaf(const struct nvmx_ept_table *t, unsigned i)
{
	return t->level == 1 || t->shared || t->hw[i] & NVMX_EPTE_LARGE;
}

/*
 * A table of leaves whose entries several vCPUs or roots use has a record of the VM's, its body, with the entries and their
 * chains; what a vCPU knows of it is in a record of the vCPU's own, as of any other table.  The body's entries are read and changed
 * between nvmx_ept_begin() and nvmx_ept_end(), under the lock of its home, which is taken after the vCPU's.
 */
static inline struct nvmx_ept_table *nvmx_ept_body(struct nvmx_ept_table *t)
{
	return __builtin_expect(t->shared != NULL, 0) ? t->shared : t;
}

static inline struct nvmx_ept_home *nvmx_ept_home_of(struct nvmx_ept_vcpu *e, const struct nvmx_ept_table *t)
{
	return __builtin_expect(t->shared != NULL, 0) ? &e->vm->shared[t->shared->home] : &e->home;
}

static inline void nvmx_ept_begin(struct nvmx_ept_vcpu *e, const struct nvmx_ept_table *t)
{
	if (__builtin_expect(t->shared != NULL, 0))
		nvmx_ept_hold_home(nvmx_ept_home_of(e, t));
}

/* share.c */
void nvmx_ept_end_shared(struct nvmx_ept_vcpu *e, const struct nvmx_ept_table *t);
static inline void nvmx_ept_end(struct nvmx_ept_vcpu *e, const struct nvmx_ept_table *t)
{
	if (__builtin_expect(t->shared != NULL, 0))
		nvmx_ept_end_shared(e, t);
}

/* Bits of the vCPUs that may have cached what the body t holds, but for one whose bit no other has. */
static inline uint64_t nvmx_ept_users_but(const struct nvmx_ept_table *t, uint64_t bit)
{
	return (t->users & ~bit) | (t->twice & bit);
}

static inline bool nvmx_ept_is_sharing(const struct nvmx_ept *ve)
{
	return __builtin_expect(__atomic_load_n(&ve->sharing, __ATOMIC_ACQUIRE) == NVMX_EPT_SHARING, 0);
}

/* The VM's clock, which an INVEPT counts up: what was compared since is as the root may have it. */
static inline uint64_t nvmx_ept_tick(const struct nvmx_ept_vcpu *e)
{
	return nvmx_ept_is_sharing(e->vm) ? __atomic_add_fetch(&e->vm->clock, 1, __ATOMIC_SEQ_CST) : 0;
}

/* A table that stands for L1's at gpa12, with the entries that the VM has for it; NULL: none is to be shared. */
struct nvmx_ept_table *nvmx_ept_share(struct nvmx_ept_vcpu *e, const struct nvmx_ept_root *r, unsigned level, uint64_t gpa12);
/* t, of a body, is used no more.  The last one gets the body's pages; the caller has looked at 512 entries. */
void nvmx_ept_unshare(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t);
/* Whether t's body is as r may have it, since others have compared it or the host watches it; then t is current. */
bool nvmx_ept_adopt(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, struct nvmx_ept_root *r);
/* The vCPUs with these bits flush before they run L2 again. */
void nvmx_ept_tell(struct nvmx_ept *ve, uint64_t users);
/* The host takes a leaf of the body t, or a right of it. */
void nvmx_ept_take_shared(struct nvmx_ept_home *h, struct nvmx_ept_table *t, unsigned i, uint64_t hw);
/* What vCPUs that share need once; without memory for it they do not. */
void nvmx_ept_prepare_shared(struct nvmx_vcpu *v, uint32_t heads);
/* The last vCPU goes: from now on nobody shares; true: somebody did.  Then it takes the pages, of which there may be many: without a
 * lock.  A vCPU that comes meanwhile has tables of its own. */
bool nvmx_ept_stop_sharing(struct nvmx_ept *ve);
void nvmx_ept_end_sharing(struct nvmx_ept_vcpu *e);

/* window.c: what L2 sees of t's entry i, if it does. */
void nvmx_ept_store_in_window(struct nvmx_ept_table *t, unsigned i, uint64_t hw);

/* An entry through which the processor can have cached nothing: empty, not present, or out of reach.  All others change by
 * nvmx_ept_replace() or nvmx_ept_drop(). */
static inline void nvmx_ept_store(struct nvmx_ept_table *t, unsigned i, uint64_t hw)
{
	__atomic_store_n(t->hw + i, hw, __ATOMIC_RELEASE);
	if (__builtin_expect(t->window != NULL, 0))
		nvmx_ept_store_in_window(t, i, hw);
}

static inline void nvmx_ept_widen(struct nvmx_ept_table *t, unsigned i)
{
	if (i < t->lo)
		t->lo = (uint16_t)i;
	if (i >= t->hi)
		t->hi = (uint16_t)(i + 1);
}

/* Whether the host knows that t's entries are EPT12's. */
static inline bool nvmx_ept_is_clean(const struct nvmx_ept_vcpu *e, const struct nvmx_ept_table *t)
{
	return t->word && nvmx_ept_watch_word(&e->watches->at[t->place]) == t->word;
}

/* Whether EPT12's entry, once `was`, still allows what was made from it. */
static inline bool nvmx_ept_still_valid(const struct nvmx_ept_root *r, uint64_t was, uint64_t is)
{
	return !(((was ^ is) & r->rules.same) | (was & ~is & r->rules.sticky));
}

/* list.c: takes out what L2 may not switch to; the caller has the lock. */
void nvmx_ept_list_review(struct nvmx_ept_vcpu *e);

/* pool.c: pages within the budget. */
/* Pages, and records of tables, for whatever a fault may need. */
static inline bool nvmx_ept_stocked(const struct nvmx_ept_vcpu *e)
{
	return e->pool_n >= NVMX_EPT_STOCK && (e->home.free_n >= NVMX_EPT_LEVELS || e->home.slabs < e->home.slabs_max);
}

/* Pages that the vCPU may have again by eviction, whatever the others hold. */
static inline uint32_t nvmx_ept_own_pages(const struct nvmx_ept_vcpu *e)
{
	return e->pages - e->fixed - e->home.slabs;
}

/* Whether it can leave those of one table to the VM, where it shares. */
static inline bool nvmx_ept_has_spare(const struct nvmx_ept_vcpu *e)
{
	return !nvmx_ept_is_sharing(e->vm) || nvmx_ept_own_pages(e) >= NVMX_EPT_OWN_PAGES + 3;
}

bool nvmx_ept_restock(struct nvmx_vcpu *v);
static inline bool nvmx_ept_stock(struct nvmx_vcpu *v)
{
	return (nvmx_ept_stocked(nvmx_ept_of(v)) && nvmx_ept_has_spare(nvmx_ept_of(v))) || nvmx_ept_restock(v);
}

uint64_t *nvmx_ept_take(struct nvmx_ept_vcpu *e, uint64_t *hpa);
void nvmx_ept_give(struct nvmx_ept_vcpu *e, uint64_t *page, uint64_t hpa);
/* The same of a page that need not be zeroed, and may not be there. */
void nvmx_ept_give_page(struct nvmx_ept_vcpu *e, const struct nvmx_page *page);
void nvmx_ept_drain(struct nvmx_vcpu *v);
/* Page n of a home's chain heads, with what the first one needs beside it: three pages of the pool at most. */
void nvmx_ept_take_heads(struct nvmx_ept_vcpu *e, struct nvmx_ept_home *h, uint32_t n);
/* The pages from page n on are the pool's again. */
void nvmx_ept_give_heads(struct nvmx_ept_vcpu *e, struct nvmx_ept_home *h, uint32_t n);

/* table.c: the tree.  Callers hold the lock, and stocked before they took it. */
/*
 * The way in which an entry changes that is not empty, and where flushes are owed: if it comes to allow less, or something else,
 * and the processor may have cached what it allowed, the root is flushed before L2 runs again; returns whether that is so.
 */
bool nvmx_ept_replace(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i, uint64_t hw);
struct nvmx_ept_table *nvmx_ept_new_table(struct nvmx_ept_vcpu *e, unsigned level, unsigned root, uint64_t gpa12,
					  bool parts);
/* A table without pages; NULL: there is no record for one. */
struct nvmx_ept_table *nvmx_ept_new_record(struct nvmx_ept_vcpu *e, unsigned level, unsigned root, uint64_t gpa12);
/* A page of new records. */
bool nvmx_ept_new_slab(struct nvmx_ept_vcpu *e, struct nvmx_ept_home *h);
static inline void nvmx_ept_free_record(struct nvmx_ept_home *h, struct nvmx_ept_table *t)
{
	t->state = NVMX_EPT_T_FREE;
	t->next = h->free_records;
	h->free_records = t->number;
	h->free_n++;
}
void nvmx_ept_update_leaf(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i, uint64_t hw, uint64_t copy);
void nvmx_ept_set_link(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i, struct nvmx_ept_table *lower,
		       uint64_t rights, uint64_t copy);
/* Empties an entry.  A lower table is detached with all below it, in O(1).  Returns as nvmx_ept_replace(). */
bool nvmx_ept_drop(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i);
void nvmx_ept_detach_top(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *top);
/* Makes a link not present, or all those of a table that an INVEPT has put out of reach; the lower table stays known. */
void nvmx_ept_cut(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i);
void nvmx_ept_cut_links(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t);
/* The same of a link that the processor will have forgotten before L2 runs. */
static inline void nvmx_ept_cut_link(struct nvmx_ept_table *t, unsigned i)
{
	nvmx_ept_store(t, i, t->hw[i] & ~NVMX_EPTE_RIGHTS);
}
/* Takes the first detached table apart; what was below it becomes detached.  False: there is none. */
bool nvmx_ept_recycle(struct nvmx_ept_vcpu *e);
/* Detaches some tables that have none below them, or else a root that is not L2's; false: there are none. */
bool nvmx_ept_evict(struct nvmx_ept_vcpu *e);
/* Makes t current: cuts its links, and drops each leaf that differs from EPT12's table `page12`.  Gives the indexes of the
 * first that were dropped. */
unsigned nvmx_ept_revalidate(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, struct nvmx_ept_root *r,
			     const uint64_t *page12, uint16_t dropped[NVMX_EPT_REFILL]);

/* window.c */
/* Has L2 see no more of t than the entries around entry i, which are compared with EPT12's table `page12` now; `need` are the
 * rights that L2 needs there.  t is linked and was not compared since the last INVEPT.  False: nothing was done. */
bool nvmx_ept_open_window(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, struct nvmx_ept_root *r,
			  const uint64_t *page12, unsigned i, uint64_t need, bool stray);
/* Whether t has a window that L2 may be using. */
bool nvmx_ept_window_in_use(const struct nvmx_ept_vcpu *e, const struct nvmx_ept_table *t);
/* The link to t leads to t again. */
void nvmx_ept_close_window(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t);
/* An INVEPT ends t's window, if it has one that is in use. */
void nvmx_ept_end_window(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t);

/* revoke.c: takes the right to write to L1's frame from the vCPU's own shadow; `first`: the host has changed its map since the last
 * call.  False: another vCPU has the right, or may not have been kicked yet by who took it, or too many entries lead there. */
bool nvmx_ept_protect(struct nvmx_vcpu *self, uint64_t gpa, bool first);

/* keep.c: what an INVEPT need not cut off, since the host watches it. */
/* Of the links below t, which is as EPT12 has it, those stay that lead to tables that are, too; of t's own, if page12 is not NULL,
 * only those whose entry in EPT12's table is what it was.  Returns whether all of these were. */
bool nvmx_ept_keep_links(struct nvmx_ept_vcpu *e, struct nvmx_ept_root *r, struct nvmx_ept_table *t, const uint64_t *page12);
/* t has become current, or is shown by a window, and is not watched: the next INVEPT cuts it off. */
void nvmx_ept_add_loose(struct nvmx_ept_vcpu *e, struct nvmx_ept_root *r, const struct nvmx_ept_table *t);
/* An INVEPT of r: what is reachable afterwards is as EPT12 has it now. */
void nvmx_ept_cut_off(struct nvmx_ept_vcpu *e, struct nvmx_ept_root *r);
/* t is clean: it is made current, with the links that may stay. */
void nvmx_ept_keep(struct nvmx_ept_vcpu *e, struct nvmx_ept_root *r, struct nvmx_ept_table *t);
/* t was compared, of whose frame the word was `word` before that, or 0. */
void nvmx_ept_compared(struct nvmx_ept_vcpu *e, struct nvmx_ept_root *r, struct nvmx_ept_table *t, uint64_t word, uint32_t place,
		       bool same);
/* A part of t was, or all of it. */
void nvmx_ept_was_quiet(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t);
/* From now on EPT12 is read: what is armed by now has been watched ever since. */
static inline void nvmx_ept_look_at_armed(struct nvmx_ept_vcpu *e)
{
	e->armed = __atomic_load_n(&e->watches->armed, __ATOMIC_SEQ_CST);
}

/* The word of t's frame, if it was armed before EPT12 was read, and *place; 0: it was not. */
static inline uint64_t nvmx_ept_word_of(const struct nvmx_ept_vcpu *e, const struct nvmx_ept_table *t, uint32_t *place)
{
	return e->watches->at ? nvmx_ept_watch_armed_word(e->watches, e->armed, t->gpa12, place) : 0;
}

/* watch.c */
/* Asks the host to watch what want[] has. */
void nvmx_ept_watch_begin(struct nvmx_vcpu *v);
/* What was watched until now is not watched any more. */
void nvmx_ept_watch_nothing(struct nvmx_ept_watches *w);

/* revoke.c: a walk along the list of vCPUs, each of which stays until it ends. */
uint32_t *nvmx_ept_begin_vcpus(struct nvmx_ept *ve);
static inline void nvmx_ept_end_vcpus(uint32_t *walkers)
{
	__atomic_sub_fetch(walkers, 1, __ATOMIC_SEQ_CST);
}

static inline struct nvmx_vcpu *nvmx_ept_first_vcpu(const struct nvmx_ept *ve)
{
	return __atomic_load_n(&ve->vcpus, __ATOMIC_SEQ_CST);
}

static inline struct nvmx_vcpu *nvmx_ept_next_vcpu(struct nvmx_vcpu *v)
{
	return __atomic_load_n(&nvmx_ept_of(v)->next, __ATOMIC_SEQ_CST);
}

/* named.c: what was named of the vCPU's roots is compared with EPT12, as by nvmx_ept_invept_range(); more than 32 tables of it are cut
 * off.  Maps L1's memory. */
void nvmx_ept_see_to_named(struct nvmx_vcpu *v);
/* Whether something was. */
static inline bool nvmx_ept_has_named(const struct nvmx_ept_vcpu *e)
{
	return __atomic_load_n(&e->noted, __ATOMIC_RELAXED);
}

/* setup.c: what a vCPU that uses EPT needs once; false: there is no memory for it. */
bool nvmx_ept_prepare(struct nvmx_vcpu *v);

/* root.c */
struct nvmx_ept_root *nvmx_ept_find_root(const struct nvmx_ept_vcpu *e, uint64_t role12);
/* One of the roots that L2 is not in goes, with all its tables; false: there is none. */
bool nvmx_ept_give_up_root(struct nvmx_ept_vcpu *e);

static inline unsigned nvmx_ept_root_head(uint64_t eptp12)
{
	return (unsigned)(eptp12 >> 12 ^ eptp12 >> 18) % NVMX_EPT_ROOT_HEADS;
}

/* The first root whose top table of L1's may be at an address, and the next one. */
static inline struct nvmx_ept_root *nvmx_ept_first_root(const struct nvmx_ept_vcpu *e, uint64_t eptp12)
{
	unsigned n = e->root_heads[nvmx_ept_root_head(eptp12)];

	return n ? nvmx_ept_root_at(e, n - 1) : NULL;
}

static inline struct nvmx_ept_root *nvmx_ept_next_root(const struct nvmx_ept_vcpu *e, const struct nvmx_ept_root *r)
{
	return r->next ? nvmx_ept_root_at(e, r->next - 1u) : NULL;
}

/* Whether an INVEPT of the root waits, or a flush. */
static inline bool nvmx_ept_is_stale(const struct nvmx_ept_vcpu *e, const struct nvmx_ept_root *r)
{
	return r->stale || r->alls != e->invept_alls;
}

static inline bool nvmx_ept_owes_flush(const struct nvmx_ept_vcpu *e, const struct nvmx_ept_root *r)
{
	return r->flush || r->moves != __atomic_load_n(&e->moved, __ATOMIC_SEQ_CST);
}

/* That of the role for which nvmx_ept_root() was called last. */
static inline struct nvmx_ept_root *nvmx_ept_last_root(struct nvmx_ept_vcpu *e)
{
	return nvmx_ept_root_at(e, e->hot.root);
}

static inline void nvmx_ept_want_flush(struct nvmx_ept_vcpu *e, unsigned root)
{
	nvmx_ept_root_at(e, root)->flush = true;
	__atomic_store_n(&e->hot.pending, 1, __ATOMIC_RELEASE);
}

/* A leaf about to be made. */
struct nvmx_ept_leaf {
	uint64_t hw, copy;
	uint16_t index;
};

/* rmap.c: chains of the leaves by the L1 frame that they map. */
/* Makes leaves of entries that are empty. */
void nvmx_ept_set_leaves(struct nvmx_ept_home *h, struct nvmx_ept_table *t, const struct nvmx_ept_leaf *leaves,
			 unsigned n);
/* EPT12's entries of one table that differ in nothing but their frames, of which each is the one behind the last. */
struct nvmx_ept_run {
	const uint64_t *page12;
	unsigned index, n;      /* the first, and how many at most; their frames have the chain heads of one block */
	uint64_t copy, hw;      /* the first one's */
};
/* Makes leaves of a run, as far as it goes and the entries of t are empty; of how many. */
unsigned nvmx_ept_set_run(struct nvmx_ept_home *h, struct nvmx_ept_table *t, const struct nvmx_ept_run *run);
/* Entry i, a leaf, goes. */
void nvmx_ept_empty_leaf(struct nvmx_ept_home *h, struct nvmx_ept_table *t, unsigned i);
/* Empties a detached table that has leaves and no links. */
void nvmx_ept_clear_leaves(struct nvmx_ept_home *h, struct nvmx_ept_table *t);

/* Leaves that map a part of L1's [gpa, end] are dropped, or lose their write right, or are only found: any, or those with that right. */
enum nvmx_ept_loss { NVMX_EPT_LOSE_ALL, NVMX_EPT_LOSE_WRITE, NVMX_EPT_LOSE_NOTHING, NVMX_EPT_FIND_WRITE };
struct nvmx_ept_revocation {
	uint64_t gpa, end;
	enum nvmx_ept_loss loss;
	bool found;              /* there is one */
	uint32_t turns;          /* how often the lock is given to those who wait until the search is given up; 0: for ever */
	bool given_up;
	uint32_t *announce;      /* counted up before the first one is changed; NULL: not */
	bool announced;
	uint64_t users;          /* bits of the vCPUs that may have cached leaves of shared tables that were changed */
	uint64_t spares;         /* leaves of shared tables that others than this bit's vCPU use are only found; 0: are not spared */
};
/* The same in the tables that vCPUs share, after the vCPUs' own: a fill that asks again has been told by then. */
bool nvmx_ept_lose_shared(struct nvmx_ept *ve, struct nvmx_ept_revocation *r);
/* Takes the lock, several times if there is much to do.  Returns whether a processor may have cached one of them, or one was found. */
bool nvmx_ept_lose(struct nvmx_ept_vcpu *e, struct nvmx_ept_revocation *r);

#endif
