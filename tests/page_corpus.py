"""Pages for tests: the standard library's documentation and sources as pages about code, licences of installed packages and sentences made
here as pages about something else. Many hosts, several categories, the same at every call."""

import ast
import random
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distributions
from itertools import cycle, islice
from pathlib import Path

from udfs.page_signs import Page

HOSTS_OF_CODE = {"documentation": "docs.{}.example", "blog": "blog.{}.example", "question_and_answer": "ask.{}.example"}
HOSTS_OF_OTHERS = {"news": "news.{}.example", "commerce": "shop.{}.example", "forum": "forum.{}.example"}
NAMES = ("ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine", "rowan", "spruce", "willow", "yew")
_AROUND = {
    "documentation": "# {0}\n\n{1}\n\n## Parameters\n\nThe default is given by the module. New in version 3.2.\n",
    "blog": "Posted on Monday by Ann\n\nIn this post I show {0}.\n\n{1}\n\nLeave a comment\n",
    "question_and_answer": "How do I use {0}?\n\nasked 3 years ago\n\n{1}\n\n2 answers\n\nAccepted answer\n\nTry it like this.\n",
    "news": "{1}\n\nThe council said on Tuesday that {0} would stay, a spokesman told reporters.\n",
    "commerce": "{0}\n\n{1}\n\nAdd to cart for $19.99. Free shipping, and customer reviews below.\n",
    "forum": "Re: {0}\n\nJoined: 2009\n\nold_hand wrote:\n\n{1}\n\nThanks in advance, reply with quote.\n",
}
_SUBJECTS = [
    "the garden",
    "an old bridge",
    "our village",
    "the harbour",
    "a wooden boat",
    "the market",
    "her kitchen",
    "the choir",
    "a field of barley",
    "the museum",
]
_VERBS = [
    "was painted by",
    "lies behind",
    "reminds everyone of",
    "was sold with",
    "stands beside",
    "grew out of",
    "is older than",
    "looks over",
]
_ENDS = [
    "in late spring",
    "for many years",
    "despite the rain",
    "after the harvest",
    "with great care",
    "every Sunday",
    "before the war",
    "as visitors say",
]


def pages(count: int) -> list[Page]:
    """Half of them about code, over all hosts; every third page about code has no code tags, every fourth page is cut short."""
    found = []
    for number, (code, other) in enumerate(zip(islice(cycle(code_texts()), count // 2), islice(other_texts(), count // 2), strict=True)):
        for (title, text), hosts in ((code, HOSTS_OF_CODE), (other, HOSTS_OF_OTHERS)):
            kind = list(hosts)[number % len(hosts)]
            host = hosts[kind].format(NAMES[(number // 3) % len(NAMES)])
            if hosts is HOSTS_OF_CODE and number % 3 == 0:
                text = text.replace("```python\n", "").replace("```", "")
            if number % 4 == 3:
                text = " ".join(text.split()[:12]) + " ..."
            body = _AROUND[kind].format(title, text)
            words = len(body.split())
            found.append(Page(f"https://{host}/{number}", host, title, body, "```" in body, words, words // 20))
    return found


@cache
def code_texts() -> list[tuple[str, str]]:
    """Title and text of functions of the standard library: documentation, then code in a fence."""
    found = []
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        source = path.read_text(encoding="utf-8", errors="replace")
        lines = source.split("\n")
        for node in ast.walk(ast.parse(source)):
            told = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
            if isinstance(node, ast.FunctionDef) and told and len(told.split()) > 25:
                code = "\n".join(lines[node.lineno - 1 : node.end_lineno])
                found.append((f"{path.stem}.{node.name}", f"{told}\n\n```python\n{code[:1500]}\n```"))
    random.Random(0).shuffle(found)
    return found


def other_texts() -> Iterator[tuple[str, str]]:
    """Title and text, without end: parts of licences, and sentences about villages."""
    parts = _licence_parts()
    draw = random.Random(1)
    for number in range(1 << 30):
        sentences = [
            f"{draw.choice(_SUBJECTS)} {draw.choice(_VERBS)} {draw.choice(_SUBJECTS)} {draw.choice(_ENDS)}.".capitalize() for _ in range(15)
        ]
        text = " ".join(sentences)
        yield draw.choice(_SUBJECTS), f"{text}\n\n{parts[number % len(parts)]}." if number % 4 == 0 else text


@cache
def _licence_parts() -> list[str]:
    licences = sorted({text for text in map(_licence, distributions()) if text})
    return [" ".join(words[start : start + 120]) for words in map(str.split, licences) for start in range(0, len(words), 120)]


def _licence(distribution: object) -> str:
    for file in getattr(distribution, "files", None) or ():
        if file.name.upper().startswith(("LICENSE", "LICENCE")) and file.locate().is_file():
            return str(file.locate().read_text(encoding="utf-8", errors="replace"))
    return ""
