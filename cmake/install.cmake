# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
# What an embedder finds: find_package(nestvmx), target nestvmx::nestvmx, and with COMPONENTS fake nestvmx::fake; pkg-config nestvmx;
# documentation and tools.
# The folders are GNUInstallDirs', below the prefix or absolute.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(NESTVMX_PACKAGE ${CMAKE_INSTALL_LIBDIR}/cmake/nestvmx)

install(TARGETS nestvmx EXPORT nestvmx ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
	INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/nestvmx DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
install(EXPORT nestvmx FILE nestvmxTargets.cmake NAMESPACE nestvmx:: DESTINATION ${NESTVMX_PACKAGE} COMPONENT dev)
if(NESTVMX_FAKE)
	install(TARGETS nestvmx-fake EXPORT nestvmx-fake ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
		INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
	install(EXPORT nestvmx-fake FILE nestvmx-fakeTargets.cmake NAMESPACE nestvmx:: DESTINATION ${NESTVMX_PACKAGE} COMPONENT dev)
endif()
configure_package_config_file(cmake/nestvmxConfig.cmake.in nestvmxConfig.cmake INSTALL_DESTINATION ${NESTVMX_PACKAGE})
install(FILES ${PROJECT_BINARY_DIR}/nestvmxConfig.cmake DESTINATION ${NESTVMX_PACKAGE} COMPONENT dev)
# Below 1.0 a minor version may break.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/nestvmxConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/nestvmxConfigVersion.cmake DESTINATION ${NESTVMX_PACKAGE} COMPONENT dev)

# Folders below the prefix stay relative to it, so that what is installed can be moved.
foreach(folder LIBDIR INCLUDEDIR)
	if(IS_ABSOLUTE "${CMAKE_INSTALL_${folder}}")
		set(NESTVMX_PC_${folder} "${CMAKE_INSTALL_${folder}}")
	else()
		set(NESTVMX_PC_${folder} "\${prefix}/${CMAKE_INSTALL_${folder}}")
	endif()
endforeach()
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
	set(NESTVMX_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
else() # also of `cmake --install --prefix`
	file(RELATIVE_PATH NESTVMX_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
	string(REGEX REPLACE "/$" "" NESTVMX_PC_PREFIX "\${pcfiledir}/${NESTVMX_PC_PREFIX}")
endif()
configure_file(nestvmx.pc.in nestvmx.pc @ONLY)
if(NESTVMX_FAKE)
	configure_file(nestvmx-fake.pc.in nestvmx-fake.pc @ONLY)
	install(FILES ${PROJECT_BINARY_DIR}/nestvmx-fake.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
endif()
install(FILES ${PROJECT_BINARY_DIR}/nestvmx.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

if(NESTVMX_DEBIAN) # a package's documentation has the package's name, and its copyright says what LICENSE does
	set(CMAKE_INSTALL_DOCDIR ${CMAKE_INSTALL_DATAROOTDIR}/doc/libnestvmx-dev)
else()
	install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT dev)
endif()
include(cmake/documentation.cmake)
if(NESTVMX_TOOLS)
	find_program(NESTVMX_GZIP gzip REQUIRED)
	add_custom_target(nestvmx-manuals ALL)
	foreach(tool nvmx-explain nvmx-trace)
		install(TARGETS ${tool} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
		add_custom_command(OUTPUT ${tool}.1.gz DEPENDS tools/${tool}/${tool}.1
			COMMAND ${NESTVMX_GZIP} -9nc ${PROJECT_SOURCE_DIR}/tools/${tool}/${tool}.1 > ${tool}.1.gz)
		add_custom_target(${tool}-manual DEPENDS ${tool}.1.gz)
		add_dependencies(nestvmx-manuals ${tool}-manual)
		install(FILES ${PROJECT_BINARY_DIR}/${tool}.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT tools)
	endforeach()
endif()
if(NESTVMX_DEBIAN)
	include(cmake/package.cmake)
endif()
