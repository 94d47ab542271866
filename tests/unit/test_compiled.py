"""Machine code that is kept is that of the sources of now."""

from pathlib import Path

from udfs import compiled


def test_the_cache_of_kernels_is_another_one_when_any_module_beside_them_changes(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(compiled, "SOURCES", tmp_path)
    monkeypatch.setattr(compiled.numba.config, "CACHE_DIR", "")
    (tmp_path / "kernel.py").write_text("from constants import WIDTH")
    (tmp_path / "constants.py").write_text("WIDTH = 1")
    assert compiled._can_cache()
    first = Path(compiled.numba.config.CACHE_DIR)
    first.mkdir()
    (tmp_path / "constants.py").write_text("WIDTH = 2")
    assert compiled._can_cache()
    assert Path(compiled.numba.config.CACHE_DIR) != first and not first.exists()
    (tmp_path / "constants.py").write_text("WIDTH = 1")
    assert compiled._can_cache() and Path(compiled.numba.config.CACHE_DIR) == first
