/* SPDX-License-Identifier: GPL-2.0-only */
/* The library's sources ask for freestanding headers; a kernel build has none. */
#include <linux/types.h>
#include <linux/stddef.h>
