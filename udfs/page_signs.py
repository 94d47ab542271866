"""What can be counted of a page: its words, sentences, blocks of code and lines that look like code."""

import re
from dataclasses import dataclass
from functools import cached_property

MOST_CHARS = 200_000  # of a longer page the beginning is looked at
MOST_LINE_CHARS = 400  # of a longer line


@dataclass(frozen=True)
class Page:
    """A page as ingest/pages and ingest/contents have it; `text` is Markdown with fenced blocks."""

    url: str
    host: str
    title: str
    text: str
    has_code_tags: bool
    word_count: int
    link_word_count: int


# Words that hardly occur where nothing is programmed.
_PROGRAMMING = """
algorithm algorithms api apis argv array arrays async backend bash binary bool boolean bytecode bytes callback cli closure cmake
codebase compile compiled compiler compilers compiles concurrency config constructor coroutine cpu css daemon database debug debugger
debugging decorator dependency deprecated dereference deserialize docker dockerfile enum enums exception exceptions executable filename
filesystem float framework frontend function functions gcc git github golang gpu hash hashmap header heap html http https ide
implementation implements inheritance inline instantiate int integer integers iterate iterator iterators java javascript json kernel
kotlin lambda linker linux localhost loop loops macro macros malloc metadata method methods middleware module modules mutable mutex
mysql namespace namespaces node null numpy object objects openssl operand optional overload override package packages parameter
parameters parse parser parsing pointer pointers polymorphism postgresql posix preprocessor programming protobuf python query queries
queue recursion recursive refactor regex regexp repository rest runtime rust schema script scripts sdk semantics serialize server shell
snippet socket sql sqlite stack stderr stdin stdout string strings struct structs stub subclass subprocess syntax syscall template
templates terminal thread threads token tokens traceback tuple tuples type typedef types typescript undefined unicode unix url utf
variable variables vector virtualenv webhook wrapper xml yaml
"""
PROGRAMMING = frozenset(_PROGRAMMING.split())
# Of them, those that other prose has too: they count as words of programming, not as signs of it.
_EVERYDAY = """
binary config database exception exceptions float framework function functions header heap inheritance integer kernel loop loops method
methods module modules node object objects optional override package packages parameter parameters query queries queue repository rest
rust script scripts server shell stack string strings template templates terminal thread threads token tokens type types java vector
implementation variable variables
"""
EVERYDAY = frozenset(_EVERYDAY.split())

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})([^`\n]*)$")
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_WORD = re.compile(r"[^\W\d_][\w'+#]*")
_SENTENCE_END = re.compile(r"[.!?:\u3002\uff01\uff1f][\"'\u201d\u2019)\]*_]*\s*$")
_NOT_PROSE = re.compile(r"^\s*(?:[#>|*+-]|\d+[.)])")
_CODE_LINE = re.compile(
    r"""(?x)^\s*(?:
      .*[=(\])].*;\s*(?:(?://|/\*).*)? | .*[)\w=>]\s*\{\s* | [}\])]+[;,]?\s*
    | [\w.\[\]>*-]+\s*(?::=|\+=|-=|\|=|<-|=)\s*\S.* | [\w.:>-]+\([^()]*(?:\([^()]*\)[^()]*)*\)\s*[;:]?\s*
    | (?:\$|>>>|In\ \[\d+\]:)\s+\S.* | (?:async\s+)?(?:def|class|func|fn|function|struct|interface)\s+\w+\s*[(:{<].*
    | (?:if|for|while|elif|else|try|with|except)\b[^.]*:\s* | (?:from\s+[\w.]+\s+)?import\s+[\w.*{][^.]*[\w})'";*]\s*
    | \#\s*(?:include|define|ifdef|pragma)\b.* | (?:public|private|protected|static|const|let|var)\s+\w+\s*[\w<(=:;].*[;{=)]\s*
    | (?:SELECT|INSERT\s+INTO|CREATE\s+(?:TABLE|INDEX)|ALTER\s+TABLE)\s.* | </?[a-zA-Z][\w-]*(?:\s[^<>]*)?/?>.*
    | (?:sudo\s+)?(?:git|pip3?|npm|npx|apt(?:-get)?|docker|make|cmake|curl|wget|cargo|go|kubectl|gcc|cd|export)\s+[-\w./]+(?:\s\S+)*
    )$"""
)
_NO_LANGUAGE = frozenset({"", "text", "plain", "plaintext", "txt", "none", "output", "nohighlight"})
_CODE_SHARE = 1 / 3  # of the lines of a block that look like code, from which it is one


class Signs:
    """Of one page. Everything is counted once, when it is asked for."""

    def __init__(self, page: Page):
        self.page = page
        prose: list[str] = []
        self.blocks: list[tuple[str, list[str]]] = []  # language, lines that are not blank
        mark = ""
        for line in page.text[:MOST_CHARS].split("\n"):
            fence = _FENCE.match(line)
            if mark:
                if fence and fence[1].startswith(mark) and not fence[2].strip():
                    mark = ""
                elif line.strip():
                    self.blocks[-1][1].append(line)
            elif fence:
                mark = fence[1]
                self.blocks.append((fence[2].strip().lower(), []))
            elif line.strip():
                prose.append(line.strip())
        self.lines = prose

    @cached_property
    def inline(self) -> list[str]:
        return _INLINE.findall("\n".join(self.lines))

    @cached_property
    def words(self) -> list[str]:
        """Lower case, of the prose; inline code is no prose."""
        return _WORD.findall(_INLINE.sub(" ", "\n".join(self.lines)).lower())

    @cached_property
    def code_blocks(self) -> int:
        """Blocks that look like code, or that the page gives a language."""
        return sum(bool(lines) and (language not in _NO_LANGUAGE or _looks_like_code(lines)) for language, lines in self.blocks)

    @cached_property
    def code_lines(self) -> int:
        """Lines outside blocks that look like code."""
        return sum(bool(_CODE_LINE.match(line[:MOST_LINE_CHARS].strip())) for line in self.lines)

    @cached_property
    def programming(self) -> tuple[int, int, int]:
        """Distinct words of programming; of them, those that are not everyday words; and occurrences of any."""
        found = [word for word in self.words if word in PROGRAMMING]
        return len(set(found)), len(set(found) - EVERYDAY), len(found)

    @cached_property
    def sentences(self) -> tuple[int, int]:
        """Paragraphs of five words and more, and how many of them end as a sentence does."""
        long = [line for line in self.lines if not _NOT_PROSE.match(line) and len(line.split()) >= 5]
        return len(long), sum(bool(_SENTENCE_END.search(line)) for line in long)


def _looks_like_code(lines: list[str]) -> bool:
    return sum(bool(_CODE_LINE.match(line[:MOST_LINE_CHARS].strip())) for line in lines) >= max(1, _CODE_SHARE * len(lines))
