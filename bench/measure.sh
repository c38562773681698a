#!/usr/bin/env bash
# Prints every row of what this server is measured by, on SQLite and, with a PostgreSQL, there too, and how many times the
# cost is that of the program in bench/floor (axum and rusqlite alone) in the same minutes; marks what misses its bar and
# fails then.
#
#   bench/measure.sh                              # SQLite
#   scripts/with-postgres bench/measure.sh        # SQLite and PostgreSQL
#   scripts/with-postgres bench/measure.sh --all  # with short runs of what tests print too: oversell, durability, ...
#
# SECONDS_EACH (5) is the length of a slice; each row is measured in SLICES (3), interleaved with all the others, and its
# median is shown with the lowest and the highest. BINARY and FLOOR name release binaries (`rustok`, `rustok-floor`)
# that are there already; otherwise they are built. Needs wrk, curl and awk (Debian: apt-get install wrk curl).
#
# CPU is user + system time of all threads from /proc, so a neighbour's work counts for little; of PostgreSQL, all
# processes of the server that RUSTOK_TEST_POSTGRES_URL names. The data is the same each time: 500 products with 4
# variants, 300 articles of 4 kB.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
repo=$PWD
source bench/load.sh

all=
[ "${1:-}" != --all ] || all=yes
seconds=${SECONDS_EACH:-5}
slices=${SLICES:-3}
connections=16

work=$(mktemp -d "${TMPDIR:-/tmp}/rustok-measure.XXXXXX")
server='' floor_pid=''
stop() { if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; server=''; fi; }
finish() {
    stop
    if [ -n "$floor_pid" ]; then kill "$floor_pid" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT
set -E
trap 'echo "measure: line $LINENO failed" >&2' ERR
cd "$work"

export RUSTOK_LISTEN=127.0.0.1:18080 RUSTOK_MANAGEMENT_LISTEN=127.0.0.1:18081 RUSTOK_LOG=warn
ours=http://127.0.0.1:18080
theirs=http://127.0.0.1:18082
host=bench.localhost:18080

start() {
    "$binary" serve >server.log 2>&1 &
    server=$!
    await "$ours"
}

# Rows go to the file `measured`: database, row, CPU of the server in ms, of PostgreSQL in ms, requests a second.
#   measure ROW URL PID UNIT [LUA]    UNIT is what a wrk script counts, or `requests`
measure() {
    local row=$1 url=$2 pid=$3 unit=$4 before database_before after database_after
    local call=(wrk -t1 -c"$connections" -H "Host: $host" ${5:+-s "$5"})
    if [ "$slice" = 1 ]; then "${call[@]}" -d1s "$url" -- "warm-$database-$RANDOM" >/dev/null; fi
    before=$(ticks "$pid") database_before=$(database_ticks)
    "${call[@]}" -d"${seconds}s" "$url" -- "$database-$slice" >wrk.txt
    after=$(ticks "$pid") database_after=$(database_ticks)
    if grep -q 'Non-2xx' wrk.txt; then echo "measure: $row: $(grep 'Non-2xx' wrk.txt)" >&2; failed=yes; fi
    awk -v unit="$unit" -v prefix="$database $row" -v hz="$(getconf CLK_TCK)" \
        -v cpu=$((after - before)) -v database_cpu=$((database_after - database_before)) '
        unit == "requests" && /requests in/ {n = $1}
        $1 == unit {n = $2}
        /requests in/ {took = $4 + 0}
        END {
            if (!n) exit 1
            printf "%s %.5f %.5f %.1f\n", prefix, cpu * 1000 / hz / n, database_cpu * 1000 / hz / n, n / took
        }' wrk.txt >>"$work/measured"
}

start_time() {
    local runs=15 i begin end
    for ((i = 0; i < runs; i++)); do
        begin=$(date +%s%N)
        "$binary" serve >server.log 2>&1 &
        server=$!
        until (exec 3<>/dev/tcp/127.0.0.1/18080 && printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3 && grep -q '200 OK' <&3) 2>/dev/null; do :; done
        end=$(date +%s%N)
        awk -v took=$((end - begin)) -v database="$database" 'BEGIN {printf "%s start %.2f 0 0\n", database, took / 1e6}' >>"$work/measured"
        stop
    done
}

memory() {
    sleep 1
    awk -v prefix="$database $1" '/VmRSS/ {printf "%s %.1f 0 0\n", prefix, $2 / 1024}' "/proc/$server/status" >>"$work/measured"
}

# What a first start makes by itself, and a second one finds.
demo() {
    mkdir demo
    cd demo
    (unset RUSTOK_DATABASE_URL; exec "$binary" serve >../demo.log 2>&1) &
    server=$!
    await "$ours"
    stop
    (unset RUSTOK_DATABASE_URL; exec "$binary" serve >../demo.log 2>&1) &
    server=$!
    await "$ours"
    memory idle
    stop
    cd ..
}

# What wrk sends. The first argument after the URL makes titles differ from run to run.
write_scripts() {
    cat >create.lua <<LUA
local run, n = "", 0
function init(args) run = args[1] end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer $token"
function request()
    n = n + 1
    return wrk.format(nil, nil, nil, '{"kind":"post","locale":"en","title":"Article ' .. run .. ' ' .. n .. '","body":"<p>Text</p>","format":"html"}')
end
LUA
    cat >place.lua <<'LUA'
local n = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
function request()
    n = n + 1
    return wrk.format(nil, nil, nil, '{"email":"b' .. n % 1000 .. '@example.com","currency":"USD","lines":[{"sku":"SKU-' .. (n % 500 + 1) .. '-1","quantity":1}]}')
end
LUA
}

# The floor works on a copy of this database, and its documents are what the server answers.
start_floor() {
    local n
    curl -sf -o /dev/null -H "Host: $host" -H 'Content-Type: application/json' \
        -d '{"email":"first@example.com","currency":"USD","lines":[{"sku":"SKU-1-1","quantity":1}]}' "$ours/api/store/v1/orders"
    "$binary" backup floor.db >/dev/null
    "$floor" 127.0.0.1:18082 floor.db >floor.log 2>&1 &
    floor_pid=$!
    await "$theirs"
    copy_document() { curl -sf -H "Host: $host" "$ours/api/store/v1/$1" | curl -sf -T - "$theirs/documents/$2"; }
    copy_document nodes/article-7 article-7
    copy_document products/product-7 product-7
    for ((n = 10; n < 30; n++)); do copy_document "products/product-$n" "products-$n"; done
}

run() {
    database=$1
    fill
    write_scripts
    life_script "$host"
    start_time
    start
    if [ "$database" = sqlite ]; then start_floor; fi
    for ((slice = 1; slice <= slices; slice++)); do
        measure static "$ours/livez" "$server" requests
        if [ "$database" = sqlite ]; then
            measure floor_static "$theirs/livez" "$floor_pid" requests
            measure floor_article "$theirs/documents/article-7" "$floor_pid" requests
            measure floor_product "$theirs/documents/product-7" "$floor_pid" requests
            measure floor_products "$theirs/pages/products-" "$floor_pid" requests
            measure floor_place "$theirs/orders" "$floor_pid" requests place.lua
        fi
        measure page "$ours/problems/not_found" "$server" requests
        measure article "$ours/api/store/v1/nodes/article-7" "$server" requests
        measure articles "$ours/api/store/v1/nodes?limit=20" "$server" requests
        measure product "$ours/api/store/v1/products/product-7" "$server" requests
        measure products "$ours/api/store/v1/products?limit=20" "$server" requests
        measure create "$ours/api/admin/v1/nodes" "$server" requests create.lua
        measure place "$ours/api/store/v1/orders" "$server" requests place.lua
        measure life "$ours/api/store/v1/orders" "$server" paid life.lua
    done
    memory loaded
    stop
}

# What other commands of this repository print: a row says which, and with --all runs it.
#   also ROW BAR COMMAND...
also() {
    local row=$1 bar=$2 told=
    shift 2
    if [ -n "$all" ]; then
        if (cd "$repo" && "$@") >also.log 2>&1; then told='met: '; else told='NOT MET: '; failed=yes; tail -n 20 also.log >&2; fi
    fi
    printf '%-42s | %-24s | %s%s\n' "$row" "$bar" "$told" "$*"
}

# The table: median (lowest to highest) of each row beside its bar.
#   line ROW NAME UNIT COLUMN BAR_SQLITE [BAR_POSTGRES BAR_DATABASE]    a bar of - is none; `>=N` is a lower bar
table() {
    awk '
    function sorted(database, row, column, values,   n, i, j, t, parts) {
        n = 0
        for (i = 1; i <= count; i++) {
            split(lines[i], parts, " ")
            if (parts[1] == database && parts[2] == row) values[++n] = parts[column] + 0
        }
        for (i = 2; i <= n; i++) { t = values[i]; for (j = i - 1; j > 0 && values[j] > t; j--) values[j + 1] = values[j]; values[j + 1] = t }
        return n
    }
    function shown(database, row, column, bar, form,   values, n, middle, missed) {
        n = sorted(database, row, column, values)
        if (!n) return "-"
        middle = values[int((n + 1) / 2)]
        if (bar ~ /^>=/) missed = middle < substr(bar, 3) + 0
        else missed = bar != "-" && middle > bar + 0
        if (missed) misses++
        return sprintf(form " (" form " to " form ")%s", middle, values[1], values[n], missed ? " NOT MET" : "")
    }
    FILENAME == "measured" {lines[++count] = $0; next}
    {
        row = $1; column = $2; form = $3; sqlite = $4; server = $5; base = $6
        name = $7; for (i = 8; i <= NF; i++) name = name " " $i
        bar = sqlite == "-" ? "" : (sqlite ~ /^>=/ ? ">= " substr(sqlite, 3) : "<= " sqlite)
        if (server != "-" && server != sqlite) bar = bar " · " server
        if (base != "-") bar = bar " / " base
        postgres = shown("postgresql", row, column, server, form)
        if (column == 3 && postgres != "-" && row != "start" && row != "idle" && row != "loaded" && row != "static" && row != "page")
            postgres = postgres " + " shown("postgresql", row, 4, base, form)
        printf "%-42s | %-24s | %-36s | %s\n", name, bar, shown("sqlite", row, column, sqlite, form), postgres
    }
    END {exit misses > 0}' measured - <<'ROWS'
start 3 %.1f 50 - - start to first 200, ms
idle 3 %.1f 30 - - idle memory with demo data, MB
static 3 %.4f 0.025 0.025 - static route, ms CPU
page 3 %.4f - - - static page behind all limits, ms CPU
article 3 %.4f 0.045 0.07 0.14 article by slug, ms CPU
articles 3 %.4f 0.1 - - list of 20 articles, ms CPU
create 3 %.4f 0.25 - - article created with its revision, ms CPU
product 3 %.4f 0.045 - - product with 4 variants, ms CPU
products 3 %.4f 0.15 - - list of 20 products, ms CPU
life 3 %.4f 0.75 0.6 1.8 order placed, confirmed, paid, ms CPU
place 3 %.4f - - - order placed, ms CPU
place 5 %.0f >=4000 - - orders placed a second, on SQLite durable
loaded 3 %.1f - - - memory after all this, MB
ROWS
}

# How many times the floor each of these costs on SQLite, by the medians.
times_the_floor() {
    sort -k1,1 -k2,2 -k3,3n measured | awk -v slices="$slices" '
        $1 == "sqlite" {place[$2]++; if (place[$2] == int((slices + 1) / 2)) median[$2] = $3}
        END {
            printf "\n%-42s | %-8s | %-10s | %-10s | %s\n", "times the floor, ms CPU on SQLite", "bar", "floor", "server", "times"
            missed = line("static", "-") + line("article", 2.2) + line("product", 2.5) + line("products", 4) + line("place", 1.3)
            exit missed > 0
        }
        function line(row, bar,   times, miss) {
            times = median[row] / median["floor_" row]
            miss = bar != "-" && times > bar
            printf "%-42s | %-8s | %-10.4f | %-10.4f | %.2f%s\n", row, bar == "-" ? "" : "<= " bar, median["floor_" row], median[row], times, miss ? " NOT MET" : ""
            return miss
        }'
}

load=$(cut -d' ' -f1 /proc/loadavg)
failed='' slice=1 postmaster=none database=sqlite
demo
export RUSTOK_DATABASE_URL="sqlite://$work/bench.db"
run sqlite
if [ -n "${RUSTOK_TEST_POSTGRES_URL:-}" ]; then
    postmaster=$(postmaster "$RUSTOK_TEST_POSTGRES_URL")
    RUSTOK_DATABASE_URL=$RUSTOK_TEST_POSTGRES_URL
    run postgresql
else
    echo 'PostgreSQL: run this as scripts/with-postgres bench/measure.sh'
fi

echo "$connections keep-alive connections, $slices slices of $seconds s each: median (lowest to highest); load of the machine $load before, $(cut -d' ' -f1 /proc/loadavg) after"
printf '%-42s | %-24s | %-36s | %s\n' row bar sqlite 'postgresql server + database'
table || failed=yes
times_the_floor || failed=yes
trips() { awk -v operation="$1" '$1 == operation {print $4}' "$repo/apps/server/tests/statements.txt"; }
test=(cargo test --locked -p rustok-server --test it)
also "round trips: read $(trips read_published_node), order $(trips place_order)" '1 · <= 4' scripts/with-postgres "${test[@]}" statements::counts
also oversell 'sold exactly, 100 runs' bench/oversell.sh 5
also durability '0 lost, 50 kills' bench/durability.sh 5
also isolation '0 leaks' scripts/with-postgres "${test[@]}" isolation::
also telemetry '<= 1.15 x' scripts/with-postgres bench/telemetry.sh
also fail-fast 'p99 <= 1 ms' scripts/with-postgres "${test[@]}" faults::a_rejected_request_costs_microseconds -- --nocapture
if [ -n "$failed" ]; then exit 1; fi
