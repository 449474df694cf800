# The compiler as one shared library, for languages that load one: it shows imbrex.h to a linker, and nothing else.
add_library(imbrex_shared SHARED $<TARGET_OBJECTS:imbrex_c>)
target_link_libraries(imbrex_shared PRIVATE imbrex_c)
target_include_directories(imbrex_shared INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_options(imbrex_shared PRIVATE "-Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/exports.map")
set_target_properties(imbrex_shared PROPERTIES OUTPUT_NAME imbrex EXPORT_NAME shared VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
  LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/exports.map)
add_library(imbrex::shared ALIAS imbrex_shared)
set_property(GLOBAL APPEND PROPERTY IMBREX_INSTALLED imbrex_shared)
