# Functions that prepare a machine for building Berth, shared by the scripts in deploy and Tests/run. Source this file in bash; do not run it.
# On Debian 12 and Ubuntu 24.04 they install with apt. On other systems they print what is missing.

readonly SWIFT_MINIMUM=6.2
readonly EX_UNAVAILABLE=69 # sysexits.h: something that the program needs is missing

# The C libraries, as pkg-config module:Debian package. A test compares this list with deploy/image/Dockerfile.
readonly C_LIBRARIES=(libevent:libevent-dev libcurl:libcurl4-openssl-dev openssl:libssl-dev libcrypt:libcrypt-dev yaml-0.1:libyaml-dev)

# The packages that Swift needs besides its toolchain, from its instructions (https://www.swift.org/install/linux/).
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

readonly OS_RELEASE=${OS_RELEASE:-/etc/os-release} # tests set their own
readonly CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$*"
    exit "$EX_UNAVAILABLE"
}

# as_root COMMAND...: runs the command as root, with sudo if the caller is not root.
as_root() {
    if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

can_install() {
    command -v apt-get >/dev/null && { [[ $EUID -eq 0 ]] || command -v sudo >/dev/null; }
}

# apt_install PACKAGE...: installs without recommended packages and questions, and does not start services.
apt_install() {
    can_install || {
        say "missing: $*. Install these packages (names as in Debian), or run this as root or with sudo on Debian or Ubuntu."
        return 1
    }
    say "installing: $*"
    # Debian starts a service when it is installed; nginx, docker and the registry would take fixed ports. A policy-rc.d that exits with
    # 101 (not allowed) prevents that. An existing policy-rc.d belongs to the administrator and stays as it is.
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

# missing_programs COMMAND:PACKAGE...: prints the packages of the commands that are not on PATH.
missing_programs() {
    local program
    for program in "$@"; do
        command -v "${program%%:*}" >/dev/null || echo "${program##*:}"
    done | sort -u
}

# install_programs COMMAND:PACKAGE...: installs the packages of the commands that are not on PATH.
install_programs() {
    local missing
    PATH=$PATH:/usr/sbin:/sbin
    mapfile -t missing < <(missing_programs "$@")
    [[ ${#missing[@]} -eq 0 ]] || apt_install "${missing[@]}"
}

# in_own_tmp COMMAND...: runs the command with its own TMPDIR and then removes it, because Swift's tools leave directories there.
in_own_tmp() (
    TMPDIR=$(mktemp -d)
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
    "$@"
)

# missing_libraries: prints the missing Debian packages of the C libraries (by pkg-config) and of what SwiftPM needs to fetch dependencies.
missing_libraries() {
    command -v pkg-config >/dev/null || echo pkg-config
    command -v git >/dev/null || echo git
    # On Debian, git does not depend on the certificates. Other systems store them elsewhere.
    ! command -v apt-get >/dev/null || [[ -s $CERTIFICATES ]] || echo ca-certificates
    local library
    for library in "${C_LIBRARIES[@]}"; do
        pkg-config --exists "${library%%:*}" 2>/dev/null || echo "${library##*:}"
    done
}

install_c_libraries() {
    local missing
    mapfile -t missing < <(missing_libraries)
    [[ ${#missing[@]} -eq 0 ]] || apt_install "${missing[@]}" || fail "The build of Berth needs: ${missing[*]}"
}

# swift_packages: prints the packages that Swift's instructions list for this system; fails on systems that are not listed here.
swift_packages() ( # a subshell, because sourcing the file sets variables
    ID="" VERSION_ID=""
    [[ ! -r $OS_RELEASE ]] || source "$OS_RELEASE"
    case "$ID $VERSION_ID" in
        "debian 12") printf '%s\n' "${SWIFT_ON_DEBIAN_12[@]}" ;;
        "ubuntu 24.04") printf '%s\n' "${SWIFT_ON_UBUNTU_24_04[@]}" ;;
        *) return 1 ;;
    esac
)

# missing_swift_packages: prints those of swift_packages that are not installed.
missing_swift_packages() {
    local package
    swift_packages | while read -r package; do
        [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
    done
}

# swift_works: checks that the toolchain starts, and that a compiled program can be linked and run. Prints the version, or what went wrong.
# It links statically like the release build, because that needs the C++ library, which is not part of a toolchain.
swift_works() { swift --version 2>&1 && swift build --version 2>&1 && swift_compiles 2>&1; }

swift_compiles() {
    echo 'import FoundationEssentials; print(URL(filePath: "/").path)' >"$TMPDIR/main.swift"
    swiftc -suppress-warnings -static-stdlib "$TMPDIR/main.swift" -o "$TMPDIR/main" && "$TMPDIR/main"
}

# essence TEXT: prints the first lines with an error; a failed link prints hundreds of lines.
essence() { grep -m 3 error <<<"$1" || head -n 3 <<<"$1"; }

require_swift() {
    command -v swift >/dev/null || fail "No Swift toolchain. Berth needs Swift $SWIFT_MINIMUM or later. $SWIFT_ADVICE"
    local output missing version
    if ! output=$(in_own_tmp swift_works); then
        say "Swift does not work on this machine yet: $(essence "$output")"
        mapfile -t missing < <(missing_swift_packages)
        [[ ${#missing[@]} -eq 0 ]] || apt_install "${missing[@]}" || fail "Swift needs: ${missing[*]}"
        output=$(in_own_tmp swift_works) || fail "Swift cannot build on this machine: $(essence "$output")"$'\n'"Its requirements: $SWIFT_PAGE"
    fi
    version=$(sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' <<<"$output" | head -n 1)
    [[ $(printf '%s\n' "$SWIFT_MINIMUM" "$version" | sort -V | head -n 1) == "$SWIFT_MINIMUM" ]] ||
        fail "Swift ${version:-of unknown version} is too old. Berth needs Swift $SWIFT_MINIMUM or later. $SWIFT_ADVICE"
}

# The options of every release build. The Swift runtime is linked statically, so that the program runs without Swift. The table of addresses is
# filled in at start and read-only from then on. A build id would differ from one directory to the next: it covers the debug information, which names
# the compiler's caches.
readonly RELEASE_BUILD=(
    -c release --product berth --static-swift-stdlib --explicit-target-dependency-import-check error
    -Xlinker -z -Xlinker now -Xlinker --build-id=none
)

# strip_program PROGRAM OUTPUT: leaves out what running it does not need. .swift_modhash is the compiler's note for its next build, and differs from
# one directory to the next. Zeros replace it: without that section, objcopy would leave out the segment that makes tables read-only.
strip_program() (
    notes=$(mktemp -d)
    trap 'rm -rf "$notes"' EXIT
    objcopy --dump-section .swift_modhash="$notes/hashes" "$1" "$notes/copy"
    head -c "$(stat --format=%s "$notes/hashes")" /dev/zero >"$notes/zeros"
    objcopy --strip-all --remove-section=.comment --update-section .swift_modhash="$notes/zeros" "$1" "$2"
)

# release_build ROOT OPTION...: runs `swift build` for the release. No path of ROOT gets into the stripped program, so that every directory builds
# the same bytes.
release_build() {
    local root
    root=$(cd "$1" && pwd -P)
    in_own_tmp swift build --package-path "$root" "${RELEASE_BUILD[@]}" \
        -Xswiftc -file-prefix-map -Xswiftc "$root=." -Xcc "-ffile-prefix-map=$root=." "${@:2}"
}

# build_release ROOT: builds the program. Takes seconds if nothing has changed.
build_release() { release_build "$1" >&2; }

# release_binary ROOT: prints the path of the program that build_release builds.
release_binary() { printf '%s/berth\n' "$(release_build "$1" --show-bin-path)"; }
