/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef KVM_REFUSE_H
#define KVM_REFUSE_H

#include "snapshot.h"

/* How many states that must be refused are not, while L2 runs; the virtual CPU goes on after it as before. */
unsigned refuse(const struct vm *vm);

#endif
