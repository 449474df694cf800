imbrex_computes(${CMAKE_CURRENT_SOURCE_DIR}/base/numbers.cpp ${CMAKE_CURRENT_SOURCE_DIR}/base/digest.cpp)
