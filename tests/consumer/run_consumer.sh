#!/usr/bin/env bash
# Installs a finished build into a temporary prefix, then configures, builds
# and runs tests/consumer against it as a stranger's project would.
# Usage: run_consumer.sh BUILD_DIRECTORY [extra CMAKE_PREFIX_PATH]
set -euo pipefail

source_directory="$(cd "$(dirname "$0")" && pwd)"
build_directory="$(cd "$1" && pwd)"
extra_prefix="${2:-}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cmake --install "$build_directory" --prefix "$work/prefix" >"$work/install.log"
cmake -S "$source_directory" -B "$work/build" \
  -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$work/prefix;$extra_prefix"
cmake --build "$work/build" --parallel 2

"$work/build/match_names"
if [[ -x "$work/build/adapt_own_module" ]]; then
  "$work/build/adapt_own_module"
fi
