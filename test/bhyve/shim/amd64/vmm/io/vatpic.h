/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_VATPIC_H
#define SHIM_VATPIC_H

struct vm;
void vatpic_pending_intr(struct vm *vm, int *vector);
void vatpic_intr_accepted(struct vm *vm, int vector);

#endif
