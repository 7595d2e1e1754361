/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_LOCK_H
#define SHIM_SYS_LOCK_H

struct lock_object {
	const char *lo_name;
};

#endif
