/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "console.h"
#include "l1.h"
#include "memory.h"
#include "trap.h"

struct multiboot_info { u32 flags, mem_lower, mem_upper, boot_device, cmdline; };
void l1_start(const struct multiboot_info *info);

static char cmdline[256];

static bool match(const char *at, const char *name)
{
	while (*name && *at == *name) {
		at++;
		name++;
	}
	return !*name && *at == '=';
}

u64 l1_option(const char *name, u64 otherwise)
{
	u64 v = 0;

	for (const char *p = cmdline; *p; p++) {
		if ((p != cmdline && p[-1] != ' ') || !match(p, name))
			continue;
		while (*p != '=')
			p++;
		for (p++; *p >= '0' && *p <= '9'; p++)
			v = v * 10 + (u64)(*p - '0');
		return v;
	}
	return otherwise;
}

void l1_start(const struct multiboot_info *info)
{
	const char *from = (const char *)(u64)info->cmdline;

	for (unsigned i = 0; (info->flags & BIT(2)) && i + 1 < sizeof(cmdline) && from[i]; i++)
		cmdline[i] = from[i];
	console_init();
	trap_init();
	l1_main();
	power_off();
}
