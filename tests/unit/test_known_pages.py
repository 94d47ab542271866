"""What the benchmarks take for the source of a page's code, by hand-made sources."""

from benchmarks import known_javadoc, known_man

ROFF = r"""
.SH SYNOPSIS
.nf
.B #include <x.h>
.PP
.BI "int f(int " a ", \
char *" b );  \" said
.fi
.EX
\&.a \- \fBb\fP \e \(aq\[dq]
.\" nothing

  c
.EE
.nf
.TP 4
x
.fi
"""
JAVA = r"""
/** Of another: <pre>no</pre> */
class Other {}
/**
 * Text.
 * <pre>
 *   a &lt; b;&nbsp;// <b>c</b>
 * </pre>
 * <pre> {@code
 *   List<T> \u0041 = {};
 * }</pre>
 * <pre>{@link Other}</pre>
 */
@Deprecated
public final class Box<T> {
    /** <pre>of a field</pre> */
    int x;
}
"""


def test_code_of_a_manual_page_is_what_stands_between_its_requests() -> None:
    codes, skipped = known_man.codes_of(ROFF)
    assert codes == ["#include <x.h>", "int f(int a, char *b);", ".a - b \\ '\"\n\n  c"]
    assert skipped == 1


def test_code_of_a_class_is_that_of_the_comment_before_it() -> None:
    codes, skipped = known_javadoc.codes_of(known_javadoc.shown_comment(JAVA, "Box"))
    assert codes == ["   a < b; // c\n ", " \n   List<T> A = {};\n "]
    assert skipped == 1
    assert known_javadoc.shown_comment(JAVA, "Absent") == ""
