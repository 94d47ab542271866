"""The demo: the whole pipeline on real code found on this machine. `python -m jobs.demo`.

Input: Python's standard library as an archive, installed distributions as folders (a bounded choice by hash of their names), the
history of the git repository that this file lies in, where there is one, and what is documented on this machine as web pages, where there
is wget to crawl them. Where no other repository is named, also the patches of two source packages of the distribution, one commit each,
where apt can fetch them. Nobody wrote any of it for this.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import sys
import sysconfig
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from jobs.cli import main as codemill
from jobs.demo_patches import histories
from jobs.demo_site import crawl
from jobs.report.write import write_report
from jobs.sources import SourceError, facts, parse_source

TOTAL_BYTES = 28 << 20
LARGEST_BYTES = 6 << 20
SMALLEST_BYTES = 100 << 10
LIBRARY_BYTES = 10 << 20
PATCHED = ("cron", "screen")  # small packages with many patches
SKIPPED = {"__pycache__", "site-packages", "test", "tests", "idlelib", "lib2to3", "config"}


def sources(folder: Path, repositories: Sequence[str] = ()) -> Iterator[dict[str, str]]:
    """Lines of the manifest. `repositories` are git repositories that the user names besides."""
    for given in repositories or histories(folder / "patches", PATCHED):
        yield {"repository": Path(given).resolve().name, "path": str(Path(given).resolve()), "kind": "git"}
    yield {"repository": f"cpython-{platform.python_version()}", "path": str(library_archive(folder).absolute()), "licence": "PSF-2.0"}
    chosen = 0
    for name, path, size, licence in sorted(distributions(), key=lambda d: hashlib.sha256(d[0].encode()).hexdigest()):
        if SMALLEST_BYTES <= size <= LARGEST_BYTES and chosen + size <= TOTAL_BYTES:
            chosen += size
            yield {"repository": name, "path": str(path.absolute()), "kind": "folder", **({"licence": licence} if licence else {})}
    project = Path(__file__).parents[1]
    if (project / ".git").exists():
        yield {"repository": "codemill", "path": str(project), "kind": "git", "licence": "Apache-2.0"}


def library_archive(folder: Path) -> Path:
    """The standard library's packages and modules as one tar, bounded by a choice by hash."""
    target = folder / f"cpython-{platform.python_version()}.tar.gz"
    if target.exists():
        return target
    root = Path(sysconfig.get_path("stdlib"))
    found = [path for path in sorted(walk(root)) if path.suffix in (".py", ".txt", ".h", ".c", ".sh", ".html", ".cfg")]
    found.sort(key=lambda path: hashlib.sha256(str(path.relative_to(root)).encode()).hexdigest())
    unfinished = target.with_suffix(".part")
    size = 0
    with tarfile.open(unfinished, "w:gz", compresslevel=1) as archive:
        for path in found:
            size += path.stat().st_size
            if size > LIBRARY_BYTES:
                break
            archive.add(path, str(path.relative_to(root)))
    unfinished.rename(target)
    return target


def walk(root: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        names[:] = sorted(set(names) - SKIPPED)
        yield from (Path(folder) / file for file in files)


def field(found: importlib.metadata.Distribution, name: str) -> str | None:
    """A field of a distribution's metadata. Of one that is not there some versions of the library give None and others an error."""
    return next(iter(found.metadata.get_all(name) or ()), None)


def distributions() -> Iterator[tuple[str, Path, int, str | None]]:
    """Name with version, main folder, size of its text-like files, licence; of each installed distribution that has a package folder."""
    for found in importlib.metadata.distributions():
        sizes: dict[str, int] = {}
        for file in found.files or ():
            if (
                len(file.parts) > 1
                and file.size
                and file.suffix in (".py", ".pyi", ".c", ".h", ".hpp", ".cpp", ".js", ".ts", ".css", ".html", ".json")
            ):
                sizes[file.parts[0]] = sizes.get(file.parts[0], 0) + file.size
        sizes = {top: size for top, size in sizes.items() if top != ".." and not top.endswith(".dist-info")}
        if sizes:
            top = max(sizes, key=lambda name: (sizes[name], name))
            path = Path(str(found.locate_file(top)))
            if (path / "__init__.py").is_file():  # else a folder that distributions share
                yield f"{found.name}-{found.version}", path, sizes[top], field(found, "License-Expression")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m jobs.demo", description="Runs the whole pipeline on real code found on this machine.")
    parser.add_argument("--out", default="build/demo", metavar="FOLDER", help="where lake and report go (default: build/demo)")
    help = "a git repository whose files and commits are taken too, in place of patches that apt fetches (repeatable)"
    parser.add_argument("--repository", action="append", default=[], metavar="PATH", help=help)
    arguments = parser.parse_args()
    for given in arguments.repository:
        try:
            facts(parse_source(f"git:{given}"))
        except SourceError as error:  # in the manifest it would be one reject among thousands
            parser.error(f"--repository {given}: {error}")
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    manifest = out / "sources.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in sources(out, arguments.repository)))
    archive = crawl(out / "pages.warc.gz")
    if archive is None:
        print("demo: there is no wget on this machine, so the demo has no web pages", file=sys.stderr)
    given = ["--archive", str(archive)] if archive else []
    status = codemill(["run", "--lake", str(out / "lake"), "--manifest", str(manifest), *given, "--profile", "demo"])
    if status:
        return status
    report = write_report(str(out / "lake"), out / "report.html")
    print(f"\nreport: {report}\n\ntry next:")
    lake = f"--lake {out / 'lake'}"
    program = "codemill" if shutil.which("codemill") else os.path.relpath(Path(sys.executable).with_name("codemill"))
    for command in ("explain asyncio/events.py", "decide --what-if max_error_share=0.05", "trace demo/train/00000/000000"):
        print(f"  {program} {command} {lake}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
