# Headers that are read once instead of once for each source: what most sources of a kind include. Sources still include
# what they use, so that they compile with LASSO_PCH=OFF, the default: what users build shows what a source forgot.

# lasso_precompiled_headers(NAME HEADERS header... LIBRARIES target... [PIE]): the headers, read with the flags of the
# libraries; PIE for sources of programs, whose code is position-independent in another way than that of libraries.
function(lasso_precompiled_headers name)
  if(NOT LASSO_PCH)
    return()
  endif()
  cmake_parse_arguments(ARG "PIE" "" "HEADERS;LIBRARIES" ${ARGN})
  set(source "${PROJECT_BINARY_DIR}/${name}.cc")
  file(CONFIGURE OUTPUT "${source}" CONTENT "// The library consists of its precompiled headers.\n")
  add_library(${name} OBJECT "${source}")
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
  if(ARG_PIE)
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${name} PRIVATE -fPIE)
  endif()
  # What ccache needs to know the same headers again.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${name} PRIVATE -fpch-preprocess)
  else()
    target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()

# lasso_precompile(TARGET NAME): the target's sources begin with the headers that NAME has read.
function(lasso_precompile target name)
  if(LASSO_PCH)
    target_precompile_headers(${target} REUSE_FROM ${name})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>")
    endif()
  endif()
endfunction()

# What rooms, programs and tests have in common.
set(common_headers <algorithm> <array> <cmath> <cstddef> <cstdint> <cstring> <filesystem> <functional> <map> <memory>
    <optional> <string> <string_view> <utility> <variant> <vector> <fmt/format.h>)
