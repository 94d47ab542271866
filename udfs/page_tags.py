"""The elements of HTML as numbers, and what each does to the tree and to the text."""

from enum import IntEnum

import numpy as np

TEXT = 0  # a node that is text
OTHER = 1  # an element without a name of ours: transparent, as <span>

TAG = IntEnum(
    "TAG",
    "HTML HEAD BODY TITLE META LINK BASE SCRIPT STYLE TEMPLATE NOSCRIPT NAV HEADER FOOTER ASIDE MAIN ARTICLE SECTION FORM BUTTON "
    "SELECT  OPTION IFRAME SVG CANVAS AUDIO VIDEO OBJECT MATH IMG BR HR WBR INPUT TEXTAREA XMP LISTING PLAINTEXT NOEMBED NOFRAMES "
    "P DIV CENTER  ADDRESS DETAILS SUMMARY DIALOG FIELDSET FIGURE FIGCAPTION HGROUP MENU DIR UL OL LI DL DT DD BLOCKQUOTE PRE "
    "TABLE CAPTION COLGROUP COL  THEAD TBODY TFOOT TR TD TH H1 H2 H3 H4 H5 H6 A B I EM STRONG SPAN FONT SMALL U S TT CODE KBD SAMP "
    "VAR LABEL ANNOTATION AREA SOURCE  TRACK PARAM EMBED FRAME FRAMESET DATALIST MAP SEARCH LEGEND",
    start=2,
)
TAG_NAMES: dict[bytes, int] = {tag.name.lower().encode(): tag for tag in TAG}

# What an element does to the tree.
VOID = 1 << 0  # has no end
RAW = 1 << 1  # holds text up to its end tag, no elements
CLOSES_P = 1 << 2  # its start ends an open <p>
BLOCK = 1 << 3  # an inline element's end tag does not reach through it
SCOPE = 1 << 4  # no end tag but its own and its ancestors' reaches through it
LIST = 1 << 5  # an end of <li>, <dt>, <dd> does not reach through it
UNSEEN = 1 << 6  # never part of the text


def _kinds() -> np.ndarray:
    kinds = np.zeros(len(TAG) + 2, np.int64)
    for bit, names in (
        (VOID, "html head body meta link base img br hr wbr input col area source track param embed frame"),
        (RAW, "title script style textarea xmp iframe noembed noframes plaintext"),
        (
            CLOSES_P | BLOCK,
            "address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 "
            "header hgroup hr main menu nav ol p pre search section summary table ul listing xmp plaintext",
        ),
        (BLOCK, "li dt dd tr td th thead tbody tfoot caption"),
        (SCOPE, "table td th caption template button object"),
        (LIST, "ul ol menu dir dl table td th caption template button object"),
        (
            UNSEEN,
            "title head meta link base script style template noscript button select iframe svg canvas audio video object input noembed "
            "noframes datalist area source track param embed colgroup map",
        ),
    ):
        for name in names.split():
            kinds[TAG[name.upper()]] |= bit
    return kinds


KINDS = _kinds()
