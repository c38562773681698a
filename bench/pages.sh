#!/usr/bin/env bash
# Prints what each page costs a shop with 500 products and 1,000 orders on SQLite: CPU of the server, bytes as sent, and
# statements; marks what misses its bar and fails then.
#
#   bench/pages.sh        RUSTOK names a release binary that is there already; REQUESTS (1,000) are made of each page thrice
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/browser.sh
. scripts/browser.sh
if [ -z "${RUSTOK:-}" ]; then
    cargo build --quiet --release --locked --package rustok-server
    RUSTOK=$target/release/rustok
fi
browser_install tests/browser
browser_run bench.mjs
