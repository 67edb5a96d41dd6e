"""`shuoli serve`: the HTTP interface on this machine."""

from __future__ import annotations

import errno
import socket
from dataclasses import replace

import click
import uvicorn

from api.app import create_app
from api.settings import Settings
from knowledge.problems import ShuoliError


class AddressTaken(ShuoliError):
    """Nothing can be served at this address."""

    code = "serve.address"


@click.command(help="提供 HTTP 接口 · serve the HTTP interface")
@click.option("--host", help="监听地址 · address; SHUOLI_HOST, 127.0.0.1")
@click.option("--port", type=click.IntRange(0, 65535), help="端口 · port; SHUOLI_PORT, 8000; 0: any free one")
def serve(host: str | None, port: int | None) -> None:
    """Serve until stopped."""
    settings = Settings.from_environment()
    serve_with(replace(settings, host=host or settings.host, port=settings.port if port is None else port))


def serve_with(settings: Settings) -> None:
    """Serve with these settings until stopped; says where when it is ready.

    Raises:
        AddressTaken: the address can't be listened at.
    """
    bound = _bind(settings.host, settings.port)
    try:
        host, port = bound.getsockname()[:2]
        app = create_app(settings, live=settings.live)
        click.echo(f"http://{host}:{port}  API: /schema  (Ctrl-C 停止 · stops)")
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=20,
        )
        uvicorn.Server(config).run(sockets=[bound])
    finally:
        bound.close()


def _bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens; binding it ourselves says at once when the address is taken."""
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(kind, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        reason = "another program listens there" if error.errno == errno.EADDRINUSE else str(error.strerror)
        advice = "choose another with --port or SHUOLI_PORT"
        raise AddressTaken(f"can't listen at {host}:{port}: {reason}", help=advice) from error
    bound.listen(128)
    return bound
