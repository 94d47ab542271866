"""Options that commands share."""

import argparse
import re
import sys
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console

from jobs.runtime.errors import UsageError

PLAIN_WIDTH = 124
MOST = 10**15  # of any number that is asked for: more is a slip, and does not fit where it goes
MOST_THREADS = 1000
SAY_EVERY_S = 5.0
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
Command = Callable[[argparse.Namespace], int]


def add_parser(commands: Any, name: str, command: Command, help: str, **options: Any) -> argparse.ArgumentParser:
    found: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help, **options)
    found.set_defaults(command=command)
    return found


def plain(text: str) -> str:
    """One line for the terminal: control characters, which a hostile file's name may hold, as \\xNN."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


class PipeConsole(Console):
    """Rich ends the process with status 1 where nobody reads any more; here the command line decides."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """Standard output; wide enough for the tables where it is no terminal."""
    return PipeConsole() if sys.stdout.isatty() else PipeConsole(width=PLAIN_WIDTH)


def progress(is_quiet: bool) -> Callable[[str], None]:
    """Says a line on standard error: the first, then at most one every few seconds."""
    last = -SAY_EVERY_S

    def say(line: str) -> None:
        nonlocal last
        if not is_quiet and time.monotonic() - last > SAY_EVERY_S:
            last = time.monotonic()
            sys.stderr.write(f"codemill: {line}\n")

    return say


def check_least(arguments: argparse.Namespace, least: dict[str, float], most: float = MOST) -> None:
    """Raises `UsageError` for the first option that is given and below its limit, or above `most`."""
    for name, limit in least.items():
        value = getattr(arguments, name)
        if value is not None and not limit <= value <= most:
            expected = f"at most {most:,}" if value > most else f"at least {limit}"
            raise UsageError(f"--{name.replace('_', '-')} {value}: expected {expected}")


def add_lake(found: argparse.ArgumentParser) -> None:
    found.add_argument("--lake", required=True, metavar="LAKE", type=text_name, help="the lake: a folder, or s3://bucket/prefix")


def named(text: str) -> str:
    """An empty name is a shell variable that is not set, and would mean the folder where the user stands."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty")
    return text


def text_name(text: str) -> str:
    """A name that is written into tables: what a shell passes on that is no UTF-8 cannot be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{text!a} is no UTF-8") from None
    return named(text)


def add_mixture(found: argparse.ArgumentParser, default: str) -> None:
    found.add_argument("--mixture", default="", metavar="NAME", help=f"a mixture by its name; default: {default}")


def add_json(found: argparse.ArgumentParser) -> None:
    found.add_argument("--json", action="store_true", help="print JSON")
