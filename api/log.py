"""The log of everything decided: signed heads and proofs, for anyone to hold against it."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from api.problems import RequestRefused, documented
from api.services import Services
from casework.heads import SignedHead
from casework.proofs import MOST_ENTRIES, Consistency, Inclusion, LogEntries, LogKey
from knowledge.problems import Problem

_MOST = 2**53
_SIZE = {"one_of": None, "type": "integer", "minimum": 1, "maximum": _MOST}

Ref = Annotated[
    str,
    QueryParameter(
        description="评价结果、确认或规则包的 SHA-256 · SHA-256 of a grading, confirmation or rulebook",
        schema_extra={"pattern": "^[0-9a-f]{64}$"},
    ),
]
Size = Annotated[
    str | None,
    QueryParameter(description="叶数,默认最新树头 · leaves; of the newest head by default", schema_extra=_SIZE),
]
From = Annotated[
    str, QueryParameter(name="from", description="较早的叶数 · leaves of the older log", schema_extra=_SIZE)
]
To = Annotated[
    str | None,
    QueryParameter(
        name="to",
        description="较晚的叶数,默认最新树头 · leaves of the newer; the newest head by default",
        schema_extra=_SIZE,
    ),
]
Start = Annotated[
    str,
    QueryParameter(
        description="首个序号 · index of the first",
        schema_extra={"type": "integer", "minimum": 0, "maximum": _MOST, "default": 0},
    ),
]
Limit = Annotated[
    str,
    QueryParameter(
        description="最多几条 · how many at most",
        schema_extra={"type": "integer", "minimum": 1, "maximum": MOST_ENTRIES, "default": 100},
    ),
]


@get("/api/v1/log/head", tags=["log"], responses=documented("log.missing"), sync_to_thread=True)
def show_head(services: NamedDependency[Services]) -> SignedHead:
    """最新的签名树头。The newest signed head; whoever keeps it can tell later whether the log was altered."""
    return services.proofs.head()


@get("/api/v1/log/key", tags=["log"], responses=documented("log.missing"), sync_to_thread=True)
def show_key(services: NamedDependency[Services]) -> LogKey:
    """验证树头的公钥。The public key that checks heads."""
    return services.proofs.key()


@get("/api/v1/log/entries", tags=["log"], responses=documented(), sync_to_thread=True)
def list_entries(services: NamedDependency[Services], start: Start = "0", limit: Limit = "100") -> LogEntries:
    """叶:只有哈希和时刻。Leaves: hashes and instants, and nothing of what they are about."""
    return services.proofs.entries(_whole("start", start, 0, _MOST), _whole("limit", limit, 1, MOST_ENTRIES))


@get(
    "/api/v1/log/proof/inclusion",
    tags=["log"],
    responses=documented("log.missing", "log.pending", "store.corrupt"),
    sync_to_thread=True,
)
def prove_inclusion(services: NamedDependency[Services], ref: Ref, size: Size = None) -> Inclusion:
    """包含证明。The proof that a document is in the log."""
    if len(ref) != 64 or set(ref) - set("0123456789abcdef"):
        raise _refused("ref", ref, "64 hex digits in lower case")
    return services.proofs.inclusion(ref, None if size is None else _whole("size", size, 1, _MOST))


@get(
    "/api/v1/log/proof/consistency",
    tags=["log"],
    responses=documented("log.missing", "store.corrupt"),
    sync_to_thread=True,
)
def prove_consistency(services: NamedDependency[Services], from_size: From, to_size: To = None) -> Consistency:
    """一致性证明。The proof that a later log begins with an earlier one: nothing was taken back or changed."""
    old = _whole("from", from_size, 1, _MOST)
    new = None if to_size is None else _whole("to", to_size, 1, _MOST)
    if new is not None and old > new:
        raise _refused("from", from_size, f"a whole number from 1 to {new}, which is `to`")
    return services.proofs.consistency(old, new)


def _whole(name: str, text: str, low: int, high: int) -> int:
    """Return a whole number within bounds.

    Raises:
        RequestRefused: it isn't one.
    """
    if text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high:
        return int(text)
    raise _refused(name, text, f"a whole number from {low} to {high}")


def _refused(name: str, given: str, expected: str) -> RequestRefused:
    shown = given[:70].encode("utf-8", "backslashreplace").decode("utf-8")
    problem = Problem(f"?{name}", "query.value", f"`{shown}` is not {expected}", shown, expected)
    return RequestRefused("http.query", f"`{name}` can't be understood", problems=(problem,))
