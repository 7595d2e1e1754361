/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What of L2's own paging an EPT violation tells, and judges by: advanced information (SDM table 27-7), mode-based execution (28.3.2). */
#include "exit.h"

CODE(g_read, "movl (%rdx), %eax");
CODE(g_write, "movl %eax, (%rdx)");
CODE(g_fetch, "jmp *%rdx");

#define GPA 0x84000000ull
#define Q_LINEAR (BIT(7) | BIT(8))
#define Q_USER_EXECUTE BIT(6)
#define Q_USER BIT(9)
#define Q_WRITABLE BIT(10)
#define Q_NX BIT(11)

static u64 *root;
static u8 *frame;

/* Everything executable in both modes, but for one page. */
static void build(void)
{
	root = ept_alloc();
	for (u64 a = 0; a < 4ull << 30; a += 2ul << 20)
		ept_map(root, a, a, 2, EPT_RWX | EPT_XU | EPT_WB);
	frame = page_alloc();
	memcpy(frame, "\x0f\x01\xc1", 3);	/* VMCALL */
	ept_map(root, GPA, phys(frame), 1, EPT_RWX | EPT_XU | EPT_WB);
	*ept_entry(root, GPA, 2) |= EPT_XU;
	for (u64 a = 0; a < 4ull << 30; a += 1ul << 30)
		*ept_entry(root, a, 3) |= EPT_XU;
	*ept_entry(root, 0, 4) |= EPT_XU;
}

static u64 told(u64 pte)
{
	if (!(caps.ept_vpid & BIT(22)))
		return 0;
	return (pte & PTE_U ? Q_USER : 0) | (pte & PTE_W ? Q_WRITABLE : 0) | (pte & PTE_NX ? Q_NX : 0);
}

static const char *run_at(const u8 *code, enum start start, u32 proc2, u64 pte, u64 leaf)
{
	struct exit_row row = { "", code, { .start = start, .proc2 = proc2 }, .rdx = window_map(3, GPA, pte) };
	u64 q;

	*ept_entry(root, GPA, 1) = leaf;
	if (!exit_prepare(&row))
		return NULL;
	vmwrite(EPT_POINTER, ept_pointer(root));
	invept(2, 0, 0);
	guest_run();
	q = vmread(EXIT_QUALIFICATION);
	if ((u32)vmread(EXIT_REASON) == R_EPT_VIOLATION && !(caps.ept_vpid & BIT(22)))
		q &= ~(Q_USER | Q_WRITABLE | Q_NX);
	return text("exit %lu q=%lx", vmread(EXIT_REASON), q);
}

/* Each kind of page of L2's, each access, EPT rights that refuse it. */
static void advanced_information(void)
{
	static const struct { const char *name; const u8 *code; u64 access, leaf; } accesses[] = {
		{ "read", g_read, EPT_R, 0 }, { "write", g_write, EPT_W, EPT_R }, { "fetch", g_fetch, EPT_X, EPT_R | EPT_W } };

	for (unsigned i = 0; i < 8 * ARRAY_SIZE(accesses); i++) {
		unsigned a = i / 8;
		u64 pte = PTE_P | PTE_AD | (i & 1 ? PTE_W : 0) | (i & 2 ? PTE_U : 0) | (i & 4 ? PTE_NX : 0);
		u64 leaf = accesses[a].leaf;

		if ((accesses[a].access == EPT_W && !(pte & PTE_W)) || (accesses[a].access == EPT_X && pte & PTE_NX))
			continue;	/* L2's own page fault comes first */
		check(text("told.%s.%s%s%s", accesses[a].name, pte & PTE_U ? "user" : "supervisor", pte & PTE_W ? ".writable" : "",
			   pte & PTE_NX ? ".nx" : ""),
		      run_at(accesses[a].code, LONG, 0, pte, leaf ? phys(frame) | leaf | EPT_WB : 0),
		      text("exit 48 q=%llx", accesses[a].access | leaf << 3 | Q_LINEAR | told(pte)));
	}
}

/* Whether the page is a user's or a supervisor's decides, not the privilege level that fetches. */
static void mode_based(void)
{
	static const struct { const char *name; enum start start; u64 pte; } pages[] = {
		{ "supervisor", LONG, PTE_P | PTE_AD | PTE_W }, { "user_page", LONG, PTE_P | PTE_AD | PTE_W | PTE_U },
		{ "user", USER, PTE_P | PTE_AD | PTE_W | PTE_U } };

	if (!can(caps.proc2, PROC2_MODE_BASED_EXECUTE)) {
		skip("mode_based", "mode-based execute control");
		return;
	}
	for (unsigned i = 0; i < 8 * ARRAY_SIZE(pages); i++) {
		unsigned p = i / 8;
		u64 leaf = EPT_R | (i & 1 ? EPT_W : 0) | (i & 2 ? EPT_X : 0) | (i & 4 ? EPT_XU : 0), pte = pages[p].pte;
		bool executes = leaf & (pte & PTE_U ? EPT_XU : EPT_X);
		u64 q = EPT_X | (leaf & EPT_RWX) << 3 | (leaf & EPT_XU ? Q_USER_EXECUTE : 0) | Q_LINEAR | told(pte);

		check(text("mode_based.%s.%s%s%s", pages[p].name, leaf & EPT_W ? "w" : "", leaf & EPT_X ? "x" : "", leaf & EPT_XU ? "u" : ""),
		      run_at(g_fetch, pages[p].start, PROC2_MODE_BASED_EXECUTE, pte, phys(frame) | leaf | EPT_WB),
		      executes ? RUNS : text("exit 48 q=%lx", q));
	}
}

void conform_paging(void)
{
	theme("paging");
	exit_begin();
	if (!guest.ept) {
		skip("paging", "EPT and unrestricted guest");
		return;
	}
	build();
	advanced_information();
	mode_based();
}
