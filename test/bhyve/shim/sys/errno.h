/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_ERRNO_H
#define SHIM_SYS_ERRNO_H

#define ENXIO 6
#define ENOMEM 12
#define EFAULT 14
#define EBUSY 16
#define EINVAL 22
#define EAGAIN 35
#define EOPNOTSUPP 45

#endif
