"""The Dash application and the ways to serve it."""

import os
import threading
from pathlib import Path
from typing import Any

import dash
import torch
from dash import Dash
from flask import Flask, Response, request
from flask_compress import Compress
from werkzeug.middleware.proxy_fix import ProxyFix

from app.mcp import PATH, guard, offer_only_these, token
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
from app.shared.browser import ASSETS, NOT_FOR_DASH, versions
from app.shared.cache import cache
from app.shared.shell import index, shell
from app.shared.style import LIGHT
from core.jobs.child import WorkerProcess, how_many

HERE = Path(__file__).resolve().parent
MEMORY = Path("/dev/shm")
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'self'"
)


def _cache_settings() -> dict[str, Any]:
    """Redis if REDIS_URL is set, otherwise files in a folder that only the user can read."""
    common = {"CACHE_DEFAULT_TIMEOUT": 0, "CACHE_KEY_PREFIX": "loptscope:"}
    if url := os.environ.get("REDIS_URL"):
        return {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": url, **common}
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("LOPTSCOPE_CACHE") or Path(home) / "loptscope")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # its files are trusted, so nobody else may write there
    return {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(folder), "CACHE_THRESHOLD": 300, **common}


def create_app() -> Dash:
    """The dashboard as a Dash application."""
    torch.set_num_threads(1)  # requests and unrolls run in parallel instead
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
    if hosts := os.environ.get("LOPTSCOPE_HOSTS"):
        server.config["TRUSTED_HOSTS"] = hosts.split(",")
    Compress(server)
    cache.init_app(server, config=_cache_settings())
    server.register_blueprint(jobs)
    server.register_blueprint(library)
    server.register_blueprint(recordings)
    server.register_blueprint(recorded)
    server.register_blueprint(api)
    proxies = os.environ.get("LOPTSCOPE_TRUSTED_PROXIES", "")
    if proxies.isascii() and proxies.isdigit() and int(proxies):  # whose X-Forwarded-… headers are trusted
        count = int(proxies)
        server.wsgi_app = ProxyFix(server.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]

    @server.after_request
    def secure(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        if request.args.get("v") and request.args["v"] == versions().get(request.path.removeprefix("/assets/")):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        if request.endpoint == "/<path:path>" and request.path not in {
            page["path"] for page in dash.page_registry.values()
        }:
            response.status_code = 404
        return response

    mcp_token = token()
    if mcp_token is not None:
        offer_only_these()
        guard(server, mcp_token)
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
        mcp_path=PATH,
    )
    app.layout = shell
    app.index_string = index(lambda path: app.get_asset_url(path) + f"?v={versions()[path]}")
    return app


def create_server() -> Flask:
    """The WSGI application for gunicorn. A thread computes the default views before the first visitor needs them."""
    server: Flask = create_app().server

    def warm() -> None:
        with server.app_context():
            bundle_bytes(parse("")[0])
            draw(parse_performance("")[0], LIGHT)
            list_runs()

    threading.Thread(target=warm).start()  # not a daemon: torch must not shut down while it runs
    return server


def serve(host: str, port: int) -> None:
    """Serve with gunicorn in one process with eight threads (torch and Plotly are loaded once), and start the workers."""
    from gunicorn.app.base import BaseApplication  # noqa: PLC0415 - needs a Unix; the rest of this module does not

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            settings = {"bind": f"{host}:{port}", "workers": 1, "threads": 8, "worker_class": "gthread"}
            if MEMORY.is_dir():  # gunicorn's heartbeat must not wait for a disk
                settings["worker_tmp_dir"] = str(MEMORY)
            for name, value in {**settings, "timeout": 120, "loglevel": "warning", "proc_name": "loptscope"}.items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            return create_server()

    print(f"Loptscope: http://{host}:{port} (stop with Ctrl-C)", flush=True)
    workers = [WorkerProcess() for _ in range(how_many())]
    try:
        Application().run()
    finally:
        for worker in workers:
            worker.stop()
