"""Histories of patches: source packages of the distribution, whose quilt patches are committed one by one on the upstream source.

`python -m benchmarks.distribution_patches --out FOLDER [PACKAGE ...]` makes one repository per package, for `--repository` of the
benchmarks of commits and of the demo. apt fetches the packages, from the archives that this machine's apt is configured for; nothing runs
of them. A patch's description is the message. A patch that does not apply ends its package's history there, which is said.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

CONFIGURATION = Path("/etc/apt")
PACKAGES = (
    "bash", "vim", "zlib", "curl", "python3.11", "openssh", "sed", "grep", "gawk", "tar", "cups", "krb5", "net-tools", "xterm", "rsync",
    "screen", "tmux", "bind9", "lsof", "unzip", "wget", "openldap", "cron", "shadow", "sudo",
)  # fmt: skip
IDENTITY = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in
            (("NAME", "quilt"), ("EMAIL", "quilt@example.org"), ("DATE", "1000000000 +0000"))}  # fmt: skip
_HEADER = re.compile(r"^(?:Description|Subject): ?(.*(?:\n .*)*)", re.M)


class NoSourcesError(Exception):
    """This machine cannot fetch source packages; the message says what is missing."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="*", default=list(PACKAGES))
    parser.add_argument("--out", required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    try:
        total = 0
        for package, patches in made(Path(arguments.out), arguments.packages):
            print(f"  {package}: {patches} patches", flush=True)
            total += patches
    except NoSourcesError as error:
        print(f"distribution_patches: {error}", file=sys.stderr)
        return 1
    print(f"{total} patches in {arguments.out}")
    return 0


def made(out: Path, packages: list[str]) -> Iterator[tuple[str, int]]:
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
            fetch = ["apt-get", *options, "-q", "source", "--download-only", package]
            done = subprocess.run(fetch, cwd=fetched, capture_output=True, text=True)
            descriptions = list(fetched.glob("*.dsc"))
            if done.returncode or not descriptions:
                print(f"  {package}: not fetched: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                continue
            tree = out / package
            shutil.rmtree(tree, ignore_errors=True)
            out.mkdir(parents=True, exist_ok=True)
            unpack = ["dpkg-source", "--no-check", "--skip-patches", "-x", str(descriptions[0]), str(tree)]
            if not subprocess.run(unpack, capture_output=True).returncode:
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
    options += ["-o", "APT::Sandbox::User=root"]
    done = subprocess.run(["apt-get", *options, "-q", "update"], capture_output=True, text=True)
    if done.returncode:
        raise NoSourcesError(f"apt-get update failed, as it does without a network: {done.stderr.strip()[-300:]}")
    return options


def committed(tree: Path) -> int:
    """Commits what is unpacked, then each patch of the series; how many patches there are. Patches of another strip level end it."""
    series = tree / "debian" / "patches" / "series"
    names = [line.split("#")[0].split() for line in series.read_text().splitlines()] if series.is_file() else []
    patches = [(tree / "debian" / "patches" / line[0]).read_bytes() for line in names if line]
    shutil.rmtree(tree / "debian", ignore_errors=True)
    git(tree, "init", "-q", "-b", "main")
    git(tree, "add", "-A", "-f")
    git(tree, "commit", "-q", "-m", "Import the upstream source")
    for count, patch in enumerate(patches):
        if subprocess.run([*GIT, "apply", "--index", "--whitespace=nowarn", "-"], cwd=tree, input=patch, capture_output=True).returncode:
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


if __name__ == "__main__":
    sys.exit(main())
