# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
# `reference`: the public headers and docs/ as HTML, in BUILD/reference/html; not part of `all`.  Needs Debian's package doxygen.
find_program(NESTVMX_DOXYGEN doxygen)
if(NESTVMX_DOXYGEN)
	file(READ docs/reference/Doxyfile doxyfile)
	file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/reference)
	file(WRITE ${PROJECT_BINARY_DIR}/reference/Doxyfile "${doxyfile}OUTPUT_DIRECTORY = ${PROJECT_BINARY_DIR}/reference
PROJECT_NUMBER = ${PROJECT_VERSION}
")
	add_custom_target(reference COMMAND ${NESTVMX_DOXYGEN} ${PROJECT_BINARY_DIR}/reference/Doxyfile
		WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} USES_TERMINAL)
endif()
