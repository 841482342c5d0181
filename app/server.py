"""The Dash application and the ways to serve it."""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import dash
from dash import Dash
from flask import Flask, Response, request
from flask_compress import Compress
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from app import mcp
from app.compute import asker
from app.compute.child import EndedError
from app.compute.memory import MemoryWatch, few_arenas, settle_memory
from app.compute.pool import Pool, how_many
from app.front import run
from app.pages.explore import PAGE as EXPLORE
from app.pages.explore.bundles import bundle_bytes
from app.pages.explore.recorded.routes import recorded
from app.pages.explore.routes import api
from app.pages.explore.view import parse
from app.pages.library.entries import list_runs
from app.pages.library.recordings import recordings
from app.pages.library.routes import library
from app.pages.performance.draw import draw
from app.pages.performance.view import parse as parse_performance
from app.pages.train.routes import jobs
from app.security import access, hosts
from app.security.headers import hashes, security_headers
from app.shared import cache
from app.shared.browser import ASSETS, NOT_FOR_DASH, versions
from app.shared.http import GIVEN, RefusalError, answer, foreign, refuse
from app.shared.kept_layouts import keep_layouts
from app.shared.quiet import Quiet
from app.shared.read_only import read_only
from app.shared.shell import index, shell
from app.shared.style import LIGHT
from core.errors import InputError
from core.jobs import child
from core.late import torch
from core.runs.trash import Keeper

HERE = Path(__file__).resolve().parent
COMPUTING = (  # modules of what the pool computes, and what they load late
    "torch",
    "scipy.optimize",
    "scipy.stats",
    "app.pages.distil.data",
    "app.pages.explore.bundles",
    "app.pages.mechanisms.claims",
    "app.pages.train.draw",
    "app.mcp",
)
CHEAP = (hosts.HEALTH, "/assets/", "/_dash-component-suites/", "/api/computing", "/_favicon")  # these need no turn

log = logging.getLogger("loptscope.server")


def _proxies() -> int:
    """The number of proxies in front whose X-Forwarded-… headers are trusted."""
    given = os.environ.get("LOPTSCOPE_TRUSTED_PROXIES", "")
    if given and not (given.isascii() and given.isdigit() and len(given) <= 2):
        raise InputError("LOPTSCOPE_TRUSTED_PROXIES must be a whole number")
    return int(given or 0)


def create_app(address: str = "127.0.0.1") -> Dash:
    """The dashboard as a Dash application.

    Args:
        address: that it is served on; it decides which host names are accepted if LOPTSCOPE_HOSTS does not.

    Raises:
        InputError: a setting in the environment is invalid.
    """
    server = Flask("app")
    server.config.update(
        MAX_CONTENT_LENGTH=8 * 2**20,
        COMPRESS_ALGORITHM=["zstd", "br", "gzip"],
        COMPRESS_ZSTD_LEVEL=3,
        COMPRESS_BR_LEVEL=4,
        COMPRESS_MIMETYPES=[
            "text/html",
            "text/css",
            "text/javascript",
            "application/javascript",
            "application/json",
            "application/vnd.safetensors",
        ],
    )
    Compress(server)
    cache.cache.init_app(server, config=cache.settings())
    _protect(server, hosts.accepted(address))
    keep_layouts(server, [EXPLORE.path])
    for part in (jobs, library, recordings, recorded, api):
        server.register_blueprint(part)
    if proxies := _proxies():
        server.wsgi_app = ProxyFix(server.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]

    mcp_token = mcp.token()
    if mcp_token is not None:
        mcp.offer_only_these()
        mcp.guard(server, mcp_token)
    app = Dash(
        "app",  # the package of its pages, whatever the current directory is
        server=server,
        assets_folder=str(ASSETS),
        assets_ignore=NOT_FOR_DASH,
        pages_folder=str(HERE / "pages"),
        use_pages=True,
        title="Loptscope",
        update_title="",
        suppress_callback_exceptions=True,
        serve_locally=True,
        enable_mcp=mcp_token is not None,
        mcp_path=mcp.PATH,
        on_error=_on_error,
    )
    app.layout = shell
    app.index_string = index(lambda path: app.get_asset_url(path) + f"?v={versions()[path]}")
    own = hashes(app.index_string)
    _finish(server, lambda: security_headers([*own, *app.csp_hashes()]))
    return app


def _protect(server: Flask, names: Sequence[str]) -> None:
    """Check every request before anything else looks at it."""
    hosts.check_hosts(server, names)

    @server.before_request
    def only_from_here() -> Response | None:
        """Whatever computes or tells of runs is for the dashboard's own pages."""
        if request.path.startswith(("/api/", "/_dash")) and foreign():
            return refuse(403, "requests from other sites' pages are refused")
        return None

    if (expected := access.token()) is not None:
        access.ask_for_token(server, expected, open_paths=(f"/{mcp.PATH}",))
    if read_only():
        access.forbid_changes(server)

    @server.before_request
    def who_asks() -> None:
        pool = cache.pool()
        if pool is not None and not request.path.startswith(CHEAP):
            asker.begin(pool.line.number, pool.turns)

    @server.teardown_request
    def answered(_: BaseException | None) -> None:
        pool = cache.pool()
        if pool is not None:
            asker.end(pool.turns)


def _finish(server: Flask, of_pages: Callable[[], dict[str, str]]) -> None:
    """Complete every answer: headers, caching, sentences for errors.

    Args:
        server: the application.
        of_pages: the security headers of HTML; Dash adds inline scripts of its own with the first page.
    """
    plain = security_headers()

    @server.after_request
    def complete(response: Response) -> Response:
        for name, value in (of_pages() if response.mimetype == "text/html" else plain).items():
            response.headers.setdefault(name, value)
        if request.args.get("v") and request.args["v"] == versions().get(request.path.removeprefix("/assets/")):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        if access.is_known() and "public" in response.headers.get("Cache-Control", ""):  # not for a shared cache
            response.headers["Cache-Control"] = response.headers["Cache-Control"].replace("public", "private")
        if request.endpoint == "/<path:path>" and request.path not in {
            page["path"] for page in dash.page_registry.values()
        }:
            response.status_code = 404
        return response

    @server.errorhandler(Exception)
    def unexpected(error: Exception) -> Any:
        """One sentence for what was asked wrongly; everything else is a mistake of this program."""
        if isinstance(error, HTTPException):
            return error
        found = answer(error)
        if found is not None:
            return found
        if isinstance(error, GIVEN) and request.path.startswith(("/_dash", "/assets")):
            _note(error)
            return refuse(400, "this request is not understood")
        raise error


def _note(error: BaseException) -> None:
    """One line in the log about an error from what a request contained."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    where = "?" if last is None else f"{Path(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno}"
    log.warning(
        "%s %s: %s at %s",
        request.method,
        request.path[:80].encode("ascii", "replace").decode(),
        type(error).__name__,
        where,
    )


def _on_error(error: Exception) -> None:
    """An error of a page's callback: one sentence if it comes from the values in the request."""
    if isinstance(error, GIVEN) and not isinstance(error, InputError):
        _note(error)
        raise RefusalError(400, "this view cannot be drawn from these values") from None
    raise error


def create_server(address: str = "127.0.0.1", *, computing: bool = True) -> Flask:
    """The WSGI application. What takes long to load is loaded once the first visitor has been served.

    Args:
        address: that it is served on.
        computing: whether to start processes that compute views.
    """
    server: Flask = create_app(address).server
    if computing:
        cache.compute_in(Pool(how_many(), COMPUTING))

    quiet = Quiet(server, CHEAP)

    def warm() -> None:
        if computing:
            quiet.wait()
            ready = threading.Event()
            pool = cache.pool()
            if pool is not None:
                pool.ahead("ready", bytes, (), lambda _: ready.set())  # first of all: it is what a visitor waits for
                ready.wait(60)
        torch.set_num_threads(1)  # requests and unrolls run in parallel instead
        with server.app_context(), suppress(EndedError):  # the server may stop meanwhile
            bundle_bytes(parse("")[0])
            draw(parse_performance("")[0], LIGHT)
            list_runs()
        settle_memory()

    threading.Thread(target=warm, name="warm", daemon=computing).start()
    return server


def serve(address: str, port: int) -> None:
    """Serve the dashboard and start its workers.

    Args:
        address, port: where to listen.

    Raises:
        InputError: a setting in the environment is invalid.
        OSError: the address cannot be listened on.
    """
    few_arenas()
    memory = MemoryWatch()
    server = create_server(address)
    path = f"/?token={token}" if (token := access.token()) is not None else ""
    host = f"[{address}]" if ":" in address else address
    print(f"Loptscope: http://{host}:{port}" + path + " (stop with Ctrl-C)", flush=True)
    workers = [] if read_only() else [child.WorkerProcess() for _ in range(child.how_many())]
    keeper = None if read_only() else Keeper()
    try:
        run(server, address, port, security_headers(), behind_proxy=_proxies() > 0)
    finally:
        if (pool := cache.pool()) is not None:
            pool.close()
        if keeper is not None:
            keeper.stop()
        memory.stop()
        for worker in workers:
            worker.stop()
