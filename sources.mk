# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
# The library's sources, and the flags that they are compiled with, for build systems other than CMake (a kernel's:
# obj-y += $(nestvmx-sources:.c=.o)), with nestvmx-prefix, set before, in front of each.  Where all objects are in one folder, their
# names are nestvmx-objects: $(call nestvmx-object,SOURCE) for each.  This is the one list of both: CMakeLists.txt, adapters/metal, adapters/kvm and
# tools/amalgamate read it.
#
# Between a VM exit and the next VM entry the vector and x87 registers hold the guest's values, and an interrupt of the host's
# writes below RSP: never without these.
nestvmx-machine-cflags := -mgeneral-regs-only -mno-red-zone
# No libc, and nothing that one would have to supply; a kernel's build system has its own answers here.
nestvmx-freestanding-cflags := -m64 -ffreestanding -fno-stack-protector
# Beside them: -std=gnu11 (or later), -Iinclude, and with a port header -DNESTVMX_PORT_HEADER='"my_port.h"'.  No header of a libc is
# needed but stdbool.h, stddef.h and stdint.h, which are the compiler's own.
nestvmx-cflags := $(nestvmx-machine-cflags) $(nestvmx-freestanding-cflags)

nestvmx-sources := \
	src/ept/entry.c \
	src/ept/fault.c \
	src/ept/fill.c \
	src/ept/keep.c \
	src/ept/list.c \
	src/ept/named.c \
	src/ept/pool.c \
	src/ept/range.c \
	src/ept/relink.c \
	src/ept/revoke.c \
	src/ept/rmap.c \
	src/ept/root.c \
	src/ept/setup.c \
	src/ept/share.c \
	src/ept/table.c \
	src/ept/translate.c \
	src/ept/walk.c \
	src/ept/watch.c \
	src/ept/window.c \
	src/invept/hyperv.c \
	src/invept/invept.c \
	src/invept/range.c \
	src/invept/vpid.c \
	src/vmcs/check.c \
	src/vmcs/controls.c \
	src/vmcs/fields.c \
	src/vmcs/steps.c \
	src/vmx/answer.c \
	src/vmx/asked.c \
	src/vmx/bitmap.c \
	src/vmx/caps.c \
	src/vmx/carry.c \
	src/vmx/checked.c \
	src/vmx/cr.c \
	src/vmx/describe.c \
	src/vmx/enter.c \
	src/vmx/events.c \
	src/vmx/exit.c \
	src/vmx/hold.c \
	src/vmx/init.c \
	src/vmx/inject.c \
	src/vmx/instr.c \
	src/vmx/instr_inv.c \
	src/vmx/instr_rw.c \
	src/vmx/instr_vmcs.c \
	src/vmx/leave.c \
	src/vmx/ledger.c \
	src/vmx/line.c \
	src/vmx/linear.c \
	src/vmx/memory.c \
	src/vmx/merge.c \
	src/vmx/merge_controls.c \
	src/vmx/merge_effects.c \
	src/vmx/merge_guest.c \
	src/vmx/merge_host.c \
	src/vmx/mode.c \
	src/vmx/msr.c \
	src/vmx/msrlist.c \
	src/vmx/operand.c \
	src/vmx/posted.c \
	src/vmx/reads.c \
	src/vmx/refuse_vcpu.c \
	src/vmx/refuse_vm.c \
	src/vmx/refused.c \
	src/vmx/route.c \
	src/vmx/shadow.c \
	src/vmx/slot.c \
	src/vmx/smm.c \
	src/vmx/state_restore.c \
	src/vmx/state_save.c \
	src/vmx/status.c \
	src/vmx/sync.c \
	src/vmx/trace.c \
	src/vmx/ve.c \
	src/vmx/vmcs01.c \
	src/vmx/vmfunc.c \
	src/vmx/why.c \
	src/vtd/cache.c \
	src/vtd/caps.c \
	src/vtd/command.c \
	src/vtd/dmar.c \
	src/vtd/event.c \
	src/vtd/fault.c \
	src/vtd/flat.c \
	src/vtd/flush.c \
	src/vtd/init.c \
	src/vtd/inval.c \
	src/vtd/leaf.c \
	src/vtd/moved.c \
	src/vtd/pool.c \
	src/vtd/queue.c \
	src/vtd/regs.c \
	src/vtd/remap.c \
	src/vtd/save.c \
	src/vtd/sync.c \
	src/vtd/tables.c \
	src/vtd/translate.c \
	src/vtd/work.c

nestvmx-sources := $(addprefix $(nestvmx-prefix),$(nestvmx-sources))
# src/vtd/init.c is nestvmx_vtd_init.o: files of two folders have the same name.
nestvmx-object = $(subst /,_,$(patsubst $(nestvmx-prefix)src/%.c,nestvmx_%.o,$(1)))
nestvmx-objects := $(call nestvmx-object,$(nestvmx-sources))
