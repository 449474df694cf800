# The headers that generated code includes are part of the library, so that they are found wherever it is installed. They are a
# target of their own so that compiling this room waits for no other.
file(GLOB embedded_headers RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/imbrex/target/isa/*.h)
list(APPEND embedded_headers imbrex/codegen/kernel_support.h imbrex/runtime/abi.h imbrex/runtime/check_call.h imbrex/runtime/dispatch.h)
list(SORT embedded_headers)
list(TRANSFORM embedded_headers PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE embedded_files)
set(embedded_source ${CMAKE_CURRENT_BINARY_DIR}/embedded_headers.cpp)
add_custom_command(
  OUTPUT ${embedded_source}
  COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR} "-DHEADERS=${embedded_headers}" -DOUTPUT=${embedded_source}
          -P ${PROJECT_SOURCE_DIR}/cmake/EmbedHeaders.cmake
  DEPENDS ${embedded_files} ${PROJECT_SOURCE_DIR}/cmake/EmbedHeaders.cmake
  COMMENT "Embedding the headers of generated code"
  VERBATIM)
add_library(imbrex_embedded_headers OBJECT ${embedded_source})
target_include_directories(imbrex_embedded_headers PRIVATE ${PROJECT_SOURCE_DIR})
target_sources(imbrex_runtime PRIVATE $<TARGET_OBJECTS:imbrex_embedded_headers>)
target_compile_definitions(imbrex_runtime PRIVATE IMBREX_VERSION="${PROJECT_VERSION}" IMBREX_SANITIZE="${IMBREX_SANITIZE}")
