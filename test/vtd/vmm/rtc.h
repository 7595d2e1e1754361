/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A real-time clock that a kernel can read the date from, the same one always. */
#ifndef VTD_VMM_RTC_H
#define VTD_VMM_RTC_H

#include <stdint.h>

#define RTC_PORT 0x70u

void rtc_select(uint8_t index);
uint8_t rtc_read(void);

#endif
