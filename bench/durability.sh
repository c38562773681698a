#!/usr/bin/env bash
# The server killed (SIGKILL) again and again under eight writers, on SQLite and on PostgreSQL: nothing that was answered
# is lost, nothing is there twice. Then, with strace, that SQLite's log is on the disk before a write is answered.
#
#   bench/durability.sh [ROUNDS]    50 unless said otherwise; every test run makes a few
#
# Each round prints what was answered, repeated, lost and doubled. The first breach ends it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
RUSTOK_ROUNDS=${1:-50} scripts/with-postgres cargo test --locked -p rustok-server --test it durability::killed -- --nocapture

for tool in strace curl awk; do
    command -v "$tool" >/dev/null || { echo "durability: without $tool it is not shown what is on the disk when (Debian: apt-get install $tool)"; exit 0; }
done
cargo build --quiet --locked -p rustok-server
binary=$PWD/${CARGO_TARGET_DIR:-target}/debug/rustok
case ${CARGO_TARGET_DIR:-} in /*) binary=$CARGO_TARGET_DIR/debug/rustok ;; esac
dir=$(mktemp -d "${TMPDIR:-/tmp}/rustok-durability.XXXXXX")
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
export RUSTOK_DATABASE_URL=sqlite://$dir/rustok.db RUSTOK_LISTEN=127.0.0.1:18082 RUSTOK_MANAGEMENT_LISTEN=127.0.0.1:18083
"$binary" tenant create shop1 --name Shop >/dev/null
token=$("$binary" token create --tenant shop1 --role admin)
# -D: the server is our own child and gets our signals; strace ends with it.
strace -D -f -qq -s 64 -o trace -e trace=recvfrom,read,sendto,write,writev,fdatasync,fsync "$binary" serve >/dev/null 2>&1 &
server=$!
until curl -sf -o /dev/null http://127.0.0.1:18082/livez; do sleep 0.05; done
for n in 1 2 3 4 5 6 7 8 9 10; do
    curl -sf -o /dev/null -H 'Host: shop1.localhost' -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
        -d "{\"title\":\"Tea $n\"}" http://127.0.0.1:18082/api/admin/v1/products
done
tracer=$(awk '/^TracerPid/ {print $2}' "/proc/$server/status")
kill "$server"
wait "$server" || true
server=
while kill -0 "$tracer" 2>/dev/null; do sleep 0.05; done
# One request after the other: between its arrival and its answer the log must have been synced.
awk '/"POST \/api/ {asked++; synced = 0}
     /(fdatasync|fsync)(\(| resumed).*= 0/ {synced = 1}
     /"HTTP\/1.1 201/ {answered++; if (synced) durable++}
     END {printf "%d writes sent, %d answered with 201, %d of them after a sync of the log\n", asked, answered, durable
          exit !(answered == 10 && durable == answered)}' trace
