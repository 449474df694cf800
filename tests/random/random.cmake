# Adds the random kernel generator to a test: include() this from the folder's CMakeLists.txt.
file(GLOB random_kernel_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/random/*.cpp)
target_sources(${target} PRIVATE ${random_kernel_sources})
