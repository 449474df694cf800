# Writes a C++ source that holds the text of headers: cmake -DROOT=DIR -DHEADERS="a.h;b.h" -DOUTPUT=FILE -P EmbedHeaders.cmake
# HEADERS are paths below ROOT, and what generated code includes them by.
set(text "// Made from the headers at build time by cmake/EmbedHeaders.cmake.\n#include \"imbrex/runtime/jit.h\"\n\n")
string(APPEND text "namespace imbrex::runtime {\n\nconst std::vector<EmbeddedHeader>& embedded_headers() {\n")
string(APPEND text "  static const std::vector<EmbeddedHeader> headers = {\n")
foreach(header ${HEADERS})
  file(READ ${ROOT}/${header} content)
  string(APPEND text "      {\"${header}\", R\"imbrex(${content})imbrex\"},\n")
endforeach()
string(APPEND text "  };\n  return headers;\n}\n\n}  // namespace imbrex::runtime\n")
file(WRITE ${OUTPUT} "${text}")
