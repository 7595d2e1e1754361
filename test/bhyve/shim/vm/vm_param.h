/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_VM_VM_PARAM_H
#define SHIM_VM_VM_PARAM_H

#include <machine/vmparam.h>

#define KERN_SUCCESS 0
#define KERN_FAILURE 5

#endif
