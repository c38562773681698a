#!/usr/bin/env bash
# A tenant at ten times its rate limit: prints what a request of its neighbour costs the server in CPU meanwhile, beside
# what it costs alone, in interleaved phases. More than 1.25 times as much is a failure.
#
#   bench/neighbour.sh [ROUNDS]    10 unless said otherwise; every test run makes a few
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export RUSTOK_ROUNDS=${1:-10}
exec cargo test --locked -p rustok-server --test it limits::neighbour -- --nocapture
