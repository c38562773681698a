#!/usr/bin/env bash
# For other scripts to source: installs what is missing, where that needs nobody's password. That is as root or with a
# passwordless sudo where there is apt-get, and with Homebrew. Elsewhere it prints the one command to run.
#
#   need COMMAND DEBIAN BREW              nothing when COMMAND is in PATH, else installs the package; 1 when it cannot
#   install_package DEBIAN BREW           installs a package; 1 when it may not or fails
#   install_command DEBIAN BREW           prints the command that installs it by hand
#
# DEBIAN and BREW are the names of the package there.

# How apt-get is called here: `apt-get` or `sudo -n apt-get`; empty when it may not be.
apt_get() {
    command -v apt-get >/dev/null || return 0
    if [ "$(id -u)" -eq 0 ]; then
        echo apt-get
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        echo 'sudo -n apt-get'
    fi
}

install_command() {
    if command -v apt-get >/dev/null || ! command -v brew >/dev/null; then
        echo "sudo apt-get install $1"
    else
        echo "brew install $2"
    fi
}

install_package() {
    local apt log code=0
    log=$(mktemp)
    apt=$(apt_get)
    if [ -n "$apt" ]; then
        printf 'installing %s with %s\n' "$1" "$apt" >&2
        with_apt "${apt%apt-get}" "$1" >"$log" 2>&1 </dev/null || code=1
    elif command -v brew >/dev/null; then
        printf 'installing %s with brew\n' "$2" >&2
        brew install --quiet "$2" >"$log" 2>&1 </dev/null || code=1
    else
        code=1
    fi
    if [ "$code" -ne 0 ]; then tail -n 5 "$log" >&2; fi
    rm -f "$log"
    return "$code"
}

# with_apt SUDO PACKAGE: only the files. No recommended packages, and on a run level on which no service starts.
with_apt() {
    # shellcheck disable=SC2086 # nothing, or `sudo -n`
    $1 apt-get -qq update &&
        $1 env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq install -y --no-install-recommends "$2"
}

need() {
    if command -v "$1" >/dev/null; then return 0; fi
    install_package "$2" "$3" || true
    command -v "$1" >/dev/null && return 0
    printf '%s is missing: %s\n' "$1" "$(install_command "$2" "$3")" >&2
    return 1
}
