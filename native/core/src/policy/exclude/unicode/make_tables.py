#!/usr/bin/env python3
"""Writes tables.rs: what Python's `re` knows of characters. Run with Python 3.11 (Unicode 14), from anywhere.

Everything is asked of the running interpreter, so that the tables say what it does, not what a standard says.
"""

import _sre
import os
import re
import subprocess
import unicodedata

CHARACTERS = range(0x110000)
lower = _sre.unicode_tolower


def ranges(pattern):
    """Characters that the pattern matches, as first and last of each run."""
    is_match = re.compile(pattern).match
    flat, first = [], None
    for code in range(0x110001):
        inside = code < 0x110000 and is_match(chr(code)) is not None
        if inside and first is None:
            first = code
        if not inside and first is not None:
            flat += [first, code - 1]
            first = None
    return flat


def lower_rows():
    """Runs of characters that are not lower case: first, last, lower case of the first, step."""
    rows = []
    for code in CHARACTERS:
        if lower(code) == code:
            continue
        if rows:
            first, last, lower_first, step = rows[-1]
            gap = code - last
            if lower(code) - code == lower_first - first and gap in (1, 2) and step in (0, gap):
                rows[-1] = (first, code, lower_first, gap)
                continue
        rows.append((code, code, lower(code), 0))
    return [number for first, last, low, step in rows for number in (first, last, low, step or 1)]


def same_upper():
    """Lower-case characters with the same upper case, as pairs of neighbours in their group."""
    groups = {}
    for code in CHARACTERS:
        if lower(code) == code:
            groups.setdefault(chr(code).upper(), []).append(code)
    pairs = []
    for group in groups.values():
        for one, other in zip(group, group[1:]):
            pairs += [one, other]
    return pairs


def table(name, doc, numbers):
    return f"/// {doc}\npub(super) const {name}: &[u32] = &[{', '.join(hex(n) for n in numbers)}];\n"


here = os.path.dirname(os.path.abspath(__file__))
target = os.path.join(here, "tables.rs")
with open(target, "w") as out:
    out.write(
        f"//! What Python's `re` knows of characters (Unicode {unicodedata.unidata_version}).\n"
        "//! Made by make_tables.py; do not edit.\n\n"
    )
    out.write(table("WORD", r"`\w`: first and last of each run.", ranges(r"\w")) + "\n")
    out.write(table("DIGIT", r"`\d`: first and last of each run.", ranges(r"\d")) + "\n")
    out.write(table("SPACE", r"`\s`: first and last of each run.", ranges(r"\s")) + "\n")
    out.write(
        table("LOWER", "Characters with a lower case: first, last, lower case of the first, step.", lower_rows()) + "\n"
    )
    out.write(table("SAME_UPPER", "Pairs of lower-case characters with the same upper case.", same_upper()))
subprocess.run(["rustfmt", "--edition", "2024", "--config", "max_width=110", target], check=True)
