/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The kernel is configured with what CI is to see: snapshots. */
#ifndef SHIM_OPT_BHYVE_SNAPSHOT_H
#define SHIM_OPT_BHYVE_SNAPSHOT_H

#define BHYVE_SNAPSHOT 1

#endif
