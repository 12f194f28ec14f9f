# What every target of the project is built with, and the three kinds of targets that rooms are made of.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Type of build" FORCE)
endif()

add_library(lasso_flags INTERFACE)
# The baseline is AVX2, FMA and F16C (x86-64-v3). AVX-512 lives in files of its own.
set(flags -march=x86-64-v3 -Wall -Wextra -Wpedantic)
# a*b + c is contracted only where a kernel writes it as fma: results do not depend on the compiler's taste.
list(APPEND flags -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 takes "text" + std::string for an overlapping copy (GCC bug 105651).
  list(APPEND flags -Wno-restrict)
endif()
if(LASSO_WERROR)
  list(APPEND flags -Werror)
endif()
target_compile_options(lasso_flags INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${flags}>")
if(LASSO_SANITIZE)
  target_compile_options(lasso_flags INTERFACE -fsanitize=${LASSO_SANITIZE}
                         -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(lasso_flags INTERFACE -fsanitize=${LASSO_SANITIZE})
endif()
target_include_directories(lasso_flags INTERFACE
  "$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>"
  "$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/src>"
  "$<BUILD_INTERFACE:${CMAKE_CURRENT_BINARY_DIR}/include>")

# lasso_room(NAME SOURCES file... [LIBRARIES target...]): one room of src/ as the static library lasso_NAME.
function(lasso_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_library(lasso_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(lasso_${name} PUBLIC lasso_flags ${ARG_LIBRARIES})
  lasso_precompile(lasso_${name} lasso_room_headers)
endfunction()

# lasso_avx512_sources(file...): compiled for AVX-512; everything in such files has internal linkage but for
# the entries of the kernel lists, so that no inline function of theirs is chosen by the linker for other CPUs.
function(lasso_avx512_sources)
  # GCC 12 takes the deliberately undefined registers of its own intrinsics for a mistake (GCC bug 105593).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set(quiet ";-Wno-maybe-uninitialized;-Wno-uninitialized")
  endif()
  set_source_files_properties(${ARGN} PROPERTIES SKIP_PRECOMPILE_HEADERS ON COMPILE_OPTIONS
    "-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mprefer-vector-width=512${quiet}")
endfunction()

# The same for CPUs that have AVX-512 BF16 as well.
function(lasso_avx512_bf16_sources)
  lasso_avx512_sources(${ARGN})
  set_property(SOURCE ${ARGN} APPEND PROPERTY COMPILE_OPTIONS -mavx512bf16)
endfunction()

# All programs of lasso_test; their tests have the label "unit".
add_custom_target(unit_tests)
add_custom_target(reader_tests)  # those but the kernels': of what reads untrusted bytes, and of all that is around it

# lasso_test(NAME SOURCES file... LIBRARIES target... [EACH_ISA] [EACH_DEVICE] [ENVIRONMENT VAR=value...]): a
# GoogleTest program; with EACH_ISA it runs once more with the kernels capped to AVX2, with EACH_DEVICE once more on a
# GPU, where there is one.
function(lasso_test name)
  if(NOT LASSO_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "EACH_ISA;EACH_DEVICE" "" "SOURCES;LIBRARIES;ENVIRONMENT" ${ARGN})
  find_package(GTest REQUIRED)
  if(LASSO_SANITIZE)
    list(APPEND ARG_ENVIRONMENT "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/lsan.txt")
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} GTest::gtest_main)
  # Tests of programs and of the shared library are not built with the flags of rooms.
  if(NOT ARG_LIBRARIES MATCHES "(^|;)lasso(_common|_commands)?(;|$)")
    lasso_precompile(${name} lasso_test_headers)
  endif()
  add_dependencies(unit_tests ${name})
  set(labels unit)
  if(CMAKE_CURRENT_SOURCE_DIR MATCHES "/src/kernels/")
    list(APPEND labels kernels)
  else()
    add_dependencies(reader_tests ${name})
  endif()
  add_test(NAME ${name} COMMAND ${name})
  # Tests share the cores: a thread that waits must not keep one busy.
  list(APPEND ARG_ENVIRONMENT OMP_WAIT_POLICY=passive)
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" ENVIRONMENT
    "LASSO_SOURCE_DIR=${PROJECT_SOURCE_DIR};${ARG_ENVIRONMENT}")
  if(ARG_EACH_ISA)
    add_test(NAME ${name}.avx2 COMMAND ${name})
    set_tests_properties(${name}.avx2 PROPERTIES LABELS "${labels}" ENVIRONMENT
      "LASSO_SOURCE_DIR=${PROJECT_SOURCE_DIR};LASSO_TEST_ISA=avx2;${ARG_ENVIRONMENT}")
  endif()
  if(ARG_EACH_DEVICE AND LASSO_CUDA)
    target_sources(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests/support/gpu_environment.cc")
    lasso_gpu_test_run(${name} LASSO_TEST_DEVICE=cuda ${ARG_ENVIRONMENT})
  endif()
endfunction()

# lasso_gpu_test_run(NAME [VAR=value...]): the program NAME as the test NAME.cuda, which is skipped where there is no
# GPU.
function(lasso_gpu_test_run name)
  add_dependencies(${name} lasso_cuda)
  add_test(NAME ${name}.cuda COMMAND ${name})
  set_tests_properties(${name}.cuda PROPERTIES LABELS gpu SKIP_REGULAR_EXPRESSION "no GPU: " ENVIRONMENT
    "LASSO_SOURCE_DIR=${PROJECT_SOURCE_DIR};LD_LIBRARY_PATH=${PROJECT_BINARY_DIR}/src/api;${ARGN}")
endfunction()

# lasso_gpu_test(NAME SOURCES file... LIBRARIES target... [ENVIRONMENT VAR=value...]): a GoogleTest program that runs on
# GPUs alone.
function(lasso_gpu_test name)
  if(NOT LASSO_BUILD_TESTS OR NOT LASSO_CUDA)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES;ENVIRONMENT" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} GTest::gtest_main)
  add_dependencies(unit_tests ${name})
  lasso_gpu_test_run(${name} ${ARG_ENVIRONMENT})
endfunction()

# lasso_benchmark(NAME SOURCES file... LIBRARIES target...): a Google Benchmark program, not run by the tests.
function(lasso_benchmark name)
  if(NOT LASSO_BUILD_BENCHMARKS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  find_package(benchmark REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} benchmark::benchmark_main)
endfunction()
