"""Set-up: the zip for `--py-files`. `python -m jobs.runtime.setup_zip OUT`. Same sources, same bytes."""

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("jobs", "schemas", "udfs", "gpu_scoring", "training")
LEFT_OUT = "__pycache__"


def write_zip(out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_suffix(".part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*")):
            if path.is_file() and LEFT_OUT not in path.parts:
                entry = zipfile.ZipInfo(str(path.relative_to(ROOT)), date_time=(1980, 1, 1, 0, 0, 0))
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    unfinished.replace(out)


if __name__ == "__main__":
    write_zip(Path(sys.argv[1]))
