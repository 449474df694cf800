# The fuzzer that sees which code its inputs reach is of clang. It is made where there is one with its runtime library; for some minutes
# a compiler's work, once, and again when what it tries changes.
#
# imbrex_fuzzer(TARGET PROGRAM MACRO [SOURCES ...] [HEADERS ...] [LIBRARIES ...])
#
# Makes tests/PROGRAM of sources that see what they reach, with libraries that do not, before TARGET, which finds its path in MACRO.
# SOURCES in several programs are compiled once.
function(imbrex_fuzzer target program macro)
  cmake_parse_arguments(PARSE_ARGV 3 arg "" "" "SOURCES;HEADERS;LIBRARIES")
  find_program(IMBREX_FUZZER_COMPILER NAMES clang++ clang++-19 clang++-18 clang++-17 clang++-16 clang++-15 clang++-14)
  if(NOT IMBREX_FUZZER_COMPILER OR IMBREX_SANITIZE)
    return()
  endif()
  if(NOT DEFINED IMBREX_HAS_FUZZER)
    set(probe ${CMAKE_CURRENT_BINARY_DIR}/has_fuzzer)
    file(WRITE ${probe}.cpp "extern \"C\" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }\n")
    execute_process(COMMAND ${IMBREX_FUZZER_COMPILER} -fsanitize=fuzzer,address ${probe}.cpp -o ${probe} RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
    string(COMPARE EQUAL "${failed}" 0 has_fuzzer)
    set(IMBREX_HAS_FUZZER ${has_fuzzer} CACHE INTERNAL "Whether clang has libFuzzer")
  endif()
  if(NOT IMBREX_HAS_FUZZER)
    return()
  endif()
  set(objects)
  foreach(source ${arg_SOURCES})
    string(MAKE_C_IDENTIFIER ${source} name)
    get_property(object GLOBAL PROPERTY IMBREX_FUZZED_${name})
    if(NOT object)
      file(RELATIVE_PATH object ${PROJECT_SOURCE_DIR} ${source})
      string(REPLACE "/" "_" object ${object})
      set(object ${CMAKE_CURRENT_BINARY_DIR}/fuzzed_${object}.o)
      add_custom_command(
        OUTPUT ${object}
        COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${IMBREX_FUZZER_COMPILER} -std=c++20 -O1 -g1 -ffp-contract=off -fsanitize=fuzzer,address,undefined
                -fno-sanitize-recover=all -I${PROJECT_SOURCE_DIR} -I${PROJECT_SOURCE_DIR}/tests -c ${source} -o ${object}
        DEPENDS ${source} ${arg_HEADERS} VERBATIM)
      set_property(GLOBAL PROPERTY IMBREX_FUZZED_${name} ${object})
    endif()
    list(APPEND objects ${object})
  endforeach()
  set(fuzzer ${PROJECT_BINARY_DIR}/tests/${program})
  add_custom_command(OUTPUT ${fuzzer} COMMAND ${IMBREX_FUZZER_COMPILER} -fsanitize=fuzzer,address,undefined ${objects} ${arg_LIBRARIES} -lfmt -o ${fuzzer}
                     DEPENDS ${objects} ${arg_LIBRARIES} VERBATIM)
  add_custom_target(${program}_fuzzer DEPENDS ${fuzzer})
  # Objects of several programs are made by one of them at a time.
  get_property(before GLOBAL PROPERTY IMBREX_FUZZERS)
  if(before)
    add_dependencies(${program}_fuzzer ${before})
  endif()
  set_property(GLOBAL APPEND PROPERTY IMBREX_FUZZERS ${program}_fuzzer)
  add_dependencies(${target} ${program}_fuzzer)
  target_compile_definitions(${target} PRIVATE ${macro}="${fuzzer}")
endfunction()
