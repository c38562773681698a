#!/usr/bin/env bash
# Imports generated Shopify exports of 1,000 and 100,000 products into fresh SQLite files with the release binary, and
# prints peak memory and rate of each. Memory must not grow with the file: more than GROWTH_LIMIT_KB is a failure.
#
#   bench/import_memory.sh [SMALL] [LARGE]   how many products; 1000 and 100000 unless said otherwise
#   BINARY=path                              a release binary that is there already; otherwise one is built
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly SMALL=${1:-1000} LARGE=${2:-100000} GROWTH_LIMIT_KB=8192

dir=$(mktemp -d "${TMPDIR:-/tmp}/rustok-import.XXXXXX")
trap 'rm -rf "$dir"' EXIT
rustok=${BINARY:-}
if [ -z "$rustok" ]; then
    cargo build --release --quiet --locked -p rustok-server
    rustok=${CARGO_TARGET_DIR:-target}/release/rustok
fi

# Every product has two variants, an image and a description of about 600 bytes, on two rows.
generate() {
    awk -v products="$1" 'BEGIN {
        print "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU," \
            "Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price," \
            "Image Src,Image Position,Status"
        for (n = 0; n < 20; n++) text = text "<p>A sturdy thing of <b>oak</b>.</p>"
        for (n = 1; n <= products; n++) {
            printf "thing-%d,Thing No. %d,%s,Maker %d,Thing,\"oak, brown\",true,Size,Small,T%dS,100,shopify,%d,deny," \
                "%d.95,https://shop.example/%d.jpg,1,active\n", n, n, text, n % 100, n, n % 50, n % 90 + 9, n
            printf "thing-%d,,,,,,,,Large,T%dL,150,shopify,%d,deny,%d.95,,,\n", n, n, n % 50, n % 90 + 19
        }
    }'
}

# The peak of a process that is still there: the kernel's own count.
watch_peak() {
    local pid=$1 peak=0 line
    while line=$(grep VmHWM "/proc/$pid/status" 2>/dev/null); do
        peak=${line//[!0-9]/}
        sleep 0.01
    done
    printf '%s\n' "$peak"
}

peak_kb=0
import() {
    local products=$1 file=$dir/$1.csv start end pid
    export RUSTOK_DATABASE_URL=sqlite://$dir/$1.db
    generate "$products" >"$file"
    "$rustok" tenant create shop1 --name 'Shop 1' >/dev/null
    for run in first second; do
        start=$(date +%s%N)
        "$rustok" import shopify "$file" --tenant shop1 --json >"$dir/report" &
        pid=$!
        peak_kb=$(watch_peak "$pid")
        wait "$pid"
        end=$(date +%s%N)
        printf '%7d products, %s run: %6d KB peak, %6d products/s, %s\n' "$products" "$run" "$peak_kb" \
            $((products * 1000000000 / (end - start))) \
            "$(tr -d ' \n' <"$dir/report" | grep -oE '"(created|updated|unchanged|error_count)":[0-9]+' | paste -sd' ')"
        [ "$run" = second ] || first_kb=$peak_kb
    done
    printf '%7d products: file %d KB, database %d KB\n' "$products" $(($(stat -c %s "$file") / 1024)) \
        $(($(stat -c %s "$dir/$1.db") / 1024))
    peak_kb=$first_kb
}

import "$SMALL"
small_kb=$peak_kb
import "$LARGE"
grown_kb=$((peak_kb - small_kb))
printf 'memory grew by %d KB (limit %d KB)\n' "$grown_kb" "$GROWTH_LIMIT_KB"
[ "$grown_kb" -le "$GROWTH_LIMIT_KB" ]
