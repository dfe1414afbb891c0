#!/usr/bin/env bash
# Instructions per element of the main workloads, counted by valgrind's callgrind, which must be installed:
# numbers that do not depend on what else the machine does. One thread, and AVX2, as valgrind knows no AVX-512.
# Writes benches/instructions.md.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."

command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2 && exit 1; }

binary=$(cargo bench --locked --bench losses --no-run --message-format=json |
    sed -n 's/.*"name":"losses".*"executable":"\([^"]*\)".*/\1/p')

# What the process executes with so many calls.
count() {
    LOSSFOLD_INSTRUCTIONS=avx2 valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        "$binary" call "$@" 2>&1 | awk '/^elements/ { n = $2 } /Collected/ { print $NF, n }'
}

# The second call alone: the preparation and what a first call sets up are in both counts.
per_element() {
    local one two elements
    read -r one elements < <(count "$@" 1)
    read -r two elements < <(count "$@" 2)
    awk "BEGIN { printf \"%.1f\", ($two - $one) / $elements }"
}

{
    echo "# Instructions per element"
    echo
    echo "By \`benches/instructions.sh\` on $(date +%F): one call on 1x256x256x5 in f32 with a dense target,"
    echo "one thread, \`LOSSFOLD_INSTRUCTIONS=avx2\`, $(valgrind --version), $(rustc --version | cut -d' ' -f1-2)."
    echo
    echo "| workload | layout | value | gradient_into |"
    echo "|---|---|---:|---:|"
    for workload in bce_sigmoid class_weighted_bce dice_probability weighted_bce_dice; do
        for layout in nhwc nchw; do
            value=$(per_element $workload $layout value)
            gradient=$(per_element $workload $layout gradient_into)
            echo "| \`$workload\` | $layout | $value | $gradient |"
        done
    done
} | tee benches/instructions.md
