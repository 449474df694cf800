# What `cmake --install` puts in place, so that another project can say find_package(imbrex): the command, the libraries with their
# headers, and imbrex_add_kernels(). Included last, by the top CMakeLists.txt, unless another project adds this one and does not set IMBREX_INSTALL.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/imbrex)
install(DIRECTORY imbrex DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp"
        PATTERN "tools" EXCLUDE PATTERN "mpi" EXCLUDE PATTERN "python" EXCLUDE)  # of programs, which nobody links
get_property(installed GLOBAL PROPERTY IMBREX_INSTALLED)  # targets, by the folders that make them
install(TARGETS ${installed} EXPORT imbrex_targets ARCHIVE LIBRARY RUNTIME)
if(IMBREX_DEEPSEEK_V4)
  imbrex_install_deepseek_v4(imbrex_deepseek_v4 EXPORT imbrex_targets)
endif()
install(EXPORT imbrex_targets NAMESPACE imbrex:: DESTINATION ${package})
configure_package_config_file(cmake/imbrexConfig.cmake.in ${PROJECT_BINARY_DIR}/imbrexConfig.cmake INSTALL_DESTINATION ${package}
                              PATH_VARS CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/imbrexConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/imbrexConfig.cmake ${PROJECT_BINARY_DIR}/imbrexConfigVersion.cmake ${imbrex_target_list} cmake/ImbrexAddKernels.cmake
        cmake/ImbrexAddDeepseekV4.cmake imbrex/operator/exports.map
        DESTINATION ${package})
