"""Logs for machines: one JSON object a line, to the file that CODEMILL_LOG names (`-` is standard error). Silent where it names none."""

import datetime
import json
import os
import sys
from typing import Any


def log(event: str, **fields: Any) -> None:
    target = os.environ.get("CODEMILL_LOG")
    if not target:
        return
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"time": now, "event": event, **fields}, ensure_ascii=False, default=str) + "\n"
    if target == "-":
        sys.stderr.write(line)
        return
    with open(target, "a", encoding="utf-8") as file:
        file.write(line)
