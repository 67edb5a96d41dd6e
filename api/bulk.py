"""Facts in bulk: JSON lines in, one line of result for each out, in both directions as they come."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated, Any, Final

import anyio
import anyio.to_thread
import msgspec
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from litestar import Request, Response, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter
from litestar.types import ASGIApp, Receive, Scope, Send

from api.problems import LOG, RequestRefused, documented, problem_document
from api.services import Services
from casework.intake import Intake, RawChunk
from casework.lines import LineSplitter, RawLine
from knowledge.problems import ShuoliError

MEDIA_TYPE: Final = "application/x-ndjson"
_IN_MEMORY: Final = 1_000_000
"""Bytes of results that wait in memory; more wait in a file."""
_PIECE: Final = 65_536

DeliveryKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="同一批数据的键,中断后凭它续传 · names this delivery, so that it goes on where it was cut off",
        schema_extra={"one_of": None, "type": "string", "maxLength": 200, "pattern": "^[!-~]+$"},
    ),
]


def needs_lines(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Refuse a body that doesn't say it is JSON lines, or is compressed."""
    kind = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (MEDIA_TYPE, "application/ndjson") or connection.headers.get("content-encoding"):
        raise RequestRefused(
            "http.media_type", "the body isn't plain JSON lines", help=f"send Content-Type: {MEDIA_TYPE}"
        )


@post(
    "/api/v1/facts:bulk",
    tags=["facts"],
    status_code=200,
    guards=[needs_lines],
    request_max_body_size=None,
    responses={
        **documented("http.media_type", "ingest.other_content", "rulebook.missing"),
        200: ResponseSpec(
            None, media_type=MEDIA_TYPE, description="每行一个结果 · one JSON line of result for each line, in order"
        ),
    },
)
async def post_bulk(
    request: Request[Any, Any, Any], services: NamedDependency[Services], delivery_key: DeliveryKey = None
) -> Response[None]:
    """批量提交事实:每行一条,逐行答复。Facts of many producers, one a line; each line has its result.

    分块提交,每块每个主体重评一次。被拒绝的行留在隔离区。
    Lines are committed in chunks, and each producer is graded once in a chunk. Refused lines are kept in the
    quarantine. A last line `{"problem": …}` says why the rest wasn't taken.
    """
    _check_key(delivery_key)
    intake = await anyio.to_thread.run_sync(services.intake)
    delivery = _Delivery(intake, _chunks(request), delivery_key, services.sign_head)
    # What is wrong from the start is still answered with a status of its own.
    try:
        await delivery.begin()
    except BaseException as error:
        delivery.close()
        if isinstance(error, ShuoliError):
            await delivery.drain()
        raise
    return _Lines(delivery)


def _check_key(key: str | None) -> None:
    if key is not None and not (1 <= len(key) <= 200 and key.isascii() and key.isprintable() and " " not in key):
        raise RequestRefused("http.request", "`Idempotency-Key` is 1 to 200 visible ASCII characters")


async def _chunks(request: Request[Any, Any, Any]) -> AsyncIterator[list[RawLine]]:
    splitter = LineSplitter()
    async for part in request.stream():
        for chunk in splitter.feed(part):
            yield chunk
    yield splitter.end()


class _Delivery:
    """Takes chunk after chunk; answers wait until the client reads them.

    Taking never waits for the client to read: one that sends everything first would wait for us for ever.
    """

    def __init__(
        self, intake: Intake, chunks: AsyncIterator[list[RawLine]], key: str | None, sign: Callable[[], object]
    ) -> None:
        self._intake, self._chunks, self._key, self._sign = intake, chunks, key, sign
        self._number = 0
        self._waiting = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  closed when the answer ends
        self._written = self._sent = 0
        self._more = anyio.Event()
        self._ended = False

    async def begin(self) -> None:
        """Take the first chunk."""
        lines = await anext(self._chunks)
        if lines:
            await self._enter(await self._read(lines))

    async def take_all(self, scope: Scope) -> None:
        """Take all other chunks, and sign a head over them; what keeps one from being taken is told in a last line."""
        ahead, read = anyio.create_memory_object_stream[RawChunk | Exception](1)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._read_all, ahead)
                async with read:
                    await self._enter_all(scope, read)
            await anyio.to_thread.run_sync(self._sign_head)
        finally:
            self._ended = True
            self._more.set()

    async def _read_all(self, ahead: MemoryObjectSendStream[RawChunk | Exception]) -> None:
        """Read chunks while the one before is entered, to the end of the body or until the client goes away.

        Once nothing is entered any more the rest is passed over, so that a client that still sends gets its answer.
        """
        wanted = True
        with ahead:
            try:
                async for lines in self._chunks:
                    wanted = wanted and (not lines or await self._pass_on(ahead, lines))
            except HTTPException:
                # The client went away: whole chunks are taken, and nobody waits for an answer.
                pass

    async def _pass_on(self, ahead: MemoryObjectSendStream[RawChunk | Exception], lines: list[RawLine]) -> bool:
        """Read a chunk and hand it, or what is wrong, to be entered; return whether the next one is wanted."""
        read: RawChunk | Exception
        try:
            read = await self._read(lines)
        except Exception as error:  # noqa: BLE001  told where chunks are entered
            read = error
        try:
            await ahead.send(read)
        except anyio.BrokenResourceError:
            return False
        return not isinstance(read, Exception)

    async def _enter_all(self, scope: Scope, read: MemoryObjectReceiveStream[RawChunk | Exception]) -> None:
        try:
            async for chunk in read:
                await self._enter(chunk)
        except ShuoliError as error:
            self._answer_problem(scope, error)
        except Exception as error:  # noqa: BLE001  the status is sent already
            LOG.error("fault in a delivery", exc_info=error)
            message = "something failed here; the log has it under the request id"
            self._answer_problem(scope, RequestRefused("internal.fault", message))

    async def _read(self, lines: list[RawLine]) -> RawChunk:
        number, self._number = self._number, self._number + 1
        return await anyio.to_thread.run_sync(partial(self._intake.read_raw, lines, key=self._key, number=number))

    async def _enter(self, chunk: RawChunk | Exception) -> None:
        if isinstance(chunk, Exception):
            raise chunk
        self._answer(await anyio.to_thread.run_sync(partial(self._intake.enter_raw, chunk, origin=self._origin())))

    def _sign_head(self) -> None:
        try:
            self._sign()
        except ShuoliError as error:
            # All lines are entered and answered by now; the hourly head says the same again.
            LOG.error("no head after a delivery: [%s] %s", error.code, error.message)

    async def send_all(self, send: Send) -> None:
        """Send answers as they come, until the last."""
        while True:
            while self._sent < self._written:
                self._waiting.seek(self._sent)
                piece = self._waiting.read(_PIECE)
                self._sent += len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            if self._ended:
                break
            self._more = anyio.Event()
            await self._more.wait()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def close(self) -> None:
        """Let the answers go."""
        self._waiting.close()

    def _answer_problem(self, scope: Scope, error: ShuoliError) -> None:
        self._answer(msgspec.json.encode({"problem": problem_document(scope, error)}) + b"\n")

    def _origin(self) -> str:
        return "bulk" if self._key is None else f"bulk:{self._key}"[:200]

    def _answer(self, results: bytes) -> None:
        self._waiting.seek(self._written)
        self._waiting.write(results)
        self._written += len(results)
        self._more.set()

    async def drain(self) -> None:
        """Read the rest of the body, so that a client that still sends gets to read why it was in vain."""
        try:
            async for _ in self._chunks:
                pass
        except HTTPException:
            pass


class _Lines(Response[None]):
    """The answer to a delivery that is under way."""

    def __init__(self, delivery: _Delivery) -> None:
        super().__init__(None, media_type=MEDIA_TYPE)
        self._delivery = delivery

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:  # noqa: ANN401
        """Return what sends it. Litestar's own streams read the rest of the body away while they send."""
        return self._app()

    def _app(self) -> ASGIApp:
        async def app(scope: Scope, _receive: Receive, send: Send) -> None:
            headers = [(b"content-type", MEDIA_TYPE.encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._delivery.take_all, scope)
                    tasks.start_soon(self._delivery.send_all, send)
            finally:
                self._delivery.close()

        return app
