"""Builders of hostile sources. Each builds into a folder and returns what every entry must become.

The result maps a path, as it is kept, to None for an entry that must be read and to the reason for one that must be rejected; the
empty path is the source as a whole. Whether what was read is text is another matter: see `UNDECODABLE`.
"""

import gzip
import io
import os
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

LIMIT_BYTES = 16 << 20  # max_content_bytes that the expectations are made for
UNDECODABLE = {"nul.txt", "invalid_utf8.py"}  # read from the folder, refused by decoding
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%b\nsize 12345\n" % (b"a1" * 32)
MARKER = "a-command-ran"  # the file beside a hostile repository that its configuration tries to make

Expected = dict[str, str | None]


def build_hostile_folder(root: Path, long_line_bytes: int = 100_000_000) -> Expected:
    """Read: odd but legal files. `symlink`: a loop, a dangling one, one to a file outside. `special_file`: a pipe and a socket.
    `too_large`: one line of 100 MB. `duplicate_path`: a name that is written like another one's invalid byte. `path_too_long`: a folder
    too deep to open. No entry at all: whatever lies under a `.git`."""
    root.mkdir(parents=True, exist_ok=True)
    files: dict[bytes, bytes] = {
        b"plain.py": b"print('hello')\n",
        b"empty.py": b"",
        b"crlf.c": b"int main(void) {\r\n    return 0;\r\n}\r\n",
        b"mark.py": b"\xef\xbb\xbfprint('a mark before')\n",
        b"utf16.txt": "text in UTF-16, with a mark\n".encode("utf-16"),
        b"invalid_utf8.py": b"name = '\xff\xfe\x80 \xc3('\n\x00\x01\x02" + bytes(range(128, 256)),
        b"nul.txt": b"text\0" * 200,
        b"brackets.py": b"[" * 10_000 + b"]" * 10_000 + b"\n",
        b"new\nline.py": b"line = 1\n",
        b"bytes-\xff\xfe.py": b"first = 1\n",
        b"nested/deeper/ok.js": b"export const ok = true;\n",
        b"pointer.bin": LFS_POINTER,
    }
    for name, content in files.items():
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    expected: Expected = {name.decode("utf-8", "backslashreplace"): None for name in files}
    (root / "bytes-\\xff\\xfe.py").write_bytes(b"second = 2\n")
    # A backslash sorts before bytes that are not ASCII, so the invalid name comes second.
    expected["bytes-\\xff\\xfe.py#2"] = "duplicate_path"
    expected |= _links_and_special_files(root)
    (root / "nested" / ".git").mkdir()
    (root / "nested" / ".git" / "config").write_text("[core]\n")
    with (root / "long_line.txt").open("wb") as file:
        file.write(b"x" * long_line_bytes)
    expected["long_line.txt"] = "too_large" if long_line_bytes > LIMIT_BYTES else None
    _build_deep_folder(root / "deep", depth=20)
    return expected


def _links_and_special_files(root: Path) -> Expected:
    (root / "loop").symlink_to(".")
    (root / "nested" / "loop").symlink_to("../nested")
    (root / "dangling").symlink_to("nowhere")
    (root / "outside").symlink_to("/etc/passwd")
    os.mkfifo(root / "pipe")
    os.mknod(root / "socket", stat.S_IFSOCK | 0o600)
    links = dict.fromkeys(("loop", "nested/loop", "dangling", "outside"), "symlink")
    return {**links, "pipe": "special_file", "socket": "special_file"}


def _build_deep_folder(folder: Path, depth: int) -> None:
    """Folders whose path is longer than the system opens, made by steps. The reject's locator is a shortened path."""
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d" * 250, dir_fd=descriptor)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open("unreachable.py", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)


def build_hostile_git(root: Path) -> Expected:
    """A repository at `root/repository` whose every configuration that runs a command makes the file `root/<MARKER>`.

    Read: files, a LFS pointer (decoding refuses it), odd names. `symlink`, `submodule`. `corrupt`: an object whose bytes are damaged, and
    one whose bytes are another's. `missing`: an object that was deleted, and one that lies in an alternate. `unsafe_path`: a tree
    that holds `..`.
    """
    repository, other = root / "repository", root / "other"
    for folder in (repository, other):
        folder.mkdir(parents=True)
        _git(folder, "init", "-q", "-b", "main")
    blobs = {
        content: _blob(repository, content) for content in (b"print('ok')\n", b"damaged\n" * 50, b"swapped\n", b"deleted\n", LFS_POINTER)
    }
    blobs[b"secret\n"] = _blob(other, b"secret of another repository\n")
    attributes = b"* filter=evil diff=evil export-subst text=auto eol=crlf\nhidden.py export-ignore\n"
    entries: list[tuple[bytes, str, bytes]] = [
        (b".gitattributes", "100644", attributes),
        (b"damaged.py", "100644", b"damaged\n" * 50),
        (b"deleted.py", "100644", b"deleted\n"),
        (b"hidden.py", "100644", b"hidden = '$Format:%H$'\n"),
        (b"in_alternate.py", "100644", b"secret\n"),
        (b"link", "120000", b"../../etc/passwd"),
        (b"new\nline.py", "100644", b"print('ok')\n"),
        (b"ok.py", "100755", b"print('ok')\n"),
        (b"pointer.bin", "100644", LFS_POINTER),
        (b"src/bytes-\xff.py", "100644", b"print('ok')\n"),
        (b"swapped.py", "100644", b"swapped\n"),
    ]
    tree = b""
    for path, mode, content in entries:
        tree += b"%b %b\t%b\0" % (mode.encode(), (blobs.get(content) or _blob(repository, content)).encode(), path)
    tree += b"160000 %b\tsubmodule\0" % (b"1" * 40)
    _git(repository, "update-index", "-z", "--index-info", stdin=tree)
    _commit_with_climbing_tree(repository, blobs[b"print('ok')\n"])
    _arm(repository, root / MARKER, other)
    _damage(repository, blobs)
    rejected: Expected = {
        "damaged.py": "corrupt", "swapped.py": "corrupt", "deleted.py": "missing", "in_alternate.py": "missing",
        "link": "symlink", "submodule": "submodule", "climbing/../escape.py": "unsafe_path",
    }  # fmt: skip
    paths = [path.decode("utf-8", "backslashreplace") for path, _, _ in entries]
    return dict.fromkeys(paths, None) | rejected


def _commit_with_climbing_tree(repository: Path, blob: str) -> None:
    """git refuses to make a tree that holds `..`, so its bytes are written as they are."""
    inner = _raw_tree(repository, b"100644 escape.py\0" + bytes.fromhex(blob))
    outer = _raw_tree(repository, b"40000 ..\0" + bytes.fromhex(inner))
    base = _git(repository, "write-tree", "--missing-ok").decode().strip()
    listing = _git(repository, "ls-tree", "-z", base) + b"040000 tree %b\tclimbing\0" % outer.encode()
    tree = _git(repository, "mktree", "-z", "--missing", stdin=listing).decode().strip()
    commit = _git(repository, "commit-tree", tree, "-m", "all of it").decode().strip()
    _git(repository, "update-ref", "refs/heads/main", commit)


def _raw_tree(repository: Path, content: bytes) -> str:
    return _git(repository, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=content).decode().strip()


def _arm(repository: Path, marker: Path, other: Path) -> None:
    """Everything in a repository that git would obey: commands, includes, hooks, attributes, alternates, replacements, grafts."""
    script = repository / ".git" / "evil"
    script.write_text(f"#!/bin/sh\ntouch '{marker}'\ncat\n")
    script.chmod(0o755)
    hooks = repository / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc", "pre-commit"):
        (hooks / hook).write_text(f"#!/bin/sh\ntouch '{marker}'\n")
        (hooks / hook).chmod(0o755)
    git = repository / ".git"
    (git / "included").write_text(f"[core]\n\tpager = {script}\n")
    commit = _git(repository, "rev-parse", "main").decode().strip()
    fake = _git(repository, "commit-tree", "main^{tree}", "-m", "not the real one").decode().strip()
    (git / "config").write_text(
        f"[core]\n\trepositoryformatversion = 0\n\tfsmonitor = {script}\n\tsshCommand = {script}\n\thooksPath = {hooks}\n"
        f"\teditor = {script}\n\tpager = {script}\n\tgitProxy = {script}\n\talternateRefsCommand = {script}\n"
        f"\tattributesFile = {git}/info/attributes\n"
        f'[filter "evil"]\n\tclean = {script}\n\tsmudge = {script}\n\tprocess = {script}\n\trequired = true\n'
        f'[diff "evil"]\n\ttextconv = {script}\n\tcommand = {script}\n[diff]\n\texternal = {script}\n'
        f"[alias]\n\tls-tree = !{script}\n[credential]\n\thelper = !{script}\n[gpg]\n\tprogram = {script}\n[log]\n\tshowSignature = true\n"
        f'[include]\n\tpath = included\n[remote "origin"]\n\turl = ext::{script}\n'
        "\tpromisor = true\n[extensions]\n\tpartialClone = origin\n"
    )
    (git / "info").mkdir(exist_ok=True)
    (git / "info" / "attributes").write_text("* filter=evil diff=evil\n")
    (git / "info" / "grafts").write_text(f"{commit} {fake}\n")
    (git / "objects" / "info").mkdir(exist_ok=True)
    (git / "objects" / "info" / "alternates").write_text(f"{other / '.git' / 'objects'}\n")
    (git / "refs" / "replace").mkdir(exist_ok=True)
    (git / "refs" / "replace" / commit).write_text(f"{fake}\n")


def _damage(repository: Path, blobs: dict[bytes, str]) -> None:
    damaged, swapped, deleted = (_loose(repository, blobs[content]) for content in (b"damaged\n" * 50, b"swapped\n", b"deleted\n"))
    for path in (damaged, swapped):
        path.chmod(0o644)
    content = bytearray(damaged.read_bytes())
    content[-6:] = b"\xff" * 6  # the end of its stream, so that its header can still be read
    damaged.write_bytes(content)
    swapped.write_bytes(_loose(repository, blobs[b"print('ok')\n"]).read_bytes())
    deleted.unlink()


def _loose(repository: Path, blob: str) -> Path:
    return repository / ".git" / "objects" / blob[:2] / blob[2:]


def _blob(repository: Path, content: bytes) -> str:
    return _git(repository, "hash-object", "-w", "--stdin", "--no-filters", stdin=content).decode().strip()


def _git(repository: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """git for building: no configuration of this machine, the same ids every time."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": "1700000000 +0000",
        "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_COMMITTER_DATE": "1700000000 +0000",
    }  # fmt: skip
    return subprocess.run(["git", *arguments], cwd=repository, env=environment, input=stdin, capture_output=True, check=True).stdout


def build_hostile_archives(root: Path) -> dict[str, Expected]:
    """Archives by file name. `tricks.tar`, `tricks.zip`: unsafe paths, links, special files, duplicates, an encrypted and an unknown
    member. `truncated.*`, `corrupt.*`: what comes before the break is read, and the source as a whole is a reject. `bomb.*`: the
    source as a whole is a reject; how many of its files `zeros/<n>` come out before is not promised."""
    root.mkdir(parents=True, exist_ok=True)
    builders: dict[str, Callable[[Path], Expected]] = {
        "tricks.tar": _tricks_tar,
        "tricks.zip": _tricks_zip,
        "truncated.tar.gz": _truncated_tar,
        "truncated.zip": _truncated_zip,
        "corrupt.tar": _corrupt_tar,
        "corrupt.zip": _corrupt_zip,
        "no_archive.tar": _no_archive,
        "bomb.tar.gz": _bomb_tar,
        "bomb.zip": _bomb_zip,
    }
    return {name: build(root / name) for name, build in builders.items()}


def _add(tar: tarfile.TarFile, name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, target: str = "") -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, target, len(content)
    tar.addfile(member, io.BytesIO(content))


def _tricks_tar(path: Path) -> Expected:
    with tarfile.open(path, "w") as tar:
        for name in (
            "ok.py",
            "./dot/ok.py",
            "/absolute.py",
            "../climbing.py",
            "a/../../climbing.py",
            "C:\\drive.py",
            "ok.py",
            "new\nline.py",
        ):
            _add(tar, name, b"print(1)\n")
        _add(tar, "bytes-\udcff.py", b"print(1)\n")
        _add(tar, "folder", kind=tarfile.DIRTYPE)
        _add(tar, "link", kind=tarfile.SYMTYPE, target="/etc/passwd")
        _add(tar, "hard_link", kind=tarfile.LNKTYPE, target="ok.py")
        _add(tar, "pipe", kind=tarfile.FIFOTYPE)
        _add(tar, "device", kind=tarfile.CHRTYPE)
    read = dict.fromkeys(("ok.py", "dot/ok.py", "new\nline.py", "bytes-\\xff.py"))
    unsafe = dict.fromkeys(("/absolute.py", "../climbing.py", "a/../../climbing.py", "C:\\drive.py"), "unsafe_path")
    others = {"ok.py#2": "duplicate_path", "link": "symlink", "hard_link": "symlink", "pipe": "special_file", "device": "special_file"}
    return {**read, **unsafe, **others}


def _tricks_zip(path: Path) -> Expected:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("ok.py", "../climbing.py", "/absolute.py"):
            archive.writestr(name, b"print(1)\n")
        for name, mode in (("link", stat.S_IFLNK), ("pipe", stat.S_IFIFO)):
            member = zipfile.ZipInfo(name)
            member.create_system, member.external_attr = 3, (mode | 0o644) << 16
            archive.writestr(member, b"/etc/passwd")
        for name in ("encrypted.py", "unknown_method.py", "twice_1.py", "twice_2.py"):
            archive.writestr(name, b"print(1)\n")
    content = path.read_bytes().replace(b"twice_2.py", b"twice_1.py")
    content = _patched(content, b"encrypted.py", flag_or_method_offset=8, value=1)
    path.write_bytes(_patched(content, b"unknown_method.py", flag_or_method_offset=10, value=99))
    return {
        "ok.py": None, "twice_1.py": None, "twice_1.py#2": "duplicate_path", "../climbing.py": "unsafe_path",
        "/absolute.py": "unsafe_path", "link": "symlink", "pipe": "special_file",
        "encrypted.py": "encrypted", "unknown_method.py": "unsupported",
    }  # fmt: skip


def _patched(content: bytes, name: bytes, flag_or_method_offset: int, value: int) -> bytes:
    """The zip with a field of a member's entry in the directory changed: its last occurrence, 46 bytes after the entry's beginning."""
    at = content.rindex(name) - 46 + flag_or_method_offset
    return content[:at] + value.to_bytes(2, "little") + content[at + 2 :]


def _truncated_tar(path: Path) -> Expected:
    """Cut in the data of its second member, which random bytes make long."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        _add(tar, "first.py", b"print(1)\n")
        _add(tar, "second.bin", b"".join(os.urandom(1 << 16) for _ in range(16)))
    packed = gzip.compress(buffer.getvalue(), 1)
    path.write_bytes(packed[: len(packed) // 2])
    return {"first.py": None, "": "truncated"}


def _truncated_zip(path: Path) -> Expected:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("first.py", b"print(1)\n" * 100)
    path.write_bytes(path.read_bytes()[:-60])
    return {"": "truncated"}


def _corrupt_tar(path: Path) -> Expected:
    """The header of its second member is overwritten."""
    with tarfile.open(path, "w") as tar:
        for name in ("first.py", "second.py", "third.py"):
            _add(tar, name, b"print(1)\n")
    content = bytearray(path.read_bytes())
    content[1024:1100] = b"\xff" * 76
    path.write_bytes(content)
    return {"first.py": None, "": "corrupt"}


def _corrupt_zip(path: Path) -> Expected:
    """One member's bytes are overwritten, of another the directory states too small a size."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("damaged.py", b"print('damaged')\n")
        archive.writestr("first.py", b"print(1)\n")
        archive.writestr(zipfile.ZipInfo("liar.py"), b"print('a liar')\n" * 1000, zipfile.ZIP_DEFLATED)
    content = path.read_bytes().replace(b"print('damaged')", b"print('changed')")
    path.write_bytes(_patched(content, b"liar.py", flag_or_method_offset=24, value=10))
    return {"first.py": None, "damaged.py": "corrupt", "liar.py": "corrupt"}


def _no_archive(path: Path) -> Expected:
    path.write_bytes(b"this is a text that somebody called an archive\n" * 100)
    return {"": "corrupt"}


def _bomb_tar(path: Path) -> Expected:
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for number in range(34):
            _add(tar, f"zeros/{number}", bytes(8 << 20))
    return {"": "archive_bomb"}


def _bomb_zip(path: Path) -> Expected:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(34):
            archive.writestr(f"zeros/{number}", bytes(8 << 20))
    return {"": "archive_bomb"}
