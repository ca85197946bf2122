"""Prints CHANGELOG.md, from standard input, in the format of Debian's changelogs.

    changelog.py --maintainer 'NAME <ADDRESS>' <CHANGELOG.md

Every version gets the date $SOURCE_DATE_EPOCH, since the file has none.
"""

from __future__ import annotations

import argparse
import email.utils
import os
import re
import sys
import textwrap

WIDTH = 78  # lintian reports lines beyond 80


def main() -> None:
    parser = argparse.ArgumentParser(description="Prints CHANGELOG.md, from standard input, in the format of Debian's changelogs.")
    parser.add_argument("--maintainer", required=True)
    options = parser.parse_args()
    date = email.utils.formatdate(int(os.environ["SOURCE_DATE_EPOCH"]))
    # Text before the first heading of a version, then in turn a version and its text.
    _, *parts = re.split(r"^## (\d\S*).*$", sys.stdin.read(), flags=re.M)
    for version, text in zip(parts[::2], parts[1::2]):
        print(f"berth ({version}) stable; urgency=medium\n")
        for item in re.findall(r"^- (.*(?:\n  .*)*)", text, re.M):
            print(textwrap.fill(" ".join(item.split()), WIDTH, initial_indent="  * ", subsequent_indent="    "))
        print(f"\n -- {options.maintainer}  {date}\n")


main()
