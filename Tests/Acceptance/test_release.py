"""deploy/release: the files of a release, made twice from the program under test."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
from spdx_tools.spdx.model import RelationshipType
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from harness.processes import attempt, require, run
from harness.release import ROOT, Release, make_release

DATE = "1764115200"


@pytest.fixture(scope="session")
def tree(release: Release, directory: Path) -> Path:
    """What the tarball contains."""
    with tarfile.open(release.archive) as archive:
        archive.extractall(directory / "tarball", filter="data")
    return directory / "tarball" / release.name


@pytest.fixture(scope="session")
def installed(release: Release, directory: Path) -> Path:
    """What the package contains."""
    run("dpkg-deb", "--extract", release.package, directory / "package")
    return directory / "package"


@pytest.fixture
def source(own_directory: Path) -> Path:
    """The source in another directory, as from a tarball: without a repository, all files of one date."""
    copy = own_directory / "source"
    copy.mkdir()
    names = ("Package.swift", "Package.resolved", "README.md", "LICENSE", "openapi.yaml", "Sources", "deploy", ".github")
    run("cp", "--archive", *(ROOT / name for name in names if (ROOT / name).exists()), copy)
    (copy / ".build").mkdir()
    (copy / ".build/checkouts").symlink_to(ROOT / ".build/checkouts")
    run("find", copy, "-exec", "touch", "--no-dereference", f"--date=@{DATE}", "{}", "+")
    return copy


def test_the_same_source_makes_the_same_bytes_elsewhere_and_without_a_repository(
    berth: Path, release: Release, source: Path, own_directory: Path
) -> None:
    with tarfile.open(release.archive) as archive:
        date = {int(member.mtime) for member in archive}
    assert len(date) == 1
    variables = {"TMPDIR": str(own_directory), "LC_ALL": "C", "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": str(date.pop())}
    again = make_release(berth, own_directory / "again", source, **variables)
    assert again.digests() == release.digests()
    assert sorted(release.digests()) == sorted(["SHA256SUMS", release.package.name, release.bill.name, release.archive.name])


def source_date(source: Path, **variables: str) -> str:
    """The date that a release of this source gets."""
    script = 'source "$0/deploy/lib/setup.sh"; source "$0/deploy/lib/packaging.sh"; source_date "$0"'
    environment = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    return run("bash", "-euo", "pipefail", "-c", script, source, env=environment | variables).strip()


def test_the_date_of_a_release_is_that_of_its_source(source: Path, own_directory: Path) -> None:
    environment = {"GIT_CEILING_DIRECTORIES": str(own_directory)}
    assert source_date(source, **environment) == DATE  # of the newest file
    assert source_date(source, **environment, SOURCE_DATE_EPOCH="1000000000") == "1000000000"
    with pytest.raises(AssertionError, match="yesterday is not a number of seconds"):
        source_date(source, SOURCE_DATE_EPOCH="yesterday")
    identity = {f"GIT_{role}_{part}": "x" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    dates = {"GIT_AUTHOR_DATE": "@1600000000 +0000", "GIT_COMMITTER_DATE": "@1700000000 +0000"}
    run("git", "-C", source, "init", "--quiet")
    run("git", "-C", source, "commit", "--quiet", "--allow-empty", "--message", "x", env=os.environ | identity | dates)
    assert source_date(source) == "1700000000"


def test_the_sums_are_those_of_the_files(release: Release) -> None:
    sums = dict(reversed(line.split("  ")) for line in (release.directory / "SHA256SUMS").read_text().splitlines())
    assert sums == {name: digest for name, digest in release.digests().items() if name != "SHA256SUMS"}


def test_the_program_contains_no_path_of_its_build(tree: Path) -> None:
    program = (tree / "bin/berth").read_bytes()
    found = program.find(f"{ROOT}/".encode())
    assert found < 0, program[found - 50 : found + 100]
    # Also if another directory built it: files are named from the root of the source.
    absolute = re.findall(rb"/[\w./-]*/\.build/[\w./-]*", program)
    assert not absolute, absolute
    assert not re.search(r"\.debug_info|\.symtab", run("readelf", "--section-headers", "--wide", tree / "bin/berth"))


def test_the_program_is_hardened(tree: Path) -> None:
    """Position-independent, its table of addresses read-only, its stack not executable."""
    header = run("readelf", "--file-header", "--program-headers", "--dynamic", "--wide", tree / "bin/berth")
    assert "DYN (Position-Independent Executable file)" in header and "GNU_RELRO" in header
    assert re.search(r"\((FLAGS|BIND_NOW)\).*", header) and re.search(r"BIND_NOW|NOW", header)
    assert re.search(r"GNU_STACK .* RW ", header), header


def test_the_version_is_the_same_everywhere(release: Release, tree: Path) -> None:
    versions = {
        "berth --version": run(tree / "bin/berth", "--version").strip(),
        "package": release.field("Version"),
        "SPDX": next(each for each in json.loads(release.bill.read_text())["packages"] if each["name"] == "berth")["versionInfo"],
    }
    assert set(versions.values()) == {release.version}, versions


# The tarball and the package.


def test_the_tarball_has_what_belongs_below_usr_local(tree: Path) -> None:
    files = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}
    expected = {
        "LICENSE", "copyright", "CHANGELOG.md", "bin/berth", "lib/systemd/system/berth.service", "share/man/man1/berth.1", "share/man/man1/berth-serve.1",
        "share/bash-completion/completions/berth", "share/zsh/site-functions/_berth", "share/fish/vendor_completions.d/berth.fish",
        "share/doc/berth/examples/berth.yaml", "share/doc/berth/README.md",
    }  # fmt: skip
    assert expected <= files, expected - files
    assert "\nExecStart=/usr/local/bin/berth serve" in (tree / "lib/systemd/system/berth.service").read_text()


def test_the_package_depends_on_the_libraries_that_the_program_loads(release: Release) -> None:
    depends = {entry.split()[0] for entry in release.field("Depends").split(", ")}
    assert {"adduser", "ca-certificates"} <= depends
    for library in ("libc6", "libcurl4", "libevent-2.1-7", "libssl3", "libcrypt1", "libyaml-0-2"):
        assert any(name.startswith(library) for name in depends), depends
    assert run("dpkg-deb", "--info", release.package, "conffiles").split() == ["/etc/berth/berth.yaml", "/etc/berth/environment"]


def test_lintian_finds_no_error_in_the_package(release: Release) -> None:
    require("lintian")
    done = attempt("lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", release.package)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_manual_has_a_page_for_each_command(release: Release, installed: Path, tree: Path) -> None:
    require("mandoc", "man")
    pages = {path.name.removesuffix(".1"): path for path in (tree / "share/man/man1").iterdir()}
    listed = run(tree / "bin/berth", "--help").split("SUBCOMMANDS:")[1]
    commands = set(re.findall(r"^  (\S+)", listed, re.M)) - {"See"}
    assert set(pages) == {"berth"} | {f"berth-{command}" for command in commands}
    for name, path in pages.items():
        complaints = run("mandoc", "-T", "lint", "-W", "warning", path)
        assert not complaints, complaints
        for reference in re.findall(r"^\.(?:It )?Xr (\S+) 1", path.read_text(), re.M):
            assert reference in pages, f"{name} refers to {reference}"
        rendered = run("man", "--warnings", "--local-file", path, env=os.environ | {"MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
        rendered = re.sub(r".\x08", "", rendered)
        for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "SEE ALSO"):
            assert f"\n{heading}\n" in rendered, f"{name} lacks {heading}"
        assert f"Berth {release.version}" in rendered
        help_text = run(tree / "bin/berth", *name.split("-", 1)[1:], "--help")
        for option in re.findall(r"^  (?:-\w, )?(--[\w-]+)", help_text, re.M):
            assert option in rendered.replace("‐\n", ""), f"{name}: {option}"
        packaged = subprocess.run(["gzip", "-dc", installed / f"usr/share/man/man1/{name}.1.gz"], check=True, capture_output=True)
        assert packaged.stdout == path.read_bytes()


def test_the_manual_names_each_variable(tree: Path) -> None:
    page = (tree / "share/man/man1/berth.1").read_text()
    code = (ROOT / "Sources/Configuration/EnvironmentVariable.swift").read_text()
    variables = set(re.findall(r'= "(BERTH_\w+)"', code))
    assert len(variables) > 5 and variables == set(re.findall(r"BERTH_\w+", page))


COMPLETE = {
    "bash": """
        source {file}
        COMP_WORDS=(berth {words}) COMP_CWORD={last} COMP_LINE="berth {words}" COMP_POINT={point} COMP_TYPE=9 COMP_KEY=9
        "$(complete -p berth | sed 's/.*-F \\([^ ]*\\).*/\\1/')" berth "{word}" ""
        printf '%s\\n' "${{COMPREPLY[@]}}"
        """,
    "fish": 'source {file}; complete --do-complete "berth {words}"',
}


@pytest.mark.parametrize("shell", COMPLETE)
@pytest.mark.parametrize("words, expected", [("ser", "serve"), ("serve --con", "--config")])
def test_the_shell_completes(shell: str, words: str, expected: str, tree: Path, own_directory: Path) -> None:
    require(shell)
    files = {"bash": "bash-completion/completions/berth", "fish": "fish/vendor_completions.d/berth.fish"}
    parts = words.split()
    script = COMPLETE[shell].format(
        file=tree / "share" / files[shell], words=words, word=parts[-1], last=len(parts), point=len(f"berth {words}")
    )
    environment = {"PATH": f"{tree / 'bin'}:{os.environ['PATH']}", "HOME": str(own_directory), "LC_ALL": "C.UTF-8"}
    assert expected in [line.split("\t")[0] for line in run(shell, "-c", script, env=environment).splitlines()]


def test_zsh_completes(tree: Path, own_directory: Path) -> None:
    """In a terminal of zsh's own module, since its completions run only in the line editor."""
    require("zsh")
    script = own_directory / "complete.zsh"
    script.write_text(
        f"""
        zmodload zsh/zpty
        zpty shell 'zsh -f -i'
        zpty -w shell 'PS1= PROMPT_EOL_MARK= TERM=dumb; fpath=({tree}/share/zsh/site-functions $fpath)'
        zpty -w shell 'autoload -Uz compinit; compinit -u -d {own_directory}/dump'
        zpty -w shell 'bindkey "^I" complete-word; echo rea\\dy'
        zpty -r -m shell line '*ready*'
        zpty -n -w shell $'berth ser\\t --con\\t'
        zpty -r -m shell line '*serve*--config*'
        print -r -- "$line"
        zpty -d shell
        """
    )
    environment = {"PATH": f"{tree / 'bin'}:{os.environ['PATH']}", "HOME": str(own_directory), "LC_ALL": "C.UTF-8", "TERM": "dumb"}
    out = run("zsh", "-f", script, env=environment, timeout=60)
    # The terminal shows what is typed and what the shell adds; a backspace takes back the space that it adds.
    assert re.search(r"berth serve \x08? *--config", out), out


# What the program consists of.


def test_the_bill_of_materials_is_valid_and_complete(release: Release, tree: Path) -> None:
    document = parse_file(str(release.bill))
    assert [str(each) for each in validate_full_spdx_document(document)] == []
    assert document.creation_info.spdx_version == "SPDX-2.3"
    packages = {each.spdx_id: each for each in document.packages}

    def linked(kind: RelationshipType) -> dict[str, str]:
        found = (packages[each.related_spdx_element_id] for each in document.relationships if each.relationship_type == kind)
        return {each.name: each.version for each in found}

    pinned = dict(re.findall(r'\.package\(url: ".*/([^/"]+)", exact: "([^"]+)"\)', (ROOT / "Package.swift").read_text()))
    static = linked(RelationshipType.STATIC_LINK)
    assert static.pop("swift-runtime") and static == pinned
    dynamic = linked(RelationshipType.DYNAMIC_LINK)
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "--dynamic", "--wide", tree / "bin/berth"))
    named = {name for each in document.packages for name in (each.comment or "").removeprefix("Linked dynamically: ").split(", ")}
    assert needed and set(needed) <= named
    for name, version in dynamic.items():
        assert run("dpkg-query", "--show", "--showformat=${Version}\n", name).split()[0] == version
    for each in document.packages:
        assert str(each.license_declared) not in ("NOASSERTION", "NONE"), each.name
    program = hashlib.sha256((tree / "bin/berth").read_bytes()).hexdigest()
    assert [each.value for each in packages["SPDXRef-program-berth"].checksums] == [program]


def test_a_program_of_another_version_is_not_packaged(own_directory: Path) -> None:
    other = own_directory / "berth"
    other.write_text("#!/bin/sh\necho 9.9.9\n")
    other.chmod(0o755)
    done = attempt(ROOT / "deploy/release", own_directory / "made", env=os.environ | {"BERTH_BINARY": str(other)})
    assert done.returncode != 0 and not list((own_directory / "made").iterdir()), done
