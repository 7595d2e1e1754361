/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What vmcs02's controls make count: bitmaps, lists, offsets, and who asked for the exits.
 */
#include "merge.h"
#include "port.h"
#include "../ept/ept.h"

static inline void write02(struct nvmx_merging *m, uint32_t field, uint64_t value)
{
	nvmx_vmwrite(m->v, field, value);
}

/* The page-fault mask and match are L1's own if the host does not watch page faults; else every one exits.  With a mask or
 * match the host may watch them though its bitmap has a 0 (SDM 25.2). */
enum nvmx_step_end nvmx_merge_EXC(struct nvmx_merging *m)
{
	bool host_pf = (m->c01->pf_ec_mask | m->c01->pf_ec_match) || m->c01->exceptions >> NVMX_VECTOR_PF & 1;

	m->s->exceptions01 = m->c01->exceptions | (host_pf ? NVMX_BIT(NVMX_VECTOR_PF) : 0);
	write02(m, NVMX_EXCEPTION_BITMAP, m->v12->exception_bitmap | m->s->exceptions01);
	write02(m, NVMX_PF_EC_MASK, host_pf ? 0 : m->v12->pf_ec_mask);
	write02(m, NVMX_PF_EC_MATCH, host_pf ? 0 : m->v12->pf_ec_match);
	return NVMX_STEP_DONE;
}

enum nvmx_step_end nvmx_merge_CR3_TARGET(struct nvmx_merging *m)
{
	const uint64_t target[4] = { m->v12->cr3_target0, m->v12->cr3_target1, m->v12->cr3_target2,
				     m->v12->cr3_target3 };

	/* A load of a target value does not exit (SDM 25.1.3): none for a host that watches all. */
	if (m->c01->ctl[NVMX_WORD_PROC] & NVMX_PROC_CR3_LOAD) {
		write02(m, NVMX_CR3_TARGET_COUNT, 0);
		return NVMX_STEP_DONE;
	}
	write02(m, NVMX_CR3_TARGET_COUNT, m->v12->cr3_target_count);
	for (unsigned i = 0; i < 4 && i < m->v12->cr3_target_count; i++)
		write02(m, NVMX_CR3_TARGET0 + 2 * i, target[i]);
	return NVMX_STEP_DONE;
}

/* Of two that are none 0 there may be nothing left, which no VM entry takes (SDM 26.2.1.1). */
static uint64_t tsc_product(uint64_t a, uint64_t b)
{
	uint64_t product = nvmx_tsc_scale(a, b);

	return product ? product : 1;
}

/* Bit by bit the largest count in which fewer of L1's pass: freestanding code has no division of 128 bits. */
uint32_t nvmx_timer_of_processor(const struct nvmx_vmcs01 *c01, uint32_t l1s)
{
	uint64_t multiplier = nvmx_tsc_multiplier01(c01);
	uint32_t less = 0;

	if (multiplier == NVMX_TSC_ONE || !l1s)
		return l1s;
	for (uint32_t bit = 1u << 31; bit; bit >>= 1)
		if (nvmx_tsc_scale(less | bit, multiplier) < l1s)
			less |= bit;
	return less < ~0u ? less + 1 : less;
}

enum nvmx_step_end nvmx_merge_TSC(struct nvmx_merging *m)
{
	uint32_t c01 = m->c01->ctl[NVMX_WORD_PROC], c12 = m->v12->proc_ctls;
	uint64_t offset01 = c01 & NVMX_PROC_TSC_OFFSET ? m->c01->tsc_offset : 0;
	uint64_t offset12 = c12 & NVMX_PROC_TSC_OFFSET ? m->v12->tsc_offset : 0;
	bool scale12 = c12 & NVMX_PROC_TSC_OFFSET && m->proc2 & NVMX_PROC2_TSC_SCALING;

	if (scale12) /* the offset is signed: scale its magnitude */
		offset01 = (int64_t)offset01 < 0 ? -nvmx_tsc_scale(-offset01, m->v12->tsc_multiplier)
						 : nvmx_tsc_scale(offset01, m->v12->tsc_multiplier);
	write02(m, NVMX_TSC_OFFSET, offset01 + offset12);
	if (m->s->ctl02[NVMX_WORD_PROC2] & NVMX_PROC2_TSC_SCALING)
		write02(m, NVMX_TSC_MULTIPLIER, tsc_product(nvmx_tsc_multiplier01(m->c01),
							    scale12 ? m->v12->tsc_multiplier : NVMX_TSC_ONE));
	return NVMX_STEP_DONE;
}

enum nvmx_step_end nvmx_merge_IO_BITMAP(struct nvmx_merging *m)
{
	struct nvmx_grants *io = m->s->io;

	if (m->v12->proc_ctls & NVMX_PROC_IO_BITMAPS) {
		if (!nvmx_grants_make(m->v, &io[0]) || !nvmx_grants_make(m->v, &io[1]))
			return NVMX_STEP_NO_MEMORY;
		write02(m, NVMX_IO_BITMAP_A, io[0].page.hpa);
		write02(m, NVMX_IO_BITMAP_B, io[1].page.hpa);
	} else if (!(m->v12->proc_ctls & NVMX_PROC_UNCOND_IO) && m->c01->ctl[NVMX_WORD_PROC] & NVMX_PROC_IO_BITMAPS) {
		write02(m, NVMX_IO_BITMAP_A, m->c01->io_bitmap_a);
		write02(m, NVMX_IO_BITMAP_B, m->c01->io_bitmap_b);
	}
	return NVMX_STEP_DONE;
}

enum nvmx_step_end nvmx_merge_MSR_BITMAP(struct nvmx_merging *m)
{
	if (!(m->v12->proc_ctls & NVMX_PROC_MSR_BITMAPS))
		return NVMX_STEP_DONE;
	if (!nvmx_grants_make(m->v, &m->s->msr))
		return NVMX_STEP_NO_MEMORY;
	write02(m, NVMX_MSR_BITMAP, m->s->msr.page.hpa);
	return NVMX_STEP_DONE;
}

enum nvmx_step_end nvmx_merge_XSS(struct nvmx_merging *m)
{
	if (m->s->ctl02[NVMX_WORD_PROC2] & NVMX_PROC2_XSAVES)
		write02(m, NVMX_XSS_EXIT_BITMAP, m->v12->xss_exit_bitmap | m->c01->xss_bitmap);
	return NVMX_STEP_DONE;
}

enum nvmx_step_end nvmx_merge_ENCLS(struct nvmx_merging *m)
{
	if (m->s->ctl02[NVMX_WORD_PROC2] & NVMX_PROC2_ENCLS)
		write02(m, NVMX_ENCLS_EXIT_BITMAP,
			(m->proc2 & NVMX_PROC2_ENCLS ? m->v12->encls_exit_bitmap : 0) | m->c01->encls_bitmap);
	return NVMX_STEP_DONE;
}

enum nvmx_step_end nvmx_merge_PLE(struct nvmx_merging *m)
{
	bool l1s = m->proc2 & NVMX_PROC2_PAUSE_LOOP;

	if (!(m->s->ctl02[NVMX_WORD_PROC2] & NVMX_PROC2_PAUSE_LOOP))
		return NVMX_STEP_DONE;
	write02(m, NVMX_PLE_GAP, l1s ? m->v12->ple_gap : m->c01->ple_gap);
	write02(m, NVMX_PLE_WINDOW, l1s ? m->v12->ple_window : m->c01->ple_window);
	return NVMX_STEP_DONE;
}

enum nvmx_step_end nvmx_merge_EOI(struct nvmx_merging *m)
{
	if (!(m->proc2 & NVMX_PROC2_VID))
		return NVMX_STEP_DONE;
	write02(m, NVMX_EOI_EXIT_BITMAP0, m->v12->eoi_exit_bitmap0);
	write02(m, NVMX_EOI_EXIT_BITMAP1, m->v12->eoi_exit_bitmap1);
	write02(m, NVMX_EOI_EXIT_BITMAP2, m->v12->eoi_exit_bitmap2);
	write02(m, NVMX_EOI_EXIT_BITMAP3, m->v12->eoi_exit_bitmap3);
	return NVMX_STEP_DONE;
}

/* A function that is not enabled exits and is emulated: all of them, or what the library's EPTP list has not. */
enum nvmx_step_end nvmx_merge_VMFUNC(struct nvmx_merging *m)
{
	bool switching = m->proc2 & NVMX_PROC2_VMFUNC && m->v12->vmfunc_ctls & NVMX_VMFUNC_EPTP_SWITCHING;
	uint64_t list = switching && m->v->vm->hw_eptp_switching ? nvmx_ept_list(m->v, m->v12) : 0;

	m->s->look02 = (uint8_t)((m->s->look02 & ~NVMX_LOOK_EPTP) | (list ? NVMX_LOOK_EPTP : 0));
	if (list && nvmx_eptp_index_exists(m->v))
		write02(m, NVMX_EPTP_INDEX, m->v12->eptp_index);
	if (!(m->proc2 & NVMX_PROC2_VMFUNC) || list == m->s->eptp_list02)
		return NVMX_STEP_DONE;
	m->s->eptp_list02 = list;
	write02(m, NVMX_VMFUNC_CTLS, list ? NVMX_VMFUNC_EPTP_SWITCHING : 0);
	if (list)
		write02(m, NVMX_EPTP_LIST_ADDR, list);
	return NVMX_STEP_DONE;
}
