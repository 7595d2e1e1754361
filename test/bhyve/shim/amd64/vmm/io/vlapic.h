/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_VLAPIC_H
#define SHIM_VLAPIC_H

#include <sys/types.h>

struct vlapic;
int vlapic_pending_intr(struct vlapic *vlapic, int *vector);
void vlapic_intr_accepted(struct vlapic *vlapic, int vector);
uint64_t vlapic_get_cr8(struct vlapic *vlapic);
int vlapic_set_intr_ready(struct vlapic *vlapic, int vector, bool level);

#endif
