/* SPDX-License-Identifier: BSD-2-Clause */
/* FreeBSD's headers, and what differs between its versions. */
#ifndef NEST_COMPAT_H
#define NEST_COMPAT_H

#include "opt_bhyve_snapshot.h"

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/bus.h>
#include <sys/callout.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/mutex.h>
#include <sys/pcpu.h>
#include <sys/proc.h>
#include <sys/queue.h>
#include <sys/sched.h>
#include <sys/sdt.h>
#include <sys/smp.h>
#include <sys/smr.h>
#include <sys/sx.h>
#include <sys/sysctl.h>
#include <sys/time.h>

#include <vm/vm.h>
#include <vm/vm_param.h>
#include <vm/pmap.h>
#include <vm/vm_page.h>

#include <machine/atomic.h>
#include <machine/clock.h>
#include <machine/cpu.h>
#include <machine/cpufunc.h>
#include <machine/md_var.h>
#include <machine/psl.h>
#include <machine/specialreg.h>
#include <machine/smp.h>
#include <x86/apicreg.h>
#include <x86/apicvar.h>

#include <machine/vmm.h>
#include <machine/vmm_snapshot.h>
#if __FreeBSD_version >= 1500000
#include <dev/vmm/vmm_dev.h>
#include <dev/vmm/vmm_mem.h>
#include <dev/vmm/vmm_vm.h>
#else
#include <machine/vmm_dev.h>
#endif

#include "vmm_lapic.h"
#include "vmm_host.h"
#include "vmm_stat.h"
#include "vmm_util.h"
#include "vatpic.h"
#include "vlapic.h"
#include "vlapic_priv.h"
#include "vmx_cpufunc.h"
#include "vmx.h"
#include "vmx_controls.h"
#include "vmx_msr.h"
#include "x86.h"

#if __FreeBSD_version >= 1500000
#define nest_wake(vcpu) vcpu_notify_event(vcpu)
/* Whether user space keeps interrupts from the vCPU. */
#define nest_interrupts_masked(v) (((v)->cap.set & (1 << VM_CAP_MASK_HWINTR)) != 0)
#else
#define nest_wake(vcpu) vcpu_notify_event(vcpu, false)
#define nest_interrupts_masked(v) false
#endif

#endif
