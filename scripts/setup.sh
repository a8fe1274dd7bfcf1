#!/bin/sh
# Brings a bare Debian 12 or 13 with Rust to where MeetingCast builds, runs and is tested.
#
#   scripts/setup.sh [build] [run] [test]     which packages (default: all three)
#   scripts/setup.sh --list [build] [run] [test]
#
# Quick and silent about what is there already. As root, or where sudo needs no password, it installs
# what is missing; otherwise it names it and exits 1.
set -eu

build_packages="gcc libc6-dev pkg-config
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev"
# textoverlay (slate, name tiles, titles) is in gstreamer1.0-x, on Debian 12 as on 13.
run_packages="gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
    gstreamer1.0-libav gstreamer1.0-nice gstreamer1.0-x fonts-dejavu-core"
# Independent counterparts for tests: ffmpeg and ffprobe read what we send, nginx-rtmp takes our pushes,
# Chromium publishes and plays, coturn relays between browsers, gst-launch-1.0 plays RTMP.
test_packages="ffmpeg nginx-light libnginx-mod-rtmp chromium coturn gstreamer1.0-tools"
# Their packages start servers, now and at each boot. The tests run their own.
services="nginx-light:nginx coturn:coturn"

list_only=false
if [ "${1:-}" = "--list" ]; then
    list_only=true
    shift
fi
[ $# -gt 0 ] || set -- build run test

wanted=""
for group in "$@"; do
    case "$group" in
        build) wanted="$wanted $build_packages" ;;
        run) wanted="$wanted $run_packages" ;;
        test)
            wanted="$wanted $test_packages"
            # Node may come from elsewhere (nvm, NodeSource); Debian's would then be in the way.
            command -v node >/dev/null 2>&1 || wanted="$wanted nodejs"
            command -v npm >/dev/null 2>&1 || wanted="$wanted npm"
            ;;
        *)
            echo "setup: unknown group \"$group\"; there are build, run and test" >&2
            exit 2
            ;;
    esac
done

if $list_only; then
    for package in $wanted; do echo "$package"; done
    exit 0
fi

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "setup: this is not a Debian system. MeetingCast needs what these Debian packages hold:" >&2
    for package in $wanted; do echo "  $package" >&2; done
    exit 1
fi

missing=""
for package in $wanted; do
    # Another flavour of nginx serves as well, and nginx-light would replace it.
    if [ "$package" = nginx-light ] && [ -x /usr/sbin/nginx ]; then continue; fi
    # shellcheck disable=SC2016  # ${Status} is dpkg-query's
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing="$missing $package"
done

[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        echo "setup: these Debian packages are missing and only root can install them:" >&2
        echo "  apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
fi

echo "setup: installing$missing"
unwanted=""
for pair in $services; do
    case " $missing " in *" ${pair%:*} "*) unwanted="$unwanted ${pair#*:}" ;; esac
done
if [ -n "$unwanted" ] && [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee /usr/sbin/policy-rc.d >/dev/null
    $as_root chmod 755 /usr/sbin/policy-rc.d
    trap '$as_root rm -f /usr/sbin/policy-rc.d' EXIT
fi
$as_root apt-get update -qq
# shellcheck disable=SC2086  # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
if [ -d /run/systemd/system ]; then
    for service in $unwanted; do $as_root systemctl disable --quiet "$service"; done
fi
