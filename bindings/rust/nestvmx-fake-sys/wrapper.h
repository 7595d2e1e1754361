/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The header whose names src/bindings.rs has. */
#include <nestvmx/fake.h>
