"""Real web pages for the demo, without a network: what is documented on this machine, as sites, crawled into a web archive by wget.

Each module of Python's library has a site made by pydoc, in a process whose environment is empty, because pydoc shows it; each installed
distribution has one of its description and one of its licences. A small proxy answers for all their names, so that wget sees many hosts.
"""

import contextlib
import html
import importlib
import importlib.metadata
import json
import os
import pydoc
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from markdown_it import MarkdownIt

LARGEST_BYTES = 400 << 10
# Modules that open a window, print, or take long when they are imported.
SKIPPED = {"antigravity", "this", "idlelib", "turtledemo", "turtle", "tkinter", "test", "lib2to3", "__main__"}
CRAWL_S = 120
ROOT = str(Path(__file__).parents[1])  # where the project lies, which may be in sys.path
# Of an object in this process: it would be another page in each.
_ADDRESS = re.compile(r"(?:( |&nbsp;)at\1|(?<=handle)( |&nbsp;))(?:0x)?[0-9a-f]+")

Site = dict[str, bytes]  # pages by path


def sites() -> dict[str, Site]:
    """Pages by host. The index of a site links to its other pages."""
    found: dict[str, Site] = {}
    for name, text in module_pages().items():
        found[f"docs.{name.replace('_', '-').lower()}.example"] = {"/": index(name, ["/module.html"]), "/module.html": text.encode()}
    for one in sorted(importlib.metadata.distributions(), key=lambda one: one.name.lower()):
        pages = dict(distribution_pages(one))
        name = one.name.replace("_", "-").replace(".", "-").lower()
        for host, kind in ((f"pypi.{name}.example", "/readme"), (f"{name}.example", "/licence")):
            site = {path: body for path, body in pages.items() if path.startswith(kind)}
            if site:
                found[host] = {"/": index(one.name, sorted(site)), **site}
    return found


def module_pages() -> dict[str, str]:
    """By name of the module. Nothing of who runs this is in them: his environment, where the project lies, the order of sets."""
    environment = {"PATH": os.defpath, "PYTHONHASHSEED": "0"}
    made = subprocess.run([sys.executable, "-m", __name__], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return dict(json.loads(made.stdout))


def print_module_pages() -> None:
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # some modules say something when they are imported
        names = sorted(name for name in sys.stdlib_module_names - SKIPPED if not name.startswith("_"))
        pages = {name: page for name in names if (page := module_page(name))}
    json.dump(pages, out)


def module_page(name: str) -> str | None:
    with contextlib.suppress(Exception):  # a module that cannot be imported here
        document = _ADDRESS.sub("", pydoc.html.document(importlib.import_module(name), name)).replace(sys.prefix, "").replace(ROOT, "")
        page = pydoc.html.page(name, document).encode("utf-8", "replace")
        return page.decode() if len(page) <= LARGEST_BYTES else None
    return None


def distribution_pages(one: importlib.metadata.Distribution) -> Iterator[tuple[str, bytes]]:
    text = str(one.metadata.get_payload() or "".join(one.metadata.get_all("Description") or ()))  # type: ignore[attr-defined]
    if text.strip() and "markdown" in "".join(one.metadata.get_all("Description-Content-Type") or ()):
        yield "/readme.html", page(one.name, MarkdownIt("commonmark").enable("table").render(text))
    for number, file in enumerate(found for found in one.files or () if "licen" in found.name.lower() and found.suffix != ".py"):
        with contextlib.suppress(OSError, UnicodeError):
            body = "".join(f"<p>{html.escape(part)}</p>\n" for part in file.read_text(encoding="utf-8").split("\n\n") if part.strip())
            yield f"/licence-{number}.html", page(f"Licence of {one.name}", body)


def index(name: str, paths: list[str]) -> bytes:
    return page(name, "".join(f'<p><a href="{path}">{path.strip("/")}</a></p>' for path in paths))


def page(title: str, body: str) -> bytes:
    name = html.escape(title)
    return f"<!DOCTYPE html><html><head><title>{name}</title></head><body><main><h1>{name}</h1>\n{body}</main></body></html>".encode()


def crawl(target: Path) -> Path | None:
    """Makes the archive, unless it is there. None where this machine has no wget, or it fetched nothing."""
    if target.exists():
        return target
    wget = shutil.which("wget")
    if wget is None:
        return None
    found = sites()
    with proxy(found) as address, contextlib.suppress(subprocess.TimeoutExpired):
        starts = "\n".join(f"http://{host}/" for host in found)
        name = target.with_name(target.name.removesuffix(".warc.gz") + ".part")
        command = [wget, "-q", "-r", "-l", "1", "-nd", "--delete-after", "-i", "-", "-e", "robots=off", "-e", f"http_proxy={address}"]
        command += ["-D", "example", "--warc-file", str(name), "--no-warc-keep-log", "-P", str(target.parent / "crawled")]
        subprocess.run(command, input=starts, text=True, timeout=CRAWL_S, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        made = name.with_name(name.name + ".warc.gz")
        if made.exists():
            made.rename(target)
    shutil.rmtree(target.parent / "crawled", ignore_errors=True)
    return target if target.exists() else None


@contextlib.contextmanager
def proxy(found: dict[str, Site]) -> Iterator[str]:
    """A server on this machine's loopback that answers a proxy's requests for the sites; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            body = found.get(asked.hostname or "", {}).get(asked.path or "/")
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: wget does."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()


if __name__ == "__main__":
    print_module_pages()
