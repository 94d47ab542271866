"""`codemill export-dag`: the declarations of the jobs, for Airflow."""

import argparse
import json
from typing import Any

from jobs.commands.options import add_parser
from jobs.pipeline import exported


def add(commands: Any) -> None:
    add_parser(commands, "export-dag", write, "print the jobs and their order as JSON (airflow_dags/jobs.json)")


def write(arguments: argparse.Namespace) -> int:
    print(json.dumps(exported(), indent=1))
    return 0
