"""Of what kind a page's site is, by rules: words of its host and path, and what its text is built of.

A host or a path that tells weighs more than signs of the text. Where nothing tells, a page with some text is `other`; where little tells,
or two kinds alike, it has no label. The classifier that learns from these labels reads neither host nor path, so that it can be asked
about sites that no rule knows.
"""

import re

from udfs.page_signs import Signs

CATEGORIES = ("documentation", "blog", "question_and_answer", "forum", "code_host", "reference", "news", "commerce", "other")
LEAST_EVIDENCE, LEAST_LEAD = 2, 2
OTHER_WORDS = 50
_OF_HOST, _OF_PATH, _MOST_OF_TEXT = 4, 2, 3

_HOSTS = {
    "documentation": r"(^|\.)(docs?|documentation|developers?|manuals?|help|man|devdocs|guides?)\.|readthedocs|javadoc|(^|-)docs?[.-]",
    "blog": r"(^|\.)blogs?\.|wordpress|blogspot|medium\.com|substack|hashnode|(^|\.)dev\.to$|tumblr|ghost\.io|livejournal",
    "question_and_answer": r"stackoverflow|stackexchange|superuser|serverfault|askubuntu|mathoverflow|quora|(^|\.)(ask|answers|qa)\.",
    "forum": r"(^|\.)(forums?|community|discuss|discourse|boards?|bbs|talk|lists?|groups)\.|reddit|forum|phpbb",
    "code_host": r"(^|\.)(github|gitlab|bitbucket|sourceforge|codeberg|launchpad|gitea|sr|git|cgit|svn|hg|code)\.|npmjs|pypi|crates\.io",
    "reference": r"wikipedia|wikibooks|(^|\.)(wiki|dictionary|encyclopedia|ref|reference|glossary|w3)\.|cppreference|rfc-editor|britannica",
    "news": r"(^|\.)news\.|times\.|herald|(^|\.)(cnn|bbc|reuters|techcrunch|theverge|slashdot|lwn|theregister|wired)\.|gazette",
    "commerce": r"(^|\.)(shop|store|market|buy)\.|amazon|ebay|etsy|aliexpress|walmart|alibaba|(^|\.)(shop|store)",
}
_PATHS = {
    "documentation": r"/(docs?|documentation|manuals?|api|apidocs|guides?|tutorials?|handbook|man\d?|howto|library|modules)(/|$|\.)",
    "blog": r"/(blogs?|posts?|entry)/|/(19|20)\d\d/[01]\d/",
    "question_and_answer": r"/(questions?|q|ask|answers?|qa)/",
    "forum": r"/(forums?|threads?|topics?|t|viewtopic|showthread|boards?|archives?/msg|message)(/|\.|$)|viewtopic|showthread",
    "code_host": r"/(blob|tree|commits?|pull|issues|merge_requests|releases)(/|$)|/-/",
    "reference": r"/(wiki|ref|reference|glossary|dictionary|entries)(/|$)|/rfc\d",
    "news": r"/(news|articles?|story|stories|press)(/|$)",
    "commerce": r"/(products?|shop|store|cart|dp|item|checkout|catalogue|category)(/|$)",
}
# Each of a kind's signs that occurs counts once.
_TEXTS = {
    "documentation": (
        r"(?m)^#+ .*(parameters|synopsis|usage|installation|configuration|options|arguments|return values?)\b",
        r"(?i)\b(?:new|added|changed|deprecated) (?:in|since) (?:version )?\d",
        r"(?i)\breturns?:|\braises:|\bdefault(?:s to| value| is)\b",
        r"(?im)^(?:next|previous|table of contents|on this page)\b",
    ),
    "blog": (
        r"(?i)\b(?:posted|written|published) (?:by|on|in)\b",
        r"(?i)\b(?:leave a (?:comment|reply)|\d+ comments?|filed under)\b",
        r"(?i)\b(?:about the author|my (?:previous|last|next) post|this post|in this (?:blog )?post)\b",
        r"(?im)^(?:tags|categories):",
    ),
    "question_and_answer": (
        r"(?i)\baccepted answer|\[accepted\]|✓|✔",
        r"(?im)^#* *\d+ answers?\b|^#+ *answers?\b",
        r"(?i)\basked\b.{0,40}\b(?:ago|at|on|\d{4})\b|^#+ *question\b",
        r"(?im)^(?:score|votes?):? *-?\d+|(?<![\d-])-?\d{1,9} votes?\b",
    ),
    "forum": (
        r"(?im)^(?:re:|joined:|posts:|quote:|location:)",
        r"(?i)\b\w+ (?:wrote|said):",
        r"(?i)\b(?:junior|senior|registered|active) member\b|\b(?:thread|topic) starter\b",
        r"(?i)\b(?:reply with quote|view topic|post reply|last edited by|thanks in advance)\b",
    ),
    "code_host": (
        r"(?i)\b(?:pull requests?|merge requests?)\b",
        r"(?i)\b\d+ (?:commits?|branches|forks?|stars|contributors)\b",
        r"(?i)\blatest commit\b|\bgit clone\b|\bclone or download\b",
        r"(?i)\breadme(?:\.md|\.rst)?\b|\bweekly downloads\b",
    ),
    "reference": (
        r"(?i)\bfrom wikipedia\b|\bfree encyclop",
        r"(?im)^#+ *(?:references|external links|further reading|etymology|see also|bibliography)\b",
        r"\[\d+\]",
        r"(?i)\b(?:refers? to|is defined as|is a term|may stand for|disambiguation)\b",
    ),
    "news": (
        r"\((?:Reuters|AP|AFP)\)",
        r"(?i)\bsaid (?:on )?(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b",
        r"(?i)\b(?:breaking news|spokes(?:man|woman|person)|staff writer|correspondent|told reporters)\b",
        r"(?i)\bupdated:? .{0,30}\d{4}|\bby [A-Z]\w+ [A-Z]\w+, ",
    ),
    "commerce": (
        r"(?i)\badd to (?:cart|basket|bag)\b",
        r"(?:[$€£]|USD|EUR) ?\d+[.,]\d\d",
        r"(?i)\b(?:in stock|out of stock|free (?:shipping|delivery|returns)|ships? within)\b",
        r"(?i)\b(?:customer reviews?|checkout|wish ?list|sale price|our price|money[- ]back)\b",
    ),
}
_SEEN_CHARS = 50_000  # of the text


def category(signs: Signs) -> str | None:
    """One of CATEGORIES; None where the rules are not sure."""
    found = evidence(signs)
    (first, most), (_, second) = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:2]
    if most >= LEAST_EVIDENCE and most - second >= LEAST_LEAD:
        return first
    return "other" if most == 0 and len(signs.words) >= OTHER_WORDS else None


def evidence(signs: Signs) -> dict[str, int]:
    """Of every category but `other`: what host, path and text say for it."""
    page = signs.page
    path = re.sub(r"^[a-z]+://[^/]*", "", page.url.lower())
    text = page.text[:_SEEN_CHARS]
    return {
        name: _OF_HOST * bool(re.search(_HOSTS[name], page.host.lower()))
        + _OF_PATH * bool(re.search(_PATHS[name], path))
        + min(_MOST_OF_TEXT, sum(bool(re.search(sign, text)) for sign in _TEXTS[name]))
        for name in CATEGORIES[:-1]
    }
