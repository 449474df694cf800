# The headers that generated code includes are part of the library, so that they are found wherever it is installed. They are a
# target of their own so that compiling this library waits for no other.
file(GLOB embedded_headers RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/imbrex/target/isa/*.h)
list(APPEND embedded_headers imbrex/codegen/kernel_support.h imbrex/runtime/abi.h imbrex/runtime/call_memory.h imbrex/runtime/check_call.h imbrex/runtime/dispatch.h
     imbrex/runtime/packed_label.h imbrex/target/detect.h)
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
target_compile_definitions(imbrex_runtime PRIVATE IMBREX_SANITIZE="${IMBREX_SANITIZE}")

# A verdict that is kept names the judge that gave it: beside the prover (prove/library.cmake), whatever driver.cpp asks.
file(GLOB judging_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/imbrex/plan/*.h ${PROJECT_SOURCE_DIR}/imbrex/plan/*.cpp
     ${PROJECT_SOURCE_DIR}/imbrex/optimize/*.h ${PROJECT_SOURCE_DIR}/imbrex/optimize/*.cpp)
list(APPEND judging_sources ${CMAKE_CURRENT_LIST_DIR}/driver.cpp)
set(judging_hashes)
foreach(source ${judging_sources})
  file(SHA256 ${source} source_hash)
  string(APPEND judging_hashes ${source_hash})
endforeach()
string(SHA256 judge_revision "${judging_hashes}")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${judging_sources})
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/verdicts.cpp PROPERTIES COMPILE_DEFINITIONS
                            "IMBREX_JUDGE_REVISION=\"${judge_revision}\"")
