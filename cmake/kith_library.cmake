# kith_library(NAME n [HDRS ...] [SRCS ...] [TESTS ...] [DEPS ...] [PUBLIC_LIBS ...]
#   [PRIVATE_LIBS ...] [PRECOMPILE header ...])
#
# One call per folder of src/kith. Makes kith_<n> (alias kith::<n>), its unit test kith_<n>_test, and
# records the declared kith:: dependencies (DEPS) for tools/check_layers.py. Third-party targets go
# into PUBLIC_LIBS (their headers appear in ours) or PRIVATE_LIBS. PRECOMPILE names headers of
# others that most of the module includes and that are slow to parse.
include_guard()
include(GNUInstallDirs)

add_library(kith_flags INTERFACE)
target_compile_features(kith_flags INTERFACE cxx_std_20)
target_compile_options(kith_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast
  # Designated initializers leave the other members at their defaults on purpose.
  -Wno-missing-field-initializers
  # What is preprocessed alone keeps its precompiled header, so that ccache can work.
  $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>
  $<$<BOOL:${KITH_WERROR}>:-Werror>)

add_library(kith_hardening INTERFACE)
target_compile_options(kith_hardening INTERFACE
  $<$<CONFIG:Release>:-D_GLIBCXX_ASSERTIONS -fstack-protector-strong -fstack-clash-protection
    -fcf-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
target_link_options(kith_hardening INTERFACE $<$<CONFIG:Release>:-Wl,-z,relro,-z,now>)

# What nearly every test includes is parsed once: it is a third of the time that a test takes to compile.
function(kith_precompile_test_headers test)
  if(NOT TARGET kith_test_headers)
    file(WRITE ${PROJECT_BINARY_DIR}/test_headers.cc "")
    add_library(kith_test_headers OBJECT ${PROJECT_BINARY_DIR}/test_headers.cc)
    # As the code of programs is compiled.
    set_target_properties(kith_test_headers PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(kith_test_headers PRIVATE -fPIE)
    target_link_libraries(kith_test_headers PRIVATE
      kith_flags kith_hardening GTest::gmock GTest::gtest nlohmann_json::nlohmann_json)
    target_precompile_headers(kith_test_headers PRIVATE
      <gmock/gmock.h> <gtest/gtest.h> <nlohmann/json.hpp> <chrono> <filesystem> <functional> <map> <thread>)
  endif()
  target_precompile_headers(${test} REUSE_FROM kith_test_headers)
endfunction()

# The program takes over what was precompiled for a library, which has to be compiled as its code is.
function(kith_reuse_precompiled program library)
  set_target_properties(${program} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${program} PRIVATE -fPIC)
  target_precompile_headers(${program} REUSE_FROM ${library})
endfunction()

function(kith_library)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME"
    "HDRS;SRCS;TESTS;DEPS;PUBLIC_LIBS;PRIVATE_LIBS;PRECOMPILE")
  set(target kith_${arg_NAME})
  if(arg_SRCS)
    add_library(${target} ${arg_SRCS})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE
      $<BUILD_INTERFACE:kith_flags> $<BUILD_INTERFACE:kith_hardening> ${arg_PRIVATE_LIBS})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_compile_features(${target} ${scope} cxx_std_20)
  add_library(kith::${arg_NAME} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${arg_NAME})
  target_sources(${target} ${scope} FILE_SET HEADERS
    BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${arg_HDRS})
  target_link_libraries(${target} ${scope} ${arg_DEPS} ${arg_PUBLIC_LIBS})
  if(arg_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${arg_PRECOMPILE})
  endif()
  set_property(GLOBAL APPEND_STRING PROPERTY kith_layers "${arg_NAME}: ${arg_DEPS}\n")

  if(KITH_BUILD_TESTS AND arg_TESTS)
    include(GoogleTest)
    add_executable(${target}_test ${arg_TESTS})
    target_link_libraries(${target}_test PRIVATE
      ${target} kith_flags kith_hardening ${arg_PRIVATE_LIBS} GTest::gmock GTest::gtest_main)
    if(arg_PRECOMPILE)
      kith_reuse_precompiled(${target}_test ${target})
    elseif(NOT OpenMP::OpenMP_CXX IN_LIST arg_PRIVATE_LIBS)  # code for OpenMP takes none but its own
      kith_precompile_test_headers(${target}_test)
    endif()
    gtest_discover_tests(${target}_test DISCOVERY_MODE PRE_TEST
      PROPERTIES LABELS unit TIMEOUT 300
      ENVIRONMENT "KITH_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
  endif()
endfunction()

# kith_fuzz(MODULE HARNESS CORPUS [SOURCES ...] [LIBS ...]): in the folder of a module, HARNESS_fuzz.cc
# with its corpus directory.
#
# Replays the corpus and mutations of it as a test (label `fuzz`, which `make test` runs under sanitizers
# too), and makes a fuzzer where the compiler has libFuzzer (Clang with KITH_BUILD_FUZZERS). SOURCES and
# LIBS stand for the module's library where that would bring in far more than the parser needs.
function(kith_fuzz module harness corpus)
  cmake_parse_arguments(PARSE_ARGV 3 arg "" "" "SOURCES;LIBS")
  if(NOT arg_SOURCES)
    set(arg_LIBS kith_${module})
  endif()
  if(KITH_BUILD_TESTS)
    set(replay kith_${harness}_fuzz_replay)
    add_executable(${replay} ${PROJECT_SOURCE_DIR}/src/kith/base/fuzz_replay_test.cc ${harness}_fuzz.cc
      ${arg_SOURCES})
    target_compile_definitions(${replay} PRIVATE
      KITH_FUZZ_CORPUS="${CMAKE_CURRENT_SOURCE_DIR}/${corpus}")
    target_link_libraries(${replay} PRIVATE ${arg_LIBS} kith_flags kith_hardening GTest::gtest_main)
    kith_precompile_test_headers(${replay})
    if(NOT TARGET kith_fuzz_replays)
      add_custom_target(kith_fuzz_replays)
    endif()
    add_dependencies(kith_fuzz_replays ${replay})
    add_test(NAME ${module}.fuzz.${harness} COMMAND ${replay})
    set_tests_properties(${module}.fuzz.${harness} PROPERTIES LABELS fuzz TIMEOUT 300)
  endif()
  if(KITH_BUILD_FUZZERS)
    set(fuzzer kith_${harness}_fuzz)
    add_executable(${fuzzer} ${harness}_fuzz.cc ${arg_SOURCES})
    target_link_libraries(${fuzzer} PRIVATE ${arg_LIBS} kith_flags -fsanitize=fuzzer)
    if(NOT TARGET kith_fuzzers)
      add_custom_target(kith_fuzzers)
    endif()
    add_dependencies(kith_fuzzers ${fuzzer})
    # For scripts/fuzz.sh.
    set_property(GLOBAL APPEND_STRING PROPERTY kith_fuzzers
      "${CMAKE_CURRENT_BINARY_DIR}/${fuzzer} ${CMAKE_CURRENT_SOURCE_DIR}/${corpus}\n")
  endif()
endfunction()

function(kith_finish)
  get_property(layers GLOBAL PROPERTY kith_layers)
  file(WRITE ${PROJECT_BINARY_DIR}/layers.txt "${layers}")
  if(KITH_BUILD_FUZZERS)
    get_property(fuzzers GLOBAL PROPERTY kith_fuzzers)
    file(WRITE ${PROJECT_BINARY_DIR}/fuzzers.txt "${fuzzers}")
  endif()
  if(KITH_BUILD_TESTS AND NOT KITH_ONLY_TRAIN)
    find_package(Python3 REQUIRED COMPONENTS Interpreter)
    add_test(NAME lint.layers COMMAND Python3::Interpreter
      ${PROJECT_SOURCE_DIR}/tools/check_layers.py
      ${PROJECT_SOURCE_DIR}/src/kith ${PROJECT_BINARY_DIR}/layers.txt)
    add_test(NAME lint.example COMMAND Python3::Interpreter
      ${PROJECT_SOURCE_DIR}/tools/check_example.py ${PROJECT_SOURCE_DIR}/examples/service-desk)
    add_test(NAME lint.example_medical COMMAND Python3::Interpreter
      ${PROJECT_SOURCE_DIR}/examples/medical/check.py)
    add_test(NAME lint.routing COMMAND Python3::Interpreter
      ${PROJECT_SOURCE_DIR}/tools/check_routing.py ${PROJECT_SOURCE_DIR}/examples/service-desk)
    add_test(NAME lint.bench_bars COMMAND Python3::Interpreter
      ${PROJECT_SOURCE_DIR}/tools/bench_bars_test.py)
    add_test(NAME lint.preferences COMMAND Python3::Interpreter
      ${PROJECT_SOURCE_DIR}/tools/corpus/preferences_test.py)
    add_test(NAME lint.fact_options COMMAND Python3::Interpreter
      ${PROJECT_SOURCE_DIR}/tools/corpus/make_fact_options_test.py)
    set_tests_properties(lint.layers lint.example lint.example_medical lint.routing lint.bench_bars lint.preferences lint.fact_options
      PROPERTIES LABELS lint)
  endif()
endfunction()
