"""Machine code that is kept is that of the sources of now."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numba
import pytest

from udfs import compiled

KERNEL = "from udfs.constants import WIDTH\nfrom udfs.compiled import compiled\n@compiled\ndef width(x):\n    return x + WIDTH\n"
ASK = "from udfs.kernel import width; print(width(0), sum(width.dispatcher.stats.cache_hits.values()))"


def test_the_cache_of_kernels_is_another_one_when_any_module_beside_them_changes(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(compiled, "SOURCES", tmp_path)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    (tmp_path / "kernel.py").write_text("from constants import WIDTH")
    (tmp_path / "constants.py").write_text("WIDTH = 1")
    assert compiled.can_cache.__wrapped__()
    first = Path(numba.config.CACHE_DIR)
    first.mkdir()
    (tmp_path / "constants.py").write_text("WIDTH = 2")
    assert compiled.can_cache.__wrapped__()
    assert Path(numba.config.CACHE_DIR) != first and not first.exists()
    (tmp_path / "constants.py").write_text("WIDTH = 1")
    assert compiled.can_cache.__wrapped__() and Path(numba.config.CACHE_DIR) == first


def asked(folder: Path, width: int, home: str) -> list[str]:
    """What a process says whose kernels come in a zip: the kernel's result, and how often it was read from a cache."""
    with zipfile.ZipFile(folder / "kernels.zip", "w") as archive:
        modules = {"__init__": "", "kernel": KERNEL, "constants": f"WIDTH = {width}\n"}
        modules |= {name: Path(compiled.__file__).with_name(f"{name}.py").read_text() for name in ("compiled", "kernels_in_zip")}
        for name, text in modules.items():
            archive.writestr(zipfile.ZipInfo(f"udfs/{name}.py", (1980, 1, 1, 0, 0, 0)), text)
    own = {"PYTHONPATH": str(folder / "kernels.zip"), "XDG_CACHE_HOME": home, "HOME": home, "TMPDIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", ASK], env=os.environ | own, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(("home", "width", "hits"), [("home", 2, "0"), ("/dev/null", 1, "1")])
def test_kernels_of_a_zip_are_kept_for_all_processes_until_any_module_changes(tmp_path: Path, home: str, width: int, hits: str) -> None:
    home = str(tmp_path / home)  # an absolute one stays
    assert asked(tmp_path, 1, home) == ["1", "0"]
    assert asked(tmp_path, width, home) == [str(width), hits]
    assert (tmp_path / f"codemill-{os.getuid()}").exists() == (home == "/dev/null")


def test_a_folder_of_temporary_files_that_others_can_write_holds_no_machine_code(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(compiled, "TEMPORARY", tmp_path / "shared")
    assert compiled._is_ours(tmp_path / "shared")
    (tmp_path / "shared").chmod(0o770)
    assert not compiled._is_ours(tmp_path / "shared")
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.setattr(compiled, "TEMPORARY", tmp_path / "link")
    assert not compiled._is_ours(tmp_path / "link")
