/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A virtual VT-d unit for L1: registers, tables, invalidation, faults, interrupt remapping, and flattening of L1's tables
 * into the physical unit's for devices that the host has assigned to L1.  Sections are those of the VT-d architecture
 * specification, revision 3.3 (registers in chapter 10, translation structures in 9, caching and invalidation in 6,
 * faults in 7).
 *
 * It stands alone: nothing here needs nested VMX.  The host traps the 4-KiB register page and gives each access to
 * nvmx_vtd_read() or nvmx_vtd_write(); asks nvmx_vtd_translate() for each DMA and nvmx_vtd_interrupt() for each
 * interrupt of a device that it emulates; and registers each physical device that it assigned with
 * nvmx_vtd_device_add().  One unit serves one DRHD of L1's DMAR table, which nvmx_vtd_dmar() builds.
 *
 *	verdict = nvmx_vtd_write(unit, offset, size, value);
 *	while (verdict == NVMX_VTD_MORE)                       // here, or from a thread of the host's
 *		verdict = nvmx_vtd_run(unit);
 *
 * Concurrency: the host serialises the calls for one unit, with a lock of its own; units are independent.  Ops are
 * called on the caller's processor within the call, and may not call the library for the same unit, but for
 * interrupts_changed, which may ask nvmx_vtd_interrupt().  No call sleeps by itself; a host whose ops sleep calls from
 * where it may sleep.  Nothing that L1 does makes a call fail or run longer than nvmx_vtd_config.work allows.
 */
#ifndef NESTVMX_VTD_H
#define NESTVMX_VTD_H

#include <nestvmx/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvmx_vtd;      /* a unit: opaque, caller-owned memory */
struct nvmx_vtd_host; /* defined by the host, handed to every op */

#define NVMX_VTD_ABI_VERSION 1u

/* Rights, as in second-level entries (9.8): bit 0 read, bit 1 write. */
#define NVMX_VTD_R 1u
#define NVMX_VTD_W 2u

/* ------------------------------------------------------------------------------------------- what the host provides */

/* Where a frame of L1 is in the host's memory. */
struct nvmx_vtd_frame {
	uint64_t hpa;       /* host-physical address of the byte asked for */
	uint8_t rights;     /* NVMX_VTD_R, NVMX_VTD_W: what the host allows L1's devices there */
	uint8_t page_shift; /* 12, 21 or 30: the largest aligned block around it that is contiguous with the same rights */
};

/* What the DMA of an assigned device goes through. */
enum nvmx_vtd_target_kind {
	NVMX_VTD_BLOCK,    /* nothing: every request is refused.  The host may not fail to do this. */
	NVMX_VTD_IDENTITY, /* the host's own map of L1's memory: L1 has remapping off, or passes the device through */
	NVMX_VTD_DOMAIN    /* `domain` of domain_open */
};
/* What a device is attached to. */
struct nvmx_vtd_target {
	enum nvmx_vtd_target_kind kind;
	bool device_tlb;    /* L1 lets the device use a device-TLB (context-entry TT=01b, 9.3) */
	uint64_t domain;    /* DOMAIN: the handle */
};

/* A domain to be opened.  With NVMX_VTD_ASSIGN_TABLES it is a second-level table in the format of 9.8. */
struct nvmx_vtd_domain {
	uint64_t root;      /* TABLES: host-physical address of the top table; else 0 */
	uint8_t levels;     /* 3 or 4 (the context-entry's AW is levels - 2) */
	uint8_t width;      /* addresses are below 1 << width */
};

/* One physical invalidation.  Device-TLBs come after the IOTLB ranges, as they must be performed (6.5.2.5). */
enum nvmx_vtd_flush_kind {
	NVMX_VTD_FLUSH_DOMAIN,    /* IOTLB and paging-structure caches of `domain` (6.5.2.3, domain-selective) */
	NVMX_VTD_FLUSH_PAGES,     /* 1 << order pages of 4 KiB at iova, aligned (page-selective within domain) */
	NVMX_VTD_FLUSH_DEVICE_TLB /* the same range in the device-TLB of `device`; order 52: everything (6.5.2.5).  Of a
				   * device that the host emulates: what the device model has kept of translation requests */
};
/* A flush of the physical unit. */
struct nvmx_vtd_flush {
	uint8_t kind;       /* enum nvmx_vtd_flush_kind */
	uint8_t order;
	bool leaf_only;     /* PAGES: only leaf entries have changed, so the hint IH may be given */
	uint64_t domain;    /* handle of domain_open; 0 for an emulated device */
	uint64_t iova;
	void *device;       /* DEVICE_TLB: what nvmx_vtd_device_add was given; NULL for a device that was not added, which only
			     * happens without ASSIGN_*: there `flush` hears of any device that L1 names */
	uint16_t source_id; /* DEVICE_TLB: of the device */
};

/* Answers of `flush`. */
#define NVMX_VTD_FLUSHED 0      /* the hardware has finished */
#define NVMX_VTD_FLUSH_QUEUED 1 /* it has not: the host calls nvmx_vtd_flush_done() later */
/* A device did not answer its device-TLB invalidation, or answered wrongly.  Where L1 has asked for it, L1 gets ITE or ICE
 * (6.5.2.10).  Where the host has (nvmx_vtd_host_invalidate), no device that may still use the old frame is left a way to
 * memory: those flushed are attached to NVMX_VTD_BLOCK, NVMX_VTD_EV_BLOCKED and NVMX_VTD_CNT_BLOCKED tell of it, and L1's
 * next invalidation attaches them anew. */
#define NVMX_VTD_FLUSH_TIMEOUT (-1)
#define NVMX_VTD_FLUSH_BAD_COMPLETION (-2)

/* Answers of `dma_map`. */
#define NVMX_VTD_MAPPED 0
#define NVMX_VTD_MAP_FOREIGN 1  /* some of it is not L1's RAM; nothing was mapped */
#define NVMX_VTD_MAP_FULL (-1)  /* the host has no resources; nothing was mapped */
#define NVMX_VTD_DUMMY (~0ull)  /* as gpa: a page of the host's own that holds nothing of anyone's */

/* The callbacks. */
struct nvmx_vtd_ops {
	uint32_t size;  /* sizeof(struct nvmx_vtd_ops) as the host was compiled */
	uint32_t abi;   /* NVMX_VTD_ABI_VERSION */

	/* Always required. */

	/* Maps the 4-KiB frame of L1 at gpa (aligned) for the library to read, and to write if `write`.  Its address, or
	 * NULL if that is not L1's RAM.  Valid until unmap; at most 4 mappings are held, none when a call returns. */
	void *(*map)(struct nvmx_vtd_host *h, uint64_t gpa, bool write);
	void (*unmap)(struct nvmx_vtd_host *h, uint64_t gpa, void *page, bool wrote);

	/* The unit's own interrupt to L1 (fault event, invalidation completion event): a 4-byte write of `data` to
	 * `address`, as L1 programmed them (7.3).  Not subject to interrupt remapping (5.1.6).  Whatever they hold, the
	 * host delivers it as it would an MSI of a device of L1's, or drops it. */
	void (*interrupt)(struct nvmx_vtd_host *h, uint64_t address, uint32_t data);

	/* Optional. */

	/* Interrupts with entries [index, index + count) may go elsewhere from now on: L1 has invalidated what is cached of
	 * them (6.5.2.7), or moved the table, or turned remapping or compatibility-format interrupts on or off (10.4.4;
	 * then all, index 0 and count 0x10000, and those in compatibility format, too).  A host that keeps routes computed
	 * by nvmx_vtd_interrupt() computes them anew before it returns, or later with nvmx_vtd_config.routes_later: only
	 * then L1 sees its command completed (GSTS, IQH, the status of a wait).  One call stands for all that L1 has asked
	 * for since the last, and may name entries in between.  Its entries count as work.
	 * Absent: the host asks for each interrupt. */
	void (*interrupts_changed)(struct nvmx_vtd_host *h, uint32_t index, uint32_t count);
	/* A trace point: `event` is enum nvmx_vtd_event. */
	void (*trace)(struct nvmx_vtd_host *h, unsigned event, uint64_t a, uint64_t b);

	/* Required with NVMX_VTD_ASSIGN_TABLES or NVMX_VTD_ASSIGN_MAP. */

	/* One zeroed 4-KiB page of host memory and its host-physical address, or NULL. */
	void *(*page_alloc)(struct nvmx_vtd_host *h, uint64_t *hpa);
	void (*page_free)(struct nvmx_vtd_host *h, void *page, uint64_t hpa);

	/* Makes a domain of the physical unit, empty with ASSIGN_MAP; 0, or -1 if there is none left (the devices in it
	 * are blocked, and it is tried again at L1's next invalidation).  domain_close comes after every device has left
	 * it; it invalidates what the hardware has cached of it, and drops what dma_map has mapped, before it returns. */
	int (*domain_open)(struct nvmx_vtd_host *h, const struct nvmx_vtd_domain *d, uint64_t *domain);
	void (*domain_close)(struct nvmx_vtd_host *h, uint64_t domain);

	/* Points a device at a target: context-entry, context-cache, IOTLB and device-TLB, so that when it returns no
	 * request of the device uses what it used before.  0, or -1 (the device is then blocked). */
	int (*attach)(struct nvmx_vtd_host *h, void *device, const struct nvmx_vtd_target *target);

	/* Performs n physical invalidations and waits for them once.  One of NVMX_VTD_FLUSH*.
	 * The list is the library's and valid during the call.  Requests that were translated before it are drained when it
	 * returns, if NVMX_VTD_F_DRAIN is offered (6.5.5).  Required with NVMX_VTD_F_DEVICE_TLB, too; without
	 * ASSIGN_TABLES it is only called for device-TLBs. */
	int (*flush)(struct nvmx_vtd_host *h, const struct nvmx_vtd_flush *list, unsigned n);

	/* Required with NVMX_VTD_ASSIGN_TABLES. */

	/* Where L1's frame at gpa is.  0, or -1 if it is not L1's RAM (it is then mapped to the dummy page).  The host
	 * keeps the frame there until nvmx_vtd_host_invalidate() has returned for it. */
	int (*frame)(struct nvmx_vtd_host *h, uint64_t gpa, struct nvmx_vtd_frame *out);
	/* Table entries [p, p + len) were written.  Required if the page walk of the physical unit does not snoop (ECAP.C
	 * of hw_ecap is 0), else it may be absent.  Called before the flush that follows. */
	void (*table_written)(struct nvmx_vtd_host *h, const void *p, size_t len);

	/* Required with NVMX_VTD_ASSIGN_MAP (a host that only has map and unmap calls, as VFIO's). */

	/* Maps [iova, iova + len) of the domain to L1's memory at gpa, or to a dummy if gpa is NVMX_VTD_DUMMY.  len is 4
	 * KiB, 2 MiB or 1 GiB, aligned.  NVMX_VTD_MAPPED, _FOREIGN or _FULL. */
	int (*dma_map)(struct nvmx_vtd_host *h, uint64_t domain, uint64_t iova, uint64_t gpa, uint64_t len,
		       unsigned rights);
	/* Unmaps what one dma_map has mapped.  When it returns no device can reach it. */
	void (*dma_unmap)(struct nvmx_vtd_host *h, uint64_t domain, uint64_t iova, uint64_t len);

	/* Required with NVMX_VTD_F_DRAIN. */

	/* L1 has asked, with an IOTLB invalidation, that DMA be drained (DR, DW; 6.5.5): when this returns every access by
	 * an emulated device with a translation that nvmx_vtd_translate() gave before is complete.  Once for all that L1
	 * has asked for together, before L1 sees it completed.  A host that makes each access while it holds the unit's
	 * lock has nothing to do. */
	void (*drain)(struct nvmx_vtd_host *h);
};

/* ------------------------------------------------------------------------------------------------------------ set-up */

/* What L1 may be offered; each is a field of CAP (10.4.2) or ECAP (10.4.3). */
#define NVMX_VTD_F_CACHING_MODE 0x0001u /* CAP.CM: not-present entries are cached too, so L1 flushes when it maps */
#define NVMX_VTD_F_WRITE_BUFFER 0x0002u /* CAP.RWBF: L1 flushes the write buffer after it has changed entries */
#define NVMX_VTD_F_2M           0x0004u /* CAP.SLLPS */
#define NVMX_VTD_F_1G           0x0008u
#define NVMX_VTD_F_PAGE_FLUSH   0x0010u /* CAP.PSI, with MAMV 18 */
#define NVMX_VTD_F_ZERO_LENGTH  0x0020u /* CAP.ZLR: zero-length reads of write-only pages */
#define NVMX_VTD_F_DRAIN        0x0040u /* CAP.DRD and DWD */
#define NVMX_VTD_F_QUEUE        0x0080u /* ECAP.QI */
#define NVMX_VTD_F_DEVICE_TLB   0x0100u /* ECAP.DT; needs QUEUE */
#define NVMX_VTD_F_REMAP        0x0200u /* ECAP.IR: interrupt remapping; needs QUEUE */
#define NVMX_VTD_F_EXTENDED     0x0400u /* ECAP.EIM: x2APIC destinations; needs REMAP */
#define NVMX_VTD_F_PASS_THROUGH 0x0800u /* ECAP.PT */
#define NVMX_VTD_F_SNOOP        0x1000u /* ECAP.SC */
#define NVMX_VTD_F_ALL          0x1fffu /* all of these */

/* Devices are assigned through second-level tables that the library owns, or through dma_map and dma_unmap. */
#define NVMX_VTD_ASSIGN_TABLES 1u
#define NVMX_VTD_ASSIGN_MAP 2u

/* Which table depths L1 may use (CAP.SAGAW). */
#define NVMX_VTD_LEVELS_3 2u
#define NVMX_VTD_LEVELS_4 4u

/*
 * What a unit is made of; read by nvmx_vtd_init() alone.  `size`, and that of the table of ops, as in struct nvmx_vm_config: a
 * smaller one of older headers is taken, a larger one is not.
 */
struct nvmx_vtd_config {
	uint32_t size;             /* sizeof(struct nvmx_vtd_config) */
	const struct nvmx_vtd_ops *ops; /* the callbacks; copied */
	struct nvmx_vtd_host *host; /* handed to each of them */
	uint64_t hw_cap, hw_ecap;  /* CAP and ECAP of the physical unit; used with ASSIGN_TABLES only */
	uint32_t features;         /* NVMX_VTD_F_*: what L1 is to be offered.  With ASSIGN_* and without CACHING_MODE,
				    * WRITE_BUFFER is offered too: nothing else would tell of new mappings. */
	uint32_t flags;            /* NVMX_VTD_ASSIGN_TABLES or NVMX_VTD_ASSIGN_MAP, or 0: emulated devices only */
	uint8_t levels;            /* set of NVMX_VTD_LEVELS_*; 0: both */
	uint8_t width;             /* maximum guest address width (CAP.MGAW + 1): 30 to 48; 0: the deepest table's */
	uint8_t host_width;        /* L1's physical-address width: 32 to 52 */
	uint8_t domain_bits;       /* width of domain ids: 4, 6, 8, ... 16; 0: 16 */
	uint32_t pages;            /* budget of page_alloc; 0: 4096.  At least 16.  What does not fit is not mapped. */
	uint32_t work;             /* table entries that one call may compare or make; 0: 65536.  At least 1024. */
	uint32_t fault_burst;      /* physical faults taken between two nvmx_vtd_tick(); 0: 64 */
	bool routes_later;         /* interrupts_changed only takes note: the unit waits for nvmx_vtd_interrupts_done() */
};

/* Opaque, caller-owned, 64-byte aligned. */
#define NVMX_VTD_SIZE 98304

/*
 * Prepares a unit in `mem`, `size` bytes (NVMX_VTD_SIZE as the host was compiled), 64-byte aligned, that overlap nothing else; as
 * after a reset (10.4).  Features that the physical unit lacks are an error, not dropped.  Returns NVMX_OK and *out, or a negative
 * enum nvmx_error, of which *info (may be NULL) tells the rest, for nvmx_describe_error():
 *	ARGUMENT, ABI, CONFIG, CAPS, OP_MISSING: rules 120 to 143 of <nestvmx/refusals.def>;  MEMORY: page_alloc gave no page.
 * On error `mem` is not a unit.
 */
int nvmx_vtd_init(void *mem, size_t size, const struct nvmx_vtd_config *config, struct nvmx_vtd **out,
		  struct nvmx_error_info *info);
/* Blocks every device, closes every domain, gives every page back.  Physical invalidations queued by `flush` must have
 * completed. */
void nvmx_vtd_destroy(struct nvmx_vtd *u);
/* L1's platform was reset: registers have their reset values, devices see L1's memory untranslated.  MORE as for a
 * register write. */
int nvmx_vtd_reset(struct nvmx_vtd *u);

/* --------------------------------------------------------------------------------------------------------- registers */

/* Verdicts of the calls that may start work on behalf of L1.  They tell of all that is left, not of this call's part: a host
 * goes by the last one. */
enum nvmx_vtd_verdict {
	NVMX_VTD_DONE = 0,  /* nothing is left to do */
	NVMX_VTD_MORE = 1,  /* call nvmx_vtd_run(); L1 may run meanwhile, it sees its invalidation not completed */
	NVMX_VTD_WAITING = 2 /* for the host: the physical flush is queued, and nvmx_vtd_flush_done() goes on; or routes are to
			      * follow, and nvmx_vtd_interrupts_done() does */
};

/*
 * L1 reads or writes `size` bytes at `offset` of the register page.  4 and 8 bytes, aligned, are what the specification
 * allows (10.2); anything else reads as 0 and writes nothing, and is counted.  Registers that do not exist read as 0.
 * A read changes no register.
 */
uint64_t nvmx_vtd_read(struct nvmx_vtd *u, uint32_t offset, unsigned size);
enum nvmx_vtd_verdict nvmx_vtd_write(struct nvmx_vtd *u, uint32_t offset, unsigned size, uint64_t value);

/* Goes on with work that was left, a bounded piece of it. */
enum nvmx_vtd_verdict nvmx_vtd_run(struct nvmx_vtd *u);
/* The invalidations for which `flush` answered NVMX_VTD_FLUSH_QUEUED are finished; `result` as of `flush`. */
enum nvmx_vtd_verdict nvmx_vtd_flush_done(struct nvmx_vtd *u, int result);
/* With routes_later: what the last interrupts_changed named has been computed anew. */
enum nvmx_vtd_verdict nvmx_vtd_interrupts_done(struct nvmx_vtd *u);

/* ------------------------------------------------------------------------------------------------------- translation */

/* Fault reasons (7.1.3, 5.1.4.1).  The numbers are those in a fault record; 0 is no fault. */
enum nvmx_vtd_fault {
	NVMX_VTD_FAULT_NONE = 0,
	NVMX_VTD_FAULT_ROOT_P = 0x1,        /* LRT.2: root-entry not present */
	NVMX_VTD_FAULT_CONTEXT_P = 0x2,     /* LCT.2: context-entry not present */
	NVMX_VTD_FAULT_CONTEXT_INVALID = 0x3, /* LCT.4.*: a context-entry programmed with what the unit does not support,
						 * or whose second-level table cannot be read */
	NVMX_VTD_FAULT_WIDTH = 0x4,         /* LGN.1.1: the address is beyond the guest address width */
	NVMX_VTD_FAULT_WRITE = 0x5,         /* LGN.2: no write permission */
	NVMX_VTD_FAULT_READ = 0x6,          /* LGN.3: no read permission */
	NVMX_VTD_FAULT_TABLE = 0x7,         /* LSL.1: a paging entry below the first table cannot be read */
	NVMX_VTD_FAULT_ROOT = 0x8,          /* LRT.1: the root-entry cannot be read */
	NVMX_VTD_FAULT_CONTEXT = 0x9,       /* LCT.1: the context-entry cannot be read */
	NVMX_VTD_FAULT_ROOT_RSVD = 0xa,     /* LRT.3: reserved bits in a root-entry */
	NVMX_VTD_FAULT_CONTEXT_RSVD = 0xb,  /* LCT.3: reserved bits in a context-entry */
	NVMX_VTD_FAULT_ENTRY_RSVD = 0xc,    /* LSL.2: reserved bits in a paging entry */
	NVMX_VTD_FAULT_TYPE = 0xd,          /* LCT.5: the translation type blocks translated and translation requests */
	NVMX_VTD_FAULT_INTERRUPT_RANGE = 0xe, /* LGN.4: the output address is 0xFEEx_xxxx */
	NVMX_VTD_FAULT_IR_RSVD = 0x20,      /* reserved bits in a remappable interrupt request */
	NVMX_VTD_FAULT_IR_INDEX = 0x21,     /* the index is beyond the table */
	NVMX_VTD_FAULT_IR_P = 0x22,         /* the entry is not present */
	NVMX_VTD_FAULT_IR_TABLE = 0x23,     /* the entry cannot be read */
	NVMX_VTD_FAULT_IR_ENTRY_RSVD = 0x24, /* reserved bits in the entry */
	NVMX_VTD_FAULT_IR_COMPATIBILITY = 0x25, /* a compatibility-format request is blocked */
	NVMX_VTD_FAULT_IR_SOURCE = 0x26,    /* source-id verification failed */
	NVMX_VTD_FAULT_ROOT_ADDRESS = 0x30  /* RTA.1: RTADDR names a table mode that is not offered (all but legacy) */
};

/* `access` of nvmx_vtd_translate: exactly one of READ and WRITE, and what else is true. */
#define NVMX_VTD_READ 1u
#define NVMX_VTD_WRITE 2u
#define NVMX_VTD_ZERO_LENGTH 4u   /* with READ: a zero-length read */
#define NVMX_VTD_TRANSLATION 8u   /* an ATS translation request; with WRITE clear it is one for read only (NW=1) */
#define NVMX_VTD_TRANSLATED 16u   /* an ATS translated request */
#define NVMX_VTD_UNCACHED 32u     /* neither look at the caches nor fill them */
#define NVMX_VTD_SILENT 64u       /* record no fault: for a host that looks, not a device that accesses */

/* Where a device's access goes. */
struct nvmx_vtd_dma {
	uint64_t gpa;      /* L1-physical address of the first byte */
	uint64_t len;      /* how many of the bytes asked for are contiguous from there and share these rights; 0 on a fault */
	uint8_t rights;    /* NVMX_VTD_R, NVMX_VTD_W */
	uint8_t page_shift; /* 12, 21 or 30: L1's page around it, or for a translation request as much of that as has nothing of
			     * 0xFEEx_xxxx in it; 63 where nothing is translated */
	bool snoop;        /* the access snoops processor caches whatever the device asked for (SNP) */
	bool untranslated_only; /* answer to a translation request for 0xFEEx_xxxx: U of the completion */
};

/*
 * Where the DMA of an emulated device goes.  `source_id` is bus << 8 | device << 3 | function.  len is at least 1 (for a
 * zero-length read, too); the host asks again for what lies behind out->len.
 * Returns NVMX_VTD_FAULT_NONE, or the reason: the request is to be refused, and the fault is recorded for L1 and perhaps
 * signalled, unless SILENT.  A translation request that finds no permission is no fault (4.2.3): rights are 0 then.
 * Aligned writes of 4 bytes to 0xFEEx_xxxx are interrupt requests (3.14): the host gives them to nvmx_vtd_interrupt()
 * instead; here they give NVMX_VTD_FAULT_INTERRUPT_RANGE without a record.  Zero-length reads there bypass the unit, other
 * requests are refused and, with remapping on, recorded.  With remapping off translation and translated requests are refused
 * as NVMX_VTD_FAULT_TYPE without a record (4.2.1).
 * Work: at most 6 frames mapped.
 */
enum nvmx_vtd_fault nvmx_vtd_translate(struct nvmx_vtd *u, uint16_t source_id, uint64_t iova, uint64_t len,
				       unsigned access, struct nvmx_vtd_dma *out);

/* An interrupt of L1's, to be delivered to its local APICs. */
struct nvmx_vtd_msi {
	uint32_t destination;   /* APIC id; 8 bits, or 32 in extended mode */
	uint8_t vector;
	uint8_t delivery_mode;  /* 0 fixed, 1 lowest priority, 2 SMI, 4 NMI, 5 INIT, 7 ExtINT */
	bool logical;           /* destination mode */
	bool redirection_hint;
	bool level;             /* trigger mode */
	bool assert;            /* level, compatibility format: the level bit; else true */
};

/*
 * What an interrupt request of `source_id` (a write of `data` to `address`, 0xFEEx_xxxx) becomes.  For an I/O APIC or
 * HPET, source_id is the one in L1's DMAR table.  Returns as nvmx_vtd_translate; `access` may hold UNCACHED and SILENT.
 * A fault with FPD set in the entry, or a compatibility-format request, is recorded as 5.1.4.1 says.
 */
enum nvmx_vtd_fault nvmx_vtd_interrupt(struct nvmx_vtd *u, uint16_t source_id, uint64_t address, uint32_t data,
				       unsigned access, struct nvmx_vtd_msi *out);

/* --------------------------------------------------------------------------------------------------- assigned devices */

#define NVMX_VTD_DEVICES 64 /* of one unit, at most */

/* The device can use a device-TLB, and L1 sees it with ATS. */
#define NVMX_VTD_DEVICE_HAS_TLB 1u
/* The host emulates it: it is never attached to anything, and `flush` hears of L1's invalidations of its device-TLB.  Needed
 * in units with ASSIGN_* for emulated devices that keep what translation requests gave them. */
#define NVMX_VTD_DEVICE_EMULATED 4u

/* `device` is the host's name for it, not NULL; L1 sees it as source_id.  It is attached to what L1's tables say now;
 * until nvmx_vtd_run() has answered DONE it may be blocked.  NVMX_OK; ERR_CONFIG: known already, too many, or flags
 * (without ASSIGN_* only emulated ones); ERR_OP_MISSING: flush. */
int nvmx_vtd_device_add(struct nvmx_vtd *u, uint16_t source_id, void *device, unsigned flags);
/* Blocks it and forgets it.  ERR_CONFIG: not known.  Its domain, if it was the last there, is closed; the domain's tables
 * are given back by later calls that work for L1, a bounded number in each. */
int nvmx_vtd_device_remove(struct nvmx_vtd *u, uint16_t source_id);

/*
 * The host has changed where, or with which rights, L1's [gpa, gpa + len) is: `frame` already answers anew, and for a
 * frame that L1 has lost it answers -1.  When this returns no table and, if `flush` answers NVMX_VTD_FLUSHED, no cache of
 * the hardware has the old frame; WAITING: after nvmx_vtd_flush_done().  MORE: that too is done, and work for L1, begun
 * before, is left.  Also to be called for memory that L1 has got.
 * With ASSIGN_MAP the pages in question are unmapped and mapped again.  It works from what is recorded, whatever L1's tables
 * say by now: no table of L1's is read.  Not bounded by nvmx_vtd_config.work, since it cannot stop halfway, but by
 * nvmx_vtd_config.pages: one look at each table of the unit (at most pages / 2), at the entries of those that may name such
 * frames, and one `frame` or dma_map for each entry that does.  A large page that can no longer be one is replaced by a
 * table: `frame` is asked for its parts in the range only, dma_map is called for all, 512 for each table.
 * Device-TLBs are flushed, too, and of a device that does not answer see NVMX_VTD_FLUSH_TIMEOUT.
 */
enum nvmx_vtd_verdict nvmx_vtd_host_invalidate(struct nvmx_vtd *u, uint64_t gpa, uint64_t len);

/*
 * The physical unit has reported a fault of an assigned device.  L1's tables are walked for the reason that L1 must see,
 * and the fault recorded; a fault that L1's tables do not explain is counted, not recorded.  Returns false if more faults
 * came since the last nvmx_vtd_tick() than fault_burst: the host masks or blocks the device until the next tick.
 */
bool nvmx_vtd_physical_fault(struct nvmx_vtd *u, uint16_t source_id, uint64_t iova, unsigned access);
/* Time has passed: fault_burst faults may come again.  A host calls it a few times a second. */
void nvmx_vtd_tick(struct nvmx_vtd *u);

/* -------------------------------------------------------------------------------------------------------- saved state */

/*
 * Registers, fault records, and what is pending; caches and flattened tables are not part of it, they are made anew.
 * There must be no work left (nvmx_vtd_run() answered DONE).  nvmx_vtd_save returns the number of bytes written, or 0 if
 * `size` is less than NVMX_VTD_SAVE_SIZE or work is left.
 * nvmx_vtd_restore puts it into a unit of the same configuration, as nvmx_vtd_init left it (devices may have been added).
 * Each value goes through the checks of a register write; a blob that is refused (NVMX_ERR_STATE) changes nothing.
 * After it nvmx_vtd_run() until DONE.  The blob is little-endian and begins with a magic number and version.
 */
#define NVMX_VTD_SAVE_SIZE 512
size_t nvmx_vtd_save(const struct nvmx_vtd *u, void *blob, size_t size);
int nvmx_vtd_restore(struct nvmx_vtd *u, const void *blob, size_t size);

/* --------------------------------------------------------------------------------------------------------------- ACPI */

enum nvmx_vtd_scope_type {
	NVMX_VTD_SCOPE_ENDPOINT = 1, NVMX_VTD_SCOPE_BRIDGE = 2, NVMX_VTD_SCOPE_IOAPIC = 3, NVMX_VTD_SCOPE_HPET = 4
};
/* A device scope (8.3.1).  source_id: where the device is (for IOAPIC and HPET: which requester id it uses). */
struct nvmx_vtd_scope {
	uint8_t type;           /* enum nvmx_vtd_scope_type */
	uint8_t enumeration_id; /* IOAPIC: its APIC id; HPET: its number; else 0 */
	uint8_t start_bus;      /* bus on which the path begins */
	uint8_t path_len;       /* 1 to 4 */
	struct { uint8_t device, function; } path[4]; /* from the bus to the device */
};
/* A unit (8.3). */
struct nvmx_vtd_drhd {
	uint64_t base;          /* of the register page in L1's memory */
	uint16_t segment;
	bool include_all;       /* INCLUDE_PCI_ALL (8.3); of one segment only the last unit may have it */
	const struct nvmx_vtd_scope *scopes;
	unsigned scope_count;
};
/* A reserved region that devices use from the start (8.4). */
struct nvmx_vtd_rmrr {
	uint64_t base, limit;   /* 4-KiB aligned; limit is the last byte */
	uint16_t segment;
	const struct nvmx_vtd_scope *scopes;
	unsigned scope_count;
};
/* What a DMAR table tells. */
struct nvmx_vtd_dmar_config {
	uint8_t host_width;     /* L1's physical-address width, as in the units' configurations */
	bool interrupt_remapping; /* a unit offers it */
	bool x2apic_opt_out;    /* the firmware asks the system not to use x2APIC mode; needs interrupt_remapping */
	bool device_tlbs;       /* a unit offers them: all root ports of the units' segments support ATS (8.5) */
	char oem_id[6], oem_table_id[8]; /* of the table's header */
	const struct nvmx_vtd_drhd *drhd;
	unsigned drhd_count;
	const struct nvmx_vtd_rmrr *rmrr;
	unsigned rmrr_count;
};
/* Builds the DMAR table (8.1), checksum and all.  Returns its length; if that is more than `size` nothing was written.
 * 0: the description is not one (no unit, an unaligned base, a base that is 0 or another unit's, what is beyond host_width, a
 * unit or region without scopes, a path that is none, a unit behind the one with INCLUDE_PCI_ALL of its segment).  Pure. */
size_t nvmx_vtd_dmar(void *table, size_t size, const struct nvmx_vtd_dmar_config *config);

/* ---------------------------------------------------------------------------------------------------- looking into it */

/* CAP and ECAP as L1 reads them. */
uint64_t nvmx_vtd_cap(const struct nvmx_vtd *u);
uint64_t nvmx_vtd_ecap(const struct nvmx_vtd *u);

/* What the op `trace` tells of. */
enum nvmx_vtd_event {
	NVMX_VTD_EV_FAULT,        /* a fault of L1's device: source id << 32 | reason, address */
	NVMX_VTD_EV_BAD_ACCESS,   /* a register access of a kind that is not allowed: offset, size */
	NVMX_VTD_EV_QUEUE_ERROR,  /* a malformed descriptor: its first and second half */
	NVMX_VTD_EV_NO_DOMAIN,    /* domain_open failed: L1's domain id, its table */
	NVMX_VTD_EV_NO_PAGE,      /* the budget or page_alloc is exhausted: address not mapped, L1's domain id */
	NVMX_VTD_EV_STORM,        /* physical faults beyond fault_burst: source id, address */
	NVMX_VTD_EV_BLOCKED       /* a device-TLB did not answer the host's revocation, the device is blocked: source id, L1's
				   * domain id */
};

/* Counters, all monotonic.  Names by nvmx_vtd_counter_name(). */
enum nvmx_vtd_counter {
	NVMX_VTD_CNT_READ,          /* register accesses of L1 */
	NVMX_VTD_CNT_WRITE,
	NVMX_VTD_CNT_BAD_ACCESS,    /* of a size or alignment that is not allowed */
	NVMX_VTD_CNT_DESCRIPTOR,    /* descriptors taken from the queue */
	NVMX_VTD_CNT_QUEUE_ERROR,
	NVMX_VTD_CNT_WAIT,          /* wait descriptors completed */
	NVMX_VTD_CNT_TRANSLATE,     /* nvmx_vtd_translate */
	NVMX_VTD_CNT_TRANSLATE_HIT, /* answered by the translation cache */
	NVMX_VTD_CNT_FAULT,         /* faults of devices */
	NVMX_VTD_CNT_FAULT_RECORD,  /* that took a fault recording register */
	NVMX_VTD_CNT_INTERRUPT,     /* nvmx_vtd_interrupt */
	NVMX_VTD_CNT_MSI,           /* interrupts of the unit itself */
	NVMX_VTD_CNT_COMPARE,       /* pages of L1's tables compared with what was flattened */
	NVMX_VTD_CNT_ENTRY,         /* entries of L1's found changed, and flattened anew */
	NVMX_VTD_CNT_LEAF,          /* leaves written, or dma_map calls */
	NVMX_VTD_CNT_DUMMY,         /* that went to the dummy page */
	NVMX_VTD_CNT_UNMAPPED,      /* that were not made for want of pages or of the host's resources */
	NVMX_VTD_CNT_FLUSH,         /* calls of `flush` */
	NVMX_VTD_CNT_FLUSH_ITEM,    /* physical invalidations in them */
	NVMX_VTD_CNT_PHYSICAL_FAULT,
	NVMX_VTD_CNT_SPURIOUS_FAULT, /* physical faults that L1's tables do not explain */
	NVMX_VTD_CNT_PAGES,         /* pages allocated */
	NVMX_VTD_CNT_BLOCKED,       /* devices blocked because a device-TLB did not answer the host's revocation */
	NVMX_VTD_CNT_COUNT
};
uint64_t nvmx_vtd_counter(const struct nvmx_vtd *u, enum nvmx_vtd_counter c);
const char *nvmx_vtd_counter_name(unsigned c);

#ifdef __cplusplus
}
#endif

#endif
