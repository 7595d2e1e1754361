/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What is done for unit_promises: C(promise, what breaks none, what then breaks it, the op that is told of, what was found, and what that
 * is about).  CASES have one row for each promise; ALSO has the other clauses of those that have several, and both sides of each bound.
 */
#ifndef TEST_PROMISES_CASES_H
#define TEST_PROMISES_CASES_H

#define NOTHING 0
#define AT(n) (uintptr_t)memory[n]
#define NO_VMCS NVMX_LEDGER_NO_VMCS

#define CASES \
	C(NOT_REENTERED, (ops->set_cr2(h, 1), ops->set_cr2(h, 2)), \
	  (host.again = true, ops->set_cr2(h, 3)), "l1_state_loaded", 0, 0) \
	C(NO_LOCK, ops->l1_state_loaded(h), \
	  (host.locked = true, ops->l1_state_loaded(h)), "l1_state_loaded", 0, 0) \
	C(XLATE_ACCESS, xlate(0x5000, NVMX_ACCESS_R | NVMX_ACCESS_PEEK, 0x5000, NVMX_ACCESS_RWX, 12, 6), \
	  xlate(0x5000, NVMX_ACCESS_PEEK, 0x5000, NVMX_ACCESS_RWX, 12, 6), "translate", NVMX_ACCESS_PEEK, 0x5000) \
	C(XLATE_ANSWER, (host.answer = -1, xlate(0x5000, 1, ~0ull, 0, 99, 7), host.answer = NVMX_NOT_NOW, xlate(0x5000, 1, 0, 0, 0, 0)), \
	  (host.answer = 2, xlate(0x5000, 1, 0x5000, NVMX_ACCESS_RWX, 12, 6)), "translate", 2, 0x5000) \
	C(XLATE_SHIFT, (xlate(0x5000, 1, 0x40005000, NVMX_ACCESS_RWX, 30, 6), xlate(0x5000, 1, 0x40005000, NVMX_ACCESS_RWX, 21, 6)), \
	  xlate(0x5000, 1, 0x5000, NVMX_ACCESS_RWX, 13, 6), "translate", 13, 0x5000) \
	C(XLATE_WIDTH, xlate(0x5123, 1, TOO_WIDE - 0x1000 + 0x123, NVMX_ACCESS_RWX, 12, 6), \
	  xlate(0x5123, 1, TOO_WIDE + 0x123, NVMX_ACCESS_RWX, 12, 6), "translate", TOO_WIDE + 0x123, 0x5123) \
	C(XLATE_OFFSET, xlate(0x5123, 1, 0x7123, NVMX_ACCESS_RWX, 12, 6), \
	  xlate(0x5123, 1, 0x7000, NVMX_ACCESS_RWX, 12, 6), "translate", 0x7000, 0x5123) \
	C(XLATE_RIGHTS, xlate(0x5000, NVMX_ACCESS_R, 0x5000, NVMX_ACCESS_R, 12, 6), \
	  xlate(0x5000, NVMX_ACCESS_W, 0x5000, NVMX_ACCESS_R, 12, 6), "translate", NVMX_ACCESS_R, 0x5000) \
	C(XLATE_MEMTYPE, xlate(0x5000, 1, 0x5000, NVMX_ACCESS_RWX, 12, 0), \
	  xlate(0x5000, 1, 0x5000, NVMX_ACCESS_RWX, 12, 2), "translate", 2, 0x5000) \
	C(XLATE_PINNED, (pin(0x5000, 0x9000), xlate(0x5008, 1, 0x9008, NVMX_ACCESS_RWX, 12, 6), xlate(0x6000, 1, 0x7000, NVMX_ACCESS_RWX, 12, 6)), \
	  xlate(0x5008, 1, 0x7008, NVMX_ACCESS_RWX, 12, 6), "translate", 0x7008, 0x5008) \
	C(MAP_FRAME, map(0x5000, memory[0], true), \
	  map(0x5008, memory[1], true), "map", 0x5008, 0x5008) \
	C(MAP_ANSWER, (map(0x5000, NULL, true), map(0x5000, NVMX_MAP_NOT_NOW, true)), \
	  map(0x5000, memory[0] + 8, true), "map", AT(0) + 8, 0x5000) \
	C(MAP_COUNT, (map_times(16), unmap(false), map(0x5000, memory[0], false)), \
	  map(0x5000, memory[0], false), "map", 17, 0x5000) \
	C(MAP_VALID, (map(0x5000, memory[0], false), map(0x6000, memory[1], false)), \
	  map(0x7000, memory[0], false), "map", AT(0), 0x7000) \
	C(UNMAP_MAPPED, (map(0x5000, memory[0], false), unmap(false)), \
	  unmap(false), "unmap", AT(0), 0x5000) \
	C(UNMAP_WROTE, (map(0x5000, memory[0], true), unmap(true), map(0x5000, memory[0], false)), \
	  unmap(true), "unmap", AT(0), 0x5000) \
	C(UNMAPPED, (map(0x5000, memory[0], true), unmap(false), nvmx_ledger_end(&ledger)), \
	  (map(0x6000, memory[1], false), nvmx_ledger_end(&ledger)), "", AT(1), 0x6000) \
	C(PIN_FRAME, pin(0x5000, 0x9000), \
	  pin(0x5010, 0x9000), "pin", 0x5010, 0x5010) \
	C(PIN_ANSWER, (host.answer = -1, pin(0x5000, 8), host.answer = NVMX_NOT_NOW, pin(0x5000, 8)), \
	  (host.answer = 2, pin(0x5000, 0x9000)), "pin", 2, 0x5000) \
	C(PIN_ADDRESS, pin(0x5000, TOO_WIDE - 0x1000), \
	  pin(0x6000, TOO_WIDE), "pin", TOO_WIDE, 0x6000) \
	C(PIN_SAME, (pin(0x5000, 0x9000), pin(0x5000, 0x9000)), \
	  pin(0x5000, 0xa000), "pin", 0xa000, 0x5000) \
	C(PIN_NO_PAGE, (alloc(memory[0], 0x9000), pin(0x5000, 0xa000)), \
	  pin(0x6000, 0x9000), "pin", 0x9000, 0x6000) \
	C(UNPIN_PINNED, (pin(0x5000, 0x9000), ops->unpin(h, 0x5000, 0x9000), pin(0x5000, 0xa000)), \
	  ops->unpin(h, 0x5000, 0x9000), "unpin", 0x9000, 0x5000) \
	C(UNPINNED, (pin(0x5000, 0x9000), ops->unpin(h, 0x5000, 0x9000), nvmx_ledger_end(&ledger)), \
	  (pin(0x5000, 0x9000), nvmx_ledger_end(&ledger)), "", 0x9000, 0x5000) \
	C(PAGE_POINTER, alloc(memory[0], 0x9000), \
	  alloc(memory[1] + 64, 0xa000), "page_alloc", AT(1) + 64, 0xa000) \
	C(PAGE_ADDRESS, alloc(memory[0], TOO_WIDE - 0x1000), \
	  alloc(memory[1], 0xa010), "page_alloc", 0xa010, 0xa010) \
	C(PAGE_ZEROED, alloc(memory[0], 0x9000), \
	  (memory[1][4095] = 1, alloc(memory[1], 0xa000)), "page_alloc", AT(1), 0xa000) \
	C(PAGE_FRESH, (alloc(memory[0], 0x9000), ops->page_free(h, memory[0], 0x9000), alloc(memory[0], 0x9000)), \
	  alloc(memory[1], 0x9000), "page_alloc", 0x9000, 0x9000) \
	C(PAGE_OWN, (alloc(memory[0], 0x9000), ops->page_free(h, memory[0], 0x9000)), \
	  ops->page_free(h, memory[0], 0x9000), "page_free", AT(0), 0x9000) \
	C(PAGE_NO_VMCS, (load(region(0, REVISION)), load(VMCS01), ops->vmcs_clear(h, 1u << 20), ops->page_free(h, memory[0], 1u << 20)), \
	  (load(region(1, REVISION)), load(VMCS01), ops->page_free(h, memory[1], 2u << 20)), "page_free", 2u << 20, 2u << 20) \
	C(PAGES_FREED, (alloc(memory[0], 0x9000), ops->page_free(h, memory[0], 0x9000), nvmx_ledger_end(&ledger)), \
	  (alloc(memory[0], 0x9000), nvmx_ledger_end(&ledger)), "", 1, 0) \
	C(LOAD_OWN, (load(region(0, REVISION)), load(VMCS01)), \
	  load(0x8000), "vmcs_load", 0x8000, 0x8000) \
	C(LOAD_CLEARED, load(region(0, REVISION)), \
	  (alloc(memory[1], 0x9000), memcpy(memory[1], memory[0], 4), load(0x9000)), "vmcs_load", 0x9000, 0x9000) \
	C(LOAD_REVISION, load(region(0, REVISION | 1u << 31)), \
	  load(region(1, REVISION + 1)), "vmcs_load", REVISION + 1, 2u << 20) \
	C(CLEAR_OWN, (region(0, REVISION), ops->vmcs_clear(h, VMCS01)), \
	  ops->vmcs_clear(h, 0x8000), "vmcs_clear", 0x8000, 0x8000) \
	C(CURRENT, (read_field(NVMX_GUEST_RIP, 1), load(region(0, REVISION)), write_field(NVMX_GUEST_RIP)), \
	  (ops->vmcs_clear(h, 1u << 20), write_field(NVMX_GUEST_RIP)), "vmcs_write_many", NO_VMCS, NVMX_GUEST_RIP) \
	C(FIELDS, write_field(NVMX_GUEST_CS_AR), \
	  write_field(0x7ffe), "vmcs_write_many", 0x7ffe, 0x7ffe) \
	C(READ_WIDTH, (read_field(NVMX_GUEST_CS_SEL, 0xffff), read_field(NVMX_PIN_CTLS, 0xffffffff), read_field(NVMX_GUEST_RIP, ~0ull)), \
	  read_field(NVMX_GUEST_CS_SEL, 0x10000), "vmcs_read_many", 0x10000, NVMX_GUEST_CS_SEL) \
	C(FLUSH_EPT_SCOPE, ops->flush_ept(h, 0, NVMX_FLUSH_ALL), \
	  ops->flush_ept(h, 0x905e, NVMX_FLUSH_ADDRESS), "flush_ept", NVMX_FLUSH_ADDRESS, 0x905e) \
	C(FLUSH_EPT_OWN, (alloc(memory[0], 0x9000), ops->flush_ept(h, 0x905e, NVMX_FLUSH_SINGLE)), \
	  ops->flush_ept(h, 0xa05e, NVMX_FLUSH_SINGLE), "flush_ept", 0xa05e, 0xa000) \
	C(WATCH_FRAMES, watching(NVMX_WATCH_BATCH, 0x3000, 1, -1), \
	  watching(2, 0x3008, 2, 0), "watch", 2, 8) \
	C(WATCH_BATCH, (watching(1, 0, 1, 0), watching(1, 0, 2, 0)), \
	  watching(1, 0, 2, 0), "watch", 2, 2) \
	C(WATCH_ANSWER, watching(1, 0, 1, NVMX_WATCH_BEGUN), \
	  watching(1, 0, 3, 2), "watch", 2, 3) \
	C(UNWATCH_FRAME, ops->unwatch(h, 0x3000), \
	  ops->unwatch(h, 0x3001), "unwatch", 0x3001, 0) \
	C(FLUSH_VPID_SCOPE, ops->flush_vpid(h, 1, NVMX_FLUSH_SINGLE_NON_GLOBAL, 0), \
	  ops->flush_vpid(h, 1, 4, 0), "flush_vpid", 4, 1) \
	C(FLUSH_VPID_GIVEN, (ops->flush_vpid(h, 4, 0, 0), ops->flush_vpid(h, 5, 1, 0), ops->flush_vpid(h, 0, 2, 0)), \
	  ops->flush_vpid(h, 6, 1, 0), "flush_vpid", 6, 6) \
	C(MSR_READ_ANSWER, (answering(0), answering(-1)), \
	  answering(1), "l1_msr_read", 1, 0x10) \
	C(MSR_WRITE_ANSWER, writing(1, 0), \
	  writing(7, 1), "l1_msr_write", 1, 7) \
	C(STATE_LOADED_CURRENT, ops->l1_state_loaded(h), \
	  (load(region(0, REVISION)), ops->l1_state_loaded(h)), "l1_state_loaded", 1u << 20, 0) \
	C(PENDING_KNOWN, (host.pending = 31, ops->pending_events(h)), \
	  (host.pending = 32, ops->pending_events(h)), "pending_events", 32, 0) \
	C(ACK_VECTOR, (acknowledging(255), acknowledging(-1)), \
	  acknowledging(256), "ack_interrupt", 256, 0) \
	C(END_ACKNOWLEDGED, (acknowledging(0), ops->end_interrupt(h, 0)), \
	  ops->end_interrupt(h, 0), "end_interrupt", 0, 0) \
	C(TAKE_ONE, taking(NVMX_PENDING_NMI, NVMX_PENDING_NMI, 0), \
	  taking(NVMX_PENDING_INTR, NVMX_PENDING_INTR, 0), "take_event", NVMX_PENDING_INTR, 0) \
	C(TAKE_PENDING, taking(NVMX_PENDING_NMI | NVMX_PENDING_INTR, NVMX_PENDING_NMI, 0), \
	  ops->take_event(h, NVMX_PENDING_NMI), "take_event", NVMX_PENDING_NMI, NVMX_PENDING_INTR) \
	C(TAKE_VECTOR, (taking(NVMX_PENDING_SIPI, NVMX_PENDING_SIPI, 0xff), taking(NVMX_PENDING_INIT, NVMX_PENDING_INIT, 0)), \
	  taking(NVMX_PENDING_INIT, NVMX_PENDING_INIT, 5), "take_event", 5, NVMX_PENDING_INIT) \
	C(INJECT_VECTOR, ops->inject_l1(h, 31, false, 0), \
	  ops->inject_l1(h, 32, false, 0), "inject_l1", 32, 0) \
	C(INJECT_L1_CURRENT, ops->inject_l1(h, 13, true, 0), \
	  (load(region(0, REVISION)), ops->inject_l1(h, 13, true, 0)), "inject_l1", 1u << 20, 13) \
	C(INJECT_L2_CURRENT, (load(region(0, REVISION)), ops->inject_l2(h, 14, true, 2)), \
	  (load(VMCS01), ops->inject_l2(h, 14, true, 2)), "inject_l2", VMCS01, 14) \
	C(BARRIER_KINDS, (ops->barrier(h, NVMX_BARRIER_L2_ENTRY), ops->barrier(h, NVMX_BARRIER_IBPB)), \
	  ops->barrier(h, NVMX_BARRIER_IBPB | NVMX_BARRIER_L2_ENTRY), "barrier", NVMX_BARRIER_IBPB | NVMX_BARRIER_L2_ENTRY, 0) \
	C(BARRIER_TURNS, (ops->barrier(h, NVMX_BARRIER_L2_ENTRY), ops->barrier(h, NVMX_BARRIER_IBPB)), \
	  ops->barrier(h, NVMX_BARRIER_IBPB), "barrier", NVMX_BARRIER_IBPB, 0) \
	C(VMCS02_CURRENT, (load(region(0, REVISION)), ops->make_vmcs02(h, 1u << 20)), \
	  (load(VMCS01), ops->make_vmcs02(h, 1u << 20)), "make_vmcs02", VMCS01, 1u << 20) \
	C(DR6_CONDITIONS, ops->set_dr6(h, 0x1600f), \
	  ops->set_dr6(h, 0x800), "set_dr6", 0x800, 0) \
	C(TRACE_KNOWN, ops->trace(h, NVMX_TRACE_STOP, 1, 2, 3), \
	  ops->trace(h, NVMX_TRACE_RESUME, 1, 2, 3), "trace", NVMX_TRACE_RESUME, 0)

#define ALSO \
	C(NOT_REENTERED, ops->unwatch(h, 0), \
	  (host.again = true, ops->set_dr6(h, 1)), "l1_state_loaded", 0, 0) \
	C(XLATE_ACCESS, xlate(0x5000, NVMX_ACCESS_RWX | NVMX_ACCESS_PEEK, 0x5000, NVMX_ACCESS_RWX, 12, 6), \
	  xlate(0x5000, NVMX_ACCESS_R | 16, 0x5000, NVMX_ACCESS_RWX, 12, 6), "translate", 17, 0x5000) \
	C(XLATE_ANSWER, NOTHING, \
	  (host.answer = -3, xlate(0x5000, 1, 0x5000, NVMX_ACCESS_RWX, 12, 6)), "translate", 0xfffffffd, 0x5000) \
	C(XLATE_SHIFT, NOTHING, \
	  xlate(0x5000, 1, 0x5000, NVMX_ACCESS_RWX, 22, 6), "translate", 22, 0x5000) \
	C(XLATE_SHIFT, NOTHING, \
	  xlate(0x5000, 1, 0x5000, NVMX_ACCESS_RWX, 39, 6), "translate", 39, 0x5000) \
	C(XLATE_WIDTH, (xlate(0x3ff000, 1, TOO_WIDE - 0x1000, NVMX_ACCESS_RWX, 21, 6), xlate(0x3ff000, 1, 0x1ff000, NVMX_ACCESS_RWX, 21, 6)), \
	  xlate(0x1ff000, 1, 0x1fe000, NVMX_ACCESS_RWX, 21, 6), "translate", 0x1fe000, 0x1ff000) \
	C(XLATE_WIDTH, xlate(0x3ffff000, 1, TOO_WIDE - 0x1000, NVMX_ACCESS_RWX, 30, 6), \
	  xlate(0x3fffe000, 1, TOO_WIDE - 0x1000, NVMX_ACCESS_RWX, 30, 6), "translate", TOO_WIDE - 0x1000, 0x3fffe000) \
	C(XLATE_OFFSET, xlate(0x5fff, 1, 0x7fff, NVMX_ACCESS_RWX, 12, 6), \
	  xlate(0x5fff, 1, 0x77ff, NVMX_ACCESS_RWX, 12, 6), "translate", 0x77ff, 0x5fff) \
	C(XLATE_RIGHTS, xlate(0x5000, NVMX_ACCESS_X, 0x5000, NVMX_ACCESS_X, 12, 6), \
	  xlate(0x5000, NVMX_ACCESS_R, 0x5000, NVMX_ACCESS_RWX | 8, 12, 6), "translate", 15, 0x5000) \
	C(XLATE_RIGHTS, NOTHING, \
	  xlate(0x5000, NVMX_ACCESS_X, 0x5000, 3, 12, 6), "translate", 3, 0x5000) \
	C(XLATE_MEMTYPE, (xlate(0x5000, 1, 0x5000, NVMX_ACCESS_RWX, 12, 1), xlate(0x5000, 1, 0x5000, NVMX_ACCESS_RWX, 12, 4)), \
	  xlate(0x5000, 1, 0x5000, NVMX_ACCESS_RWX, 12, 3), "translate", 3, 0x5000) \
	C(XLATE_MEMTYPE, xlate(0x5000, 1, 0x5000, NVMX_ACCESS_RWX, 12, 5), \
	  xlate(0x5000, 1, 0x5000, NVMX_ACCESS_RWX, 12, 7), "translate", 7, 0x5000) \
	C(XLATE_PINNED, (pin(0x5000, 0x9000), xlate(0x5fff, 1, 0x9fff, NVMX_ACCESS_RWX, 12, 6), ops->unpin(h, 0x5000, 0x9000), xlate(0x5fff, 1, 0x7fff, NVMX_ACCESS_RWX, 12, 6)), \
	  (pin(0x5000, 0x9000), xlate(0x5fff, 1, 0xafff, NVMX_ACCESS_RWX, 12, 6)), "translate", 0xafff, 0x5fff) \
	C(MAP_FRAME, NOTHING, \
	  map(0x5fff, memory[1], true), "map", 0x5fff, 0x5fff) \
	C(MAP_ANSWER, NOTHING, \
	  map(0x5000, memory[0] + 0xfff, true), "map", AT(0) + 0xfff, 0x5000) \
	C(UNMAP_MAPPED, (map(0x5000, memory[0], false), map(0x6000, memory[1], false)), \
	  ops->unmap(h, 0x5000, memory[1], false), "unmap", AT(1), 0x5000) \
	C(UNMAP_WROTE, (map(0x5000, memory[0], false), map(0x5000, memory[0], true), unmap(true), unmap(false)), \
	  (map(0x5000, memory[0], false), map(0x5000, memory[0], true), unmap(true), unmap(true)), "unmap", AT(0), 0x5000) \
	C(UNMAP_WROTE, (map(0x5000, memory[0], true), map(0x5000, memory[0], false), unmap(false), unmap(true)), \
	  (map(0x5000, memory[0], true), map(0x5000, memory[0], false), unmap(true), unmap(true)), "unmap", AT(0), 0x5000) \
	C(PIN_ANSWER, NOTHING, \
	  (host.answer = -2, pin(0x5000, 0x9000)), "pin", 0xfffffffe, 0x5000) \
	C(PIN_ADDRESS, NOTHING, \
	  pin(0x5000, 0x9800), "pin", 0x9800, 0x5000) \
	C(PAGE_POINTER, NOTHING, \
	  alloc(memory[1] + 0x800, 0xa000), "page_alloc", AT(1) + 0x800, 0xa000) \
	C(PAGE_ADDRESS, NOTHING, \
	  alloc(memory[1], TOO_WIDE), "page_alloc", TOO_WIDE, TOO_WIDE) \
	C(PAGE_ZEROED, alloc(NULL, 7), \
	  (memory[1][0] = 1, alloc(memory[1], 0xa000)), "page_alloc", AT(1), 0xa000) \
	C(PAGE_ZEROED, alloc(memory[2], 0x9000), \
	  (memory[1][2048] = 1, alloc(memory[1], 0xa000)), "page_alloc", AT(1), 0xa000) \
	C(PAGE_FRESH, (pin(0x5000, 0x9000), ops->unpin(h, 0x5000, 0x9000), alloc(memory[0], 0x9000)), \
	  (pin(0x6000, 0xa000), pin(0x5000, 0xb000), alloc(memory[1], 0xa000)), "page_alloc", 0xa000, 0xa000) \
	C(PAGE_FRESH, alloc(memory[0], 0x9000), \
	  alloc(memory[1], VMCS01), "page_alloc", VMCS01, VMCS01) \
	C(PAGE_OWN, alloc(memory[0], 0x9000), \
	  ops->page_free(h, memory[1], 0x9000), "page_free", AT(1), 0x9000) \
	C(PAGES_FREED, alloc(memory[0], 0x9000), \
	  (alloc(memory[1], 0xa000), alloc(memory[2], 0xb000), nvmx_ledger_end(&ledger)), "", 3, 0) \
	C(LOAD_CLEARED, (alloc(memory[0], 0x9000), ops->vmcs_clear(h, 0x9000), ops->page_free(h, memory[0], 0x9000)), \
	  (alloc(memory[0], 0x9000), memcpy(memory[0], &ledger.revision, 4), load(0x9000)), "vmcs_load", 0x9000, 0x9000) \
	C(LOAD_REVISION, (ledger.revision = 0, load(region(0, 7)), ledger.revision = REVISION), \
	  load(region(1, 0)), "vmcs_load", 0, 2u << 20) \
	C(CURRENT, (load(region(0, REVISION)), ops->vmcs_clear(h, VMCS01), read_field(NVMX_GUEST_RSP, 1)), \
	  (ops->vmcs_clear(h, 1u << 20), read_field(NVMX_GUEST_RSP, 1)), "vmcs_read_many", NO_VMCS, NVMX_GUEST_RSP) \
	C(CURRENT, (ops->vmcs_write_many(h, NULL, NULL, 0)), \
	  (ops->vmcs_clear(h, VMCS01), ops->vmcs_write_many(h, NULL, NULL, 0)), "vmcs_write_many", NO_VMCS, 0) \
	C(FIELDS, read_field(NVMX_PIN_CTLS, 0), \
	  read_field(0x4ffe, 0), "vmcs_read_many", 0x4ffe, 0x4ffe) \
	C(READ_WIDTH, NOTHING, \
	  read_field(NVMX_PIN_CTLS, 1ull << 32), "vmcs_read_many", 1ull << 32, NVMX_PIN_CTLS) \
	C(FLUSH_EPT_SCOPE, NOTHING, \
	  ops->flush_ept(h, 0x905e, NVMX_FLUSH_SINGLE_NON_GLOBAL), "flush_ept", NVMX_FLUSH_SINGLE_NON_GLOBAL, 0x905e) \
	C(WATCH_FRAMES, watching(1, 0x3000, 1, 0), \
	  ops->watch(h, NULL, 0, 2), "watch", 0, 0) \
	C(WATCH_FRAMES, NOTHING, \
	  watching(NVMX_WATCH_BATCH + 1, 0x3000, 1, 0), "watch", NVMX_WATCH_BATCH + 1, 0) \
	C(WATCH_FRAMES, NOTHING, \
	  watching(1, 0x3fff, 1, 0), "watch", 1, 0xfff) \
	C(WATCH_BATCH, watching(1, 0, 7, 0), \
	  watching(1, 0, 6, 0), "watch", 6, 7) \
	C(WATCH_ANSWER, watching(1, 0, 1, 0), \
	  watching(1, 0, 2, -2), "watch", 0xfffffffe, 2) \
	C(UNWATCH_FRAME, NOTHING, \
	  ops->unwatch(h, 0x3fff), "unwatch", 0x3fff, 0) \
	C(FLUSH_VPID_GIVEN, ops->flush_vpid(h, 1, NVMX_FLUSH_ADDRESS, 0), \
	  ops->flush_vpid(h, 3, NVMX_FLUSH_SINGLE_NON_GLOBAL, 0), "flush_vpid", 3, 3) \
	C(FLUSH_VPID_GIVEN, (ledger.vpid02_n = 0, ops->flush_vpid(h, 4, NVMX_FLUSH_SINGLE, 0)), \
	  ops->flush_vpid(h, 5, NVMX_FLUSH_SINGLE, 0), "flush_vpid", 5, 5) \
	C(FLUSH_VPID_GIVEN, (ledger.vpid01 = 0, ops->flush_vpid(h, 4, NVMX_FLUSH_SINGLE, 0)), \
	  ops->flush_vpid(h, 0, NVMX_FLUSH_SINGLE, 0), "flush_vpid", 0, 0) \
	C(FLUSH_VPID_GIVEN, (ledger.vpid02 = 0, ops->flush_vpid(h, 1, NVMX_FLUSH_SINGLE, 0)), \
	  ops->flush_vpid(h, 0, NVMX_FLUSH_SINGLE, 0), "flush_vpid", 0, 0) \
	C(MSR_READ_ANSWER, NOTHING, \
	  answering(-2), "l1_msr_read", 0xfffffffe, 0x10) \
	C(MSR_WRITE_ANSWER, writing(7, -1), \
	  writing(7, -2), "l1_msr_write", 0xfffffffe, 7) \
	C(ACK_VECTOR, acknowledging(0), \
	  acknowledging(-2), "ack_interrupt", 0xfffffffe, 0) \
	C(END_ACKNOWLEDGED, (acknowledging(255), ops->end_interrupt(h, 255)), \
	  (acknowledging(33), ops->end_interrupt(h, 34)), "end_interrupt", 34, 0) \
	C(TAKE_ONE, taking(NVMX_PENDING_INIT, NVMX_PENDING_INIT, 0), \
	  taking(31, NVMX_PENDING_NMI | NVMX_PENDING_INIT, 0), "take_event", NVMX_PENDING_NMI | NVMX_PENDING_INIT, 0) \
	C(TAKE_ONE, NOTHING, \
	  taking(NVMX_PENDING_SMI, NVMX_PENDING_SMI, 0), "take_event", NVMX_PENDING_SMI, 0) \
	C(TAKE_PENDING, NOTHING, \
	  taking(NVMX_PENDING_INIT, NVMX_PENDING_SIPI, 0), "take_event", NVMX_PENDING_SIPI, NVMX_PENDING_INIT) \
	C(TAKE_VECTOR, taking(NVMX_PENDING_SIPI, NVMX_PENDING_SIPI, 0), \
	  taking(NVMX_PENDING_SIPI, NVMX_PENDING_SIPI, 256), "take_event", 256, NVMX_PENDING_SIPI) \
	C(TAKE_VECTOR, NOTHING, \
	  taking(NVMX_PENDING_SIPI, NVMX_PENDING_SIPI, -1), "take_event", 0xffffffff, NVMX_PENDING_SIPI) \
	C(INJECT_VECTOR, (load(region(0, REVISION)), ops->inject_l2(h, 31, false, 0)), \
	  ops->inject_l2(h, 32, false, 0), "inject_l2", 32, 0) \
	C(INJECT_L2_CURRENT, NOTHING, \
	  (ops->vmcs_clear(h, VMCS01), ops->inject_l2(h, 14, true, 2)), "inject_l2", NO_VMCS, 14) \
	C(BARRIER_KINDS, ops->barrier(h, NVMX_BARRIER_L2_ENTRY), \
	  ops->barrier(h, 0), "barrier", 0, 0) \
	C(BARRIER_TURNS, ops->barrier(h, NVMX_BARRIER_L2_ENTRY), \
	  ops->barrier(h, NVMX_BARRIER_L2_ENTRY), "barrier", NVMX_BARRIER_L2_ENTRY, 1) \
	C(VMCS02_CURRENT, (load(region(0, REVISION)), load(VMCS01)), \
	  ops->make_vmcs02(h, VMCS01), "make_vmcs02", VMCS01, VMCS01) \
	C(DR6_CONDITIONS, ops->set_dr6(h, 0), \
	  ops->set_dr6(h, 0x10), "set_dr6", 0x10, 0) \
	C(DR6_CONDITIONS, NOTHING, \
	  ops->set_dr6(h, 0x20000), "set_dr6", 0x20000, 0)

#endif
