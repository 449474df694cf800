imbrex_computes(${CMAKE_CURRENT_SOURCE_DIR}/checkpoint/convert.cpp)
