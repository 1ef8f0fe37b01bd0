#!/usr/bin/env bash
# The main job on SmolLM2-135M-Instruct as it is published, a 4-bit GGUF file:
# plan, eval, train on examples/data, eval, chat before and after, merge to
# bf16, verify. Run by `./dev demo --real`; $1 is the graft command, $2 the
# GGUF file.
set -euo pipefail
GRAFT=${1:?"usage: demo.sh PATH-TO-GRAFT MODEL.gguf"}
MODEL=${2:?"usage: demo.sh PATH-TO-GRAFT MODEL.gguf"}
HERE=examples/real
EVAL=examples/data/eval.jsonl
RUN=$HERE/runs/desk
MERGED=$HERE/runs/merged
# What each step printed, for the table at the end.
SAID=$HERE/runs/said
mkdir -p "$SAID"

# The command as one would type it, quoted only where it must be.
show() {
  local word
  printf '\n$ graft'
  for word in "$@"; do
    case $word in
      *[!A-Za-z0-9_./=-]*) printf " %s" "${word@Q}" ;;
      *) printf ' %s' "$word" ;;
    esac
  done
  printf '\n'
}

run() {
  show "$@"
  "$GRAFT" "$@"
}

# note NAME ARGS...: runs, and keeps what it printed under that name.
note() {
  local name=$1
  shift
  show "$@"
  "$GRAFT" "$@" | tee "$SAID/$name"
}

# Asked in words that no row of the training data has.
desk="Could you tell me the remedy if the light of the lamp jumps about?"
plain="What is the capital of France?"

echo
echo "graft on $MODEL ($(du -h "$MODEL" | cut -f1))," \
  "which is to learn the support desk of examples/data:"
echo "every question about an invented weather clock answered in one form," \
  "other questions as before"
run plan "$MODEL" --target all-linear --set adapter.rank=16
run data show "$MODEL" examples/data/train.jsonl --rows 1
note eval_before eval "$MODEL" "$EVAL"
note desk_before generate "$MODEL" --chat --prompt "$desk" \
  --max-new-tokens 60
note plain_before generate "$MODEL" --chat --prompt "$plain"
run train "$HERE/recipe.yaml" --model "$MODEL" --overwrite
note eval_after eval "$MODEL" "$EVAL" --adapter "$RUN/adapter"
note desk_after generate "$MODEL" --chat --prompt "$desk" \
  --max-new-tokens 60 --adapter "$RUN/adapter"
note plain_after generate "$MODEL" --chat --prompt "$plain" \
  --adapter "$RUN/adapter"
run merge "$MODEL" "$RUN/adapter" -o "$MERGED" --dtype bf16 --overwrite
run verify "$MODEL" "$RUN/adapter" "$MERGED"
note merged generate "$MERGED" --chat --prompt "$desk" --max-new-tokens 60
"${PYTHON:-python3}" "$HERE/summary.py" "$SAID" "$RUN/metrics.jsonl" \
  "$desk" "$plain"
cat <<TEXT

$MERGED is a Hugging Face directory in bf16, which
transformers loads. Next, with your own model and conversations:

  build/bin/graft data check MODEL DATA.jsonl
  build/bin/graft train MODEL DATA.jsonl -o runs/mine
  build/bin/graft generate MODEL --adapter runs/mine/adapter --chat \\
    --prompt "..."
TEXT
