/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_MACHINE_PSL_H
#define SHIM_MACHINE_PSL_H

#define PSL_T 0x00000100u
#define PSL_I 0x00000200u
#define PSL_RF 0x00010000u

#endif
