/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The library's version, and what its headers ask of a compiler: C11 or C++11, for x86-64.
 */
#ifndef NESTVMX_VERSION_H
#define NESTVMX_VERSION_H

#if defined(__i386__) || defined(__ILP32__)
#error "libnestvmx is for 64-bit x86 alone: compile without -m32 and -mx32"
#endif

/* Semantic versions: below 1.0 a minor version may break its embedders, a patch does not.  CHANGELOG.md says what each did. */
#define NVMX_VERSION_MAJOR 0
#define NVMX_VERSION_MINOR 1
#define NVMX_VERSION_PATCH 0
#define NVMX_VERSION_STRING "0.1.0"

#ifdef __cplusplus
#define NVMX_STATIC_ASSERT(condition, text) static_assert(condition, text)
extern "C" {
#else
#define NVMX_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* NVMX_VERSION_STRING of the library that is linked, to be compared with that of the headers.  Pure; any context. */
const char *nvmx_version(void);

#ifdef __cplusplus
}
#endif

#endif
