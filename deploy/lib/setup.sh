# What a machine needs before Berth builds, shared by deploy/build, deploy/demo and Tests/run. Sourced by bash, never run.
# Debian 12 and Ubuntu 24.04 install by apt; elsewhere what is missing is named and left to the person.

readonly SWIFT_MINIMUM=6.2
readonly EX_UNAVAILABLE=69 # sysexits.h: something the program needs is not there

# The C libraries, as pkg-config module:Debian package.
readonly C_LIBRARIES=(libevent:libevent-dev libcurl:libcurl4-openssl-dev openssl:libssl-dev libcrypt:libcrypt-dev)

# What Swift needs besides its toolchain, as its own instructions list it (https://www.swift.org/install/linux/).
readonly SWIFT_ON_DEBIAN_12=(
    binutils gcc git libcurl4-openssl-dev libedit-dev libicu-dev libncurses-dev libpython3-dev libsqlite3-dev libstdc++-12-dev
    libxml2-dev pkg-config tzdata uuid-dev
)
readonly SWIFT_ON_UBUNTU_24_04=(
    binutils git gnupg2 libc6-dev libcurl4-openssl-dev libedit2 libgcc-13-dev libncurses-dev libpython3-dev libsqlite3-0
    libstdc++-13-dev libxml2-dev libz3-dev pkg-config tzdata unzip zlib1g-dev
)
readonly SWIFT_PAGE=https://www.swift.org/install/linux/
readonly SWIFT_ADVICE="Get Swift from $SWIFT_PAGE and put its usr/bin on PATH."

readonly OS_RELEASE=${OS_RELEASE:-/etc/os-release} # tests have their own
readonly CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

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

# in_own_tmp COMMAND...: with a TMPDIR of its own, removed when it ends; Swift's tools leave directories in it.
in_own_tmp() (
    TMPDIR=$(mktemp -d)
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
    "$@"
)

# Prints the packages of what is missing to build: the C libraries that pkg-config does not know, and what the package manager fetches with.
missing_libraries() {
    command -v pkg-config >/dev/null || echo pkg-config
    command -v git >/dev/null || echo git
    # Debian installs git without them. Other systems keep them elsewhere.
    ! command -v apt-get >/dev/null || [[ -s $CERTIFICATES ]] || echo ca-certificates
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

# swift_packages: prints what Swift's own instructions list for this system; fails where they are not known here.
swift_packages() ( # a subshell: the file sets variables of its own
    ID="" VERSION_ID=""
    [[ ! -r $OS_RELEASE ]] || source "$OS_RELEASE"
    case "$ID $VERSION_ID" in
        "debian 12") printf '%s\n' "${SWIFT_ON_DEBIAN_12[@]}" ;;
        "ubuntu 24.04") printf '%s\n' "${SWIFT_ON_UBUNTU_24_04[@]}" ;;
        *) return 1 ;;
    esac
)

# Prints those of them that are not installed.
missing_swift_packages() {
    local package
    swift_packages | while read -r package; do
        [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
    done
}

# swift_works: whether the toolchain starts, and whether what it compiles can be linked and run. Prints its version, or what went wrong.
# The same static link as the release build's: it takes the C++ library, which a toolchain does not bring.
swift_works() { swift --version 2>&1 && swift build --version 2>&1 && swift_compiles 2>&1; }

swift_compiles() {
    echo 'import Foundation; print(URL(filePath: "/").path)' >"$TMPDIR/main.swift"
    swiftc -suppress-warnings -static-stdlib "$TMPDIR/main.swift" -o "$TMPDIR/main" && "$TMPDIR/main"
}

# essence TEXT: prints the lines that say what is wrong; a failed link has hundreds.
essence() { grep -m 3 error <<<"$1" || head -n 3 <<<"$1"; }

require_swift() {
    command -v swift >/dev/null || fail "No Swift toolchain: Berth is built with Swift $SWIFT_MINIMUM or later. $SWIFT_ADVICE"
    local said missing version
    if ! said=$(in_own_tmp swift_works); then
        say "Swift does not work here yet: $(essence "$said")"
        mapfile -t missing < <(missing_swift_packages)
        [[ ${#missing[@]} -eq 0 ]] || apt_install "${missing[@]}" || fail "Swift cannot build without: ${missing[*]}"
        said=$(in_own_tmp swift_works) || fail "Swift cannot build here: $(essence "$said")"$'\n'"What it needs on this system: $SWIFT_PAGE"
    fi
    version=$(sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' <<<"$said" | head -n 1)
    [[ $(printf '%s\n' "$SWIFT_MINIMUM" "$version" | sort -V | head -n 1) == "$SWIFT_MINIMUM" ]] ||
        fail "Swift ${version:-of unknown version} is too old: Berth is built with Swift $SWIFT_MINIMUM or later. $SWIFT_ADVICE"
}

# The release build that everybody runs: the runtime is linked in, so the program needs no Swift where it goes.
readonly RELEASE_BUILD=(-c release --product berth --static-swift-stdlib --explicit-target-dependency-import-check error)

# build_release ROOT: builds the program; seconds when nothing changed.
build_release() { in_own_tmp swift build --package-path "$1" "${RELEASE_BUILD[@]}" >&2; }

# release_binary ROOT: prints where build_release puts it.
release_binary() { printf '%s/berth\n' "$(in_own_tmp swift build --package-path "$1" "${RELEASE_BUILD[@]}" --show-bin-path)"; }
