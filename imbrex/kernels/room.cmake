file(GLOB references ${CMAKE_CURRENT_SOURCE_DIR}/kernels/reference/*.cpp)
imbrex_computes(${references})
