#!/usr/bin/env bash
# What a call through the circuit breaker costs, beside the crates failsafe, recloser and tower-resilience: nanoseconds
# of CPU time (minimum and median of nine rounds), instructions, and locked operations of the processor, all per call.
# Marks the ratios that miss their bars.
#
#   bench/breaker.sh            # builds the bench of rustok-core and runs it
#   BENCH=FILE bench/breaker.sh # a bench that is built already
#
# The counts are those of valgrind's callgrind, between a run of 1,000 calls and one of 3,000, and do not depend on the
# machine's load; what is locked is read from the machine code (x86-64: the prefix `lock`, and `xchg` with memory).
# Without valgrind and objdump (Debian: apt-get install valgrind binutils) the columns stay empty.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d "${TMPDIR:-/tmp}/rustok-breaker.XXXXXX")
trap 'rm -rf "$work"' EXIT
bench=${BENCH:-}
if [ -z "$bench" ]; then
    bench=$(cargo bench --locked -p rustok-core --bench core --no-run 2>&1 | sed -n 's/.*(\(.*core-[0-9a-f]*\)).*/\1/p')
fi

# count ROW CALLS: instructions, and among them locked ones.
count() {
    valgrind --quiet --tool=callgrind --dump-instr=yes --compress-pos=no --compress-strings=no \
        --callgrind-out-file="$work/out" "$bench" count "$1" "$2" >/dev/null
    awk -v bench="$bench" '
        FNR == NR { locked[$1] = 1; next }
        /^ob=/ { ours = index($0, bench) > 0 }
        # The cost of a call, inclusive: the line behind `calls=` is not one of an instruction.
        /^calls=/ { getline; next }
        /^0x/ { all += $3; if (ours && $1 in locked) locks += $3 }
        END { print all + 0, locks + 0 }
    ' "$work/locked" "$work/out"
}

: >"$work/counts"
if command -v valgrind >/dev/null && command -v objdump >/dev/null; then
    objdump --disassemble --no-show-raw-insn "$bench" |
        awk '/\tlock |\txchg .*\(/ { sub(":", "", $1); print "0x" $1 }' >"$work/locked"
    "$bench" count | while IFS= read -r row; do
        few=$(count "$row" 1000)
        many=$(count "$row" 3000)
        echo "$few $many" | awk -v row="$row" '{ printf "%s\t%.0f\t%.1f\n", row, ($3 - $1) / 2000, ($4 - $2) / 2000 }' >>"$work/counts"
    done
else
    echo 'valgrind or objdump is not installed: instructions and locked operations are not counted' >&2
fi
"$bench" --bench breaker | awk -F ' *[|] *' '
    FILENAME != "-" { split($0, part, "\t"); instructions[part[1]] = part[2]; locks[part[1]] = part[3]; next }
    /^\| call / { print $0 " instructions | locked operations |"; next }
    /^\|---/ { print $0 "---|---|"; next }
    /^\|/ { print $0 " " ($3 == 1 ? instructions[$2] : "") " | " ($3 == 1 ? locks[$2] : "") " |"; next }
    / bar / { at = match($0, /: [0-9.]+ x/); ratio = substr($0, at + 2) + 0; bar = $0; sub(/.* bar /, "", bar)
              print $0 (ratio > bar + 0 ? " <-- missed" : ""); next }
    { print }
    END {
        ours = instructions["ours, closed, consecutive"]; theirs = instructions["failsafe, closed"]
        if (theirs > 0) printf "instructions, closed, consecutive / failsafe closed: %.2f x; bar 1.00 x%s\n", ours / theirs, (ours > theirs ? " <-- missed" : "")
    }
' "$work/counts" -
