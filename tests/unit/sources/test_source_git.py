import os
import shutil
import subprocess
import sysconfig
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from jobs.sources import Facts, Reject, Source, SourceError, Unit, facts, fingerprint, keep_history, list_units, parse_source
from jobs.sources.source import ShallowHistoryError
from tests.hostile import MARKER, build_hostile_git
from tests.unit.sources.reading import outcome, read_all

_LIBRARY = Path(sysconfig.get_path("stdlib"))


def git(folder: Path, *arguments: str, day: int = 0) -> str:
    date = f"{1_600_000_000 + day * 86_400} +0000"
    names = {
        f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in (("NAME", "A"), ("EMAIL", "a@b"), ("DATE", date))
    }
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", **names}
    return subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, check=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real files in five commits over ten days: packed ones, loose ones, a merge, tags of both sorts."""
    root = tmp_path_factory.mktemp("git") / "library"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    shutil.copytree(_LIBRARY / "email", root / "email", ignore=shutil.ignore_patterns("__pycache__"))
    git(root, "add", "-A")
    git(root, "commit", "-qm", "email")
    git(root, "gc", "-q")
    git(root, "switch", "-qc", "side")
    shutil.copytree(_LIBRARY / "json", root / "json", ignore=shutil.ignore_patterns("__pycache__"))
    git(root, "add", "-A")
    git(root, "commit", "-qm", "json", day=3)
    git(root, "tag", "light")
    git(root, "switch", "-q", "main")
    shutil.copy(_LIBRARY / "ast.py", root)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "ast", day=5)
    git(root, "merge", "-q", "--no-ff", "-m", "merge", "side", day=10)
    git(root, "tag", "-a", "-m", "noted", "noted", day=10)
    return root


def archived(repository: Path, ref: str) -> dict[str, bytes]:
    """The snapshot as `git archive` gives it: another way to the same files."""
    packed = subprocess.run(["git", "archive", ref], cwd=repository, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as tar:
        return {member.name: reader.read() for member in tar if (reader := tar.extractfile(member))}


def source_of(repository: Path, ref: str = "HEAD") -> Source:
    return parse_source(f"git:{repository}@{ref}")


@pytest.mark.parametrize("ref", ["HEAD", "main", "side", "light", "noted", "refs/heads/side", "HEAD~1", "main^2"])
def test_a_snapshot_is_what_git_archive_says(library: Path, ref: str) -> None:
    entries, rejects = read_all(source_of(library, ref), budget_bytes=100_000)
    assert {entry.path: entry.raw for entry in entries} == archived(library, ref)
    assert not rejects
    for entry in entries[:3]:
        assert entry.git_blob_id == git(library, "rev-parse", f"{ref}:{entry.path}")


def test_a_bare_repository_a_linked_worktree_and_a_packed_one_read_the_same(library: Path, tmp_path: Path) -> None:
    expected = archived(library, "main")
    git(tmp_path, "clone", "-q", "--bare", str(library), "bare.git")
    git(tmp_path / "bare.git", "pack-refs", "--all")
    git(tmp_path / "bare.git", "worktree", "add", "-q", str(tmp_path / "tree"), "main")
    for place in (tmp_path / "bare.git", tmp_path / "tree"):
        source = parse_source(str(place))
        assert source.kind == "git"
        assert {entry.path: entry.raw for entry in read_all(source)[0]} == expected
    assert parse_source(str(tmp_path / "bare.git")).repository == "git:bare"


@pytest.mark.parametrize("is_relative", [False, True])
def test_a_worktree_whose_links_are_relative_or_absolute_is_read(library: Path, tmp_path: Path, is_relative: bool) -> None:
    """By hand: not every git writes relative ones."""
    git(tmp_path, "clone", "-q", str(library), "main_tree")
    git(tmp_path / "main_tree", "worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    [link] = (tmp_path / "main_tree" / ".git" / "worktrees").iterdir()
    if is_relative:
        (link / "gitdir").write_text(os.path.relpath(tmp_path / "tree" / ".git", link) + "\n")
        (tmp_path / "tree" / ".git").write_text(f"gitdir: {os.path.relpath(link, tmp_path / 'tree')}\n")
    assert {entry.path for entry in read_all(parse_source(str(tmp_path / "tree")))[0]} == set(archived(library, "main"))


def link_by_file(private: Path, given: Path) -> None:
    (given / ".git").write_text(f"gitdir: {private / '.git'}\n")


def link_to_a_worktree_of_another(private: Path, given: Path) -> None:
    git(private, "worktree", "add", "-q", "--detach", str(private.parent / "tree"))
    shutil.copy(private.parent / "tree" / ".git", given / ".git")


def link_by_common_folder(private: Path, given: Path) -> None:
    (given / ".git").mkdir()
    shutil.copy(private / ".git" / "HEAD", given / ".git")
    (given / ".git" / "commondir").write_text(str(private / ".git"))


@pytest.mark.parametrize("link", [link_by_file, link_to_a_worktree_of_another, link_by_common_folder])
def test_a_folder_that_points_to_a_repository_which_does_not_point_back_reads_nothing_of_it(
    library: Path, tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    private, given = tmp_path / "private", tmp_path / "given"
    git(tmp_path, "clone", "-q", str(library), "private")
    given.mkdir()
    link(private, given)
    source = parse_source(str(given))
    assert source.kind == "git"
    with pytest.raises(SourceError, match=r"not followed.*name that"):
        list(list_units(source, 1 << 20, 1 << 20))


def test_a_repository_of_sha256_objects_is_read(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256")
    (tmp_path / "a.py").write_text("print(1)\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    [entry], rejects = read_all(parse_source(str(tmp_path)))
    assert entry.raw == b"print(1)\n" and not rejects
    assert entry.git_blob_id is not None and len(entry.git_blob_id) == 64


def test_facts_come_from_the_history(library: Path) -> None:
    found = facts(Source("git", "x", str(library), "main", facts=Facts(stars=7, commits=1, maintained_days=1)))
    assert found == Facts(stars=7, commits=4, maintained_days=10, commit=git(library, "rev-parse", "main"))


def test_of_a_shallow_repository_the_given_facts_stay(library: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{library}", "shallow")
    source = parse_source(str(tmp_path / "shallow"))
    assert facts(source) == Facts(commit=git(library, "rev-parse", "main"))
    with pytest.raises(ShallowHistoryError, match="git fetch --unshallow"):
        keep_history(source, tmp_path / "history.bundle")
    assert {entry.path for entry in read_all(source)[0]} == set(archived(library, "main"))


def test_history_is_kept_as_a_bundle_that_git_can_clone(library: Path, tmp_path: Path) -> None:
    target = tmp_path / "lake" / "history.bundle"
    assert keep_history(source_of(library, "main"), target)
    assert sorted(path.name for path in target.parent.iterdir()) == ["history.bundle", "history.idx"]
    git(tmp_path, "clone", "-q", "-b", "codemill", str(target), "again")
    assert git(tmp_path / "again", "rev-parse", "HEAD") == git(library, "rev-parse", "main")
    assert git(tmp_path / "again", "rev-list", "--count", "HEAD") == "4"
    inode = target.stat().st_ino
    assert keep_history(source_of(library, "main"), target)
    assert target.stat().st_ino == inode


def test_one_commit_is_no_history(library: Path, tmp_path: Path) -> None:
    first = git(library, "rev-list", "--max-parents=0", "main")
    assert not keep_history(source_of(library, first), tmp_path / "history.bundle")
    assert not list(tmp_path.iterdir())


def test_the_fingerprint_follows_the_commit_and_not_the_files(library: Path, tmp_path: Path) -> None:
    shutil.copytree(library, tmp_path / "copy")
    source = parse_source(str(tmp_path / "copy"))
    first = fingerprint(source)
    (tmp_path / "copy" / "ast.py").write_text("changed, but not committed")
    assert fingerprint(source) == first
    git(tmp_path / "copy", "commit", "-qam", "changed")
    assert fingerprint(source) != first


def test_nothing_of_a_hostile_repository_is_obeyed(tmp_path: Path) -> None:
    expected = build_hostile_git(tmp_path)
    repository = tmp_path / "repository"
    before = sorted(path for path in repository.rglob("*"))
    source = parse_source(str(repository))
    fingerprint(source)
    assert facts(source).commits == 1  # a graft and a replacement say two
    assert not keep_history(source, tmp_path / "history.bundle")
    entries, rejects = read_all(source)
    found = {entry.path: None for entry in entries} | {reject.locator: reject.reason for reject in rejects}
    assert found == expected
    by_path = {entry.path: entry.raw for entry in entries}
    assert by_path["hidden.py"] == b"hidden = '$Format:%H$'\n"
    assert by_path["ok.py"] == b"print('ok')\n"
    assert not (tmp_path / MARKER).exists()
    assert not any(b"secret" in entry.raw for entry in entries)
    assert sorted(path for path in repository.rglob("*")) == before


def test_the_traps_of_the_hostile_repository_do_spring(tmp_path: Path) -> None:
    """Proves the test before this one: plain git in that folder runs a command."""
    build_hostile_git(tmp_path)
    subprocess.run(["git", "status"], cwd=tmp_path / "repository", capture_output=True)
    assert (tmp_path / MARKER).exists()


def test_damage_gives_the_same_rows_however_the_units_are_cut(tmp_path: Path) -> None:
    build_hostile_git(tmp_path)
    source = parse_source(str(tmp_path / "repository"))
    (entries, rejects), (again, rejects_again) = read_all(source), read_all(source, budget_bytes=1)
    assert entries == again
    assert sorted(rejects, key=repr) == sorted(rejects_again, key=repr)


def test_a_corrupt_packed_object_costs_one_row(library: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", "--no-local", str(library), "copy.git")
    repository = tmp_path / "copy.git"
    [pack] = (repository / "objects" / "pack").glob("*.pack")
    victim = git(repository, "rev-parse", "main:ast.py")
    listing = git(repository, "verify-pack", "-v", str(pack))
    [line] = [line for line in listing.splitlines() if line.startswith(victim)]
    packed_size, offset = int(line.split()[3]), int(line.split()[4])
    pack.chmod(0o644)
    content = bytearray(pack.read_bytes())
    content[offset + packed_size // 2 : offset + packed_size // 2 + 20] = b"\xff" * 20
    pack.write_bytes(content)
    found = outcome(parse_source(str(repository)))
    expected: dict[str, str | None] = dict.fromkeys(archived(library, "main"))
    broken = {path for path, reason in found.items() if reason}
    assert "ast.py" in broken and found["ast.py"] == "corrupt"
    assert len(broken) <= 2  # another object may be a delta of it
    assert set(found) == set(expected)


def test_links_inside_the_git_folder_are_not_followed(library: Path, tmp_path: Path) -> None:
    shutil.copytree(library, tmp_path / "copy")
    pack = tmp_path / "copy" / ".git" / "objects" / "pack"
    shutil.move(pack, tmp_path / "elsewhere")
    pack.symlink_to(tmp_path / "elsewhere")
    assert outcome(parse_source(str(tmp_path / "copy"))) == {"ast.py": None, "": "corrupt"}


def test_a_pipe_among_the_refs_and_objects_blocks_nobody(library: Path, tmp_path: Path) -> None:
    shutil.copytree(library, tmp_path / "copy")
    folder = tmp_path / "copy" / ".git"
    blob, linked = (git(library, "rev-parse", f"main:json/{name}.py") for name in ("tool", "decoder"))
    pipe, link = (folder / "objects" / found[:2] / found[2:] for found in (blob, linked))
    shutil.move(link, tmp_path / "elsewhere")
    link.symlink_to(tmp_path / "elsewhere")
    pipe.unlink()
    for path in (pipe, folder / "refs" / "heads" / "pipe", folder / "shallow"):
        os.mkfifo(path)
    expected: dict[str, str | None] = dict.fromkeys(archived(library, "main"))
    assert outcome(parse_source(str(tmp_path / "copy"))) == {**expected, "json/tool.py": "missing", "json/decoder.py": "missing"}


def test_a_repository_whose_objects_lie_in_an_alternate_says_so(library: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--shared", str(library), "borrower")
    with pytest.raises(SourceError, match=r"objects/info/alternates"):
        list(list_units(parse_source(str(tmp_path / "borrower")), 1, 1))


def test_a_repository_without_commits_says_so(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(SourceError, match="without commits"):
        fingerprint(parse_source(str(tmp_path)))


def test_a_ref_that_is_not_there_names_those_that_are(library: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere is no commit.*refs/heads/main"):
        fingerprint(source_of(library, "nowhere"))


@pytest.mark.parametrize("ref", ["--upload-pack=touch", "-h", "main\n", "@{1}", ":/json"])
def test_a_ref_is_never_an_option(library: Path, ref: str) -> None:
    try:
        fingerprint(Source("git", "x", str(library), ref))
    except SourceError:
        return
    assert ref in ("main\n", ":/json")


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ("[core]\nrepositoryformatversion = 1\n[extensions]\nrefstorage = reftable\n", "reftable"),
        ("[core]\nrepositoryformatversion = 1\n[extensions]\nfuture = true\n", "future"),
        ("[core]\nrepositoryformatversion = 2\n", "repositoryformatversion = 2"),
        ("[core\n", "cannot be parsed"),
    ],
)
def test_an_unknown_format_is_one_clear_error(library: Path, tmp_path: Path, config: str, word: str) -> None:
    shutil.copytree(library, tmp_path / "copy")
    (tmp_path / "copy" / ".git" / "config").write_text(config)
    with pytest.raises(SourceError, match=word):
        fingerprint(parse_source(str(tmp_path / "copy")))


def plumbing(folder: Path, *arguments: str, stdin: bytes) -> bytes:
    return subprocess.run(["git", *arguments], cwd=folder, input=stdin, capture_output=True, check=True).stdout.strip()


def test_a_tree_that_holds_a_million_files_in_a_few_objects_is_a_bomb(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare")
    blob = plumbing(tmp_path, "hash-object", "-w", "--stdin", stdin=b"x" * (1 << 20))
    tree = plumbing(tmp_path, "mktree", stdin=b"".join(b"100644 blob %b\tf%d\n" % (blob, i) for i in range(10)))
    for _ in range(5):
        tree = plumbing(tmp_path, "mktree", stdin=b"".join(b"040000 tree %b\td%d\n" % (tree, i) for i in range(10)))
    git(tmp_path, "update-ref", "refs/heads/bomb", git(tmp_path, "commit-tree", tree.decode(), "-m", "bomb"))
    items = list(list_units(source_of(tmp_path, "bomb"), 1 << 25, 1 << 24))
    [reject] = [item for item in items if isinstance(item, Reject)]
    assert (reject.locator, reject.reason) == ("", "archive_bomb")
    assert sum(item.size_bytes for item in items if isinstance(item, Unit)) <= (256 << 20) + (1 << 20)


def test_entries_that_git_would_not_sort_so_are_rejects(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare")
    blob = bytes.fromhex(plumbing(tmp_path, "hash-object", "-w", "--stdin", stdin=b"x").decode())
    raw = b"".join(b"100644 %b\0%b" % (name, blob) for name in (b"b", b"b", b"a"))
    tree = plumbing(tmp_path, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw)
    git(tmp_path, "update-ref", "refs/heads/main", git(tmp_path, "commit-tree", tree.decode(), "-m", "odd"))
    entries, rejects = read_all(source_of(tmp_path, "main"))
    assert [entry.path for entry in entries] == ["b"]
    assert [reject.reason for reject in rejects] == ["duplicate_path", "duplicate_path"]


def test_a_missing_tree_ends_the_listing_with_one_row(library: Path, tmp_path: Path) -> None:
    shutil.copytree(library, tmp_path / "copy")
    tree = git(library, "rev-parse", "main:json")
    (tmp_path / "copy" / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    found = outcome(source_of(tmp_path / "copy", "main"))
    assert found[""] == "corrupt"
    assert found["ast.py"] is None


def test_blobs_above_the_limit_are_never_read(library: Path) -> None:
    entries, rejects = read_all(source_of(library), limit_bytes=10_000)
    sizes = {path: len(raw) for path, raw in archived(library, "HEAD").items()}
    assert {entry.path for entry in entries} == {path for path, size in sizes.items() if size <= 10_000}
    assert {(reject.locator, reject.size_bytes) for reject in rejects} == {(p, s) for p, s in sizes.items() if s > 10_000}


def test_reading_can_stop_early_without_leaving_anything(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    items = list_units(source_of(library), 1, 1 << 24)
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert not list(tmp_path.iterdir())
