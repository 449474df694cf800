# imbrex_add_kernels(TARGET KERNEL NAME [PRESET P] [VARIANT V] [SET NAME=VALUE ...] [SYMBOL S] [ISAS ...] [HEADER H] [OPTIONS ...])
#
# Makes TARGET, a static library with a kernel compiled ahead of time for each of ISAS (default: all of the architecture that CMake
# compiles for; the best that the machine runs is chosen when it runs), and its C header: #include "H" (default: <SYMBOL>.h). NAME is a registered kernel or a
# .tile file, relative to the source folder. SYMBOL, the C function, is by default the kernel's name (of a file: the one in it)
# with every other character as an underscore. SET are options of the kernel, such as eps=1e-20 (`imbrex list NAME`
# shows their types and defaults); OPTIONS more options of `imbrex aot`. The library needs the C library alone.
function(imbrex_add_kernels target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "KERNEL;PRESET;VARIANT;SYMBOL;HEADER" "ISAS;OPTIONS;SET")
  if(NOT arg_KERNEL OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "imbrex_add_kernels(${target}): needs KERNEL NAME; does not know: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT CMAKE_CXX_COMPILER_LOADED)
    message(FATAL_ERROR "imbrex_add_kernels(${target}): kernels are compiled as C++; enable it: project(... LANGUAGES C CXX)")
  endif()
  set(tile_file)
  if(arg_KERNEL MATCHES "\\.tile$")
    get_filename_component(tile_file "${arg_KERNEL}" ABSOLUTE)
    set(arg_KERNEL "${tile_file}")
  endif()
  if(tile_file AND NOT arg_SYMBOL)
    if(NOT EXISTS "${tile_file}")
      message(FATAL_ERROR "imbrex_add_kernels(${target}): there is no file ${tile_file}; one that the build makes needs a SYMBOL")
    endif()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${tile_file}")
    file(STRINGS "${tile_file}" kernel_line REGEX "^[ \t]*kernel[ \t]*\"" LIMIT_COUNT 1)
    string(REGEX REPLACE "^[ \t]*kernel[ \t]*\"([^\"]*)\".*" "\\1" kernel_name "${kernel_line}")
    string(MAKE_C_IDENTIFIER "${kernel_name}" arg_SYMBOL)
  endif()
  if(NOT arg_SYMBOL)
    string(MAKE_C_IDENTIFIER "${arg_KERNEL}" arg_SYMBOL)
  endif()
  if(NOT arg_HEADER)
    set(arg_HEADER ${arg_SYMBOL}.h)
  endif()
  imbrex_check_isas("imbrex_add_kernels(${target})" "${arg_ISAS}")
  if(NOT arg_ISAS)
    imbrex_supported_isas(arg_ISAS)
  endif()
  if(NOT TARGET imbrex::command)
    message(FATAL_ERROR "imbrex_add_kernels(${target}): there is no `imbrex` command; find_package(imbrex) provides it")
  endif()

  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target})
  set(written ${folder}/source/${arg_SYMBOL}.cpp ${folder}/include/${arg_HEADER})
  foreach(isa ${arg_ISAS})
    set(stem ${folder}/source/${arg_SYMBOL}_${isa})
    list(APPEND written ${stem}.cpp ${stem}.flags)
    # All flags that generated code needs, those of its instruction set included: `imbrex aot` knows them.
    set_source_files_properties(${stem}.cpp PROPERTIES COMPILE_OPTIONS "@${stem}.flags" OBJECT_DEPENDS ${stem}.flags)
  endforeach()
  set(arguments --output ${folder} --symbol ${arg_SYMBOL} --header ${arg_HEADER})
  if(arg_PRESET)
    list(APPEND arguments --preset ${arg_PRESET})
  endif()
  if(arg_VARIANT)
    list(APPEND arguments --variant ${arg_VARIANT})
  endif()
  foreach(setting ${arg_SET})
    list(APPEND arguments --set ${setting})
  endforeach()
  string(REPLACE ";" "," isas "${arg_ISAS}")
  # A stamp, because the command leaves files alone whose text stays: what did not change is not compiled again.
  add_custom_command(
    OUTPUT ${folder}/written
    BYPRODUCTS ${written}
    COMMAND imbrex::command aot ${arg_KERNEL} ${arguments} --isa ${isas} ${arg_OPTIONS}
    COMMAND ${CMAKE_COMMAND} -E touch ${folder}/written
    DEPENDS imbrex::command ${tile_file}
    COMMENT "Writing ${arg_KERNEL} for ${isas}"
    VERBATIM)
  add_custom_target(${target}_sources DEPENDS ${folder}/written)
  add_library(${target} STATIC ${written})
  add_dependencies(${target} ${target}_sources)
  target_include_directories(${target} PRIVATE ${folder}/source PUBLIC ${folder}/include)
  target_compile_features(${target} PRIVATE cxx_std_20)
  # One program with two kernels of one name, or with one kernel for unlike instruction sets, would mean the one whose folder comes first:
  # CMake refuses such a target.
  string(MAKE_C_IDENTIFIER "${arg_HEADER}" header_name)
  set_target_properties(${target} PROPERTIES INTERFACE_IMBREX_KERNEL_OF_${header_name} "${arg_SYMBOL} ${arg_KERNEL} ${arg_PRESET} ${arg_VARIANT} ${arg_SET} ${isas} ${arg_OPTIONS}")
  set_property(TARGET ${target} APPEND PROPERTY COMPATIBLE_INTERFACE_STRING IMBREX_KERNEL_OF_${header_name})
endfunction()

# The instruction sets of the processors that CMake compiles for; where it has a name for these that is unknown here, those of the ones that
# this Imbrex was built for.
function(imbrex_supported_isas result)
  get_property(supported GLOBAL PROPERTY IMBREX_TARGETS_${CMAKE_SYSTEM_PROCESSOR})
  if(NOT supported)
    get_property(supported GLOBAL PROPERTY IMBREX_TARGETS)
  endif()
  set(${result} "${supported}" PARENT_SCOPE)
endfunction()

# What `caller` was given as ISAS. Found out here, as the build would stop without a word of them.
function(imbrex_check_isas caller isas)
  imbrex_supported_isas(supported)
  list(JOIN supported " " expected)
  set(seen)
  foreach(isa ${isas})
    if(NOT isa IN_LIST supported)
      message(FATAL_ERROR "${caller}: ISAS ${isa}: compiling for ${CMAKE_SYSTEM_PROCESSOR}, expected some of ${expected}, with spaces between them")
    endif()
    if(isa IN_LIST seen)
      message(FATAL_ERROR "${caller}: ISAS ${isa} is given twice")
    endif()
    list(APPEND seen ${isa})
  endforeach()
endfunction()
