file(GLOB references ${CMAKE_CURRENT_SOURCE_DIR}/kernels/reference/*.cpp)
imbrex_computes(${references} ${CMAKE_CURRENT_SOURCE_DIR}/kernels/compare.cpp
                ${CMAKE_CURRENT_SOURCE_DIR}/kernels/deepseek_v4/judge.cpp
                ${CMAKE_CURRENT_SOURCE_DIR}/kernels/deepseek_v4/attention_front_judge.cpp
                ${CMAKE_CURRENT_SOURCE_DIR}/kernels/deepseek_v4/fp8_front_judges.cpp
                ${CMAKE_CURRENT_SOURCE_DIR}/kernels/deepseek_v4/from_checkpoint.cpp
                ${CMAKE_CURRENT_SOURCE_DIR}/kernels/deepseek_v4/made_inputs.cpp
                ${CMAKE_CURRENT_SOURCE_DIR}/kernels/deepseek_v4/plain_loops.cpp)

# Generators that call the compiler with relative paths still name kernels' sources in full, wherever messages are read.
file(RELATIVE_PATH up ${CMAKE_BINARY_DIR} ${PROJECT_SOURCE_DIR}/imbrex)
string(REGEX REPLACE "imbrex$" "" up "${up}")
target_compile_options(imbrex_kernels PRIVATE "-fmacro-prefix-map=${up}=${PROJECT_SOURCE_DIR}/")
