"""A judge behind a real HTTP endpoint that speaks the chat protocol, and misbehaves as told."""

import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Request"], None]
USAGE = {"prompt_tokens": 100, "completion_tokens": 20}


@dataclass
class Request:
    """One question: its body, how often it came before, and ways to answer."""

    handler: Any
    body: dict[str, Any]
    count: int

    @property
    def nonce(self) -> str:
        found = re.search(r"<<<(?:FILE|PAGE) (\w+)", self.body["messages"][1]["content"])
        assert found
        return found[1]

    def send(self, status: int, content: bytes, headers: dict[str, str] | None = None, length: int | None = None) -> None:
        self.handler.send_response(status)
        for name, value in {"content-length": str(length or len(content)), **(headers or {})}.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(content)

    def say(self, text: str | None, finish: str = "stop", usage: dict[str, int] | None = None) -> None:
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
        self.send(200, json.dumps({"choices": [choice], "usage": usage or USAGE}).encode())

    def rate(self, score: object) -> None:
        self.say(f"It is clear, and hardly reusable.\nRating {self.nonce}: [[{score}]]")

    def judge_page(self, relevant: str, category: str, score: object) -> None:
        said = f"Relevant {self.nonce}: [[{relevant}]]\nCategory {self.nonce}: [[{category}]]\nRating {self.nonce}: [[{score}]]"
        self.say(f"It says what it is for.\n{said}", usage={"prompt_tokens": 2900, "completion_tokens": 100})


@dataclass
class Server:
    url: str
    questions: Counter[str] = field(default_factory=Counter)  # by nonce
    headers: list[dict[str, str]] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)  # when a request came, on the monotonic clock
    most_at_once: int = 0


@contextmanager
def judge_server(behave: Behaviour) -> Iterator[Server]:
    """Answers at `url`/chat/completions as `behave` does."""
    lock, at_once = threading.Lock(), 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            nonlocal at_once
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            request = Request(self, body, 0)
            with lock:
                at_once += 1
                found.most_at_once = max(found.most_at_once, at_once)
                request.count = found.questions[request.nonce]
                found.questions[request.nonce] += 1
                found.headers.append(dict(self.headers))
                found.times_s.append(time.monotonic())
            try:
                if self.path.endswith("/v1/chat/completions"):  # a proxy is given the whole address
                    behave(request)
                else:
                    request.send(404, b"no such page")
            finally:
                with lock:
                    at_once -= 1

        def log_message(self, *arguments: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *arguments: Any) -> None:  # clients that gave up
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    found = Server(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def cut_connection(request: Request) -> None:
    # `close` alone tells the client nothing: the handler's files hold the socket, and a client would wait for its timeout.
    request.handler.connection.shutdown(socket.SHUT_RDWR)
    request.handler.close_connection = True


def half_an_answer(request: Request) -> None:
    request.send(200, b'{"choices": [{"mess', length=5000)
    cut_connection(request)


def trickle(request: Request) -> None:
    """An answer whose bytes come one by one, each soon enough."""
    request.send(200, b"", length=1000)
    for _ in range(20):
        request.handler.wfile.write(b" ")
        time.sleep(0.1)


def slow(seconds: float) -> Behaviour:
    def behave(request: Request) -> None:
        time.sleep(seconds)
        request.rate(5)

    return behave
