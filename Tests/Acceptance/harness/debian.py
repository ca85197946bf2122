"""Debian in a directory: made by debootstrap from the mirror that this machine's apt uses, entered by chroot, and booted with its own systemd."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.processes import Program, Word, attempt, require, require_root, run, wait_until

BOOT = Path(__file__).with_name("boot.sh")
INSTALL_SECONDS = 400.0
NON_INTERACTIVE = {"DEBIAN_FRONTEND": "noninteractive", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def release_of_this_machine() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text().splitlines()
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}


def mirror(suite: str) -> str:
    """Where apt gets the suite's main packages from."""
    listing = run("apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages")
    found = [line.split()[2] for line in listing.splitlines() if line.split()[:2] == [suite, "main"]]
    assert found, f"apt's sources have no main packages of {suite}: {listing}"
    return found[0]


class Debian:
    """A minimal system of this machine's release in a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def bootstrap(cls, root: Path) -> Debian:
        require("debootstrap", "apt-get")
        require_root()
        suite = release_of_this_machine()["VERSION_CODENAME"]
        run("debootstrap", "--variant=minbase", suite, root, mirror(suite), timeout=INSTALL_SECONDS)
        debian = cls(root)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        debian.write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)  # no service starts in a chroot
        return debian

    def copy(self, root: Path) -> Debian:
        run("cp", "--archive", "--reflink=auto", self.root, root)
        return Debian(root)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        (self.root / path).write_text(text)
        (self.root / path).chmod(mode)

    def call(self, *argv: Word) -> str:
        """Runs a command in the directory, with the machine's network, and /proc."""
        # In a mount namespace of its own, so that the mount ends with the command.
        script = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
        enter: list[Word] = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", script, self.root]
        return run(*enter, *argv, env=NON_INTERACTIVE, timeout=INSTALL_SECONDS)

    def install(self, *packages: str) -> None:
        self.call("apt-get", "update", "-qq")
        self.call("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)

    def files(self) -> dict[str, str]:
        """Every path with its kind, mode and owner, without what apt and dpkg note of their own work."""
        listing = run("find", self.root, "-xdev", "-printf", "%P\t%y %m %U:%G\n")
        lines = (line.partition("\t") for line in listing.splitlines())
        ours = ("var/lib/dpkg/", "var/lib/apt/", "var/cache/", "var/log/")
        return {path: facts for path, _, facts in lines if path and not path.startswith(ours)}


class BootedDebian(Debian):
    """The system with its own systemd as process 1, in namespaces of its own except for the network."""

    def __init__(self, root: Path, directory: Path) -> None:
        super().__init__(root)
        self.cgroup = cgroup_mount() / f"berth-{directory.name}-{os.getpid()}"
        self.cgroup.mkdir()
        (root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
        # What a test does not need, and what would wait for a console or look for updates.
        for unit in ("timers.target", "getty.target", "console-getty.service", "systemd-logind.service"):
            (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
        self.program = Program("boot", ["bash", BOOT, self.cgroup, root], directory)
        try:
            self.init = self.program.wait_ready(self._find_init)
            self.program.wait_ready(lambda: self.attempt("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), 60)
        except BaseException:
            self.stop()
            raise

    def _find_init(self) -> int | None:
        """The process 1 of the namespace, once it is systemd."""
        children = Path(f"/proc/{self.program.pid}/task/{self.program.pid}/children").read_text().split()
        return next((int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text() == "systemd\n"), None)

    def _enter(self, *argv: Word) -> list[Word]:
        return ["nsenter", "--target", str(self.init), "--mount", "--pid", "--uts", "--ipc", "--cgroup", "chroot", self.root, *argv]

    def call(self, *argv: Word) -> str:
        return run(*self._enter(*argv), env=NON_INTERACTIVE)

    def attempt(self, *argv: Word) -> subprocess.CompletedProcess[str]:
        return attempt(*self._enter(*argv), env=NON_INTERACTIVE)

    def property(self, unit: str, name: str) -> str:
        return self.call("systemctl", "show", "--property", name, "--value", unit).strip()

    def process_status(self, unit: str) -> dict[str, str]:
        """/proc/PID/status of the unit's main process, by the names there."""
        pid = self.property(unit, "MainPID")
        lines = self.call("cat", f"/proc/{pid}/status").splitlines()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

    def journal(self, unit: str) -> str:
        return self.call("journalctl", "--no-pager", "--output=cat", "--unit", unit)

    def stop(self) -> None:
        """All processes of the namespace end with its first."""
        self.program.stop(signal.SIGKILL)
        deadline = time.monotonic() + 10
        while self.cgroup.exists() and time.monotonic() < deadline:
            for directory, _, _ in os.walk(self.cgroup, topdown=False):
                try:
                    os.rmdir(directory)
                except OSError:
                    time.sleep(0.05)  # a process of it is still ending


def cgroup_mount() -> Path:
    """Where the unified hierarchy is mounted."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, path, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(path)
    raise AssertionError("no cgroup2 is mounted; systemd needs one")


@contextmanager
def booted(root: Debian, directory: Path) -> Iterator[BootedDebian]:
    machine = BootedDebian(root.root, directory)
    try:
        yield machine
    finally:
        machine.stop()
