# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
# Debian packages of what is installed: cpack -G DEB in a build folder that was configured with -DNESTVMX_DEBIAN=ON makes
# libnestvmx-dev and nestvmx-tools.
set(NESTVMX_MAINTAINER "The libnestvmx authors <libnestvmx@nestvmx.invalid>" CACHE STRING "Maintainer of the Debian packages")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME nestvmx)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL dev tools)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${NESTVMX_MAINTAINER}")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libnestvmx-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_DEV_DESCRIPTION "nested Intel VMX for a hypervisor (static library, headers)
A hypervisor that links this freestanding library and implements its
callbacks gives its guests Intel VMX: they can be hypervisors with
guests of their own. It needs no libc and makes no assumption about
the host but what its headers say.")
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME nestvmx-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "say why an Intel VMX VM entry fails, and show nested VMX
nvmx-explain reads a VMCS as KVM, Xen, VirtualBox or bhyve print it,
a nested state or a vmcs12 page, and names each check of the VM entry
that fails and what to change. It also says whether an exit of a
nested guest goes to its hypervisor or to the host. nvmx-trace makes
timelines of what a host with libnestvmx did.")
include(CPack)

# What Debian asks of each package.
find_program(NESTVMX_GZIP gzip REQUIRED)
set(copyright ${PROJECT_BINARY_DIR}/copyright)
set(changelog ${PROJECT_BINARY_DIR}/changelog)
# Of the licences the package has the text of the one, and Debian that of the other.
file(READ LICENSE text)
string(REGEX MATCH "Copyright \\(c\\) [^\n]*" holder "${text}")
string(REGEX MATCH "Redistribution and use in source and binary forms.*POSSIBILITY OF SUCH DAMAGE\\." bsd "${text}")
string(REGEX REPLACE "\n\n" "\n.\n" bsd "${bsd}")
string(REGEX REPLACE "\n" "\n " bsd "${bsd}")
string(REGEX REPLACE "^Copyright \\(c\\) " "" holder "${holder}")
file(WRITE ${copyright} "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: libnestvmx

Files: *
Copyright: ${holder}
License: BSD-2-Clause or GPL-2+

License: BSD-2-Clause
 ${bsd}

License: GPL-2+
 The GNU General Public License, version 2 or any later version. Its
 text is in /usr/share/common-licenses/GPL-2.
")
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${changelog} "nestvmx (${PROJECT_VERSION}) unstable; urgency=medium\n\n  * See CHANGELOG.md in the documentation of libnestvmx-dev.\n\n"
	" -- ${NESTVMX_MAINTAINER}  ${date}\n")
execute_process(COMMAND ${NESTVMX_GZIP} -9nf ${changelog} COMMAND_ERROR_IS_FATAL ANY)
foreach(component dev tools)
	string(TOUPPER ${component} upper)
	set(folder ${CMAKE_INSTALL_DATAROOTDIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
	install(FILES ${copyright} ${changelog}.gz DESTINATION ${folder} COMPONENT ${component})
endforeach()
