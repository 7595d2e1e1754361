/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The library's tables as markdown: docs/checks.md, docs/fields.md, docs/features.md, docs/exits.md. */
#ifndef NVMX_TOOL_TABLES_H
#define NVMX_TOOL_TABLES_H

void print_rows(void);
void print_fields(void);
void print_features(void);
void print_exits(void);

#endif
