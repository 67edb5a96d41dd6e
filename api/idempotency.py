"""`Idempotency-Key`: a request that is sent again is answered again, and done once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

import msgspec
from litestar import Response
from litestar.params import HeaderParameter

from api.problems import RequestRefused
from casework.decisions import Beside
from knowledge.problems import ShuoliError
from store.idempotency import Kept, keep_answer, kept_answer
from store.ledger import Store, Transaction

REPLAYED: Final = "Idempotency-Replayed"
LONGEST: Final = 200
_Made = TypeVar("_Made")

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="此请求的键:重发只做一次 · names this request: sent again under its key it is done once",
        schema_extra={"one_of": None, "type": "string", "maxLength": LONGEST, "pattern": "^[!-~]+$"},
    ),
]


class KeyReused(ShuoliError):
    """The key named another request before."""

    code = "idempotency.reused"


class _AnsweredBefore(Exception):
    """No error: ends a transaction that has nothing to do."""

    def __init__(self, kept: Kept) -> None:
        super().__init__()
        self.kept = kept


class Once:
    """One request, and the key that names it if it has one.

    The answer is kept in the transaction of what the request does. Only what was done is kept: a request that was
    refused may be sent again under its key.
    """

    def __init__(self, store: Store, key: str | None, route: str, body: bytes) -> None:
        if key is not None and not (1 <= len(key) <= LONGEST and all("!" <= one <= "~" for one in key)):
            raise RequestRefused("http.request", "`Idempotency-Key` is 1 to 200 visible ASCII characters")
        self._store, self._key, self._route = store, key, route
        self._sha256 = hashlib.sha256(route.encode("utf-8", "surrogatepass") + b"\0" + body).digest()
        self._says: Callable[[Any], object] = lambda made: made
        self._status = 200
        self._document: bytes | None = None

    def run(
        self, do: Callable[[Beside], _Made], says: Callable[[_Made], object], *, status: int = 200
    ) -> Response[Any]:
        """Do what is asked, unless it has been done, and return the answer: what `says` makes of what came out.

        `do` calls `before` and `after` of what it is given, in the transaction in which it enters something.

        Raises:
            KeyReused: the key named another request before.
        """
        self._says, self._status = says, status
        try:
            if self._key is not None:
                with self._store.read() as transaction:
                    self.before(transaction)
            made = do(self)
        except _AnsweredBefore as earlier:
            kept = earlier.kept
            return _response(kept.document, kept.status, {REPLAYED: "true"})
        return _response(self._document or _encode(says(made)), status, {})

    def before(self, transaction: Transaction) -> None:
        """Stop here if the request has been answered; whoever was quicker has committed by now."""
        kept = None if self._key is None else kept_answer(transaction, self._key)
        if kept is None:
            return
        if kept.sha256 != self._sha256:
            raise KeyReused("this `Idempotency-Key` named another request before", help="give each request its own key")
        raise _AnsweredBefore(kept)

    def after(self, transaction: Transaction, made: object) -> None:
        """Keep the answer."""
        if self._key is None:
            return
        self._document = _encode(self._says(made))
        keep_answer(transaction, self._key, Kept(self._route[:LONGEST], self._sha256, self._status, self._document))

    def keep(self, made: object) -> None:
        """Keep the answer in a transaction of its own; for what is the same when it is done twice."""
        if self._key is not None:
            with self._store.write() as transaction:
                self.before(transaction)
                self.after(transaction, made)


def _encode(document: object) -> bytes:
    return msgspec.json.encode(document)


def _response(document: bytes, status: int, headers: dict[str, str]) -> Response[Any]:
    return Response(document, status_code=status, headers=headers, media_type="application/json")
