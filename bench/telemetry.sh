#!/usr/bin/env bash
# What telemetry costs: CPU per request of a server with it (10 % of the requests recorded and sent to a collector, all
# of them timed, metrics read every five seconds) beside one without (no collector, no management listener), in
# interleaved pairs. A median above 1.15 times as much is a failure.
#
#   bench/telemetry.sh                         # SQLite
#   scripts/with-postgres bench/telemetry.sh   # SQLite and PostgreSQL
#
# PAIRS (10) and SECONDS_EACH (3, the length of a slice) may be set; BINARY and BARE as for bench/measure.sh. Needs wrk,
# curl and awk (Debian: apt-get install wrk curl), with PostgreSQL its psql.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bindir=
[ -z "${RUSTOK_TEST_POSTGRES_URL:-}" ] || bindir=$(scripts/with-postgres --bindir)
source bench/load.sh
pairs=${PAIRS:-10}
seconds=${SECONDS_EACH:-3}
bar=1.15

work=$(mktemp -d "${TMPDIR:-/tmp}/rustok-telemetry.XXXXXX")
declare -A servers ports=([on]=18080 [off]=18084)
collector=''
stop() { for way in "${!servers[@]}"; do kill "${servers[$way]}" 2>/dev/null || true; wait "${servers[$way]}" 2>/dev/null || true; done; servers=(); }
finish() {
    stop
    if [ -n "$collector" ]; then kill "$collector" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT
cd "$work"

# The database of a way: a file, or one of its own in the PostgreSQL server.
database_url() {
    case $1 in
        sqlite) echo "sqlite://$work/$2.db" ;;
        postgresql)
            PGOPTIONS=--client-min-messages=warning "$bindir/psql" -q "$RUSTOK_TEST_POSTGRES_URL" -c "DROP DATABASE IF EXISTS bench_telemetry_$2" -c "CREATE DATABASE bench_telemetry_$2" >/dev/null
            echo "${RUSTOK_TEST_POSTGRES_URL%/*}/bench_telemetry_$2" ;;
    esac
}

start() {
    local way=$1
    export RUSTOK_LISTEN=127.0.0.1:${ports[$way]} RUSTOK_LOG=info RUSTOK_LOG_FORMAT=json
    case $way in
        on) export RUSTOK_MANAGEMENT_LISTEN=127.0.0.1:18081 RUSTOK_OTLP_ENDPOINT=http://127.0.0.1:18082 RUSTOK_TRACE_SAMPLE_RATIO=0.1 ;;
        off) export RUSTOK_MANAGEMENT_LISTEN='' RUSTOK_OTLP_ENDPOINT='' ;;
    esac
    "$binary" serve >"$way.log" 2>&1 &
    servers[$way]=$!
    await "http://127.0.0.1:${ports[$way]}"
}

# CPU in ms of one request, or of one of what a script counts.
#   slice WAY PATH [LUA UNIT]
slice() {
    local way=$1 pid=${servers[$1]} before after scraper=''
    local base=http://127.0.0.1:${ports[$way]}
    if [ "$way" = on ]; then
        (while :; do curl -sf -o /dev/null -H 'Accept: application/openmetrics-text' http://127.0.0.1:18081/metrics; sleep 5; done) &
        scraper=$!
    fi
    before=$(ticks "$pid")
    wrk -t1 -c16 -d"${seconds}s" -H "Host: bench.localhost:${ports[$way]}" ${3:+-s "$way-$3"} "$base$2" >wrk.txt
    after=$(ticks "$pid")
    if [ -n "$scraper" ]; then kill "$scraper" 2>/dev/null || true; wait "$scraper" 2>/dev/null || true; fi
    if grep -q 'Non-2xx' wrk.txt; then echo "telemetry: $2: $(grep 'Non-2xx' wrk.txt)" >&2; exit 1; fi
    awk -v unit="${4:-requests}" -v cpu=$((after - before)) -v hz="$(getconf CLK_TCK)" '
        unit == "requests" && /requests in/ {n = $1}
        $1 == unit {n = $2}
        END {if (!n) exit 1; printf "%.6f", cpu * 1000 / hz / n}' wrk.txt
}

median() { sort -g | awk '{v[NR] = $1} END {print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2, v[1], v[NR]}'; }

#   row NAME PATH [LUA UNIT]
row() {
    local name=$1 pair on off ratio lowest highest
    shift
    slice on "$@" >/dev/null
    slice off "$@" >/dev/null
    : >on.txt; : >off.txt; : >ratios.txt
    for ((pair = 0; pair < pairs; pair++)); do
        # Neither way is always the first.
        if ((pair % 2)); then on=$(slice on "$@"); off=$(slice off "$@"); else off=$(slice off "$@"); on=$(slice on "$@"); fi
        echo "$on" >>on.txt
        echo "$off" >>off.txt
        awk -v on="$on" -v off="$off" 'BEGIN {print on / off}' >>ratios.txt
    done
    read -r ratio lowest highest < <(median <ratios.txt)
    on=$(median <on.txt) off=$(median <off.txt)
    printf '%-10s | %-28s | %.4f | %.4f | %.3f (%.3f to %.3f)%s\n' "$database" "$name" "${on%% *}" "${off%% *}" "$ratio" "$lowest" "$highest" \
        "$(awk -v ratio="$ratio" -v bar="$bar" 'BEGIN {if (ratio > bar) print " NOT MET"}')"
    if awk -v ratio="$ratio" -v bar="$bar" 'BEGIN {exit !(ratio > bar)}'; then failed=yes; fi
}

run() {
    local way
    database=$1
    for way in on off; do
        RUSTOK_DATABASE_URL=$(database_url "$database" "$way")
        export RUSTOK_DATABASE_URL
        fill
        life_script "bench.localhost:${ports[$way]}"
        mv life.lua "$way-life.lua"
        start "$way"
    done
    row 'article by slug' /api/store/v1/nodes/article-7
    row 'list of 20 products' '/api/store/v1/products?limit=20'
    row 'order placed, confirmed, paid' /api/store/v1/orders life.lua paid
    stop
}

failed=''
"$floor" 127.0.0.1:18082 >floor.log 2>&1 &
collector=$!
await http://127.0.0.1:18082
echo "$pairs interleaved pairs of $seconds s each, 16 keep-alive connections: median CPU in ms with telemetry and without, median ratio (lowest to highest); bar $bar"
run sqlite
if [ -n "$bindir" ]; then run postgresql; else echo 'PostgreSQL: run this as scripts/with-postgres bench/telemetry.sh'; fi
if [ -n "$failed" ]; then exit 1; fi
