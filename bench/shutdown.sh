#!/usr/bin/env bash
# SIGTERM under load again and again, on SQLite and on PostgreSQL: no request fails, /readyz falls first, the end comes in
# time. What counts as a failure stands in apps/server/tests/it/shutdown.rs.
#
#   bench/shutdown.sh [ROUNDS]    20 unless said otherwise; every test run makes a few
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export RUSTOK_ROUNDS=${1:-20}
exec scripts/with-postgres cargo test --locked -p rustok-server --test it shutdown::a_shutdown_under_load -- --nocapture
