/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "rtc.h"

#define STATUS_A 10u
#define UPDATING 0x80u

static uint8_t selected;

void rtc_select(uint8_t index)
{
	selected = index & 0x7f;
}

/*
 * Noon of 1 January 2026, in BCD.  Xen waits for an update to begin and to end, and Linux takes a clock for broken that it never
 * sees without one for some reads in a row: one read in eight finds it.
 */
uint8_t rtc_read(void)
{
	static const uint8_t values[] = { 0, 0, 0, 0, 0x12, 0, 5, 1, 1, 0x26, 0x26, 2, 0, 0x80 };
	static unsigned reads;

	if (selected == STATUS_A)
		return values[STATUS_A] | (reads++ % 8 ? 0 : UPDATING);
	return selected < sizeof(values) ? values[selected] : 0;
}
