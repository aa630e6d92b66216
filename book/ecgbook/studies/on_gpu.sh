#!/usr/bin/env bash
# Train on a GPU machine that is lent for minutes, and pack what is finished before the time is up.
#
#   book/ecgbook/studies/on_gpu.sh [BEATS [SECONDS [OPTION ...]]]
#
# BEATS    tables from `ecgkit data --save` (default runs/beats.npz; several: "a.npz b.npz"); the
#          machine needs torch, numpy, scipy, pandas, scikit-learn and safetensors, no signal tools
# SECONDS  after which everything is packed (default 600)
# OPTION   for every study, such as --quick
#
# DEVICE (default cuda) is where to train, OUT takes the packed results (at most 8 files), and WORK the
# run folders: a run that was cut off goes on there at the next call. PYTHON is the interpreter.
set -uo pipefail
cd "$(dirname "$0")/../../.."
beats=${1:-runs/beats.npz} limit=${2:-600}
shift $(($# < 2 ? $# : 2))
options=("$@")
out=${OUT:-runs/packed} work=${WORK:-runs/on_gpu}
mkdir -p "$out" "$work"
export PYTHONPATH=.:book${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
end=$((SECONDS + limit - (limit > 60 ? 30 : 5)))  # packing and stopping take a few seconds

train() {  # COMMAND ...: until it is done or the time is up, as Ctrl-C would stop it
    local left=$((end - SECONDS))
    ((left > 0)) || return 0
    timeout --signal=INT --kill-after=10 "$left" "${PYTHON:-python3}" "$@" --device "${DEVICE:-cuda}"
    echo "on_gpu: $1 ${*:2} ended with $? after $SECONDS s" >&2
}

study() {  # NAME OPTION ...
    # shellcheck disable=SC2086
    train -m ecgbook study "$1" --beats $beats --out "$work/$1" "${@:2}" ${options[@]+"${options[@]}"}
}

pack() {  # all records; checkpoints of unfinished runs, then weights by seed, up to 45 MB
    trap - EXIT
    local total=0 size file name path
    for path in "$work"/*/; do
        name=$(basename "$path")
        (cd "$work" && find "$name" -name run.json -o -name summary.md -o -name branches.csv | sort) \
            | tar -C "$work" -czf "$out/$name.tar.gz" -T -
    done
    (
        cd "$work" || exit
        for path in */*/; do
            [[ -e ${path}run.json || $path == branches/* || $path == settling/* ]] || find "$path" -name 'checkpoint.safetensors'
        done
        find . -name model.safetensors | awk -F'[-/]' '{print $(NF-1), $0}' | sort -n | cut -d' ' -f2-
    ) | while read -r file; do
        size=$(stat -c %s "$work/$file")
        ((total + size < 45000000)) || continue
        total=$((total + size))
        echo "$file"
    done | tar -C "$work" -cf - -T - | split -b 15M - "$out/weights.tar."  # cat weights.tar.* | tar x
    ls -l "$out" >&2
}
trap pack EXIT

# First the benchmark, which says whether the CUDA graph changes a loss, and its speed.
timeout --signal=INT --kill-after=10 200 "${PYTHON:-python3}" -m ecgbook bench --only gpu --json \
    > "$out/bench.json"
echo "on_gpu: bench ended with $? after $SECONDS s" >&2

paper=(resnet-tcn-paper tcn-paper resnet-paper tcn-no-se-paper resnet-no-inception-paper)
ours=("${paper[@]/%-paper/-ours}")
study reproduction --rows "${paper[@]}" --seeds 3
train book/tools/branches.py "$work/branches" --beats "${beats%% *}"
study reproduction --rows "${paper[@]}" --seeds 5
train book/tools/branches.py "$work/settling" --ours --seeds 0 --beats "${beats%% *}"
study reproduction --rows "${ours[@]}" --seeds 5
study new_patients --test --seeds 5
