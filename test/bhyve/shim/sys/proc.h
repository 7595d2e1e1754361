/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_PROC_H
#define SHIM_SYS_PROC_H

#include <sys/param.h>

struct thread {
	u_int td_critnest;  /* critical sections that it is in */
	int td_oncpu;
	/* What the model keeps beside. */
	u_int smr, spin;    /* SMR sections, spin locks */
	bool interrupts;    /* are on */
	struct vcpu *vcpu;  /* whose thread it is */
};

#endif
