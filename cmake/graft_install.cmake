# Installs the layers, the public headers, the commands and graftConfig.cmake.
include(CMakePackageConfigHelpers)

get_property(layers GLOBAL PROPERTY GRAFT_LAYERS)
install(TARGETS ${layers} EXPORT graftTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/graft DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT graftTargets NAMESPACE graft::
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/graft)
configure_package_config_file(cmake/graftConfig.cmake.in
  ${CMAKE_BINARY_DIR}/graftConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/graft)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/graftConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/graftConfig.cmake
              ${CMAKE_BINARY_DIR}/graftConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/graft)
install(TARGETS graft_command DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET graft_torch_command)
  install(TARGETS graft_torch_command
    DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/graft)
endif()
