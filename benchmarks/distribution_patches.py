"""Histories of patches for benchmarks: source packages of the distribution, whose quilt patches are committed one by one.

`python -m benchmarks.distribution_patches --out FOLDER [PACKAGE ...]` makes one repository per package, for `--repository` of the
benchmarks of commits and of the demo.
"""

import argparse
import sys
from pathlib import Path

from jobs.demo_patches import NoSourcesError, made

PACKAGES = (
    "bash", "vim", "zlib", "curl", "python3.11", "openssh", "sed", "grep", "gawk", "tar", "cups", "krb5", "net-tools", "xterm", "rsync",
    "screen", "tmux", "bind9", "lsof", "unzip", "wget", "openldap", "cron", "shadow", "sudo",
)  # fmt: skip


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


if __name__ == "__main__":
    sys.exit(main())
