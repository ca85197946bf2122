"""Prints a list of what the program consists of, as SPDX 2.3 in JSON: Swift packages, Swift's runtime, and the shared libraries that it loads.

Packages, versions and commits come from Package.resolved, licences from the packages' own files, libraries from the program, and their packages
from dpkg. $SOURCE_DATE_EPOCH is the date, so that the same program has the same list.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

Package = dict[str, Any]
SPDX_ID_FORBIDDEN = re.compile(r"[^A-Za-z0-9.-]")
NOT_ASSERTED = "NOASSERTION"
SWIFT_LICENCE = "Apache-2.0 WITH Swift-exception"

# Licences of shared libraries, by the stem of the library's name. Debian's packages name them in a text, not by SPDX's identifiers.
LIBRARY_LICENCES = {
    "ld": "LGPL-2.1-or-later", "libc": "LGPL-2.1-or-later", "libm": "LGPL-2.1-or-later", "libcrypt": "LGPL-2.1-or-later",
    "libcrypto": "Apache-2.0", "libssl": "Apache-2.0", "libcurl": "curl", "libevent": "BSD-3-Clause",
    "libyaml": "MIT",
    "libgcc_s": "GPL-3.0-or-later WITH GCC-exception-3.1", "libstdc++": "GPL-3.0-or-later WITH GCC-exception-3.1",
}  # fmt: skip


def output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def spdx_id(*words: str) -> str:
    return "SPDXRef-" + "-".join(SPDX_ID_FORBIDDEN.sub("-", word) for word in words)


def package(
    kind: str, name: str, version: str, licence: str, download: str, supplier: str, purl: str | None = None, **more: Any
) -> Package:
    made = {
        "SPDXID": spdx_id(kind, name), "name": name, "versionInfo": version, "supplier": supplier, "downloadLocation": download,
        "filesAnalyzed": False, "licenseConcluded": licence, "licenseDeclared": licence, "copyrightText": NOT_ASSERTED,
    }  # fmt: skip
    if purl:
        made["externalRefs"] = [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}]
    return made | more


def licence_of(checkout: Path) -> str:
    """The SPDX identifier of a package's licence file."""
    text = "".join(path.read_text() for path in sorted(checkout.glob("LICENSE*")))
    if "Apache License" in text:
        return SWIFT_LICENCE if "Runtime Library Exception" in text else "Apache-2.0"
    if "The MIT License" in text:
        return "MIT"
    sys.exit(f"{checkout}: its licence is unknown; name it in deploy/lib/sbom.py")


def swift_packages(root: Path) -> list[Package]:
    pinned = dict(re.findall(r'\.package\(url: "([^"]+)", exact: "([^"]+)"\)', (root / "Package.swift").read_text()))
    found = []
    for pin in json.loads((root / "Package.resolved").read_text())["pins"]:
        location, state = pin["location"], pin["state"]
        if pinned.get(location) != state.get("version"):
            sys.exit(f"{location}: Package.resolved has {state.get('version')}, Package.swift {pinned.get(location)}; build again")
        where = location.removesuffix(".git")
        name = where.rpartition("/")[2]
        host_and_path = where.partition("://")[2]
        found.append(
            package(
                "swift", name, state["version"], licence_of(root / ".build/checkouts" / name), f"git+{where}@{state['revision']}",
                f"Organization: {host_and_path.split('/')[1]}", f"pkg:swift/{host_and_path}@{state['version']}",
            )
        )  # fmt: skip
    return sorted(found, key=lambda each: each["name"])


def swift_runtime(version: str) -> Package:
    return package(
        "swift", "swift-runtime", version, SWIFT_LICENCE, f"git+https://github.com/swiftlang/swift@swift-{version}-RELEASE",
        "Organization: swift.org",
        comment="Linked statically: standard library, Concurrency, Dispatch, FoundationEssentials. Version of the toolchain.",
    )  # fmt: skip


def libraries(program: Path, arch: str) -> list[Package]:
    """The Debian packages of the shared libraries that the program itself names. What these load in turn is theirs."""
    needed = re.findall(r"^\s+NEEDED\s+(\S+)", output("objdump", "-p", program), re.M)
    paths = dict(re.findall(r"^\s+(\S+) => (/\S+)", output("ldd", program), re.M)) | {
        Path(path).name: path for path in re.findall(r"^\s+(/\S+) \(", output("ldd", program), re.M)
    }
    distribution = dict(line.rstrip().split("=", 1) for line in open("/etc/os-release") if "=" in line)
    distribution = {key: value.strip('"') for key, value in distribution.items()}
    system = distribution["ID"]
    names: dict[str, list[str]] = {}
    for library in needed:
        # dpkg knows the file by its path before or after the merge of / and /usr.
        real = Path(paths[library]).resolve()
        candidates = [real, Path("/" + str(real).removeprefix("/usr/")), Path(paths[library])]
        owner = next(name for path in candidates if (name := owner_of(path)))
        names.setdefault(owner, []).append(library)
    found = []
    for name, files in sorted(names.items()):
        version = output("dpkg-query", "--show", "--showformat=${Version}", name)
        name = name.split(":")[0]
        licences = sorted({LIBRARY_LICENCES.get(re.split(r"[-.]\d|\.so|-linux", file)[0], NOT_ASSERTED) for file in files})
        subject = f"{name}@{version}".replace("+", "%2B")
        purl = f"pkg:deb/{system}/{subject}?arch={arch}&distro={system}-{distribution['VERSION_ID']}"
        licence = " AND ".join(f"({each})" if " WITH " in each and len(licences) > 1 else each for each in licences)
        found.append(
            package("deb", name, version, licence, NOT_ASSERTED, f"Organization: {distribution['NAME']}", purl,
                    comment=f"Linked dynamically: {', '.join(sorted(files))}")
        )  # fmt: skip
    return found


def owner_of(path: Path) -> str | None:
    done = subprocess.run(["dpkg-query", "--search", path], capture_output=True, text=True)
    return done.stdout.split(": ")[0] if done.returncode == 0 else None


def main() -> None:
    parser = argparse.ArgumentParser(description="Prints what the program consists of, as SPDX 2.3 in JSON.")
    parser.add_argument("--root", type=Path, required=True, help="the source")
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--arch", required=True, help="as Debian names it")
    parser.add_argument("--swift", required=True, help="version of the toolchain")
    options = parser.parse_args()
    digest = hashlib.sha256(options.program.read_bytes()).hexdigest()
    berth = package(
        "program", "berth", options.version, "Apache-2.0", NOT_ASSERTED, "Organization: Berth maintainers",
        packageFileName="berth", primaryPackagePurpose="APPLICATION", checksums=[{"algorithm": "SHA256", "checksumValue": digest}],
    )  # fmt: skip
    static = [*swift_packages(options.root), swift_runtime(options.swift)]
    dynamic = libraries(options.program, options.arch)
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"])))

    def relation(kind: str, target: Package) -> dict[str, str]:
        return {"spdxElementId": berth["SPDXID"], "relationshipType": kind, "relatedSpdxElement": target["SPDXID"]}

    name = f"berth-{options.version}-linux-{options.arch}"
    document = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": name,
        "documentNamespace": f"https://spdx.org/spdxdocs/{name}-{digest}",  # SPDX asks for one that no other document has
        "creationInfo": {"created": created, "creators": [f"Tool: berth-deploy-release-{options.version}"]},
        "packages": [berth, *static, *dynamic],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": berth["SPDXID"]},
            *(relation("STATIC_LINK", each) for each in static),
            *(relation("DYNAMIC_LINK", each) for each in dynamic),
        ],
    }  # fmt: skip
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    print()


main()
