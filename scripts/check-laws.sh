#!/bin/sh
# The laws of docs/ARCHITECTURE.md that a search can check.
#
#   scripts/check-laws.sh [ROOT]      ROOT: the repository (default: where this script lies)
set -eu
cd "${1:-$(dirname "$0")/..}"
broken=0

# Prints what a search found as breaches of a law.
breach() {
    [ -z "$2" ] && return
    broken=1
    printf '%s\n' "law broken: $1" "$2" >&2
}

breach "GStreamer is used in src/worker and src/publisher only" "$(
    grep -rnE --include='*.rs' '(^|[^a-z_])(gst(_[a-z]+)?|gstreamer(_[a-z]+)?|glib)::|use gst' src |
        grep -vE '^src/(worker|publisher)(\.rs:|/)' || true
)"

breach "folders are named by duty, not utils, common or helpers" "$(
    find . \( -name target -o -name node_modules -o -name .git \) -prune -o \
        -type d \( -name utils -o -name util -o -name common -o -name helpers \) -print
)"

breach "a module is foo.rs with foo/, never mod.rs" "$(
    find src tests fuzz -name mod.rs -not -path '*/target/*' 2>/dev/null || true
)"

breach "no unsafe code: src/lib.rs forbids it" "$(
    grep -q '^#!\[forbid(unsafe_code)\]' src/lib.rs || echo 'src/lib.rs'
)"

exit $broken
