#!/usr/bin/env bash
# The main job on the embedded model: plan, eval, train, eval, generate base
# against adapter, merge, verify. Run by `./dev demo`; $1 is the graft command.
set -euo pipefail
GRAFT=${1:?"usage: demo.sh PATH-TO-GRAFT"}
HERE=examples/tiny
RUN=$HERE/runs/tiny
MERGED=$HERE/runs/merged

run() {
  printf '\n$ graft'
  printf ' %q' "$@"
  printf '\n'
  "$GRAFT" "$@"
}

prompt=$("${PYTHON:-python3}" - "$HERE/eval.jsonl" <<'PY'
import json, sys
print(json.loads(open(sys.argv[1]).readline())["prompt"], end="")
PY
)

echo "graft on the embedded model of $HERE ($(du -h \
  "$HERE/model/model.safetensors" | cut -f1) of weights)"
run plan "$HERE/model" --target all-linear
run eval "$HERE/model" "$HERE/eval.jsonl"
run train "$HERE/recipe.yaml" --overwrite
run eval "$HERE/model" "$HERE/eval.jsonl" --adapter "$RUN/adapter"
echo
echo "-- the base model's answer:"
run generate "$HERE/model" --prompt "$prompt" --max-new-tokens 40
echo "-- the adapter's answer:"
run generate "$HERE/model" --prompt "$prompt" --max-new-tokens 40 \
  --adapter "$RUN/adapter"
run merge "$HERE/model" "$RUN/adapter" -o "$MERGED" --overwrite
run verify "$HERE/model" "$RUN/adapter" "$MERGED"
run eval "$MERGED" "$HERE/eval.jsonl"
cat <<'TEXT'

Next, with your own Llama model (a directory with config.json and safetensors,
or a GGUF file) and JSONL rows of {"messages"}, {"prompt", "completion"} or
{"text"}:

  build/bin/graft plan  MODEL
  build/bin/graft train MODEL DATA.jsonl -o runs/mine
  build/bin/graft generate MODEL --adapter runs/mine/adapter --prompt "..."
  build/bin/graft merge MODEL runs/mine/adapter -o merged
TEXT
