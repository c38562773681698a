#!/usr/bin/env bash
# Hostile connections beside a neighbour that asks 50 times a second: prints how many of its requests are answered well,
# how long 99 of 100 take, and the memory of the server, beside the same for as many honest connections that ask for the
# same. Fewer than 99 good answers of 100, or more than 300 MB, are a failure.
#
#   bench/hostile.sh [CONNECTIONS]    1,000 unless said otherwise; every test run takes 100
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export RUSTOK_HOSTILE=${1:-1000}
ulimit -n "$(ulimit -Hn)"
exec cargo test --release --locked -p rustok-server --test it limits::hostile -- --nocapture
