"""Suffixes that several languages share: one rule each, as data.

A rule tries its cases in order against the head of the text; the first that holds decides, else `otherwise` does. None means a language
that is not among the report's 89, or that nothing in the text says which it is.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """Holds if one of its patterns, regular expressions over bytes, is found. `$` is the end of a line.

    `start` is matched at the start of the text, after at most 80 white-space bytes; `line` at the start of a line, after blanks and tabs
    (`(?<=\\n)` in front forbids these); `anywhere` wherever it is. `line` and `anywhere` are fast because they begin with a literal: a
    search for `^class` or `\\bstd::` takes 4 to 40 times as long.
    """

    language: str | None
    line: bytes = b""
    start: bytes = b""
    anywhere: bytes = b""


@dataclass(frozen=True, slots=True)
class Rule:
    suffixes: str
    cases: tuple[Case, ...]
    otherwise: str | None
    reason: str


_OBJECTIVE_C = Case(None, line=rb"@(?:interface|implementation|protocol|property|class|import|end)\b|#[ \t]*import[ \t]+[<\"]")
_CPP = Case(
    "C++",
    line=rb"class[ \t]+\w+(?:[ \t]*[{:;(\r\n]|[ \t]+(?:final\b|\w+[ \t]*[{:;\n]))|(?:inline[ \t]+)?namespace[ \t]*[\w:{]"
    rb"|using[ \t]+(?:namespace\b|\w+[ \t]*=)|virtual[ \t][^\n]*[({;]|constexpr[ \t]|template[ \t]*<|(?:public|private|protected)[ \t]*:"
    rb"|#[ \t]*include[ \t]*(?:<[a-z_]+>|[<\"][^>\"\n]+\.(?:hpp|hh|hxx)[>\"])",
    anywhere=rb"::~?[A-Za-z_]",
)
_XML = Case(None, start=rb"<(?:\?xml|!DOCTYPE|TS\b|tileset\b)")
_FORTH = Case(None, line=rb"(?<=\n)(?:: [^\s]+|\\ )")
_GLSL = Case(
    "GLSL",
    line=rb"#version\b|(?:uniform|varying|attribute|precision|(?:in|out)[ \t]+vec\d)[ \t]"
    rb"|layout[ \t]*\(|(?:const[ \t]+)?(?:vec|mat)[234]\b",
    anywhere=rb"gl_[A-Z]\w",
)
_COMMON_LISP = Case(
    "Common Lisp", line=rb"\((?:in-package|cl:|def(?:un|macro|var|parameter|constant|package|struct|class|method|generic|type)\b)"
)
_PERL = Case(
    "Perl",
    line=rb"(?:use|no)[ \t]+(?:strict|warnings|vars|lib|v?5|[A-Z]\w*)|(?:my|our|local)[ \t(]*[$@%]|sub[ \t]+\w+|package[ \t]+\w[\w:]*;",
    start=rb"#!.*perl(?!6)",
)
_RAKU = Case(
    None,
    line=rb"use[ \t]+v6|unit[ \t]+(?:module|class|role)|(?:my[ \t]+)?class[ \t]+\w+[ \t]+(?:is|does)[ \t]",
    start=rb"#!.*(?:raku|perl6)",
)
_CLAUSE = Case("Prolog", line=rb":-|[a-z]\w*(?:\([^\n]*\))?[ \t]*(?::-|-->)|(?<=\n)[a-z]\w*\([^\n]*\)\.[ \t]*$")
_VISUAL_BASIC = Case(
    "Visual Basic",
    line=rb"(?i:VERSION[ \t]+\d|Attribute[ \t]+VB_|Option[ \t]+Explicit|(?:Public|Private)[ \t]+(?:Sub|Function|Const|Declare)\b)",
)

RULES: tuple[Rule, ...] = (
    Rule(".h", (_OBJECTIVE_C, _CPP), "C", "C, C++ and Objective-C share it; words of C++ are rare in headers of C"),
    Rule(".hh", (Case(None, start=rb"<\?hh"),), "C++", "Hack opens with `<?hh`"),
    Rule(
        ".m",
        (
            _OBJECTIVE_C,
            Case(None, line=rb":-[ \t]*(?:module|interface|import_module)\b"),
            Case("Mathematica", line=rb"(?:BeginPackage|Begin|Needs)\[|\w+\[[^\]\n]{0,40}_[A-Z]?\w{0,40}\][ \t]*:=", start=rb"\(\*"),
        ),
        "MATLAB",
        "Objective-C and Mercury are not among the 89; packages of Mathematica open with a `(*` comment",
    ),
    Rule(".mm", (), None, "Objective-C++, which is not among the 89"),
    Rule(".pl", (_RAKU, _PERL, _CLAUSE), "Perl", "Perl declares (`use`, `my`, `sub`); Prolog has clauses (`:-`, facts that end in a dot)"),
    Rule(".pm", (_RAKU, Case(None, start=rb"/\* XPM")), "Perl", "modules of Raku and pictures of X PixMap share it"),
    Rule(".t", (_RAKU, _PERL), None, "tests of Perl; but also Raku, Terra, Turing, and transcripts of other test tools"),
    Rule(".al", (_PERL,), None, "AutoSplit of Perl; otherwise AL of Business Central"),
    Rule(".cgi .fcgi .spec .tool .trigger", (), None, "any language: the shebang decides"),
    Rule(
        ".v",
        (
            Case(
                None,
                line=rb"(?:From[ \t]+\w+[ \t]+)?Require\b|Proof\.|(?:Theorem|Lemma|Definition|Fixpoint|Inductive|Section)[ \t]+\w|Qed\.",
            ),
            Case(None, line=rb"(?:pub[ \t]+)?fn[ \t]+[\w(]"),
        ),
        "Verilog",
        "Coq (Rocq) and V are not among the 89",
    ),
    Rule(
        ".vh",
        (Case("SystemVerilog", line=rb"(?:typedef|package|interface|class|import|logic|covergroup|always_(?:ff|comb))\b"),),
        "Verilog",
        "headers of both; SystemVerilog has words that Verilog lacks",
    ),
    Rule(".r", (Case(None, start=rb"(?i:rebol|red)\s{0,8}\["),), "R", "Rebol opens with its name and a bracket"),
    Rule(".rd .rhistory", (), None, "manual pages and logs of R, not programs"),
    Rule(
        ".cls",
        (Case("TeX", line=rb"%|\\(?:NeedsTeXFormat|ProvidesClass|def|newcommand|LoadClass)\b"), _VISUAL_BASIC),
        None,
        "classes of LaTeX and Visual Basic; Apex, ObjectScript and OpenEdge are not among the 89",
    ),
    Rule(".frm .bas .ctl", (_VISUAL_BASIC,), None, "forms and modules of Visual Basic; other BASICs and tables of databases share them"),
    Rule(".vba", (Case(None, line=rb"UseVimball\b", start=rb'"'),), "Visual Basic", "Vimball archives open with a comment of Vim"),
    Rule(
        ".s",
        (Case("Scheme", line=rb"\((?:define|library|import)\b"), Case("R", line=rb"[\w.]+[ \t]*<-[ \t]*function[ \t]*\(")),
        "Assembly",
        "some programs in Scheme and S use it too",
    ),
    Rule(".i", (Case(None, line=rb"%(?:module|include|\{)|# \d+ \""),), "Assembly", "SWIG and preprocessed C are not source of the 89"),
    Rule(
        ".inc",
        (
            Case("PHP", anywhere=rb"<\?(?:php|=|\s)"),
            Case("HTML", start=rb"(?i:<(?:!--|!doctype|html|div|p|table|ul|script|head|body)\b)"),
            Case(
                "Pascal",
                line=rb"(?i:\{\$|(?:procedure|function)[ \t]+\w[^\n{]*;[ \t\r]*$|(?:unit|interface|implementation|uses)\b[^\n{(]*$)",
            ),
            _CPP,
            Case("C", line=rb"#[ \t]*(?:define|include|if|ifdef|ifndef|undef|pragma)\b|(?:static|extern|struct|typedef)[ \t]|/\*"),
            Case(
                "Assembly",
                line=rb"%(?:define|macro|if\w*|include)\b|\.(?:macro|equ|globl?|section|include)\b|\w+[ \t]+(?:equ|db|dw|macro)\b|;",
            ),
        ),
        None,
        "a piece of whatever includes it; what it contains decides",
    ),
    Rule(".ts .tsx", (_XML,), "TypeScript", "translations of Qt and tile sets of Tiled are XML"),
    Rule(".pro", (_CLAUSE,), None, "Prolog has clauses; IDL, qmake and Proguard are not among the 89"),
    Rule(".plt", (Case("Prolog", line=rb":-"),), None, "tests of SWI-Prolog; otherwise Gnuplot"),
    Rule(".fs", (_GLSL, _FORTH), "F#", "fragment shaders and Forth share it"),
    Rule(
        ".vs .fsh .vsh .frag .frg .comp .geom .geo .fp .vp .shader .gshader .fshader .vshader .vrx .mesh .task .rgen",
        (_GLSL,),
        None,
        "shaders, or data of other programs",
    ),
    Rule(
        ".gs",
        (_GLSL, Case("JavaScript", line=rb"(?:function|var|const|let)[ \t]+\w")),
        None,
        "geometry shaders, Google Apps Script; Genie and Gosu are not among the 89",
    ),
    Rule(
        ".ml",
        (Case("Standard ML", line=rb"(?:structure|signature|functor|datatype|infixr?)[ \t]+[\w']|fun[ \t]+[\w'][^>\n]*=(?!>)"),),
        "OCaml",
        "Standard ML has `structure`, `datatype` and `fun f x =`, which OCaml lacks",
    ),
    Rule(
        ".fun .sig",
        (Case("Standard ML", line=rb"(?:structure|signature|functor|open|local)\b"),),
        None,
        "Standard ML; also signatures of files",
    ),
    Rule(".cs", (Case("Smalltalk", line=rb"!.*(?:methodsFor:|\bclass\b)"),), "C#", "change sets of Smalltalk have chunks with `!`"),
    Rule(
        ".st",
        (
            Case(
                "Smalltalk",
                line=rb"[A-Z]\w*(?: class)?[ \t]+(?:>>|extend\b)|\|[\w \t]+\|[ \t]*$|Eval \["
                rb"|Transcript\b|!?[A-Z][\w.]* subclass:|!.*methodsFor:",
            ),
        ),
        None,
        "Smalltalk; templates of StringTemplate and programs of controllers share it",
    ),
    Rule(
        ".d",
        (Case("Makefile", line=rb"[^\s:]+\.(?:l?o|d|h|rlib|rmeta)[ \t]*:"),),
        None,
        "dependencies that a compiler wrote; D and DTrace are not among the 89",
    ),
    Rule(".as .asp .mod .prg .ms", (), None, "ActionScript, ASP, Modula-2, xBase, MAXScript and others, none among the 89"),
    Rule(
        ".es",
        (Case("Erlang", line=rb"%%|-module\(|main\(\w+\)[ \t]*->", start=rb"#!.*escript"),),
        "JavaScript",
        "scripts of Erlang share it",
    ),
    Rule(".f .for", (_FORTH,), "Fortran", "Forth defines words with `: name`"),
    Rule(
        ".g",
        (
            Case(
                "ANTLR",
                line=rb"(?:(?:lexer|parser|tree)[ \t]+)?grammar[ \t]+\w+[ \t]*;|class[ \t]+\w+[ \t]+extends[ \t]+\w*(?:Parser|Lexer)\b",
            ),
        ),
        None,
        "grammars of ANTLR 2 and 3; GAP and G-code are not among the 89",
    ),
    Rule(
        ".lisp .lsp",
        (Case(None, line=rb"\((?:define[ \t]*\(|context[ \t]+')", start=rb"#!.*newlisp"),),
        "Common Lisp",
        "newLISP defines with `(define (`",
    ),
    Rule(".cl .l", (_COMMON_LISP,), None, "OpenCL, Cool, Lex, PicoLisp and manual pages share them; Common Lisp has `(defun` and its like"),
    Rule(
        ".md",
        (Case(None, line=rb"(?<=\n)\(define_(?:insn|expand|mode_iterator|constraint|attr|c_enum|predicate|register_constraint)\b"),),
        "Markdown",
        "machine descriptions of GCC",
    ),
    Rule(".scd", (Case("Markdown", start=rb"[\w.-]+\(\d\w*\)"),), None, "scdoc opens with `name(section)`; otherwise SuperCollider"),
    Rule(
        ".p",
        (Case("Pascal", line=rb"(?i:(?:program|unit)[ \t]+\w+[ \t]*[(;])"), Case("Prolog", line=rb":-")),
        None,
        "Pascal and Prolog; OpenEdge and Gnuplot are not among the 89",
    ),
    Rule(
        ".pp",
        (
            Case(
                "Pascal",
                line=rb"(?i:(?:program|unit|library)[ \t]+[\w.]+[ \t]*[(;]|(?:uses|interface|implementation)\b[^{}=\n]*$"
                rb"|(?:begin|var|const|type)[ \t\r]*$|\{\$)",
            ),
        ),
        None,
        "Pascal declares its unit; Puppet is not among the 89",
    ),
    Rule(".rs", (Case(None, line=rb"#[ \t]*pragma[ \t]+(?:rs|version)\b"), _XML), "Rust", "RenderScript has pragmas"),
    Rule(
        ".sc",
        (
            Case(
                None,
                line=rb"\+?[ \t]?[A-Z]\w*(?:[ \t]*:[ \t]*[A-Z]\w*)?[ \t]*\{|\*\w+|arg[ \t]+\w|classvar\b|\|\w+\|",
                anywhere=rb"SynthDef\b",
            ),
        ),
        "Scala",
        "SuperCollider is not among the 89",
    ),
    Rule(".scm", (Case(None, anywhere=rb" @[a-z][\w.]*[ \t]*[)\n]"),), "Scheme", "queries of tree-sitter name captures with `@`"),
    Rule(
        ".sch .sls",
        (Case("Scheme", line=rb"\((?:define|import|library|module|let|declare)\b"),),
        None,
        "Scheme; also circuit plans, Schematron and states of Salt",
    ),
    Rule(".sol", (Case(None, start=rb"%|G04"),), "Solidity", "Gerber pictures of circuit boards open with `G04` or `%`"),
    Rule(".do", (Case("Tcl", line=rb"(?:vlib|vlog|vcom|vsim|onerror|add[ \t]+wave)\b"),), "Stata", "scripts of ModelSim are Tcl"),
    Rule(
        ".tm",
        (Case(None, line=rb":(?:Begin|End|Function|Arguments):", start=rb"<TeXmacs"),),
        "Tcl",
        "documents of TeXmacs, templates of MathLink",
    ),
    Rule(".y", (), "Yacc", "grammars of its descendants have the same shape"),
    Rule(".yy", (Case("JSON", start=rb"\{\s{0,80}\""),), "Yacc", "GameMaker keeps JSON in it"),
    Rule(".bb", (Case("Clojure", start=rb"#!.*\bbb\b|;;|\("),), None, "Babashka; BitBake and BlitzBasic are not among the 89"),
    Rule(
        ".bs",
        (Case("Bluespec", line=rb"(?<=\n)(?:package[ \t]+\w|import[ \t]+\w+[ \t]*(?:::|$)|(?:interface|module)[ \t]+\w[^\n]*=)"),),
        None,
        "Bluespec Classic; otherwise BrighterScript",
    ),
    Rule(
        ".cmd",
        (Case(None, line=rb"(?<=\n)(?:saved)?cmd_\S+[ \t]*:=", start=rb"/\*"),),
        "Batchfile",
        "REXX opens with a comment; Kbuild keeps command lines in it",
    ),
    Rule(".tag", (Case("Java Server Pages", anywhere=rb"<(?:%@|jsp:)"),), None, "tag files have directives; others are indexes"),
    Rule(
        ".nb .nbp .cdf .ma .mt",
        (Case("Mathematica", line=rb"(?:Notebook|BeginPackage|Begin|Test|VerificationTest)\[|\(\* ::"),),
        None,
        "notebooks and tests of Mathematica; scenes of Maya and other data share them",
    ),
)
