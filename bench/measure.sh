#!/usr/bin/env bash
# Prints start time, idle memory and CPU per request of the release binary on SQLite and, with a PostgreSQL, there too.
#
#   bench/measure.sh                                # SQLite
#   scripts/with-postgres bench/measure.sh          # SQLite and PostgreSQL
#
# BINARY=path measures a release binary that is there already; otherwise one is built. Needs wrk, curl and awk (Debian:
# apt-get install wrk curl). CPU is user + system time of the server from /proc, so a noisy neighbour does not count;
# for PostgreSQL the database's own CPU stands beside it.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in wrk curl awk; do
  command -v "$tool" >/dev/null || { echo "bench: $tool is missing (Debian: apt-get install $tool)" >&2; exit 1; }
done
SECONDS_EACH=${SECONDS_EACH:-5}
CONNECTIONS=${CONNECTIONS:-16}
if [ -z "${BINARY:-}" ]; then
  cargo build --release --locked --quiet
  BINARY="${CARGO_TARGET_DIR:-target}/release/rustok"
fi
case $BINARY in /*) ;; *) BINARY="$PWD/$BINARY" ;; esac
WORK=$(mktemp -d)
SERVER=
stop() { if [ -n "$SERVER" ]; then kill "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true; SERVER=; fi; }
trap 'stop; rm -rf "$WORK"' EXIT
cd "$WORK"
export RUSTOK_LISTEN=127.0.0.1:18080 RUSTOK_MANAGEMENT_LISTEN=127.0.0.1:18081 RUSTOK_LOG=warn
BASE=http://127.0.0.1:18080
HOST=bench.localhost:18080

start() {
  "$BINARY" serve >server.log 2>&1 &
  SERVER=$!
  until curl -sf -o /dev/null "$BASE/livez"; do sleep 0.005; done
}

# CPU of a process in clock ticks; of all PostgreSQL processes of this user's cluster.
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
postgres_ticks() { cat /proc/[0-9]*/stat 2>/dev/null | awk '$2 == "(postgres)" {sum += $14 + $15 + $16 + $17} END {print sum + 0}'; }

start_time() {
  local runs=${1:-15} i begin end
  for ((i = 0; i < runs; i++)); do
    begin=$(date +%s%N)
    "$BINARY" serve >server.log 2>&1 &
    SERVER=$!
    until (exec 3<>/dev/tcp/127.0.0.1/18080 && printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3 && grep -q '200 OK' <&3) 2>/dev/null; do :; done
    end=$(date +%s%N)
    echo $(((end - begin) / 1000))
    stop
  done | sort -n | awk '{all[NR] = $1} END {printf "start to first 200: median %.1f ms, best %.1f ms (%d runs)\n", all[int((NR + 1) / 2)] / 1000, all[1] / 1000, NR}'
}

# name, path, [wrk script]
measure() {
  local before after pg_before pg_after requests
  wrk -t1 -c"$CONNECTIONS" -d1s -H "Host: $HOST" ${3:+-s "$3"} "$BASE$2" >/dev/null
  before=$(ticks "$SERVER"); pg_before=$(postgres_ticks)
  wrk -t1 -c"$CONNECTIONS" -d"${SECONDS_EACH}s" -H "Host: $HOST" ${3:+-s "$3"} "$BASE$2" >wrk.txt
  after=$(ticks "$SERVER"); pg_after=$(postgres_ticks)
  requests=$(awk '/requests in/ {print $1}' wrk.txt)
  awk -v name="$1" -v ticks="$((after - before))" -v pg="$((pg_after - pg_before))" -v n="$requests" -v hz="$(getconf CLK_TCK)" \
    -v rate="$(awk '/Requests\/sec/ {print $2}' wrk.txt)" -v bad="$(awk '/Non-2xx/ {print $NF}' wrk.txt)" -v both="$DATABASE" \
    'BEGIN {printf "%-28s %8.4f ms CPU", name, ticks * 1000 / hz / n;
            if (both == "postgresql") printf " + %7.4f ms database", pg * 1000 / hz / n;
            printf "  %9.0f/s%s\n", rate, bad ? "  (" bad " refused)" : ""}'
}

fill() {
  "$BINARY" tenant create bench --name Bench >/dev/null
  TOKEN=$("$BINARY" token create --tenant bench --role admin)
  awk 'BEGIN {
    print "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price"
    for (p = 1; p <= 500; p++) for (v = 1; v <= 4; v++)
      printf "product-%d,%s,%s,Bench,Things,bench,true,Size,%d,SKU-%d-%d,shopify,1000000,deny,%d.50\n", p, v == 1 ? "Product " p : "", v == 1 ? "<p>Text</p>" : "", v, p, v, 10 + v
  }' >products.csv
  "$BINARY" import shopify products.csv --tenant bench >/dev/null
  awk 'BEGIN {
    print "<?xml version=\"1.0\"?><rss xmlns:wp=\"http://wordpress.org/export/1.2/\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><channel><wp:wxr_version>1.2</wp:wxr_version>"
    for (i = 0; i < 70; i++) text = text "<p>The quick brown fox jumps over the lazy dog again.</p>"
    for (n = 1; n <= 300; n++)
      printf "<item><title>Article %d</title><dc:creator>bench</dc:creator><content:encoded><![CDATA[%s]]></content:encoded><wp:post_id>%d</wp:post_id><wp:post_name>article-%d</wp:post_name><wp:post_date_gmt>2020-01-01 00:00:00</wp:post_date_gmt><wp:status>publish</wp:status><wp:post_type>post</wp:post_type></item>", n, text, n, n
    print "</channel></rss>"
  }' >site.xml
  "$BINARY" import wordpress site.xml --tenant bench >/dev/null
}

write_scripts() {
  cat >create.lua <<LUA
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer $TOKEN"
local n = 0
request = function()
  n = n + 1
  return wrk.format(nil, nil, nil, '{"kind":"post","locale":"en","title":"Article of ' .. os.time() .. ' no ' .. n .. '","body":"<p>Text</p>","format":"html"}')
end
LUA
  cat >order.lua <<'LUA'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local n = 0
request = function()
  n = n + 1
  return wrk.format(nil, nil, nil, '{"email":"b' .. n % 1000 .. '@example.com","currency":"USD","lines":[{"sku":"SKU-' .. (n % 500 + 1) .. '-1","quantity":1}]}')
end
LUA
}

run() {
  DATABASE=$1
  echo "== $DATABASE, $CONNECTIONS connections, ${SECONDS_EACH} s each"
  fill
  write_scripts
  start_time
  start
  sleep 1
  awk '/VmRSS/ {printf "idle memory: %.1f MB\n", $2 / 1024}' "/proc/$SERVER/status"
  measure "static route" /livez
  measure "article by slug" /api/store/v1/nodes/article-7
  measure "20 articles" "/api/store/v1/nodes?limit=20"
  measure "product" /api/store/v1/products/product-7
  measure "20 products" "/api/store/v1/products?limit=20"
  measure "order placed" /api/store/v1/orders order.lua
  measure "article created" /api/admin/v1/nodes create.lua
  awk '/VmRSS|VmHWM/ {printf "%s %.1f MB  ", $1, $2 / 1024} END {print "after the load"}' "/proc/$SERVER/status"
  stop
}

RUSTOK_DATABASE_URL="sqlite://$WORK/bench.db"
export RUSTOK_DATABASE_URL
run sqlite
if [ -n "${RUSTOK_TEST_POSTGRES_URL:-}" ]; then
  RUSTOK_DATABASE_URL=$RUSTOK_TEST_POSTGRES_URL
  run postgresql
else
  echo "PostgreSQL: run this as scripts/with-postgres bench/measure.sh"
fi
