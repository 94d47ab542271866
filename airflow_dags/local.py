"""Airflow on this machine, with the DAG `codemill` ready to trigger: what `make airflow` runs, with Airflow's own interpreter.

Starts what `airflow standalone` starts, except the log servers, which bind all interfaces and cannot be told otherwise (nothing needs
them where the logs lie on the same disk), and the triggerer, which only deferred tasks need. What is left listens on 127.0.0.1 alone;
whoever can reach that is an administrator.
Stops at Ctrl-C, SIGTERM or when one of Airflow's processes ends, and leaves no process behind.
"""

import fcntl
import importlib.metadata
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
import targets

DAGS = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
COMPONENTS = (("api-server",), ("scheduler", "--skip-serve-logs"), ("dag-processor",))
START_S = 180.0  # a first start on two busy cores took 40 s
STOP_S = 10.0  # what a running task gets to end by itself; one that is cut off is found and tried again by the next start


def settings(home: Path, port: int) -> dict[str, str]:
    """Airflow's settings as environment variables, and the connection of the target."""
    target = targets.chosen()
    connection = f"AIRFLOW_CONN_{target.connection_id.upper()}"
    url = f"http://127.0.0.1:{port}"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",  # one waiting process each; the default of 32 takes 6 GB
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        connection: os.environ.get(connection) or json.dumps(target.connection),
        "PATH": f"{BIN}:{os.environ.get('PATH', os.defpath)}",
    }


def free_port(first: int = 8080) -> int:
    """The first port from `first` on that nobody on this machine listens to."""
    for port in range(first, first + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SystemExit(f"airflow: ports {first} to {first + 99} of 127.0.0.1 are all taken; free one of them")


@contextmanager
def alone(home: Path, url: str) -> Iterator[None]:
    """Holds `home` for this process: two schedulers over one database of this kind would disturb each other."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "url").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise SystemExit(f"airflow: already running at {file.read()}, in {home}") from None
        file.truncate(0)
        file.write(url)
        file.flush()
        yield


def migrate(home: Path, environment: dict[str, str]) -> None:
    """Brings the database to the installed version of Airflow, with the pool of workers; nothing to do where the last start did it."""
    pool = targets.chosen().worker_pool
    done, version = home / "migrated", f"{importlib.metadata.version('apache-airflow')} {pool}"
    if done.exists() and done.read_text() == version:
        return
    steps = (["db", "migrate"], ["pools", "set", pool, "1", "scoring: one slot for each accelerator"])
    with (home / "migrate.log").open("wb") as log:
        if any(subprocess.run([BIN / "airflow", *step], env=environment, stdout=log, stderr=log).returncode for step in steps):
            raise SystemExit(
                f"airflow: the database in {home} could not be migrated; migrate.log there says why. Remove {home} to start anew."
            )
    done.write_text(version)


@contextmanager
def running(home: Path, environment: dict[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Airflow's processes, each with its own log file and out of reach of the terminal's Ctrl-C. None is left at the end.

    They work in `home`: Spark's Python workers import from their working directory first, and would not use the zip in the project's.
    """
    processes = []
    try:
        migrate(home, environment)
        for command in COMPONENTS:
            with (home / f"{command[0]}.log").open("wb") as log:
                start = [BIN / "airflow", *command]
                processes.append(subprocess.Popen(start, env=environment, cwd=home, stdout=log, stderr=log, start_new_session=True))
        yield processes
    finally:
        stop()


def stop() -> None:
    """Ends all descendants. Jobs are told too, because the scheduler would wait for them to finish."""
    left = set(psutil.Process().children(recursive=True))
    for process in left:
        _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while left and time.monotonic() < deadline:
        left |= {child for process in left for child in _children(process)}
        left = set(psutil.wait_procs(left, timeout=0.2)[1])
    for process in left:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(left, timeout=STOP_S)


def _signal(process: psutil.Process, number: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def wait_until_ready(url: str, home: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    """Returns when the components are healthy and the DAG is there."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        check(home, processes)
        if is_ready(url):
            return
        time.sleep(0.5)
    raise SystemExit(f"airflow: not ready after {START_S:.0f} s; the logs are in {home}")


def check(home: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    for command, process in zip(COMPONENTS, processes, strict=True):
        if process.poll() is not None:
            raise SystemExit(f"airflow: {command[0]} ended with status {process.returncode}; {home}/{command[0]}.log says why")


def is_ready(url: str) -> bool:
    try:
        health = fetch(f"{url}/api/v2/monitor/health")
        if any(health[part]["status"] != "healthy" for part in ("metadatabase", "scheduler", "dag_processor")):
            return False
        token = fetch(f"{url}/auth/token")["access_token"]
        return bool(fetch(f"{url}/api/v2/dags/codemill", token)["dag_id"] == "codemill")
    except (OSError, KeyError):
        return False


def fetch(url: str, token: str = "") -> dict[str, Any]:
    """The JSON at `url`, asked without a proxy. Raises `OSError`, also for a status that is not 2xx."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
        return dict(json.load(answer))


def leave(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    home = Path(os.environ.get("AIRFLOW_HOME") or DAGS.parent / "build" / "airflow").resolve()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | settings(home, port)
    print(f"airflow: starting in {home} ...", flush=True)
    try:
        with alone(home, url), running(home, environment) as processes:
            wait_until_ready(url, home, processes)
            print(f"airflow: ready at {url}/dags/codemill (Trigger asks for the lake and the sources); or, in another terminal,")
            print(f'    AIRFLOW_HOME={home} {BIN / "airflow"} dags trigger codemill --conf \'{{"sources": ["/path/to/code"]}}\'')
            print("airflow: Ctrl-C stops it", flush=True)
            while True:
                check(home, processes)
                time.sleep(1)
    except KeyboardInterrupt:
        print("airflow: stopped", flush=True)


if __name__ == "__main__":
    main()
