/* SPDX-License-Identifier: GPL-2.0-only */
/* Included ahead of each of the library's sources. */
#define NESTVMX_PORT_HEADER "nest_port.h"

/* Macros of the kernel's by names that the library has for an op and for an attribute. */
#include <linux/compiler.h>
#undef barrier
#undef noinline
