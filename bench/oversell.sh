#!/usr/bin/env bash
# The last ten pieces, 64 buyers at once, and the server killed (SIGKILL) in between and started again, on SQLite and on
# PostgreSQL: never more than ten sold, nothing lost that was answered.
#
#   bench/oversell.sh [ROUNDS]    100 unless said otherwise; every test run makes a few
#
# Each round prints what the buyers knew when the server was killed. The first breach ends it with what it was.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export RUSTOK_ROUNDS=${1:-100}
exec scripts/with-postgres cargo test --locked -p rustok-server --test it orders::killed -- --nocapture
