"""A customer's server on loopback, which keeps what it was sent and answers as it is told."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, bytes]


@dataclass
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Receiver:
    """Answers 200, or what `answers` yields first; `answering` decides by the request where it is set."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    answering: Callable[[Received], Answer] | None = None
    seconds: float = 0.0
    at_once_max: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, request: Received) -> Answer:
        with self._lock:
            self._at_once += 1
            self.at_once_max = max(self.at_once_max, self._at_once)
        if self.seconds:
            time.sleep(self.seconds)
        with self._lock:
            self._at_once -= 1
            self.received.append(request)
            if self.answers:
                return self.answers.pop(0)
        return self.answering(request) if self.answering else (200, b"thank you")


@contextmanager
def receiver(bind: str = "127.0.0.1") -> Iterator[Receiver]:
    """One that listens until the end of the block."""
    one = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            status, text = one.take(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", text.decode())
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET = _answer  # noqa: N815 the names of the base class

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((bind, 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    one.url = f"http://{bind}:{server.server_address[1]}/hook"
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
