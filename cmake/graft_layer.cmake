# graft_layer(NAME [TORCH] SOURCES ... [DEPENDS layers ...] [LINK targets ...]
#             [LINK_PUBLIC targets ...])
#   adds the static library graft_NAME of src/NAME.
# graft_aggregate(NAME layers ...) adds the interface target graft::NAME.
# graft_test(LAYER SOURCES ... [LINK ...]) adds the test program of a layer.

add_library(graft_flags INTERFACE)
target_compile_options(graft_flags INTERFACE -Wall -Wextra -Wpedantic
                       -Wno-missing-field-initializers
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(GRAFT_SANITIZE)
  target_compile_options(graft_flags INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  target_link_options(graft_flags INTERFACE -fsanitize=address,undefined)
endif()
if(GRAFT_BUILD_FUZZERS)
  target_compile_options(graft_flags INTERFACE -g1
    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  target_link_options(graft_flags INTERFACE -fsanitize=address,undefined)
endif()

set_property(GLOBAL PROPERTY GRAFT_LAYERS "")

function(graft_use_torch target)
  target_link_libraries(${target} PUBLIC ${TORCH_LIBRARIES}
                        PRIVATE OpenMP::OpenMP_CXX)
  target_include_directories(${target} SYSTEM PUBLIC
    "$<BUILD_INTERFACE:${TORCH_INCLUDE_DIRS}>")
  target_compile_options(${target} PRIVATE -fpch-preprocess)
  if(TARGET graft_nn AND NOT "${target}" STREQUAL "graft_nn")
    target_precompile_headers(${target} REUSE_FROM graft_nn)
  else()
    target_precompile_headers(${target} PRIVATE
      <cstdint> <map> <memory> <optional> <span> <string> <string_view>
      <unordered_map> <vector>
      <ATen/ATen.h> <torch/nn/module.h>
      <torch/csrc/autograd/custom_function.h>)
  endif()
endfunction()

function(graft_layer name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;DEPENDS;LINK;LINK_PUBLIC"
                        ${ARGN})
  set(target graft_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_features(${target} PUBLIC cxx_std_20)
  list(TRANSFORM ARG_DEPENDS PREPEND graft_)
  target_link_libraries(${target} PUBLIC ${ARG_DEPENDS} ${ARG_LINK_PUBLIC}
                        PRIVATE ${ARG_LINK} $<BUILD_INTERFACE:graft_flags>)
  if(ARG_TORCH)
    graft_use_torch(${target})
  endif()
  set_property(GLOBAL APPEND PROPERTY GRAFT_LAYERS ${target})
endfunction()

function(graft_aggregate name)
  set(layers ${ARGN})
  list(TRANSFORM layers PREPEND graft_)
  add_library(graft_${name} INTERFACE)
  target_link_libraries(graft_${name} INTERFACE ${layers})
  set_target_properties(graft_${name} PROPERTIES EXPORT_NAME ${name})
  add_library(graft::${name} ALIAS graft_${name})
  set_property(GLOBAL APPEND PROPERTY GRAFT_LAYERS graft_${name})
endfunction()

function(graft_test layer)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;LINK" ${ARGN})
  set(target graft_${layer}_tests)
  add_executable(${target} ${ARG_SOURCES})
  target_include_directories(${target} PRIVATE
    ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${target} PRIVATE
    graft_${layer} ${ARG_LINK} graft_test_support GTest::gmock
    GTest::gtest_main graft_flags)
  if(ARG_TORCH)
    target_sources(${target} PRIVATE
      ${PROJECT_SOURCE_DIR}/tests/support/seeded_tests.cpp)
    graft_use_torch(${target})
  endif()
  gtest_discover_tests(${target} TEST_PREFIX "${layer}."
    DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 600)
endfunction()
