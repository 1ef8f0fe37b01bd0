# What graft links. Every library is named with its reason in
# docs/design/02-dependencies.md.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
find_package(nlohmann_json 3.9 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(yaml-cpp REQUIRED)

# Debian 12's yaml-cpp names its target without a namespace.
if(NOT TARGET yaml-cpp::yaml-cpp AND TARGET yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

if(GRAFT_WITH_TORCH)
  find_package(Torch REQUIRED)
  # Without it at::parallel_for in graft's own files runs on one thread, in
  # silence.
  find_package(OpenMP REQUIRED COMPONENTS CXX)
endif()

# ccache is used when it is there; precompiled headers need the sloppiness.
find_program(GRAFT_CCACHE ccache)
if(GRAFT_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
      CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${GRAFT_CCACHE})
endif()
