"""Random pairs of shared files and what botocore reads in them: one JSON object a line on standard output, with the files in base64 and
either the line of each at which reading fails, or everything that both say.

    python3 shared-file-oracle.py SEED COUNT
"""
import base64
import configparser
import io
import json
import os
import random
import re
import sys
import tempfile

import botocore.configloader
import botocore.session
from botocore.exceptions import ConfigParseError

seed, count = int(sys.argv[1]), int(sys.argv[2])
random.seed(seed)

SECTIONS = [
    "default", "profile a", "profile b", 'profile "a b"', "profile 'c d'", "profile 'it\"s'", 'profile "it\'s"', "profile e\\ f", 'profile "g',
    "profile a b", "profile  h", "profile\ti", " profile j", "profile k ", "profile", "profilel m", "profile 'default'", "sso-session s",
    "sso-session 't u'", "services v", 'services "w"', "DEFAULT", "preview", "a", "a b", "c d", "x]y", "profile ü", "'profile n'",
]
KEYS = ["aws_access_key_id", "AWS_Secret_Access_Key", "aws_session_token", "region", "role_arn", "source_profile", "output", "a key", "É", "s#3", "x;y"]
PARENTS = ["s3", "ecr", "sts"]
MARKS = ["=", " = ", ":", " : ", "= ", " =\t", " =", "\xa0=\u3000"]
VALUES = ["v", "a#b", "a # b", "a ;b", "", "", "x = y", "k: v", '"q"', "'q'", " v ", "naïve", "a=b:c", "[v]", "%(v)s", "\\n", "v\x1f", "漢e\u0301"]
BLANKS = ["", "", " ", "\t", "    ", "# note", "; note", "  # note", "\t; note = 1", "#"]


def indent(chance):
    return random.choice([" ", "  ", "    ", "\t", "\t\t"]) if random.random() < chance else ""


def sections():
    """Lines that botocore can read."""
    lines, titles, chance = random.sample(BLANKS, random.randint(0, 2)), set(), 0.15
    for title in random.choices(SECTIONS, k=random.randint(0, 6)):
        if title in titles:
            continue
        titles.add(title)
        keys = set()
        lines.append(indent(chance) + f"[{title}]" + random.choice(["", "", "", " # note", "junk", " ]"]))
        for key in random.choices(KEYS + PARENTS, k=random.randint(0, 5)):
            if key in keys:
                continue
            keys.add(key)
            start = indent(chance)
            chance = 0  # below an empty value what is deeper would be nested
            if key in PARENTS:
                lines.append(f"{start}{key}{random.choice(MARKS)}")
                for _ in range(random.randint(0, 3)):
                    name = random.choice(["endpoint_url", "Endpoint_URL", "x", "a key"])
                    lines.append(f"{start}  {indent(0.3)}{name}{random.choice(['=', ' = '])}{random.choice(VALUES)}")
                    lines += random.sample(BLANKS, random.choice([0, 0, 1]))
            else:
                value = random.choice(VALUES)
                lines.append(start + key + random.choice(MARKS) + value)
                chance = 0.15 if value else 0
                for _ in range(random.choice([0, 0, 0, 1, 2]) if value else 0):
                    lines += random.sample(BLANKS, random.choice([0, 0, 1]))
                    lines.append(f"{start} {indent(0.3)}{random.choice(VALUES + ['[profile z]', 'region = deep'])}")
            lines += random.sample(BLANKS, random.choice([0, 0, 1]))
    return lines


# The first may also come to be the end of a value.
MISTAKES = [
    lambda lines: lines.insert(random.randint(0, len(lines)), indent(0.3) + random.choice(["nonsense", "= v", ": v", "[]", "[open"])),
    lambda lines: lines.insert(0, random.choice(["stray = 1", "stray", "\ufeff", "\ufeff# note", "\ufeff[default]"])),
    lambda lines: lines.insert(random.randint(0, len(lines)), "key = \udcff"),
    lambda lines: lines.extend(["[twice]", "x = 1", "[other]", "[twice]", "y = 2"]),
    lambda lines: lines.extend(["[once]", "x = 1", random.choice(["x = 1", "X : 2", "x"])]),
    lambda lines: lines.extend(["[nested]", "s3 =", "  a = 1", random.choice(["  no pair", "  a : 1"]), "x = 1"]),
]


def text():
    lines = sections()
    end = random.choice(["\n", "\n", "\n", "\r\n", "\r"])
    if random.random() < 0.25:
        # Where a line with a byte of no character is, is counted by line feeds.
        random.choice(MISTAKES if end != "\r" else MISTAKES[:2] + MISTAKES[3:])(lines)
    return (end.join(lines) + random.choice(["", end])).encode(errors="surrogateescape")


def failing_line(path, whole):
    """Where botocore stops: at a byte that is no character, then at what is no INI file, then at a nested line. None: nowhere."""
    lines = re.findall(rb"[^\r\n]*(?:\r\n|\r|\n|$)", whole)

    def first(fails):
        if not fails(whole):
            return None
        return next(number for number in range(1, len(lines) + 1) if fails(b"".join(lines[:number])))

    def is_no_text(part):
        return "\ufffd" in part.decode(errors="replace")

    def is_no_ini(part):
        try:
            configparser.RawConfigParser().read_string(io.TextIOWrapper(io.BytesIO(part), "utf-8").read())
        except configparser.Error:
            return True
        return False

    def is_refused(part):
        with open(path, "wb") as file:
            # What [DEFAULT] holds is looked at in another section.
            file.write(part if part is whole else part + b"\n[probe]\n")
        try:
            botocore.configloader.raw_config_parse(path)
        except ConfigParseError:
            return True
        return False

    return first(is_no_text) or first(is_no_ini) or first(is_refused)


with tempfile.TemporaryDirectory() as directory:
    config, credentials = os.path.join(directory, "config"), os.path.join(directory, "credentials")
    os.environ.update(AWS_CONFIG_FILE=config, AWS_SHARED_CREDENTIALS_FILE=credentials)
    for _ in range(count):
        texts = text(), text()
        case = {"config": base64.b64encode(texts[0]).decode(), "credentials": base64.b64encode(texts[1]).decode()}
        case["configLine"] = failing_line(config, texts[0])
        case["credentialsLine"] = failing_line(credentials, texts[1])
        if case["configLine"] is None and case["credentialsLine"] is None:
            whole = botocore.session.Session().full_config
            case["read"] = {name: whole[name] for name in ("profiles", "sso_sessions", "services")}
        print(json.dumps(case))
