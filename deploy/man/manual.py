"""Writes the manual pages of berth, in mdoc, from what its commands say of themselves.

    berth --experimental-dump-help | manual.py --version VERSION --date SECONDS SECTIONS DIRECTORY

berth.1 has the commands and the sections of the file SECTIONS; each command has a page of its own, such as berth-serve.1. swift-argument-parser
also has a generator of manual pages. It is not used: it says that every program exits with 0 or 1, and drops what is not ASCII.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Command = dict[str, Any]
SENTENCE_END = re.compile(r"(?<=[a-z0-9)][.:]) +(?=[A-Z])")


def escape(text: str) -> str:
    """Text for a line that is no macro: a hyphen of an option can then be copied from the page, and nothing starts a macro."""
    text = text.replace("\\", "\\e").replace("`", "\\(ga")
    text = re.sub(r"(?<!\S)-+(?=\w)", lambda found: "\\-" * len(found[0]), text)
    return f"\\&{text}" if text[:1] in ".'" else text


def quoted(text: str) -> str:
    """One argument of a macro."""
    return '"' + text.replace("\\", "\\e").replace('"', "\\(dq") + '"'


def paragraphs(text: str) -> Iterator[str]:
    """Each sentence on a line, as mdoc wants it."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip())):
        if number:
            yield ".Pp"
        for sentence in SENTENCE_END.split(" ".join(paragraph.split())):
            yield escape(sentence)


def flags(argument: dict[str, Any]) -> list[str]:
    """`Fl h`, `Fl -config`: the names, the short one first."""
    names = [(len(name["name"]) > 1, f"Fl {'-' if name['kind'] == 'long' else ''}{name['name']}") for name in argument.get("names", [])]
    return [name for _, name in sorted(names)]


def usage(argument: dict[str, Any]) -> str:
    """The argument in the synopsis."""
    value = "" if argument["kind"] == "flag" else f"Ar {argument['valueName']}"
    name = "" if argument["kind"] == "positional" else (flags(argument) or [""])[-1]
    text = " ".join(filter(None, [name, value])) + (" ..." if argument["isRepeating"] else "")
    return f".Op {text}" if argument["isOptional"] else f".{text}"


def description(argument: dict[str, Any]) -> Iterator[str]:
    value = "" if argument["kind"] == "flag" else f" Ar {argument['valueName']}"
    names = flags(argument) if argument["kind"] != "positional" else []
    yield f".It {' , '.join(names)}{value}" if names else f".It{value}"
    yield from paragraphs(argument.get("abstract") or "")
    if argument.get("discussion"):
        yield ".Pp"
        yield from paragraphs(argument["discussion"])
    if values := argument.get("allValues"):
        yield escape(f"Values: {', '.join(values)}.")
    if default := argument.get("defaultValue"):
        yield escape(f"Default: {default}.")


def arguments(command: Command) -> list[dict[str, Any]]:
    return [argument for argument in command.get("arguments", []) if argument["shouldDisplay"]]


def subcommands(command: Command) -> list[Command]:
    return [each for each in command.get("subcommands", []) if each["shouldDisplay"] and each["commandName"] != "help"]


def page(command: Command, name: list[str], version: str, date: str, sections: str) -> str:
    abstract = " ".join((command.get("abstract") or "").split())
    title = SENTENCE_END.split(abstract)[0].rstrip(".")
    lines = [
        f".Dd {date}", f".Dt {'-'.join(name).upper()} 1", f'.Os "Berth {version}"',
        ".Sh NAME", f".Nm {'-'.join(name)}", f".Nd {escape(title[:1].lower() + title[1:])}",
        ".Sh SYNOPSIS", f".Nm {quoted(' '.join(name))}",
    ]  # fmt: skip
    children = subcommands(command)
    if children:
        lines.append(".Ar command")
    lines += map(usage, arguments(command))
    lines += [".Sh DESCRIPTION", *paragraphs(abstract)]
    if command.get("discussion"):
        lines += [".Pp", *paragraphs(command["discussion"])]
    if children:
        lines += [".Pp", "The commands are:", ".Bl -tag -width Ds"]
        for child in children:
            lines += [f".It Xr {'-'.join([*name, child['commandName']])} 1", *paragraphs(child.get("abstract") or "")]
        lines.append(".El")
    if arguments(command):
        lines += [".Pp", "The options are:", ".Bl -tag -width Ds"]
        for argument in arguments(command):
            lines += description(argument)
        lines.append(".El")
    if len(name) == 1:
        lines.append(sections.rstrip("\n"))
    else:
        lines += [".Sh EXIT STATUS", "See", ".Xr berth 1 ."]
    others = sorted(f".Xr {'-'.join([*name, child['commandName']])} 1" for child in children) or [".Xr berth 1"]
    lines += [".Sh SEE ALSO", *(f"{other} ," for other in others[:-1]), others[-1]]
    return "\n".join(lines) + "\n"


def write(command: Command, name: list[str], directory: Path, **facts: str) -> None:
    (directory / f"{'-'.join(name)}.1").write_text(page(command, name, **facts))
    for child in subcommands(command):
        write(child, [*name, child["commandName"]], directory, **facts)


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the manual pages of berth from its dumped help, read from standard input.")
    parser.add_argument("--version", required=True)
    parser.add_argument("--date", type=int, required=True, help="seconds since 1970")
    parser.add_argument("sections", type=Path)
    parser.add_argument("directory", type=Path)
    options = parser.parse_args()
    help_text = json.load(sys.stdin)
    if help_text["serializationVersion"] != 0:
        sys.exit("swift-argument-parser dumps its help in another format than version 0; change deploy/man/manual.py for it")
    day = time.gmtime(options.date)
    date = time.strftime(f"%B {day.tm_mday}, %Y", day)
    command = help_text["command"]
    sections = options.sections.read_text()
    write(command, [command["commandName"]], options.directory, version=options.version, date=date, sections=sections)


main()
