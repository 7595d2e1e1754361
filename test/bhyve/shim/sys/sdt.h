/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_SDT_H
#define SHIM_SYS_SDT_H

#define SDT_PROBES_ENABLED() 0
/* Probes that are off: their arguments are looked at by the compiler alone. */
#define SDT_PROVIDER_DECLARE(provider) extern int shim_sdt_##provider
#define SDT_PROVIDER_DEFINE(provider) extern int shim_sdt_##provider
#define SDT_PROBE_DEFINE4(provider, module, function, name, a, b, c, d) extern int shim_sdt_##provider##_##module##_##function##_##name
#define SDT_PROBE4(provider, module, function, name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
#define SDT_PROBE_DEFINE5(provider, module, function, name, a, b, c, d, e) extern int shim_sdt_##provider##_##module##_##function##_##name
#define SDT_PROBE5(provider, module, function, name, a, b, c, d, e) ((void)(a), (void)(b), (void)(c), (void)(d), (void)(e))

#endif
