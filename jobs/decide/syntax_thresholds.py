"""The share of a file's bytes in error nodes above which it has syntax errors, by language.

Measured: docs/decisions/0003-syntax-thresholds.md. A language that is not here follows the report: any syntax error drops. At 1.0 the
grammar drops nothing, because it knows too little of the language to judge.
"""

MAX_ERROR_SHARE: dict[str, float] = {
    "Assembly": 1.0,
    "C": 0.2,
    "C#": 0.01,
    "C++": 0.2,
    "CMake": 0.01,
    "CSS": 0.02,
    "CUDA": 0.1,
    "Dockerfile": 1.0,
    "Fortran": 1.0,
    "GLSL": 0.1,
    "Groovy": 0.1,
    "HTML": 0.1,
    "MATLAB": 1.0,
    "Makefile": 0.2,
    "Pascal": 0.2,
    "Perl": 0.01,
    "PowerShell": 0.2,
    "Protocol Buffer": 0.2,
    "SQL": 0.2,
    "Scheme": 1.0,
    "Shell": 0.01,
    "Tcl": 1.0,
    "TeX": 1.0,
    "Verilog": 1.0,
    "YAML": 0.2,
    "reStructuredText": 0.01,
}
