"""What the attributes of an element say about it: bits, from the words of its class, id, role and the like.

A class or id is looked up whole (`sphinxsidebar`); where that is unknown, its parts are (`site-footer`, `siteFooter`), which are weaker
signs. The lists are our own reading of the usual page layouts, generators and highlighters.
"""

BOILERPLATE = 1 << 0  # by a part of a class: only with other signs
CHROME = 1 << 1  # by a whole class or role: not content
HIDDEN = 1 << 2
ARIA_HIDDEN = 1 << 3
CONTENT = 1 << 4
GUTTER = 1 << 5  # line numbers beside code
CODE = 1 << 6  # code that is laid out without <pre>
HIGHLIGHTER = 1 << 7  # a language may stand as a bare word in its class
LINES = 1 << 8  # a class that means code; its lines are told by their spaces (udfs/page_roles.py)
LAYOUT = 1 << 9  # a cell of a table that lays the page out, and holds no data
QUESTION = 1 << 10
ANSWER = 1 << 11
ACCEPTED = 1 << 12
VOTES = 1 << 13
SCORED = 1 << 14  # carries its votes as an attribute
MATH = 1 << 15
PANEL = 1 << 16  # one of several tabs: hidden until it is clicked
NOTE = 1 << 17
MAIN = 1 << 18
FAINT = 1 << 19  # its style shows none of its text

# Found later, of the whole subtree (udfs/page_roles.py).
HAS_CODE = 1 << 21
HAS_BLOCK = 1 << 22
HAS_BREAK = 1 << 23
HAS_TITLE = 1 << 24
DROPPED = 1 << 25
NAMED = 1 << 26  # its language has a prefix, as language-xxx
UNSELECTED = 1 << 27  # cannot be selected: where it is a number in code, a line's
HAS_WORDS = 1 << 28  # of the whole subtree: text that is more than numbers
SHOWN = 1 << 30  # a template that a browser shows where it stands
PROMPT = 1 << 29  # of a notebook: `In [1]:`

# Of a word alone: an element does not keep them.
LANGUAGE = 1 << 40  # a bare word that is a language's name
NO_LANGUAGE = 1 << 41  # not a language, though it stands where one would
IS_QUESTION = 1 << 42  # a class that means a question where there are votes
IS_ANSWER = 1 << 43
KEPT = (1 << 31) - 1


def _bits(*groups: tuple[int, str]) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for bit, words in groups:
        for word in words.split():
            found[word.encode()] = found.get(word.encode(), 0) | bit
    return found


WHOLES = _bits(
    (
        CHROME,
        "skip-to-content back-to-top "
        "headerlink permalink anchor-link anchorlink header-anchor heading-anchor heading-link hash-link anchorjs-link direct-"
        "link viewcode-link viewcode-back sectionlink editsection mw-editsection srclink copybtn copy-button copy-btn btn-"
        "clipboard btn-copy clipboard-copy zeroclipboard-container copy-code-button copy-to-clipboard-button code-copy "
        "sphinxsidebar sphinxsidebarwrapper related rst-versions wy-nav-side wy-breadcrumbs bd-sidebar sidebar-drawer toc-drawer "
        "toctree-wrapper-hidden site-header site-footer page-footer page-header-nav navbar breadcrumb breadcrumbs cookie-banner "
        "cookie-consent cookie-notice cookiebar gdpr-banner onetrust-consent-sdk share-buttons social-share sharedaddy "
        "addtoany_share_save_container jp-relatedposts related-posts related-links post-navigation skip-link skiplink skip-nav "
        "screen-reader-text sr-only visually-hidden visuallyhidden noprint printonly left-sidebar js-post-menu post-menu votecell "
        "js-voting-container s-sidebarwidget post-signature comments-link js-comment-link bottom-notice new-post-login site-nav "
        "nav-links main-nav sub-nav subNav topNav bottomNav bar-title navheader navfooter navtop navpath navrow adsbygoogle "
        "advertisement ad-container ad-slot file-header file-actions headertitle-nav searchbar nav-list skipNav mw-jump-link "
        "catlinks printfooter navbox mw-navigation reflist-back js-file-header bc-head footer-nav prev-next-nav prevnext "
        "sourcefirst codeoperation "
        "pagination pager",
    ),
    (
        GUTTER,
        "linenos linenodiv lineno linenumber line-number line-numbers-rows lnt ln rouge-gutter gutter gl hljs-ln-numbers hljs-"
        "ln-n blob-num crayon-nums react-line-number react-code-text-line-number code-line-number src-line-numbers line_numbers "
        "rouge-line-number ace_gutter codemirror-gutters codemirror-linenumber source-line-no sourcelineno linenr linenumbers "
        "line-numbers line-num lines-num line_number diff-line-num u-linenum filecontents-linenum ",
    ),
    (HIDDEN, "ttc crayon-plain-wrap"),  # what Doxygen shows over a name in code; what Crayon shows twice
    (
        CODE,
        "fragment syntaxhighlighter js-file-line-container blob-wrapper react-code-lines codemirror-code filecontent filecontents "
        "code-view crayon-pre",
    ),
    (LINES, "code"),
    (LAYOUT, "singlecolumn"),  # pydoc
    (PANEL, "tab-pane tabpane tab-panel tabpanel tabs-panel tabcontent tab-content tabs-content"),
    (PROMPT, "prompt input_prompt output_prompt jp-inputprompt jp-outputprompt"),
    (
        HIGHLIGHTER,
        "hljs highlight sourcecode syntaxhighlighter prettyprint codehilite chroma code prism shiki brush rouge code-block "
        "programlisting source example codeblock notranslate",
    ),
    (NO_LANGUAGE, "default none auto plain nohighlight no-highlight line-numbers linenos table lines code highlight numberlines source"),
    (MATH, "math mwe-math-fallback-image-inline mwe-math-fallback-image-display latex"),
    (
        NOTE,
        "note admonition warning tip caution important hint footnote footnote-list callout notice alert topic seealso",
    ),
    (
        CONTENT,
        "content article post entry answer question comment document body main post-content article-body markdown-body documentwrapper "
        "tab-content tabs-content",
    ),
    (MAIN, "markdown-body-main"),
    (ACCEPTED, "accepted-answer accepted solved-answer best-answer is-accepted"),
    (IS_QUESTION, "question"),
    (IS_ANSWER, "answer"),
    (
        LANGUAGE,
        "python python3 pycon pytb ipython ipython3 py java javascript js typescript ts jsx tsx c cpp c++ csharp cs fsharp go "
        "golang rust ruby rb php perl lua r julia scala kotlin swift objective-c objectivec objc haskell ocaml clojure clj lisp "
        "scheme racket erlang elixir dart groovy matlab octave fortran pascal delphi ada vb vbnet vba powershell ps1 bash sh "
        "shell shell-session sh-session zsh console terminal bat batch dos sql mysql pgsql plsql tsql postgresql sqlite sparql "
        "graphql json json5 jsonc yaml yml toml ini cfg properties xml html css scss sass less stylus markdown md rst tex make "
        "makefile cmake docker dockerfile nginx apache diff patch asm nasm armasm verilog vhdl systemverilog cuda glsl hlsl "
        "opencl prolog awk sed vim viml emacs-lisp elisp solidity zig nim crystal d coq agda lean idris elm purescript reason tcl "
        "protobuf thrift hcl terraform django jinja jinja2 handlebars haml pug jade erb mustache svelte vue wasm wat abap apex "
        "cobol smalltalk stata sas mathematica wolfram text plaintext http regex",
    ),
)

PARTS = _bits(
    (
        BOILERPLATE,
        "nav navbar navigation breadcrumb breadcrumbs sidebar sidenav footer header masthead menu menubar submenu cookie cookies "
        "consent gdpr banner advert adverts ads ad advertisement sponsor sponsored sponsors promo promotion share sharing social "
        "related recommended newsletter subscribe signup login signin popup modal overlay pagination pager paging toolbar widget "
        "skip copyright feedback toc tagcloud trending popular byline search searchbox upsell cta disclaimer topbar bottombar "
        "actions reactions prevnext",
    ),
    (
        CONTENT,
        "content article post entry answer question comment main body text",
    ),
)

ROLES = _bits(
    (CHROME, "navigation banner contentinfo search menu menubar toolbar dialog alertdialog tablist"),
    (BOILERPLATE, "complementary"),
    (PANEL, "tabpanel"),
    (MAIN, "main"),
    (
        NOTE,
        "note doc-footnote",
    ),
)

# Properties of a style that say whether, and how, an element is shown.
DISPLAY, SELECTION, VISIBILITY, FONT_SIZE = range(1, 5)
STYLES = {
    b"display": DISPLAY, b"user-select": SELECTION, b"-webkit-user-select": SELECTION, b"-moz-user-select": SELECTION,
    b"-ms-user-select": SELECTION, b"visibility": VISIBILITY, b"font-size": FONT_SIZE,
}  # fmt: skip

PROPERTIES = _bits(
    (ANSWER, "suggestedanswer acceptedanswer answer"), (ACCEPTED, "acceptedanswer"), (VOTES, "upvotecount"), (QUESTION, "question")
)

# What a language's name stands behind, up to its first `-` or `:`. FURTHER: a second part may follow (highlight-source-shell). PARTIAL: one
# must (mw-highlight-lang-python). WEAK: so short that it names a language only on the block or on what is a highlighter's otherwise.
FURTHER, PARTIAL, WEAK = 2, 3, 4
PREFIXES = {b"language": 1, b"lang": 1, b"brush": 1, b"highlight": FURTHER, b"mw": PARTIAL, b"src": WEAK, b"hl": WEAK}
SECOND_PREFIXES = {b"source": 1, b"text": 1, b"highlight": PARTIAL, b"lang": 1}
