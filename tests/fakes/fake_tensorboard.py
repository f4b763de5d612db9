"""A child that behaves like TensorBoard where the manager and the proxy look, and badly where a test wants it to.

The mode is the first argument; the others are TensorBoard's. Modes:
  echo      serves; answers with what it was asked (see `Echo`)
  stubborn  as echo, but takes no notice of SIGTERM
  never     runs, says something and never announces a port
  crash     says why on stderr and exits with 3
  brief     serves until it is found healthy, then crashes
"""

import http.server
import json
import os
import signal
import sys
import threading
import time
from urllib.parse import urlsplit

CHUNK = b"x" * 65536


class Echo(http.server.BaseHTTPRequestHandler):
    """Below the prefix: /data/plugins_listing for the health check, and whatever a test needs."""

    protocol_version = "HTTP/1.1"
    prefix = ""
    brief = False

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.removeprefix(self.prefix)
        if path.startswith("/big/"):
            self.big(int(path.rsplit("/", 1)[1]))
        elif path == "/redirect":
            self.answer(302, b"", location=self.headers["x-to"])
        elif path == "/slow":
            time.sleep(600)
        elif path == "/abort":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(CHUNK)
            self.close_connection = True
        elif path == "/data/environment":
            debug = {
                "data_provider": "GrpcDataProvider(addr='localhost:6006')",
                "flags": {"logdir": "/secret/place"},
            }
            shown = {"version": "2", "data_location": "/secret/place", "window_title": "w", "debug": debug}
            self.answer(200, json.dumps(shown).encode(), content_type="application/json")
        elif path == "/data/logdir":
            self.answer(200, b'{"logdir": "/secret/place"}', content_type="application/json")
        else:
            self.echo()
            if self.brief and path == "/data/plugins_listing":
                self.wfile.flush()
                os._exit(7)

    do_HEAD = do_POST = do_GET  # noqa: N815 - the base class looks for these names

    def echo(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        seen = {
            "line": self.requestline,
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "body": body.decode("latin-1"),
        }
        self.answer(200, json.dumps(seen).encode(), content_type="application/json")

    def answer(
        self, status: int, body: bytes, *, location: str | None = None, content_type: str = "text/plain"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "stolen=1")
        self.send_header("X-Frame-Options", "ALLOWALL")
        self.send_header("Connection", "keep-alive, X-Nominated")
        self.send_header("X-Nominated", "1")
        self.send_header("X-Kept", "1")
        if location:
            self.send_header("Location", location)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def big(self, size: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        try:
            while size > 0:
                self.wfile.write(CHUNK[:size])
                size -= len(CHUNK)
        except OSError:
            # The test asks whether the proxy lets go of us: this line is the answer.
            sys.stderr.write("let go\n")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def main(mode: str) -> None:
    options = dict(argument.removeprefix("--").split("=", 1) for argument in sys.argv[1:])
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if mode == "crash":
        sys.stderr.write(f"first line\nno good: {options['logdir']} <b>\n")
        sys.exit(3)
    if mode == "never":
        sys.stderr.write("thinking about it\n")
        threading.Event().wait()
    Echo.prefix = options["path_prefix"]
    Echo.brief = mode == "brief"
    server = http.server.ThreadingHTTPServer((options["host"], 0), Echo)
    port = server.server_address[1]
    sys.stderr.write(
        f"TensorBoard 0 at http://{options['host']}:{port}{Echo.prefix}/ (Press CTRL+C to quit)\n"
    )
    server.serve_forever()
