"""Drafts of rulebooks: files that are edited, and what was done with them. Nothing of either is ever overwritten."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import func, select

from store.ledger import Transaction
from store.packing import packed, unpacked
from store.tables import DRAFT_ACTS, DRAFT_FILES

_encode = msgspec.json.Encoder(order="sorted").encode


class Act(msgspec.Struct, frozen=True):
    """Something that was done with a draft, to the files of which `content` is the digest."""

    act: str
    actor: str
    entered_at: str
    content: str
    document: dict[str, Any]


class Edit(msgspec.Struct, frozen=True):
    """A file as somebody left it; None where it was removed."""

    path: str
    entered_at: str
    actor: str
    document: bytes | None


def content_of(files: Mapping[str, bytes]) -> str:
    """Return the digest by which the files of a draft, or of a version, are known."""
    return hashlib.sha256(_encode({path: file_tag(document) for path, document in files.items()})).hexdigest()


def file_tag(document: bytes) -> str:
    """Return the SHA-256 by which one file's content is known."""
    return hashlib.sha256(document).hexdigest()


def names(transaction: Transaction) -> list[str]:
    """Return the names of all drafts, in the order in which they were opened."""
    query = select(DRAFT_ACTS.c.draft).group_by(DRAFT_ACTS.c.draft).order_by(func.min(DRAFT_ACTS.c.seq))
    return list(transaction.connection.execute(query).scalars())


def files(transaction: Transaction, draft: str) -> dict[str, bytes]:
    """Return the files of a draft as they are now, by path."""
    last = select(func.max(DRAFT_FILES.c.seq)).where(DRAFT_FILES.c.draft == draft).group_by(DRAFT_FILES.c.path)
    query = select(DRAFT_FILES.c.path, DRAFT_FILES.c.document).where(DRAFT_FILES.c.seq.in_(last))
    rows = transaction.connection.execute(query.order_by(DRAFT_FILES.c.path))
    return {path: unpacked(document) for path, document in rows if document is not None}


def edits(transaction: Transaction, draft: str) -> list[Edit]:
    """Return every edit of a draft, oldest first."""
    query = select(DRAFT_FILES).where(DRAFT_FILES.c.draft == draft).order_by(DRAFT_FILES.c.seq)
    return [
        Edit(row.path, row.entered_at, row.actor, None if row.document is None else unpacked(row.document))
        for row in transaction.connection.execute(query)
    ]


def acts(transaction: Transaction, draft: str) -> list[Act]:
    """Return what was done with a draft, oldest first."""
    query = select(DRAFT_ACTS).where(DRAFT_ACTS.c.draft == draft).order_by(DRAFT_ACTS.c.seq)
    return [
        Act(row.act, row.actor, row.entered_at, row.content, msgspec.json.decode(unpacked(row.document)))
        for row in transaction.connection.execute(query)
    ]


def edit(transaction: Transaction, draft: str, actor: str, changed: Mapping[str, bytes | None]) -> None:
    """Enter files as somebody left them; None removes one."""
    rows = [
        {
            "draft": draft,
            "path": path,
            "entered_at": transaction.entered_at,
            "actor": actor,
            "document": None if document is None else packed(document),
        }
        for path, document in changed.items()
    ]
    if rows:
        transaction.connection.execute(DRAFT_FILES.insert(), rows)


def do(transaction: Transaction, draft: str, act: str, actor: str, content: str, document: Mapping[str, Any]) -> Act:
    """Enter that somebody did something with a draft whose files have the digest `content`."""
    row = {"draft": draft, "act": act, "actor": actor, "entered_at": transaction.entered_at, "content": content}
    transaction.connection.execute(DRAFT_ACTS.insert().values(row | {"document": packed(_encode(document))}))
    return Act(act, actor, transaction.entered_at, content, dict(document))
