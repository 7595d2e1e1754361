/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_SMR_H
#define SHIM_SYS_SMR_H

#include <sys/proc.h>

typedef struct smr *smr_t;
void smr_enter(smr_t smr);
void smr_exit(smr_t smr);
void smr_synchronize(smr_t smr);
bool shim_in_section(void);
#define SMR_ASSERT_ENTERED(section) KASSERT(shim_in_section(), ("not in an SMR section"))

#endif
