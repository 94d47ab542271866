"""A real headless Chromium that a test talks to over its debugging pipe: no driver, no port.

Every request that a page attempts, every exception and every complaint of the browser is kept.
"""

import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-pipe",
)
DEADLINE_S = 60.0


@dataclass
class Page:
    """An open page. `requests` are addresses, `errors` what the page's scripts threw and what the browser logged."""

    read_fd: int
    write_fd: int
    session: str | None = None
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    is_loaded: bool = False
    _next_id: int = 0
    _buffer: bytes = b""

    def open(self, path: Path) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.is_loaded = False
        self.call("Page.navigate", url=path.as_uri())
        while not self.is_loaded:
            self._receive()

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives, as JSON."""
        reply = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def resize(self, width: int, height: int, scheme: str = "light") -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._next_id += 1
        message = {"id": self._next_id, "method": method, "params": params} | ({"sessionId": self.session} if self.session else {})
        os.write(self.write_fd, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._receive()
            if reply.get("id") == self._next_id:
                assert "error" not in reply, f"{method}: {reply['error']}"
                return dict(reply["result"])

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + DEADLINE_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self.read_fd], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"the browser said nothing for {DEADLINE_S:.0f} s"
            chunk = os.read(self.read_fd, 1 << 20)
            assert chunk, "the browser closed its pipe"
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        event: dict[str, Any] = json.loads(message)
        self._note(event.get("method"), event.get("params", {}))
        return event

    def _note(self, method: str | None, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"]["text"])
        elif method == "Log.entryAdded":
            self.errors.append(params["entry"]["text"])
        elif method == "Page.loadEventFired":
            self.is_loaded = True


def find_browser() -> str:
    """Skips the test where there is no browser, and fails it under CI=true."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        stop = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        stop(f"no browser: looked for {', '.join(NAMES)} on PATH; on Debian `apt-get install chromium` brings one")
    assert found is not None
    return found


@contextlib.contextmanager
def open_page(path: Path) -> Iterator[Page]:
    """A browser of its own, with a fresh profile, that has loaded the file."""
    ours, theirs = os.pipe(), os.pipe()  # (read, write): commands go through ours, answers come through theirs
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        redirect = f'exec "$@" 3</dev/fd/{ours[0]} 4>/dev/fd/{theirs[1]}'
        command = ["sh", "-c", redirect, "sh", find_browser(), *FLAGS, f"--user-data-dir={profile}"]
        process = subprocess.Popen(command, pass_fds=(ours[0], theirs[1]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(ours[0])
        os.close(theirs[1])
        try:
            page = Page(read_fd=theirs[0], write_fd=ours[1])
            page.open(path)
            yield page
        finally:
            process.kill()
            process.wait()
            os.close(ours[1])
            os.close(theirs[0])
