"""Where the jobs run: the one file that differs between a laptop, EMR and Databricks.

A target is plain data: where the application, the zip, the jars and the interpreter are, which connection and Spark configuration
they run with, what the trigger form proposes. `submit` builds the Airflow operator of a job for a target. A new target is one more
entry in `targets` and, where it does not use spark-submit, one more branch in `submit`.
"""

import os
import shlex
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Target:
    """Paths are those of the machine that runs spark-submit. `class_path` holds Delta's jars, for a driver that is its own executor.

    `connection` is what the Airflow connection `connection_id` holds where nobody manages connections: `local.py` and the tests offer
    it as `AIRFLOW_CONN_<ID>`. `environment` is added to what the tasks inherit. `max_active_tasks` bounds the jobs that run at once.
    Scoring runs where `worker_python` is, in the pool `worker_pool` (whose slots are the accelerators there are) and, for executors that
    have queues, in `worker_queue`; for `worker_hours` at most, waiting for a scorer among them, after which what is scored is committed and
    the task is retried: it goes on from there. Airflow shows a warning at the DAG, and schedules no scoring, until the pool is made.
    """

    connection_id: str
    connection: dict[str, str]
    root: str
    application: str
    py_files: str
    class_path: str
    python: str
    driver_memory: str
    conf: dict[str, str]
    environment: dict[str, str]
    worker_python: str
    worker_pool: str
    worker_queue: str
    worker_hours: float
    max_active_tasks: int
    lake: str
    sources: tuple[str, ...]


def local(root: str) -> Target:
    """This machine, with the project's own environment below `root`. One job at a time, because each takes all cores.

    The Spark settings are those of `jobs/runtime/session.py` for a laptop, which under spark-submit leaves them to the submitter.
    """
    stdlib = sysconfig.get_path("stdlib")
    return Target(
        connection_id="spark_local",
        connection={"conn_type": "spark", "host": "local[2]"},
        root=root,
        application=f"{root}/jobs/main.py",
        py_files=f"{root}/build/codemill.zip",
        class_path=f"{root}/.venv/jars/*",
        python=f"{root}/.venv/bin/python",
        driver_memory="1g",
        conf={
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.sql.shuffle.partitions": "4",
            "spark.databricks.delta.snapshotPartitions": "2",
            "spark.log.structuredLogging.enabled": "false",
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC "
            # What set-up archived of the classes of Spark and Delta; Java goes on without where it does not fit.
            f"-XX:SharedArchiveFile={root}/.venv/jars/classes.jsa -Xlog:disable -Xlog:all=error:stderr "
            f"-Dlog4j2.configurationFile={root}/jobs/runtime/log4j2.properties",
        },
        environment={
            "PATH": f"{root}/.venv/bin:{os.environ.get('PATH', os.defpath)}",
            "PYSPARK_PYTHON": f"{root}/.venv/bin/python",
            **java(f"{root}/.venv/java"),
        },
        worker_python=f"{root}/.venv/bin/python",
        worker_pool="codemill_workers",
        worker_queue="codemill_workers",
        worker_hours=7 * 24,
        max_active_tasks=1,
        lake=f"{root}/build/airflow/lake",
        sources=(f"{stdlib}/asyncio", f"{stdlib}/email"),
    )


def java(brought: str) -> dict[str, str]:
    """What points Spark to the Java that set-up brought, where it brought one; it does so only where it found none."""
    return {"JAVA_HOME": brought} if Path(brought).exists() else {}


def chosen() -> Target:
    """The target named by `CODEMILL_TARGET` (default `local`), with the project at `CODEMILL_ROOT` (default: where this file is)."""
    root = os.environ.get("CODEMILL_ROOT") or str(Path(__file__).resolve().parents[1])
    targets = {"local": local}
    name = os.environ.get("CODEMILL_TARGET", "local")
    if name not in targets:
        raise ValueError(f"CODEMILL_TARGET is {name!r}; the targets of {__file__} are {', '.join(targets)}")
    return targets[name](root)


def submit(target: Target, job: dict[str, Any], arguments: Callable[[Any], list[str]], **task: Any) -> Any:
    """The operator that runs `job` at `target`. `arguments(context)` are made when the task runs; `task` goes to the operator."""
    if job["engine"] == "python":
        return _bash(target, target.python, arguments, **task)
    return _spark_submit(target, arguments, **task)


def submit_each(target: Target, commands: Any, **task: Any) -> Any:
    """The operator that runs a worker for each of `commands`, which are made when the run is under way: an XComArg of `worker_command`s."""
    from airflow.providers.standard.operators.bash import BashOperator

    place = {"cwd": target.root, "env": target.environment, "append_env": True, "pool": target.worker_pool, "queue": target.worker_queue}
    return BashOperator.partial(**place, **task).expand(bash_command=commands)


def worker_command(target: Target, arguments: list[str]) -> str:
    return "exec " + shlex.join([target.worker_python, "-m", "jobs", *arguments])


def _spark_submit(target: Target, arguments: Callable[[Any], list[str]], **task: Any) -> Any:
    from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

    def application_args(context: Any, jinja_env: Any) -> list[str]:
        return arguments(context)

    return SparkSubmitOperator(
        conn_id=target.connection_id,
        application=target.application,
        application_args=application_args,
        py_files=target.py_files,
        driver_class_path=target.class_path,
        driver_memory=target.driver_memory,
        conf=target.conf,
        env_vars=target.environment,
        name=f"codemill.{task['task_id']}",
        **task,
    )


def _bash(target: Target, python: str, arguments: Callable[[Any], list[str]], **task: Any) -> Any:
    from airflow.providers.standard.operators.bash import BashOperator

    def bash_command(context: Any, jinja_env: Any) -> str:
        return "exec " + shlex.join([python, "-m", "jobs", *arguments(context)])

    return BashOperator(bash_command=bash_command, cwd=target.root, env=target.environment, append_env=True, **task)
