# What a machine needs before Berth builds, shared by deploy/demo and Tests/run. Sourced by bash, never run.
# Debian 12 and Ubuntu 24.04 install by apt; elsewhere what is missing is named and left to the person.

readonly SWIFT_MINIMUM=6.2
readonly EX_UNAVAILABLE=69 # sysexits.h: something the program needs is not there

# The C libraries, as pkg-config module:Debian package.
readonly C_LIBRARIES=(libevent:libevent-dev libcurl:libcurl4-openssl-dev openssl:libssl-dev libcrypt:libcrypt-dev)

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$*"
    exit "$EX_UNAVAILABLE"
}

# as_root COMMAND...: runs it as root, by sudo where the caller is not.
as_root() {
    if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

can_install() {
    command -v apt-get >/dev/null && { [[ $EUID -eq 0 ]] || command -v sudo >/dev/null; }
}

# apt_install PACKAGE...: without recommended packages, questions or started services.
apt_install() {
    can_install || {
        say "missing: $*. Install them (Debian's names), or run this as root or with sudo on Debian or Ubuntu."
        return 1
    }
    say "installing: $*"
    # Debian starts a service as soon as it is installed; nginx, docker and the registry would take fixed ports. A policy that
    # says 101 (not allowed) prevents it. One that is already there is somebody's own and is left alone.
    local policy=/usr/sbin/policy-rc.d made_policy=""
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        made_policy=yes
    fi
    local status=0
    {
        as_root apt-get update -qq &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    } </dev/null >&2 || status=$?
    [[ -z $made_policy ]] || as_root rm -f "$policy"
    return "$status"
}

# Prints the packages of the C libraries that pkg-config does not know.
missing_libraries() {
    command -v pkg-config >/dev/null || echo pkg-config
    local library
    for library in "${C_LIBRARIES[@]}"; do
        pkg-config --exists "${library%%:*}" 2>/dev/null || echo "${library##*:}"
    done
}

install_c_libraries() {
    local missing
    mapfile -t missing < <(missing_libraries)
    [[ ${#missing[@]} -eq 0 ]] || apt_install "${missing[@]}" || fail "Berth cannot be built without: ${missing[*]}"
}

require_swift() {
    local advice="Get Swift from https://www.swift.org/install/linux/ and put its usr/bin on PATH."
    command -v swift >/dev/null || fail "No Swift toolchain: Berth is built with Swift $SWIFT_MINIMUM or later. $advice"
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1)
    [[ $(printf '%s\n' "$SWIFT_MINIMUM" "$version" | sort -V | head -n 1) == "$SWIFT_MINIMUM" ]] ||
        fail "Swift ${version:-of unknown version} is too old: Berth is built with Swift $SWIFT_MINIMUM or later. $advice"
}

# The release build that everybody runs: the runtime is linked in, so the program needs no Swift where it goes.
readonly RELEASE_BUILD=(-c release --product berth --static-swift-stdlib)

# build_release ROOT: builds the program; seconds when nothing changed.
build_release() {
    # The package manager leaves empty directories behind.
    local temporary status=0
    temporary=$(mktemp -d)
    TMPDIR=$temporary swift build --package-path "$1" "${RELEASE_BUILD[@]}" >&2 || status=$?
    rm -rf "$temporary"
    return "$status"
}

# release_binary ROOT: prints where build_release puts it.
release_binary() {
    printf '%s/berth\n' "$(swift build --package-path "$1" "${RELEASE_BUILD[@]}" --show-bin-path)"
}
