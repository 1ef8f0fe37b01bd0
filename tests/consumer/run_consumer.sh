#!/usr/bin/env bash
# Installs a finished build into a temporary prefix, then configures, builds
# and runs tests/consumer against it as a stranger's project would.
# Usage: run_consumer.sh BUILD_DIRECTORY WITH_TORCH [extra CMAKE_PREFIX_PATH]
# WITH_TORCH (ON or OFF) says whether the program on LibTorch must be there.
set -euo pipefail

source_directory="$(cd "$(dirname "$0")" && pwd)"
build_directory="$(cd "$1" && pwd)"
with_torch="$2"
extra_prefix="${3:-}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cmake --install "$build_directory" --prefix "$work/prefix" >"$work/install.log"
cmake -S "$source_directory" -B "$work/build" \
  -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$work/prefix;$extra_prefix"
cmake --build "$work/build" --parallel 2

"$work/build/match_names"
if [[ "$with_torch" == ON ]]; then
  "$work/build/adapt_own_module"
fi
