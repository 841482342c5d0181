"""The web server: waitress, which reads a request whole before a thread is taken, with limits on time, size and connections.

One thread reads and writes all connections, so that slow ones cost nothing but their place. Whoever waits for a view to be computed keeps a
thread waiting, which is why there are more threads than may wait.
"""

import json
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any, NoReturn, final

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import MultiSocketServer, TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher

THREADS = 160  # more than may wait for a view (128), so that some are always free
CONNECTIONS = 1000
CONNECTIONS_OF_ONE = 250  # of one address, unless it is a proxy's
REQUEST_SECONDS = 20.0  # in which a request must have arrived, header and body
LARGEST_HEADER = 64 * 1024  # bytes
LARGEST_BODY = 40 * 2**20  # bytes; the routes have their own smaller limits
SILENT_SECONDS = 60  # after which a connection without a request is closed
LOOK_EVERY = 2  # seconds between two looks at slow connections
FILES = 4096  # open files that the server asks for
IN_MEMORY = 256 * 1024  # bytes of a request's body; a larger one is kept in a temporary file

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


@final
class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """A request that is arriving, and since when."""

    def __init__(self, adj: Adjustments):
        super().__init__(adj)
        self.began = time.monotonic()


SENTENCES = {  # what is wrong with a request that the application never sees
    413: f"the body must be at most {LARGEST_BODY:,} bytes",
    431: f"the header must be at most {LARGEST_HEADER:,} bytes",
    501: "this way of sending a body is not known here",
}


def _server_class(headers: Mapping[str, str], alike: bool) -> type[TcpWSGIServer]:
    """The server.

    Args:
        headers: of answers to requests that are not understood.
        alike: whether connections of different clients have the same address.
    """

    @final
    class Refusal(ErrorTask):  # type: ignore[misc]
        def execute(self) -> None:
            error = self.request.error
            body = json.dumps({"error": SENTENCES.get(error.code, "this is not a valid HTTP request")}).encode()
            self.status = f"{error.code} {error.reason}"
            self.response_headers.extend([("Content-Type", "application/json"), *headers.items()])
            self.set_close_on_finish()
            self.content_length = len(body)
            self.write(body)

    @final
    class Channel(HTTPChannel):  # type: ignore[misc]
        parser_class = _Parser
        error_task_class = Refusal

    @final
    class Server(TcpWSGIServer):  # type: ignore[misc]
        channel_class = Channel

        def maintenance(self, now: float) -> None:
            super().maintenance(now)
            moment = time.monotonic()
            for channel in list(self.active_channels.values()):
                arriving = channel.request
                slow = arriving is not None and moment - arriving.began > REQUEST_SECONDS
                if slow or (channel.total_outbufs_len and now - channel.last_activity > SILENT_SECONDS):
                    channel.will_close = True  # it neither finishes its request nor takes the answer

        def handle_accept(self) -> None:
            super().handle_accept()
            if alike or not self.active_channels:
                return
            newest = next(reversed(self.active_channels.values()))
            mine = sum(channel.addr[0] == newest.addr[0] for channel in self.active_channels.values())
            if mine > CONNECTIONS_OF_ONE:
                newest.handle_close()

    return Server


def _more_files() -> None:
    """Allow as many open files as connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FILES:
        most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def run(application: Application, host: str, port: int, headers: Mapping[str, str], *, behind_proxy: bool) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        application: the WSGI application.
        host, port: where to listen.
        headers: of answers to requests that are not understood.
        behind_proxy: whether all connections come from a proxy, so that their addresses are alike.

    Raises:
        OSError: the address cannot be listened on.
    """
    _more_files()
    sys.setswitchinterval(0.002)  # seconds: a thread that draws a page does not keep short answers waiting
    adjustments = Adjustments(
        listen=f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}",
        threads=THREADS,
        connection_limit=CONNECTIONS,
        channel_timeout=SILENT_SECONDS,
        cleanup_interval=LOOK_EVERY,
        channel_request_lookahead=1,  # notices a client that has gone while its request is answered
        max_request_header_size=LARGEST_HEADER,
        max_request_body_size=LARGEST_BODY,
        inbuf_overflow=IN_MEMORY,
        asyncore_use_poll=True,
        ident=None,
        expose_tracebacks=False,
        clear_untrusted_proxy_headers=False,  # the application decides whose headers it trusts
    )
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.set_thread_count(THREADS)
    sockets: dict[int, Any] = {}
    kind = _server_class(headers, behind_proxy)
    servers = [
        kind(application, sockets, dispatcher=dispatcher, adj=adjustments, sockinfo=info) for info in adjustments.listen
    ]
    signal.signal(signal.SIGTERM, _stop)
    if len(servers) == 1:
        servers[0].run()
    else:
        addresses = [(server.effective_host, server.effective_port) for server in servers]
        MultiSocketServer(sockets, adjustments, addresses, dispatcher).run()
