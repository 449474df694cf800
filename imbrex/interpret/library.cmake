file(GLOB values ${CMAKE_CURRENT_SOURCE_DIR}/interpret/*.cpp)
imbrex_computes(${values})
