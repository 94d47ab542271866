"""What the JVM says on stderr: everything is passed on but what is known to be noise."""

import os
import threading

from hypothesis import given
from hypothesis import strategies as st

from jobs.runtime.jvm import NOISE, pass_on

LINES = st.lists(st.one_of(st.sampled_from(NOISE), st.binary(max_size=20).map(lambda line: line.replace(b"\n", b""))), max_size=20)


def passed_on(parts):
    """What comes out where the parts are written one after the other."""
    (reading, writing), (out, to) = os.pipe(), os.pipe()
    thread = threading.Thread(target=pass_on, args=(reading, to))
    thread.start()
    for part in parts:
        os.write(writing, part)
    os.close(writing)
    thread.join()
    os.close(to)
    with open(out, "rb") as result:
        return result.read()


@given(LINES, st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), st.integers(1, 50))
def test_every_line_but_noise_is_passed_on_whatever_the_parts_it_came_in(lines, unfinished, size):
    written = b"".join(line + b"\n" for line in lines) + unfinished
    expected = b"".join(line + b"\n" for line in lines if not line.startswith(NOISE)) + unfinished
    assert passed_on(written[start : start + size] for start in range(0, len(written), size)) == expected


def test_an_error_of_java_is_passed_on():
    said = b"Error: Could not create the Java Virtual Machine.\n"
    assert passed_on([NOISE[0] + b"\n" + said]) == said
