"""Histories of patches: source packages of the distribution, whose quilt patches are committed one by one on the upstream source.

apt fetches the packages, from the archives that this machine's apt is configured for; nothing runs of them. A patch's description is the
message. A patch that does not apply ends its package's history there, which is said.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

CONFIGURATION = Path("/etc/apt")
IDENTITY = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in
            (("NAME", "quilt"), ("EMAIL", "quilt@example.org"), ("DATE", "1000000000 +0000"))}  # fmt: skip
_HEADER = re.compile(r"^(?:Description|Subject): ?(.*(?:\n .*)*)", re.M)
FETCH = ("-o", "Acquire::http::Timeout=10", "-o", "Acquire::https::Timeout=10", "-o", "Acquire::Retries=1")
FETCH_S = 60  # after which apt is given up


class NoSourcesError(Exception):
    """This machine cannot fetch source packages; the message says what is missing."""


def histories(folder: Path, packages: Sequence[str]) -> list[Path]:
    """A repository for each package, below `folder`; what was made before is taken as it is. Says what cannot be had, and goes on."""
    lacking = [package for package in packages if not (folder / package / ".git").is_dir()]
    if lacking:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as part:
            try:
                for package, _ in made(Path(part), lacking):
                    (Path(part) / package).rename(folder / package)
            except (NoSourcesError, OSError, subprocess.CalledProcessError) as error:
                print(f"demo: patches of source packages are left out: {error}", file=sys.stderr)
    return [folder / package for package in packages if (folder / package / ".git").is_dir()]


def made(out: Path, packages: Sequence[str]) -> Iterator[tuple[str, int]]:
    """(package, patches committed) of each repository that was made below `out`."""
    for program in ("apt-get", "dpkg-source", "git"):
        if not shutil.which(program):
            raise NoSourcesError(f"the program {program} is not there; source packages are fetched with apt's own tools")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = source_lists(folder)
        for package in packages:
            fetched = folder / package
            fetched.mkdir()
            done = asked_of_apt(*options, "-q", "source", "--download-only", package, folder=fetched)
            descriptions = list(fetched.glob("*.dsc"))
            if done.returncode or not descriptions:
                print(f"  {package}: not fetched: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                continue
            tree = out / package
            shutil.rmtree(tree, ignore_errors=True)
            out.mkdir(parents=True, exist_ok=True)
            unpack = ["dpkg-source", "--no-check", "--skip-patches", "-x", str(descriptions[0]), str(tree)]
            unpacked = subprocess.run(unpack, capture_output=True, text=True)
            if unpacked.returncode:
                print(f"  {package}: not unpacked: {unpacked.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                continue
            yield package, committed(tree)


def source_lists(folder: Path) -> list[str]:
    """Options of apt: lists of its own below `folder`, of the sources of every archive that is configured. Raises `NoSourcesError`."""
    found = [*CONFIGURATION.glob("sources.list"), *CONFIGURATION.glob("sources.list.d/*.list")]
    lines = [re.sub(r"^deb\b", "deb-src", line) for path in found for line in path.read_text().splitlines() if line.startswith("deb ")]
    (folder / "sources.list").write_text("".join(f"{line}\n" for line in lines))
    (folder / "parts").mkdir()
    (folder / "lists" / "partial").mkdir(parents=True)
    for path in CONFIGURATION.glob("sources.list.d/*.sources"):
        (folder / "parts" / path.name).write_text(re.sub(r"(?m)^Types:.*$", "Types: deb-src", path.read_text()))
    if not lines and not any((folder / "parts").iterdir()):
        raise NoSourcesError(f"apt has no archive here: neither {CONFIGURATION}/sources.list nor a file in sources.list.d names one")
    places = {"Dir::Etc::SourceList": "sources.list", "Dir::Etc::SourceParts": "parts", "Dir::State::Lists": "lists"}
    options = [part for name, place in places.items() for part in ("-o", f"{name}={folder / place}")]
    options += ["-o", f"Dir::Cache::pkgcache={folder}/pkgcache", "-o", f"Dir::Cache::srcpkgcache={folder}/srcpkgcache"]
    options += ["-o", "APT::Sandbox::User=root", *FETCH]
    done = asked_of_apt(*options, "-q", "update", folder=folder)
    if done.returncode:
        raise NoSourcesError(f"apt-get update failed, as it does without a network: {done.stderr.strip()[-300:]}")
    return options


def asked_of_apt(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["apt-get", *arguments], cwd=folder, capture_output=True, text=True, timeout=FETCH_S)
    except subprocess.TimeoutExpired:
        raise NoSourcesError(f"apt-get gave no answer within {FETCH_S} s") from None


def committed(tree: Path) -> int:
    """Commits what is unpacked, then each patch of the series; how many there are. Patches of another strip level end it."""
    series = tree / "debian" / "patches" / "series"
    names = [line.split("#")[0].split() for line in series.read_text().splitlines()] if series.is_file() else []
    patches = [(tree / "debian" / "patches" / line[0]).read_bytes() for line in names if line]
    shutil.rmtree(tree / "debian", ignore_errors=True)
    git(tree, "init", "-q", "-b", "main")
    git(tree, "add", "-A", "-f")
    git(tree, "commit", "-q", "-m", "Import the upstream source")
    for count, patch in enumerate(patches):
        if subprocess.run([*GIT, "apply", "--index", "--whitespace=nowarn", "-"], cwd=tree, input=patch, capture_output=True).returncode:
            print(f"  {tree.name}: {count} of {len(patches)} patches apply one after the other", file=sys.stderr)
            return count
        git(tree, "commit", "-q", "--allow-empty", "-m", message_of(patch.decode("utf-8", "replace")))
    return len(patches)


def message_of(patch: str) -> str:
    """A patch's description, or its subject, or the lines before the first file."""
    head = re.split(r"(?m)^(?:---|diff |Index: )", patch, maxsplit=1)[0]
    found = _HEADER.search(head)
    text = found[1] if found else head
    subject, _, rest = "\n".join(line.strip() for line in text.strip().splitlines()).partition("\n")
    return f"{subject}\n\n{rest.strip()}" if rest else subject or "No description"


GIT = ["git", "-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false", "-c", "commit.gpgSign=false"]


def git(tree: Path, *arguments: str) -> None:
    environment = os.environ | IDENTITY | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run([*GIT, *arguments], cwd=tree, env=environment, check=True, capture_output=True)
