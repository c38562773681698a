#!/usr/bin/env bash
# Hostile connections beside a neighbour that asks 50 times a second: prints how many of its requests are answered well,
# how long 99 of 100 take, and the memory of the server, beside the same for as many honest connections that ask for the
# same; on SQLite, then on a private PostgreSQL. Fewer than 99 good answers of 100, more than 300 MB, or more than 1.5
# times what the honest ones cost and 2 ms, are a failure.
#
#   bench/hostile.sh [CONNECTIONS] [CARGO OPTIONS]    1,000 unless said otherwise; every test run takes 100
#   bench/hostile.sh 10 --profile dev                 the shortest: without a build of its own
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export RUSTOK_HOSTILE=${1:-1000}
shift || true
[ $# -gt 0 ] || set -- --release
# Each connection takes a descriptor here and one in the server.
limit=$(ulimit -Hn)
[ "$limit" = unlimited ] || [ "$limit" -ge $((RUSTOK_HOSTILE + 500)) ] ||
    { echo "at most $limit files may be open, too few for $RUSTOK_HOSTILE connections" >&2; exit 2; }
ulimit -n "$limit"
exec scripts/with-postgres cargo test "$@" --all-features --locked -p rustok-server --test it limits::hostile -- --nocapture
