"""What `berth recipe` prints, taken apart: its blocks, and the file that each of them is."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.processes import Word, run

BLOCK = re.compile(r"(?:^File `(?P<path>[^`]+)`:\n\n)?^```(?P<language>\w+)\n(?P<content>.*?)\n```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    section: str  # the heading above it
    path: str | None  # the file that it is
    language: str
    content: str

    def parse(self) -> Any:
        """With a parser of its own language; bash only checks the syntax."""
        match self.language:
            case "json":
                return json.loads(self.content)
            case "toml":
                return tomllib.loads(self.content)
            case "yaml":
                return list(yaml.safe_load_all(self.content))
            case "bash":
                return run("bash", "-n", "-c", self.content)
            case "groovy" | "text":
                return self.content
        raise AssertionError(f"no parser for {self.language}")


class Recipe:
    def __init__(self, text: str) -> None:
        self.text = text
        self.blocks: list[Block] = []
        for part in re.split(r"^## ", text, flags=re.MULTILINE):
            heading, _, body = part.partition("\n")
            self.blocks += [Block(heading, one["path"], one["language"], one["content"]) for one in BLOCK.finditer(body)]

    def file(self, path: str) -> str:
        found = [block.content for block in self.blocks if block.path == path]
        assert found, f"no {path} in {self.text}"
        return found[0]

    def commands(self, *, undo: bool = False, prove: bool = True) -> list[str]:
        """The blocks to be pasted into bash, in order."""
        parts = {False: ("Undo it",), True: tuple({block.section for block in self.blocks} - {"Undo it"})}[undo]
        skipped = set(parts) | (set() if prove else {"Prove it"})
        return [block.content for block in self.blocks if block.language == "bash" and block.section not in skipped]


def print_recipe(berth: Path, *arguments: Word, env: dict[str, str] | None = None) -> Recipe:
    return Recipe(run(berth, "recipe", *arguments, env=env))
