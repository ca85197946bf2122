"""deploy/lib/setup.sh on machines that lack packages for Swift or the build, with a fake for every command; and the files that it leaves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.gateway import clean_environment
from harness.processes import Program, require

ROOT = Path(__file__).parents[2]
EX_UNAVAILABLE = 69
TOOLS = ("bash", "cat", "chmod", "env", "grep", "head", "mktemp", "rm", "sed", "sort", "touch")
DEBIAN = 'ID=debian\nVERSION_ID="12"\nNAME=Debian\n'
UBUNTU = 'ID=ubuntu\nVERSION_ID="24.04"\n'

# Like the toolchain's errors without libncurses6 or libstdc++-12-dev. $BROKEN is `run` or `link`; calling apt-get repairs it.
SWIFT = """
[[ $BROKEN != run || -e $MACHINE/installed ]] ||
    { echo "swift: error while loading shared libraries: libncurses.so.6: cannot open shared object file" >&2; exit 127; }
echo "Swift version $VERSION (swift-RELEASE)"
"""
SWIFTC = """
[[ $BROKEN != link || -e $MACHINE/installed ]] || { printf '/usr/bin/ld.gold: error: %s\n' "cannot find -lstdc++" {1..200} >&2; exit 1; }
while [[ $1 != -o ]]; do shift; done
printf '#!/bin/bash\\n' >"$2"
chmod +x "$2"
touch "$TMPDIR/TemporaryDirectory.left"
"""
PKG_CONFIG = '[[ " $ABSENT " != *" ${2#lib} "* ]]'
DPKG_QUERY = '[[ " $THERE " != *" ${@: -1} "* ]] || printf installed'
# Commands that would run as root are only recorded, so that the machine's policy-rc.d is not touched.
SCRIPT = """
source "$ROOT/deploy/lib/setup.sh"
as_root() {
    printf '%s\\n' "$*" >>"$MACHINE/as-root"
    [[ $* != *install* || $MENDS != yes ]] || touch "$MACHINE/installed"
}
require_swift
install_c_libraries
"""


@dataclass
class Outcome:
    status: int
    said: str
    installed: list[str]


class Machine:
    """A PATH with a few real tools and fakes for the rest."""

    def __init__(self, directory: Path, system: str = DEBIAN, without: tuple[str, ...] = ()) -> None:
        self.directory = directory
        self.path, self.temporary = directory / "bin", directory / "tmp"
        self.path.mkdir()
        self.temporary.mkdir()
        self.system = directory / "os-release"
        self.system.write_text(system)
        for tool in TOOLS:
            (self.path / tool).symlink_to(shutil.which(tool) or tool)
        commands = {"swift": SWIFT, "swiftc": SWIFTC, "pkg-config": PKG_CONFIG, "dpkg-query": DPKG_QUERY, "git": "", "apt-get": "", "sudo": ""}
        for name, text in commands.items():
            if name not in without:
                (self.path / name).write_text(f"#!/bin/bash\n{text}\n")
                (self.path / name).chmod(0o755)

    def set_up(self, broken: str = "", mends: str = "yes", version: str = "6.3.1", there: str = "", absent: str = "") -> Outcome:
        environment = {
            "PATH": str(self.path), "TMPDIR": str(self.temporary), "OS_RELEASE": str(self.system), "ROOT": str(ROOT), "MACHINE": str(self.directory),
            "BROKEN": broken, "MENDS": mends, "VERSION": version, "THERE": there, "ABSENT": absent,
        }  # fmt: skip
        done = subprocess.run(
            [self.path / "bash", "-euo", "pipefail", "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=30
        )
        assert list(self.temporary.iterdir()) == [], "a temporary directory is left"
        asked = self.directory / "as-root"
        lines = asked.read_text().splitlines() if asked.exists() else []
        packages = [word for line in lines if " install " in line for word in line.split() if not word.startswith("-")]
        return Outcome(done.returncode, done.stderr + done.stdout, packages[packages.index("install") + 1 :] if packages else [])


def test_nothing_is_installed_if_nothing_is_missing(own_directory: Path) -> None:
    outcome = Machine(own_directory).set_up()
    assert (outcome.status, outcome.installed) == (0, []), outcome


@pytest.mark.parametrize("broken, word", [("run", "libncurses.so.6"), ("link", "-lstdc++")])
@pytest.mark.parametrize(
    "system, packages",
    [(DEBIAN, {"libncurses-dev", "libstdc++-12-dev", "gcc"}), (UBUNTU, {"libncurses-dev", "libstdc++-13-dev", "libgcc-13-dev"})],
    ids=["debian", "ubuntu"],
)
def test_missing_packages_of_swift_are_installed(own_directory: Path, broken: str, word: str, system: str, packages: set[str]) -> None:
    outcome = Machine(own_directory, system).set_up(broken, there="git tzdata")
    assert outcome.status == 0 and word in outcome.said, outcome
    assert packages <= set(outcome.installed) and not {"git", "tzdata"} & set(outcome.installed), outcome


@pytest.mark.parametrize("broken, word", [("run", "libncurses.so.6"), ("link", "-lstdc++")])
def test_packages_that_cannot_be_installed_are_named(own_directory: Path, broken: str, word: str) -> None:
    outcome = Machine(own_directory, without=("apt-get",)).set_up(broken)
    assert outcome.status == EX_UNAVAILABLE, outcome
    assert word in outcome.said and "libstdc++-12-dev" in outcome.said and "libncurses-dev" in outcome.said, outcome


@pytest.mark.parametrize("system", ["ID=debian\nVERSION_ID=14\n", "ID=arch\n", ""], ids=["newer", "other", "none"])
def test_on_an_unknown_system_the_reason_and_swifts_page_are_printed(own_directory: Path, system: str) -> None:
    outcome = Machine(own_directory, system).set_up("link")
    assert outcome.status == EX_UNAVAILABLE and not outcome.installed, outcome
    assert "-lstdc++" in outcome.said and "https://www.swift.org/install/linux/" in outcome.said, outcome


@pytest.mark.parametrize("broken, word", [("run", "libncurses.so.6"), ("link", "-lstdc++")])
def test_an_installation_that_does_not_help_ends_with_the_reason(own_directory: Path, broken: str, word: str) -> None:
    outcome = Machine(own_directory).set_up(broken, mends="no")
    assert outcome.status == EX_UNAVAILABLE and outcome.installed and outcome.said.count(word) == 2, outcome
    assert len(outcome.said.splitlines()) < 20, outcome


def test_a_missing_or_old_swift_is_reported(own_directory: Path) -> None:
    (own_directory / "none").mkdir()
    none = Machine(own_directory / "none", without=("swift",)).set_up()
    (own_directory / "old").mkdir()
    old = Machine(own_directory / "old").set_up(version="5.10")
    for outcome, word in ((none, "No Swift toolchain"), (old, "5.10 is too old")):
        assert outcome.status == EX_UNAVAILABLE and word in outcome.said and "https://www.swift.org" in outcome.said, outcome


def test_missing_packages_of_the_build_are_installed(own_directory: Path) -> None:
    outcome = Machine(own_directory, without=("git",)).set_up(absent="event curl")
    assert outcome.status == 0 and {"git", "libevent-dev", "libcurl4-openssl-dev"} <= set(outcome.installed), outcome


def test_the_demo_leaves_nothing_in_the_temporary_directory(berth: Path, own_directory: Path) -> None:
    """The build takes seconds, because nothing has changed."""
    require("swift", "pkg-config")
    temporary = own_directory / "tmp"
    temporary.mkdir()
    environment = clean_environment({"TMPDIR": str(temporary)})
    program = Program("demo", [ROOT / "deploy/demo", "--listen", "127.0.0.1:0"], own_directory, environment)
    program.wait_ready(lambda: "docker login" in program.out, 300)
    made = [path.name for path in temporary.iterdir()]
    assert len(made) == 1 and made[0].startswith("berth-demo-"), made
    assert program.stop(signal.SIGINT) == 0, program.err
    assert os.listdir(temporary) == []
