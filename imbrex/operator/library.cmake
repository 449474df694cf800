# What the operator needs of other folders is compiled into it, with fmt as headers: what is linked with it needs the C and C++
# runtimes and threads alone. Names are hidden but for those of imbrex/deepseek_v4.h.
set(shared_sources base/array.cpp base/digest.cpp base/dtype.cpp base/error.cpp base/memory.cpp base/nearest.cpp base/numbers.cpp base/utf8.cpp runtime/executor.cpp)
foreach(name atomic_file checkpoint convert front_layer json_text mapped_file model_config rope safetensors tensor_names)
  list(APPEND shared_sources checkpoint/${name}.cpp)
endforeach()
foreach(source ${shared_sources})
  target_sources(imbrex_operator PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/${source})
endforeach()
target_compile_definitions(imbrex_operator PRIVATE FMT_HEADER_ONLY)
target_include_directories(imbrex_operator PRIVATE $<TARGET_PROPERTY:fmt::fmt,INTERFACE_INCLUDE_DIRECTORIES>)
# The precompiled headers of the others have fmt as a library.
set_target_properties(imbrex_operator PROPERTIES DISABLE_PRECOMPILE_HEADERS ON)
imbrex_compile_without_lto(imbrex_operator)
# Symbols that are unique in a process would be seen in a static library, too.
target_compile_options(imbrex_operator PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
set_target_properties(imbrex_operator PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
