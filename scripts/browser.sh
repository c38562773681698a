#!/usr/bin/env bash
# For other scripts to source: Chromium, Node, and what a folder of scripts for it takes from npm.
#
#   browser_install FOLDER       installs what is missing; ends the script with 77, and says why, when it cannot
#   browser_run SCRIPT ARG...    runs a script of that folder; RUSTOK is the built program, REPOSITORY this repository
#
# The folder is copied into the target folder and its packages are installed there: nothing is left beside the sources.
# shellcheck source=scripts/install.sh
. scripts/install.sh

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

browser_install() {
    local name=${1##*/}
    browser_folder=$target/$name
    mkdir -p "$browser_folder"
    if [ -z "${CHROMIUM:-}" ]; then
        for CHROMIUM in chromium chromium-browser google-chrome ''; do
            if command -v "$CHROMIUM" >/dev/null; then break; fi
        done
        if [ -z "$CHROMIUM" ] && need chromium chromium 'chromium'; then CHROMIUM=chromium; fi
        if [ -z "$CHROMIUM" ]; then
            echo 'no Chromium (CHROMIUM names one elsewhere): not checked' >&2
            exit 77
        fi
        CHROMIUM=$(command -v "$CHROMIUM")
    fi
    if ! { need node nodejs node && need npm npm node; }; then
        echo 'no Node: not checked' >&2
        exit 77
    fi
    # What is in the lock file is installed, and installed again when it has changed.
    if ! cmp --silent "$1/package-lock.json" "$browser_folder/installed.json"; then
        cp "$1/package.json" "$1/package-lock.json" "$browser_folder/"
        if ! (cd "$browser_folder" && npm ci --silent --no-audit --no-fund --ignore-scripts) >"$browser_folder/npm.log" 2>&1; then
            tail -n 3 "$browser_folder/npm.log" >&2
            echo 'packages of npm cannot be installed: not checked' >&2
            exit 77
        fi
        cp "$1/package-lock.json" "$browser_folder/installed.json"
    fi
    find "$browser_folder" -mindepth 1 -maxdepth 1 ! -name node_modules ! -name installed.json ! -name npm.log -exec rm -rf {} +
    cp -R "$1/." "$browser_folder/"
    export CHROMIUM RUSTOK=${RUSTOK:-$target/debug/rustok} REPOSITORY=$PWD
}

browser_run() {
    local script=$1
    shift
    (cd "$browser_folder" && node --test-reporter spec "$script" "$@")
}
