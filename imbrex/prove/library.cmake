# A verdict that is kept names the prover that gave it: a hash of what decides it.
file(GLOB prover_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/imbrex/prove/*.h ${PROJECT_SOURCE_DIR}/imbrex/prove/*.cpp
     ${PROJECT_SOURCE_DIR}/imbrex/ir/*.h ${PROJECT_SOURCE_DIR}/imbrex/ir/*.cpp ${PROJECT_SOURCE_DIR}/imbrex/base/*.h
     ${PROJECT_SOURCE_DIR}/imbrex/base/*.cpp ${PROJECT_SOURCE_DIR}/imbrex/interpret/*.h ${PROJECT_SOURCE_DIR}/imbrex/interpret/*.cpp)
set(prover_hashes)
foreach(source ${prover_sources})
  file(SHA256 ${source} source_hash)
  string(APPEND prover_hashes ${source_hash})
endforeach()
string(SHA256 prover_revision "${prover_hashes}")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${prover_sources})
set_source_files_properties(${PROJECT_SOURCE_DIR}/imbrex/prove/prove.cpp PROPERTIES COMPILE_DEFINITIONS
                            "IMBREX_PROVER_REVISION=\"${prover_revision}\"")
