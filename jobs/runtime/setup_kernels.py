"""Set-up: compiles the kernels of pages, which take longer than all others together. `python -m jobs.runtime.setup_kernels`.

They are kept for every process that finds the folder (udfs/compiled.py), and compiled anew where a source, the processor or a library is
another. A job that finds none compiles them before its tasks, which would each do it.
"""

from collections.abc import Callable

from udfs import page_text

TOLD = "compiling the kernels of pages, once (half a minute)"


def compile_kernels(say: Callable[[str], None]) -> None:
    """Does nothing where they are there. `say` is told before what takes long."""
    if not page_text.is_compiled():
        say(TOLD)
        page_text.extract(b"<p>one</p>")


if __name__ == "__main__":
    compile_kernels(print)
