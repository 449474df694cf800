# The licences of what a wheel has inside beside Imbrex, into its .dist-info/licenses: a file for each library, from where this system
# keeps the text of the version that is installed. A library whose text is not found is named; scripts/build-wheel refuses then.
function(imbrex_licence name)  # and the places where its text may stand
  foreach(place IN LISTS ARGN)
    file(GLOB found "${place}")
    if(found)
      list(GET found 0 text)
      install(FILES ${text} DESTINATION ${SKBUILD_METADATA_DIR}/licenses RENAME ${name}.txt COMPONENT python EXCLUDE_FROM_ALL)
      return()
    endif()
  endforeach()
  message(STATUS "The licence of ${name} is not found, and will not be in the wheel")
endfunction()

# robin-map, a part of nanobind, has its licence at the top of its header alone.
set(robin_map ${nanobind_ROOT}/../ext/robin_map/include/tsl/robin_map.h)
if(EXISTS ${robin_map})
  file(READ ${robin_map} text)
  string(FIND "${text}" "*/" end)
  string(SUBSTRING "${text}" 0 ${end} text)
  string(REGEX REPLACE "(^|\n) ?[/*]+ ?" "\\1" text "${text}")
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/robin-map.txt "${text}")
endif()

imbrex_licence(isl /usr/share/doc/libisl-dev/copyright)
imbrex_licence(gmp /usr/share/doc/libgmp-dev/copyright)
imbrex_licence(LGPL-3 /usr/share/common-licenses/LGPL-3)  # of GMP, with the next
imbrex_licence(GPL-3 /usr/share/common-licenses/GPL-3)
imbrex_licence(fmt /usr/share/doc/libfmt-dev/copyright)
imbrex_licence(nlohmann-json /usr/share/doc/nlohmann-json3-dev/copyright)
imbrex_licence(nanobind "${nanobind_ROOT}/../../nanobind-*.dist-info/licenses/LICENSE")
imbrex_licence(robin-map ${CMAKE_CURRENT_BINARY_DIR}/robin-map.txt)
