imbrex_computes(${CMAKE_CURRENT_SOURCE_DIR}/inputs/synthetic.cpp)
