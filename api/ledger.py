"""The ledger that an installation's settings name, and the heads that it signs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from api.settings import Settings
from casework.heads import open_signer, sign_head
from casework.signing import FileSigner
from store.ledger import Store
from store.trail import StoredHead, last_head


def open_store(settings: Settings) -> Store:
    """Return the store; an SQLite file and its folder are made, tables migrated.

    Raises:
        StoreRefused: it can't be used.
    """
    return Store.open(settings.database_url, settings.log_hash)


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """Give the store of a ledger that heads can be signed for, and close it.

    Raises:
        StoreRefused: it can't be used.
        SigningRefused: heads are signed with a key that isn't there.
    """
    store = open_store(settings)
    try:
        check_signer(settings, store)
        yield store
    finally:
        store.close()


def signer_of(settings: Settings, store: Store) -> FileSigner:
    """Return the signer of the ledger's heads; a key is made only for a ledger that has no head yet.

    Raises:
        SigningRefused: the key is missing or unusable, or another one than signed the last head.
    """
    return open_signer(store, settings.signing_key)


def check_signer(settings: Settings, store: Store) -> None:
    """Refuse a ledger that has heads and whose key isn't there, before anything is entered.

    Raises:
        SigningRefused: the key is missing or unusable, or another one than signed the last head.
    """
    with store.read() as transaction:
        is_signed = last_head(transaction) is not None
    if is_signed:
        signer_of(settings, store)


def sign(settings: Settings, store: Store) -> StoredHead | None:
    """Sign and store a head, if the log has grown since the last one; return it, None where it hasn't.

    Raises:
        SigningRefused: the key can't be used.
        StoreCorrupt: the log isn't the one that the last head was signed for.
    """
    return sign_head(store, signer_of(settings, store))
