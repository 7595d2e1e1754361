/* SPDX-License-Identifier: GPL-2.0-only */
/* Included ahead of each of the library's sources. */
#define NESTVMX_PORT_HEADER "nest_port.h"
