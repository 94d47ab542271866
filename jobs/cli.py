"""The command line. `codemill --help` lists everything; each command has its own `--help`.

Exit status: 0 done, 1 failed, 2 the command was wrong.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from jobs.commands import (
    card,
    counts,
    dag,
    explain,
    label,
    mixture,
    page_models,
    report,
    run,
    score,
    scorer,
    trace,
    vacuum,
    verify,
    what_if,
    whereabouts,
)
from jobs.commands.options import Command
from jobs.pipeline import JOBS
from jobs.runtime.errors import TOLD, UsageError


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    command: Command = arguments.command
    try:
        return command(arguments)
    except UsageError as error:
        sys.stderr.write(f"codemill: {error}\n")
        return 2
    except TOLD as error:
        sys.stderr.write(f"codemill: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("codemill: stopped. The same command continues from here.\n")
        return 130
    except BrokenPipeError:  # who reads has seen enough, such as `head`; what is still to be written goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="codemill", description="Builds training data for code models: code in, shards out, an account of every file."
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    run.add(commands)
    for phase in dict.fromkeys(job.phase for job in JOBS):
        if phase == "decide":
            what_if.add(commands)
        elif phase == "score":
            score.add(commands)
        else:
            run.add_phase(commands, phase)
    for job in JOBS:
        run.add_job(commands, job)
    counts.add(commands)
    explain.add(commands)
    trace.add(commands)
    whereabouts.add(commands)
    mixture.add(commands)
    verify.add(commands)
    report.add(commands)
    card.add(commands)
    vacuum.add(commands)
    label.add(commands)
    scorer.add(commands)
    page_models.add(commands)
    dag.add(commands)
    return top


if __name__ == "__main__":
    sys.exit(main())
