"""Set-up: archives the classes that Spark and Delta load, so that each later session starts from them.

`python -m jobs.runtime.setup_classes`. Else Java would read, verify and link them anew each time. It writes them as one file when a
session that did real work ends. A Java that cannot (a reduced one has no archive of its own to build on) costs time and nothing else.
"""

import hashlib
import io
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import pyspark

import jobs
from jobs.runtime.java import java_program, use_java
from jobs.runtime.jvm import class_archive, end_jvm
from jobs.runtime.session import jar_folder, start_session, stop_session


def origin() -> str:
    """What an archive is bound to: the Java, and name, size and time of each jar."""
    said = subprocess.run([java_program(), "-version"], capture_output=True, text=True, check=False).stderr
    folders = (jar_folder(), Path(pyspark.__file__).parent / "jars")
    jars = [(str(jar), jar.stat().st_size, jar.stat().st_mtime_ns) for folder in folders for jar in sorted(folder.glob("*.jar"))]
    return hashlib.sha256(f"{said} {jars}".encode()).hexdigest()


def archive_classes(target: Path) -> bool:
    """Runs the first jobs over a few files of our own, and lets Java write what it loaded. Whether it did."""
    from jobs.cli import main as codemill

    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "classes.jsa"
        start_session("set-up", java_options=f"-XX:ArchiveClassesAtExit={made} -Xlog:disable -Xlog:all=error:stderr")
        source = Path(jobs.__file__).parent / "mix"
        with redirect_stdout(io.StringIO()):
            status = codemill(["run", "--lake", f"{scratch}/lake", "--source", str(source), "--until", "decide", "--quiet"])
        stop_session()
        end_jvm()
        if status or not made.exists():
            return False
        target.write_bytes(made.read_bytes())
    return True


def main() -> None:
    use_java()
    archive = class_archive(jar_folder())
    bound = archive.with_suffix(".origin")
    if archive.exists() and bound.exists() and bound.read_text() == origin():
        return
    archive.unlink(missing_ok=True)
    print("archiving the classes of Spark and Delta, once")
    if archive_classes(archive):
        bound.write_text(origin())
    else:
        print(f"no classes were archived in {archive}: sessions start some seconds slower", file=sys.stderr)


if __name__ == "__main__":
    main()
