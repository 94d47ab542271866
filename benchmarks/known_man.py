"""Manual pages whose source is known, as HTML: rows of {html, text, codes} for `python -m benchmarks.web_extraction --known OUT.jsonl`.

`python -m benchmarks.known_man FOLDER OUT.jsonl [--mandoc PROGRAM] [--most N]`. FOLDER holds pages in roff (`man2/accept.2.gz`), which
mandoc makes HTML of. The codes are what stands in the source between `.nf` and `.fi`, or `.EX` and `.EE`, read here and not by mandoc:
fonts and escapes undone. A paragraph ends a block, as it does on the page; a block with any other request in it is not taken. The text is
mandoc's own for terminals.
"""

import argparse
import gzip
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ESCAPE = re.compile(r"\\(?:f(?:\[[^]]*\]|\(..|.)|\((..)|\[([^]]+)\]|(.))", re.S)
CHARACTERS = {
    "aq": "'", "dq": '"', "ti": "~", "ha": "^", "bs": "\\", "rs": "\\", "ga": "`", "lq": "\u201c", "rq": "\u201d", "oq": "\u2018",
    "cq": "\u2019", "em": "\u2014", "en": "\u2013", "bu": "\u2022", "lB": "[", "rB": "]", "lC": "{", "rC": "}", "at": "@", "sh": "#",
    "Do": "$", "ba": "|",
}  # fmt: skip
SIGNS = {"-": "-", "e": "\\", "\\": "\\", "&": "", "%": "", ":": "", "|": "", "^": "", " ": " ", "~": " ", "0": " "}
FONTS = re.compile(r"\.(B|I|SB|SM|BI|BR|IB|IR|RB|RI)\s+(.*)")
ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|(\S(?:\\ |\S)*)')
PARAGRAPH = re.compile(r"\.(PP|P|LP)\s*$")


class UnknownRequest(Exception):
    """Something that is not undone here."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--mandoc", default="mandoc")
    parser.add_argument("--most", type=int, default=400, help="pages, spread evenly over those with code")
    arguments = parser.parse_args()
    found = []
    skipped = 0
    for path in sorted(p for p in Path(arguments.folder).rglob("*") if p.is_file() and not p.is_symlink()):
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        codes, left_out = codes_of(raw.decode("utf-8", "replace"))
        skipped += left_out
        if codes:
            found.append((raw, codes))
    found = found[:: max(1, len(found) // arguments.most)]
    with open(arguments.out, "w", encoding="utf-8") as out:
        for raw, codes in found:
            html, text = (made(arguments.mandoc, raw, *form) for form in (("html",), ("utf8", "-Owidth=300")))
            out.write(json.dumps({"html": html, "text": re.sub(".\b", "", text), "codes": codes}) + "\n")
    print(f"{len(found)} pages, {sum(len(codes) for _, codes in found)} blocks; {skipped} in all sources have other requests in them")


def made(mandoc: str, raw: bytes, form: str, *options: str) -> str:
    return subprocess.run([mandoc, "-T", form, *options], input=raw, capture_output=True, check=False).stdout.decode()


def codes_of(source: str) -> tuple[list[str], int]:
    """Blocks that hold something, and how many were not taken."""
    codes, skipped = [], 0
    for block in blocks(source.replace("\\\n", "").split("\n")):
        try:
            code = "\n".join(line for line in map(shown, block) if line is not None).strip("\n")
        except UnknownRequest:
            skipped += 1
            continue
        if code.strip():
            codes.append(code)
    return codes, skipped


def blocks(lines: list[str]) -> Iterator[list[str]]:
    held: list[str] | None = None
    for line in lines:
        if re.match(r"\.(nf|EX)\b", line):
            held = held or []
        elif held is not None and (PARAGRAPH.match(line) or re.match(r"\.(fi|EE|SH|SS)\b", line)):
            yield held
            held = [] if PARAGRAPH.match(line) else None
        elif held is not None:
            held.append(line)


def shown(line: str) -> str | None:
    """What a reader sees of a line; None where it is a comment."""
    if re.match(r"[.']\s*\\\"", line) or line in (".", "'"):
        return None
    fonts = FONTS.match(line)
    if fonts:
        # Where two fonts alternate their arguments follow each other without a space.
        between = " " if len(fonts[1]) == 1 or fonts[1][0] == "S" else ""
        parts = [quoted.replace('""', '"') if quoted or not bare else bare for quoted, bare in ARGUMENT.findall(fonts[2])]
        return undone(between.join(parts))
    if line.startswith((".", "'")):
        raise UnknownRequest(line)
    return undone(line)


def undone(text: str) -> str:
    text = re.sub(r'\\".*', "", text)

    def meaning(found: re.Match[str]) -> str:
        name, sign = found[1] or found[2], found[3]
        if name is None and sign is None:
            return ""
        known = CHARACTERS.get(name) if name else SIGNS.get(sign)
        if known is None:
            raise UnknownRequest(found[0])
        return known

    return ESCAPE.sub(meaning, text)


if __name__ == "__main__":
    main()
