"""Pages of javadoc whose source is known: rows of {html, text, codes} for `python -m benchmarks.web_extraction --known OUT.jsonl`.

`python -m benchmarks.known_javadoc SOURCES PAGES OUT.jsonl [--most N]`. SOURCES is a folder or zip of `.java` files, PAGES the pages that
javadoc made of them, at `PACKAGE/CLASS.html`. The codes are the `<pre>` of the comment before the public class of a file and of
`package-info.java`, which stand on its page: stars taken off, `{@code}` and `{@literal}` undone, tags taken off, references decoded. A
block with another tag of javadoc's in braces is not taken, since its text is javadoc's choice.
"""

import argparse
import html
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

PRE = re.compile(r"<pre\b[^>]*>(.*?)</pre>", re.S | re.I)
STARS = re.compile(r"^[ \t]*\*+", re.M)
COMMENT = re.compile(r"/\*\*(.*?)\*/", re.S)
LETTER = re.compile(r"(?<!\\)\\u+([0-9a-fA-F]{4})")  # Java's own escapes count in comments too
MARK = re.compile(r"\{@(code|literal)(\s)", re.S)


class OtherTag(Exception):
    """A tag in braces whose text is javadoc's choice."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources")
    parser.add_argument("pages")
    parser.add_argument("out")
    parser.add_argument("--most", type=int, default=400, help="pages, spread evenly over those with code")
    arguments = parser.parse_args()
    found: list[tuple[Path, list[str]]] = []
    skipped = 0
    for name, source in java_files(Path(arguments.sources)):
        page = Path(arguments.pages, name.replace("package-info.java", "package-summary.html").removesuffix(".java"))
        page = page if page.suffix == ".html" else page.with_name(page.name + ".html")
        codes, left_out = codes_of(shown_comment(source, Path(name).stem)) if page.is_file() else ([], 0)
        skipped += left_out
        if codes:
            found.append((page, codes))
    found = found[:: max(1, len(found) // arguments.most)]
    with open(arguments.out, "w", encoding="utf-8") as out:
        for page, codes in found:
            out.write(json.dumps({"html": page.read_text("utf-8", "replace"), "text": "", "codes": codes}) + "\n")
    print(f"{len(found)} pages, {sum(len(codes) for _, codes in found)} blocks; {skipped} in all sources have other tags in them")


def java_files(sources: Path) -> Iterator[tuple[str, str]]:
    """(path inside of the sources, text)"""
    if sources.is_dir():
        for path in sorted(sources.rglob("*.java")):
            yield str(path.relative_to(sources)), path.read_text("utf-8", "replace")
        return
    with zipfile.ZipFile(sources) as archive:
        for name in sorted(name for name in archive.namelist() if name.endswith(".java")):
            yield name, archive.read(name).decode("utf-8", "replace")


def shown_comment(source: str, name: str) -> str:
    """The comment of the file's public class, or of its package; empty where there is none."""
    what = r"package\b" if name == "package-info" else rf"public\s[\w\s]*?(?:@interface|class|interface|enum|record)\s+{re.escape(name)}\b"
    declared = re.search(rf"^(?:{what})", source, re.M)
    comments = [found for found in COMMENT.finditer(source) if declared and found.end() <= declared.start()]
    # Between the two stand annotations and nothing else.
    is_its = comments and declared and not re.search(r"[;{}]", source[comments[-1].end() : declared.start()])
    return LETTER.sub(lambda found: chr(int(found[1], 16)), STARS.sub("", "\n" + comments[-1][1])) if is_its else ""


def codes_of(comment: str) -> tuple[list[str], int]:
    """Blocks that hold something, and how many were not taken."""
    codes, skipped = [], 0
    for found in PRE.finditer(literals_hidden(comment)):
        try:
            code = shown(found[1])
        except OtherTag:
            skipped += 1
            continue
        if code.strip():
            codes.append(code)
    return codes, skipped


def literals_hidden(text: str) -> str:
    """`{@code x}` and `{@literal x}` as HTML that shows x."""
    out, at = [], 0
    while found := MARK.search(text, at):
        depth, end = 1, found.end()
        while end < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        inner = ("" if found[2] == " " else found[2]) + text[found.end() : end - 1]
        out += [text[at : found.start()], "<code>", html.escape(inner).replace("{", "&#123;"), "</code>"]
        at = end
    return "".join(out) + text[at:]


def shown(markup: str) -> str:
    """What a browser shows of the inside of a `<pre>`, without the line end after its last line."""
    if "{@" in re.sub(r"<[^>]*>", "", markup):
        raise OtherTag
    text = re.sub(r"<br\s*/?>", "\n", markup.removeprefix("\n"), flags=re.I)
    text = re.sub(r"&nbsp;|&#160;", " ", re.sub(r"</?[a-zA-Z][^>]*>", "", text))  # layout, as it is for codemill
    return html.unescape(text).removesuffix("\n")


if __name__ == "__main__":
    main()
