"""Labels of pages without a judge: whether a page is about code, and a rating from 0 to 10 of how well it is made.

    relevance      code_tags    <pre> or <code> with what looks like code
                   code_lines   no block, but lines that look like code, among words of programming
                   vocabulary   many words that hardly occur elsewhere
                   prose        neither code nor such words: not about code
                   unsure       none of these: no label, so that nobody learns from a guess
    zero first     error_page   says that something was not found, failed or is not allowed, and little else
                   little_text  under LEAST_WORDS words and no code
                   link_farm    nearly all words are links
                   listing      lines of one shape, as a program makes them: indices of folders, lists of prices
                   spam         advertises what spam does, or says the same again and again
    well_formed    sentences that end, few links, no lines again and again, no broken characters, headings where it is long
    complete       some length, a title, no end in the middle (`read more`, `log in to see`)
    worth_learning words of programming, code, and many different words

A rating is the mean of its aspects, an aspect that of its parts, each on a line between two values of what was counted, as in udfs.rubric.
Nothing is understood: what a page says of ratings, or to its judge, is words among words. That a model learns these labels proves that the
way works, and nothing about quality. Values are choices, made by looking at what real pages give, and are part of VERSION. English only:
pages in other languages have labels by their code alone.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass

from udfs.page_categories import category
from udfs.page_signs import Page, Signs

VERSION = 1
RELEVANCE_REASONS = ("code_tags", "code_lines", "vocabulary", "prose", "unsure")
ZERO_REASONS = ("error_page", "little_text", "link_farm", "listing", "spam")
ASPECTS = ("well_formed", "complete", "worth_learning")
LEAST_WORDS = 20

_ERROR = re.compile(
    r"(?i)\b(?:404|403|401|500|502|503)\b.{0,40}\b(?:not found|error|forbidden|unavailable|unauthorized|gateway)"
    r"|page (?:not found|does not exist)"
    r"|access denied|(?:page|file) (?:you (?:requested|are looking for)|could not be found)|internal server error|enable javascript"
)
_ERROR_WORDS = 150  # a page that says more is about errors, and not one
_CUT = re.compile(
    r"(?i)(?:\.\.\.|…|\[\s*\.\.\.\s*\])\s*$|\b(?:read more|continue reading|subscribe to read"
    r"|(?:log|sign) ?(?:in|up) to (?:see|read|view|continue))"
)
_SPAM = re.compile(
    r"(?i)\b(?:casino|viagra|cialis|payday loans?|jackpot|sports? betting|escorts?|replica watches|backlinks?"
    r"|weight loss|miracle cure|forex signals"
    r"|buy now|limited offer|100% free|act now|click here now|earn money|make money online|free spins|no deposit)\b"
)
_BROKEN = re.compile(r"[\ufffd\x00-\x08\x0e-\x1f]|Ã[\x80-\xbf]|â€")
_INDEX = re.compile(r"(?i)^(?:index of|directory listing)\b")


@dataclass(frozen=True)
class Label:
    """`is_relevant` and `category` are None where the rules are not sure. Aspects and `score`, 0 to 10, are 0 with a zero reason."""

    is_relevant: bool | None
    relevance_reason: str
    category: str | None
    zero_reason: str | None
    score: float
    well_formed: float
    complete: float
    worth_learning: float


def label(page: Page) -> Label:
    signs = Signs(page)
    is_relevant, why = relevance(signs)
    zero = zero_reason(signs)
    aspects = (0.0, 0.0, 0.0) if zero else (well_formed(signs), complete(signs), worth_learning(signs))
    return Label(is_relevant, why, category(signs), zero, round(sum(aspects) / len(aspects), 1), *aspects)


def relevance(signs: Signs) -> tuple[bool | None, str]:
    """Whether a page is about code, and by which of RELEVANCE_REASONS."""
    distinct, telling, count = signs.programming
    share = count / max(1, len(signs.words))
    if signs.page.has_code_tags and (signs.code_blocks or (len(set(signs.inline)) >= 3 and distinct >= 2)):
        return True, "code_tags"
    if signs.code_lines >= 5 and (telling >= 2 or distinct >= 5):
        return True, "code_lines"
    if telling >= 6 and distinct >= 8 and share >= 0.03:
        return True, "vocabulary"
    if len(signs.words) >= 30 and not signs.code_blocks and not signs.inline and signs.code_lines <= 1 and telling <= 1 and share < 0.01:
        return False, "prose"
    return None, "unsure"


def zero_reason(signs: Signs) -> str | None:
    words, page = len(signs.words), signs.page
    head = f"{page.title}\n" + "\n".join(signs.lines[:3])[:300]
    if words < _ERROR_WORDS and not signs.code_blocks and _ERROR.search(head):
        return "error_page"
    if words < LEAST_WORDS and not signs.code_blocks:
        return "little_text"
    if not signs.code_blocks and page.link_word_count >= 40 and page.link_word_count > 0.75 * page.word_count:
        return "link_farm"
    if _is_listing(signs):
        return "listing"
    if len({found.lower() for found in _SPAM.findall(page.text)}) >= 3 or _repeats(signs):
        return "spam"
    return None


def _is_listing(signs: Signs) -> bool:
    if _INDEX.match(signs.page.title) or (signs.lines and _INDEX.match(signs.lines[0].lstrip("# "))):
        return True
    if len(signs.lines) < 10 or signs.code_blocks or 5 * signs.sentences[1] > len(signs.lines):
        return False
    shapes = Counter(re.sub(r"\d+", "0", re.sub(r"[^\W\d_]+", "a", line)) for line in signs.lines)
    return shapes.most_common(1)[0][1] > 0.6 * len(signs.lines)


def _repeats(signs: Signs) -> bool:
    """Whether most runs of four words were there before. What a page with code repeats is its subject."""
    words = signs.words
    runs = list(zip(words, words[1:], words[2:], words[3:], strict=False))
    return len(words) >= 100 and not signs.code_blocks and len(set(runs)) < 0.4 * len(runs)


def well_formed(signs: Signs) -> float:
    page, (paragraphs, ended) = signs.page, signs.sentences
    parts = [_line(page.link_word_count / max(1, page.word_count), 0.6, 0.1)]
    parts.append(_line(1 - len(set(signs.lines)) / max(1, len(signs.lines)), 0.4, 0.02))
    parts.append(_line(len(_BROKEN.findall(page.text)) / max(1, len(signs.words)), 0.02, 0))
    if paragraphs:
        parts.append(_line(ended / paragraphs, 0.2, 0.9))
    if len(signs.words) >= 300:
        parts.append(_line(sum(line.startswith("#") for line in signs.lines), 0, 2))
    return _mean(parts)


def complete(signs: Signs) -> float:
    words = len(signs.words) + 10 * signs.code_blocks
    is_cut = any(_CUT.search(line) for line in signs.lines[-3:])
    return _mean([_line(math.log(max(1, words)), math.log(30), math.log(400)), 10.0 * bool(signs.page.title.strip()), 10.0 * (not is_cut)])


def worth_learning(signs: Signs) -> float:
    first = signs.words[:300]
    parts = [_line(signs.programming[0], 0, 12), _line(signs.code_blocks + len(set(signs.inline)) / 5, 0, 3)]
    return _mean([*parts, _line(len(set(first)), 40, 160)])


def _line(value: float, worst: float, best: float) -> float:
    return 10 * min(1.0, max(0.0, (value - worst) / (best - worst)))


def _mean(parts: list[float]) -> float:
    return sum(parts) / len(parts)
