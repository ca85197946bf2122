# Functions that make the files of a release, for deploy/release. Source this file in bash after setup.sh; do not run it.
# Every archive has sorted names, one date, numeric owners and fixed modes, so that the same input gives the same bytes.

# source_version ROOT: prints the version, from the one place where it is written.
source_version() { sed -n 's/.*static let text = "\(.*\)"/\1/p' "$1/Sources/berth/ProgramVersion.swift"; }

# source_date ROOT: prints the date of the source in seconds since 1970: $SOURCE_DATE_EPOCH, or that of the last commit, or that of the newest
# source file, which in a tarball is the same.
source_date() {
    local date=${SOURCE_DATE_EPOCH:-}
    [[ -n $date ]] || ! command -v git >/dev/null || date=$(git -C "$1" log -1 --format=%ct 2>/dev/null || true)
    [[ -n $date ]] ||
        date=$(find "$1/Package.swift" "$1/Sources" "$1/deploy" -type f -printf '%T@\n' | sort -n | tail -n 1 | cut -d . -f 1)
    [[ $date =~ ^[0-9]+$ ]] || fail "SOURCE_DATE_EPOCH: $date is not a number of seconds; write the output of date +%s"
    echo "$date"
}

swift_version() { swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1; }

# describe_program PROGRAM VERSION WORK: makes WORK/completions and WORK/man from what the program says of its commands.
describe_program() {
    local shell
    mkdir "$3/completions" "$3/man"
    for shell in bash zsh fish; do "$1" --generate-completion-script "$shell" >"$3/completions/$shell"; done
    "$1" --experimental-dump-help >"$3/help.json"
    python3 "$root/deploy/man/manual.py" --version "$2" --date "$SOURCE_DATE_EPOCH" "$root/deploy/man/berth.mdoc" "$3/man" <"$3/help.json"
}

# make_tarball ROOT WORK NAME FILE: what belongs below /usr/local, with the licence and examples.
make_tarball() {
    local root=$1 work=$2 tree=$2/tarball/$3
    install -D -m 755 "$work/berth" "$tree/bin/berth"
    install_descriptions "$work" "$tree/share" site-functions
    install -D -m 644 -t "$tree" "$root/LICENSE" "$root/deploy/deb/copyright" "$root/.github/CHANGELOG.md"
    install -D -m 644 -t "$tree/share/doc/berth" "$root/README.md" "$root/openapi.yaml"
    install -D -m 644 -t "$tree/share/doc/berth/examples" "$root/deploy/systemd/berth.yaml"
    install -D -m 644 -t "$tree/share/doc/berth/examples/iam" "$root"/deploy/iam/*.json
    install_units "$root" "$tree/lib/systemd/system" /usr/local/bin/berth
    archive "$work/tarball" "$3" | gzip -n >"$4"
}

# install_descriptions WORK SHARE ZSH: manual pages and completions, below a `share` directory. ZSH: its directory of functions.
install_descriptions() {
    install -D -m 644 -t "$2/man/man1" "$1"/man/*.1
    # bash reads the file; it is no program.
    sed '1{/^#!/d}' "$1/completions/bash" | install -D -m 644 /dev/stdin "$2/bash-completion/completions/berth"
    install -D -m 644 "$1/completions/zsh" "$2/zsh/$3/_berth"
    install -D -m 644 "$1/completions/fish" "$2/fish/vendor_completions.d/berth.fish"
}

# install_units ROOT DIRECTORY PROGRAM: the units, running PROGRAM.
install_units() {
    local unit
    for unit in "$1"/deploy/systemd/*.{service,socket}; do
        [[ ! -e $unit ]] || sed "s|/usr/bin/berth|$3|" "$unit" | install -D -m 644 /dev/stdin "$2/$(basename "$unit")"
    done
}

# archive DIRECTORY NAME: prints DIRECTORY/NAME as a tar archive.
archive() {
    tar --create --directory="$1" --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
        --mode=u+rwX,go+rX,go-w "$2"
}

# make_package ROOT WORK VERSION ARCH FILE: the Debian package.
make_package() {
    local root=$1 work=$2 version=$3 arch=$4 file=$5 tree=$2/package doc=$2/package/usr/share/doc/berth
    install -D -m 755 "$work/berth" "$tree/usr/bin/berth"
    install_descriptions "$work" "$tree/usr/share" vendor-completions
    gzip -9n "$tree"/usr/share/man/man1/*.1
    install_units "$root" "$tree/lib/systemd/system" /usr/bin/berth
    # postinst gives berth.yaml to the group of the service.
    install -D -m 640 "$root/deploy/systemd/berth.yaml" "$tree/etc/berth/berth.yaml"
    install -D -m 600 "$root/deploy/deb/environment" "$tree/etc/berth/environment"
    install -D -m 644 -t "$doc" "$root/deploy/deb/copyright" "$root/openapi.yaml"
    gzip -9n <"$root/README.md" | install -m 644 /dev/stdin "$doc/README.md.gz"
    install -D -m 644 -t "$doc/examples/iam" "$root"/deploy/iam/*.json
    install -D -m 644 "$root/deploy/deb/lintian-overrides" "$tree/usr/share/lintian/overrides/berth"
    python3 "$root/deploy/deb/changelog.py" --maintainer "$(maintainer)" <"$root/.github/CHANGELOG.md" | gzip -9n |
        install -m 644 /dev/stdin "$doc/changelog.gz"

    install -d -m 755 "$tree/DEBIAN"
    install -m 755 -t "$tree/DEBIAN" "$root"/deploy/deb/{postinst,prerm,postrm}
    (cd "$tree" && find etc -type f -printf '/%p\n' | sort) >"$tree/DEBIAN/conffiles"
    (cd "$tree" && find lib usr -type f -print0 | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
    sed -e "s|@VERSION@|$version|" -e "s|@ARCHITECTURE@|$arch|" -e "s|@MAINTAINER@|$(maintainer)|" \
        -e "s|@SIZE@|$(installed_size "$tree")|" -e "s|@LIBRARIES@|$(library_packages "$work")|" \
        "$root/deploy/deb/control" >"$tree/DEBIAN/control"
    find "$tree" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --build "$tree" "$file" >/dev/null
}

maintainer() { printf '%s <%s>' "${DEBFULLNAME:-Berth maintainers}" "${DEBEMAIL:-maintainers@berth.example}"; }

# installed_size TREE: prints the size in KiB as Debian's policy counts: each file rounded up, 1 for everything else.
installed_size() {
    find "$1" -path "$1/DEBIAN" -prune -o -type f -printf '%s\n' -o -printf '1\n' |
        awk '{ sum += int(($1 + 1023) / 1024) } END { print sum }'
}

# library_packages WORK: prints the packages of the libraries that WORK/berth is linked with, as a list of dependencies.
library_packages() (
    mkdir -p "$1/shlibdeps/debian"
    cd "$1/shlibdeps"
    printf 'Source: berth\n\nPackage: berth\nArchitecture: any\n' >debian/control
    dpkg-shlibdeps -O ../berth 2>/dev/null | sed -n 's/^shlibs:Depends=//p'
)
