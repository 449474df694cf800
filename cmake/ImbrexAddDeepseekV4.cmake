# imbrex_add_deepseek_v4(TARGET MODELS HIDDEN/Q_LORA/EPS[/BLOCK[/HEADS]] ... HEADS N ... [SHARED_KV MODEL ...] [MODES M ...] [FORMS X/Q[/EXTRA] ...]
#                        [CACHES KIND/TOKENS ...] [ISAS ...] [OPTIONS ...])
#
# Makes TARGET, a shared library, and TARGET_static of the operator in imbrex/deepseek_v4.h, with code for every combination of
#   MODELS  sizes of models as in their config.json: 4096/1024/1e-6 for hidden 4096, q_lora 1024 and eps 1e-6; fp8 weights that are kept have
#           a scale for each BLOCK rows by BLOCK columns (default: 128), and no front has more heads than the model's HEADS
#   HEADS   how many heads a front computes: all of a model's, or a share of them for tensor parallelism, such as 64 32 16 8
#   MODES   w8a8 (default), w8a8-fp8, which is w8a8 with keep_fp8, w8a16, fp8_reference
#   FORMS   types of x and q: bf16/bf16 (default), f32/f32, bf16-normalized/bf16, ..., and columns of further projections (default: 0)
# again without keys and values for those of MODELS that are named in SHARED_KV, which have layers that use another's,
# and for paged caches of KIND bf16 or fp8 in blocks of TOKENS (default: bf16/1, which serves any blocks without gaps, and fp8/64);
# ISAS and OPTIONS as in imbrex_add_kernels. Both libraries need the C and C++ runtimes and threads alone, and export imbrex_v4_* alone.
# They are of the processors that this Imbrex was built for, joined by GNU ld, which IMBREX_JOINING_LINKER can name, and compiled without
# -flto.
#
# imbrex_install_deepseek_v4(TARGET) installs both with their headers and pkg-config files, TARGET.pc and TARGET_static.pc.

# GNU ld, which makes one object of many whose functions can be hidden: others have no --force-group-allocation.
function(imbrex_find_joining_linker target)
  if(IMBREX_JOINING_LINKER)
    set(candidates "${IMBREX_JOINING_LINKER}")
  else()
    foreach(name ld.bfd ld)  # as the compiler calls it, which may be one for another processor
      execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-prog-name=${name} OUTPUT_VARIABLE program OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
      list(APPEND candidates "${program}")
    endforeach()
    list(APPEND candidates "${CMAKE_LINKER}" ld.bfd ld)
    list(REMOVE_ITEM candidates "")
    list(REMOVE_DUPLICATES candidates)
  endif()
  foreach(candidate ${candidates})
    unset(found)
    find_program(found NAMES "${candidate}" NO_CACHE)
    if(NOT found)
      continue()
    endif()
    execute_process(COMMAND ${found} --help OUTPUT_VARIABLE help ERROR_QUIET RESULT_VARIABLE status)
    if(status EQUAL 0 AND help MATCHES "--force-group-allocation")
      set(IMBREX_JOINING_LINKER "${found}" CACHE STRING "GNU ld, with which imbrex_add_deepseek_v4() joins objects")
      return()
    endif()
  endforeach()
  list(JOIN candidates ", " candidates)
  message(FATAL_ERROR "imbrex_add_deepseek_v4(${target}): needs GNU ld, which has --force-group-allocation (binutils 2.29 or newer). None of these "
    "does: ${candidates}. Install binutils, or name it: -DIMBREX_JOINING_LINKER=/usr/bin/ld.bfd")
endfunction()

# What the linker joins is machine code, whatever the project's other targets are.
function(imbrex_compile_without_lto)
  set(properties INTERPROCEDURAL_OPTIMIZATION OFF)
  foreach(config ${CMAKE_CONFIGURATION_TYPES} ${CMAKE_BUILD_TYPE})
    string(TOUPPER ${config} config)
    list(APPEND properties INTERPROCEDURAL_OPTIMIZATION_${config} OFF)
  endforeach()
  set_target_properties(${ARGN} PROPERTIES ${properties})
  foreach(target ${ARGN})
    target_compile_options(${target} PRIVATE -fno-lto)
  endforeach()
endfunction()

function(imbrex_add_deepseek_v4 target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "MODELS;SHARED_KV;HEADS;MODES;FORMS;CACHES;ISAS;OPTIONS")
  if(NOT arg_MODELS OR NOT arg_HEADS OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "imbrex_add_deepseek_v4(${target}): needs MODELS and HEADS; does not know: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  imbrex_supported_isas(supported)
  get_property(built_for GLOBAL PROPERTY IMBREX_TARGETS)
  if(NOT supported STREQUAL built_for)
    list(JOIN built_for " " built_for)
    message(FATAL_ERROR "imbrex_add_deepseek_v4(${target}): the project is compiled for ${CMAKE_SYSTEM_PROCESSOR}, and this Imbrex, whose code is in the library, "
      "was built for processors with some of ${built_for}. Use an Imbrex that was built for ${CMAKE_SYSTEM_PROCESSOR}; imbrex_add_kernels() alone compiles for others")
  endif()
  imbrex_check_isas("imbrex_add_deepseek_v4(${target})" "${arg_ISAS}")
  imbrex_find_joining_linker(${target})
  if(NOT arg_MODES)
    set(arg_MODES w8a8)
  endif()
  if(NOT arg_FORMS)
    set(arg_FORMS bf16/bf16)
  endif()
  if(NOT arg_CACHES)
    set(arg_CACHES bf16/1 fp8/64)
  endif()
  foreach(model ${arg_SHARED_KV})
    if(NOT model IN_LIST arg_MODELS)
      message(FATAL_ERROR "imbrex_add_deepseek_v4(${target}): SHARED_KV ${model}: expected some of MODELS ${arg_MODELS}")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES arg_MODELS)
  list(REMOVE_DUPLICATES arg_HEADS)
  list(REMOVE_DUPLICATES arg_MODES)
  list(REMOVE_DUPLICATES arg_FORMS)
  list(REMOVE_DUPLICATES arg_CACHES)
  find_package(Threads REQUIRED)
  set(kernels)
  set(includes)
  set(fronts)
  set(caches)
  # Adds a kernel with these options; ${symbol} is then its function. It is called by what it is of, so that one more in a library
  # compiles no other again.
  macro(add_kernel of name)
    string(MAKE_C_IDENTIFIER ${target}_${of} kernel)
    set(symbol kernel_${kernel})  # imbrex_ begins what is Imbrex's own
    imbrex_add_kernels(${kernel} KERNEL deepseek_v4/${name} SYMBOL ${symbol} ISAS ${arg_ISAS} OPTIONS ${arg_OPTIONS} SET ${ARGN})
    list(APPEND kernels ${kernel})
    string(APPEND includes "#include \"${symbol}.h\"\n")
  endmacro()
  foreach(model ${arg_MODELS})
    if(NOT model MATCHES "^([0-9]+)/([0-9]+)/([-+.e0-9]+)(/([0-9]+)(/([0-9]+))?)?$")
      message(FATAL_ERROR
        "imbrex_add_deepseek_v4(${target}): MODELS ${model}: expected HIDDEN/Q_LORA/EPS[/BLOCK[/HEADS]], such as 4096/1024/1e-6/128/64")
    endif()
    set(hidden ${CMAKE_MATCH_1})
    set(q_lora ${CMAKE_MATCH_2})
    set(eps ${CMAKE_MATCH_3})
    set(model_block 128)
    if(CMAKE_MATCH_5)
      set(model_block ${CMAKE_MATCH_5})
    endif()
    set(model_heads "${CMAKE_MATCH_7}")
    if(model_heads)
      list(GET arg_HEADS -1 fewest_heads)
      foreach(heads ${arg_HEADS})
        if(heads LESS fewest_heads)
          set(fewest_heads ${heads})
        endif()
      endforeach()
      if(fewest_heads GREATER model_heads)
        message(FATAL_ERROR "imbrex_add_deepseek_v4(${target}): HEADS ${arg_HEADS}: the model ${model} has ${model_heads}, so that no front of it would be built")
      endif()
    endif()
    set(kinds_of_layers 1)
    if(model IN_LIST arg_SHARED_KV)
      set(kinds_of_layers 1 0)
    endif()
    foreach(mode ${arg_MODES})
      set(modes w8a8 w8a16 fp8_reference)
      string(REGEX REPLACE "^w8a8-fp8$" w8a8 arithmetic ${mode})
      list(FIND modes ${arithmetic} mode_number)
      if(mode_number LESS 0)
        message(FATAL_ERROR "imbrex_add_deepseek_v4(${target}): MODES ${mode}: expected w8a8, w8a8-fp8, w8a16 or fp8_reference")
      endif()
      set(block 0)  # nothing is kept in fp8
      set(and_block "")
      if(NOT mode STREQUAL w8a8)
        set(block ${model_block})
        set(and_block ", blocks of ${block}")
      endif()
      if(mode STREQUAL w8a8-fp8)
        set(and_block ", fp8 kept in blocks of ${block}")
      endif()
      string(TOUPPER ${arithmetic} mode)
      string(COMPARE EQUAL ${arithmetic} w8a8 latent_int8)
      set(arithmetic mode=${mode_number} fp8_block=${block} latent_int8=${latent_int8})
      foreach(form ${arg_FORMS})
        if(NOT form MATCHES "^((bf16|f32)(-normalized)?/(bf16|f32))(/([0-9]+))?$")
          message(FATAL_ERROR "imbrex_add_deepseek_v4(${target}): FORMS ${form}: expected X/Q or X/Q/EXTRA, such as bf16/bf16 or f32-normalized/f32/256")
        endif()
        set(types ${CMAKE_MATCH_1})
        set(extra 0)
        if(CMAKE_MATCH_6)
          set(extra ${CMAKE_MATCH_6})
        endif()
        string(TOUPPER "${CMAKE_MATCH_2}" x)
        string(TOUPPER "${CMAKE_MATCH_4}" q)
        string(COMPARE NOTEQUAL "${CMAKE_MATCH_3}" "" normalized)
        string(COMPARE EQUAL ${x} F32 x_f32)
        string(COMPARE EQUAL ${q} F32 q_f32)
        foreach(heads ${arg_HEADS})
          if(model_heads AND heads GREATER model_heads)
            continue()
          endif()
          foreach(has_kv ${kinds_of_layers})
            string(TOLOWER ${mode}_${hidden}_${heads}_${q_lora}_${eps}_${types}_${extra}_${block} of)
            set(without_kv 0)
            set(and_kv "")
            if(NOT has_kv)
              string(APPEND of _without_kv)
              set(without_kv 1)
              set(and_kv ", without kv")
            endif()
            string(MAKE_C_IDENTIFIER ${target}_front_${of} kernel)
            if(kernel IN_LIST kernels)
              continue()  # models that differ in the blocks of their weights, which this mode does not keep
            endif()
            add_kernel(front_${of} attention_front hidden=${hidden} heads=${heads} q_lora=${q_lora} eps=${eps} x_f32=${x_f32} x_normalized=${normalized}
              q_f32=${q_f32} extra=${extra} rotations=2 position_bytes=8 norm_w_bf16=0 latent_bf16=1 cache=0 ${arithmetic} kv=${has_kv})
            string(APPEND fronts "    {IMBREX_V4_${mode}, ${hidden}, ${heads}, ${q_lora}, ${eps}, IMBREX_V4_${x}, ${normalized}, IMBREX_V4_${q}, ${extra}, ${block}, ${without_kv}, ${symbol},\n"
              "     \"${mode}, hidden ${hidden}, heads ${heads}, q_lora ${q_lora}, eps ${eps}, ${types}, extra ${extra}${and_block}${and_kv}\"},\n")
          endforeach()
        endforeach()
      endforeach()
    endforeach()
  endforeach()
  foreach(cache ${arg_CACHES})
    if(NOT cache MATCHES "^(bf16|fp8)/([0-9]+)$")
      message(FATAL_ERROR "imbrex_add_deepseek_v4(${target}): CACHES ${cache}: expected bf16/TOKENS or fp8/TOKENS")
    endif()
    string(TOUPPER "${CMAKE_MATCH_1}" kind)
    set(tokens ${CMAKE_MATCH_2})
    set(option 1)
    if(kind STREQUAL FP8)
      set(option 2)
    endif()
    add_kernel(cache_${CMAKE_MATCH_1}_${tokens} latent_insert cache=${option} cache_block=${tokens} slot_bytes=8)
    string(APPEND caches "    {IMBREX_V4_${kind}_CACHE, ${tokens}, ${symbol}},\n")
  endforeach()

  set(instances ${CMAKE_CURRENT_BINARY_DIR}/${target}_instances.c)
  file(CONFIGURE OUTPUT ${instances} @ONLY CONTENT [[/* What this library was built for. Made by imbrex_add_deepseek_v4(). */
#include "imbrex/operator/instances.h"

@includes@
const imbrex_v4_front_instance imbrex_v4_front_instances[] = {
@fronts@};
const int imbrex_v4_front_instance_count = sizeof imbrex_v4_front_instances / sizeof imbrex_v4_front_instances[0];

const imbrex_v4_cache_instance imbrex_v4_cache_instances[] = {
@caches@};
const int imbrex_v4_cache_instance_count = sizeof imbrex_v4_cache_instances / sizeof imbrex_v4_cache_instances[0];
]])
  add_library(${target}_instances STATIC ${instances})
  target_link_libraries(${target}_instances PRIVATE ${kernels} imbrex::operator)
  set_target_properties(${target}_instances ${kernels} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  set_target_properties(${target}_instances PROPERTIES C_VISIBILITY_PRESET hidden)
  imbrex_compile_without_lto(${target}_instances ${kernels})
  set(files $<TARGET_FILE:imbrex::operator> $<TARGET_FILE:${target}_instances>)
  foreach(kernel ${kernels})
    list(APPEND files $<TARGET_FILE:${kernel}>)
  endforeach()

  # One object with all of it, in which only the operator's functions are left to be seen.
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${target}_all.o)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${IMBREX_JOINING_LINKER} -r --force-group-allocation -o ${object} --whole-archive ${files}
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden --wildcard --keep-global-symbol=imbrex_v4_* ${object}
    DEPENDS ${target}_instances imbrex::operator ${kernels} ${files}
    COMMENT "Joining ${target}"
    VERBATIM)
  set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
  add_custom_target(${target}_object DEPENDS ${object})
  foreach(library ${target} ${target}_static)
    set(kind SHARED)
    if(library STREQUAL ${target}_static)
      set(kind STATIC)
    endif()
    add_library(${library} ${kind} ${object})
    add_dependencies(${library} ${target}_object)
    target_include_directories(${library} PUBLIC $<TARGET_PROPERTY:imbrex::operator,INTERFACE_INCLUDE_DIRECTORIES>)
    target_link_libraries(${library} PUBLIC Threads::Threads)
    set_target_properties(${library} PROPERTIES LINKER_LANGUAGE CXX)
  endforeach()
  target_link_libraries(${target}_static PUBLIC stdc++ m)
  get_property(exports GLOBAL PROPERTY IMBREX_OPERATOR_EXPORTS)
  target_link_options(${target} PRIVATE "LINKER:--version-script=${exports}" LINKER:-z,defs)
  set_target_properties(${target} PROPERTIES LINK_DEPENDS ${exports} VERSION 1.0 SOVERSION 1)
  imbrex_compile_without_lto(${target} ${target}_static)
  target_link_options(${target} PRIVATE -fno-lto)
endfunction()

function(imbrex_install_deepseek_v4 target)
  include(GNUInstallDirs)
  install(TARGETS ${target} ${target}_static ${ARGN} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  get_property(root GLOBAL PROPERTY IMBREX_OPERATOR_INCLUDE)
  install(FILES ${root}/imbrex/deepseek_v4.h ${root}/imbrex/deepseek_v4.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/imbrex)
  # The prefix is that of the files, wherever they are installed; a folder that was chosen as an absolute path stays that one.
  if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(prefix ${CMAKE_INSTALL_PREFIX})
    set(libdir ${CMAKE_INSTALL_LIBDIR})
  else()
    file(RELATIVE_PATH to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
    string(REGEX REPLACE "/$" "" to_prefix ${to_prefix})
    set(prefix "\${pcfiledir}/${to_prefix}")
    set(libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
  endif()
  set(includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
  if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(includedir ${CMAKE_INSTALL_INCLUDEDIR})
  endif()
  foreach(library ${target} ${target}_static)
    set(libraries "-L\${libdir} -l${target}")
    if(library STREQUAL ${target}_static)
      set(libraries "\${libdir}/lib${library}.a -lstdc++ -lm -pthread")
    endif()
    set(description ${CMAKE_CURRENT_BINARY_DIR}/${library}.pc)
    file(CONFIGURE OUTPUT ${description} @ONLY CONTENT [[prefix=@prefix@
libdir=@libdir@
includedir=@includedir@

Name: @library@
Description: The front of DeepSeek-V4's attention on CPUs
Version: 1.0
Cflags: -I${includedir}
Libs: @libraries@
]])
    install(FILES ${description} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  endforeach()
endfunction()
# Beside this file where Imbrex is installed, else in its tree.
foreach(place ${CMAKE_CURRENT_LIST_DIR} ${CMAKE_CURRENT_LIST_DIR}/../imbrex/operator)
  if(EXISTS ${place}/exports.map)
    set_property(GLOBAL PROPERTY IMBREX_OPERATOR_EXPORTS ${place}/exports.map)
  endif()
endforeach()
if(EXISTS ${CMAKE_CURRENT_LIST_DIR}/../imbrex/deepseek_v4.h)
  set_property(GLOBAL PROPERTY IMBREX_OPERATOR_INCLUDE ${CMAKE_CURRENT_LIST_DIR}/..)
endif()
