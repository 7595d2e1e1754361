/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Variables that the administrator sees or sets: each makes itself known to the model, by the name of its node and its own. */
#ifndef SHIM_SYS_SYSCTL_H
#define SHIM_SYS_SYSCTL_H

#include <sys/param.h>

struct sysctl_req {
	char *to;
	size_t size;
};
typedef int shim_sysctl_handler(void *oid, void *arg1, intmax_t arg2, struct sysctl_req *req);
#define SYSCTL_HANDLER_ARGS void *oidp __unused, void *arg1 __unused, intmax_t arg2 __unused, struct sysctl_req *req
#define SYSCTL_OUT(req, p, n) shim_sysctl_out(req, p, n)
int shim_sysctl_out(struct sysctl_req *req, const void *p, size_t n);
void shim_sysctl_add(const char *name, void *p, size_t size, shim_sysctl_handler *handler);

enum {
	OID_AUTO = -1, CTLFLAG_RD = 1, CTLFLAG_RW = 3, CTLFLAG_TUN = 4, CTLFLAG_RDTUN = 5, CTLFLAG_RWTUN = 7, CTLFLAG_MPSAFE = 8,
	CTLTYPE_STRING = 16, CTLTYPE_INT = 32
};

#define SHIM_SYSCTL(parent, name, p, size, handler)                                             \
	static void __attribute__((constructor)) shim_sysctl_##parent##_##name(void)            \
	{                                                                                       \
		shim_sysctl_add(#parent "." #name, p, size, handler);                           \
	}                                                                                       \
	extern int shim_sysctl_node_##parent##_##name
#define SYSCTL_DECL(name) extern int shim_sysctl_node_##name
#define SYSCTL_NODE(parent, number, name, access, handler, text) extern int shim_sysctl_node_##parent##_##name
#define SYSCTL_INT(parent, number, name, access, p, value, text) SHIM_SYSCTL(parent, name, p, sizeof(int), NULL)
#define SYSCTL_UINT(parent, number, name, access, p, value, text) SHIM_SYSCTL(parent, name, p, sizeof(u_int), NULL)
#define SYSCTL_ULONG(parent, number, name, access, p, value, text) SHIM_SYSCTL(parent, name, p, sizeof(u_long), NULL)
#define SYSCTL_STRING(parent, number, name, access, p, size, text) SHIM_SYSCTL(parent, name, p, size, NULL)
#define SYSCTL_PROC(parent, number, name, access, p, arg, handler, format, text) SHIM_SYSCTL(parent, name, p, 0, handler)

#endif
