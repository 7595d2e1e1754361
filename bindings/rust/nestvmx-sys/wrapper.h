/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The headers whose names src/bindings.rs has. */
#include <nestvmx/arch.h>
#include <nestvmx/caps.h>
#include <nestvmx/check.h>
#include <nestvmx/enlighten.h>
#include <nestvmx/hyperv.h>
#include <nestvmx/error.h>
#include <nestvmx/fields.h>
#include <nestvmx/host.h>
#include <nestvmx/nestvmx.h>
#include <nestvmx/state.h>
#include <nestvmx/trace.h>
#include <nestvmx/vmcs12.h>
#include <nestvmx/vtd.h>
