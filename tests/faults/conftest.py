"""Workers for all tests of faults, and no settings from outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from casework.signing import FileSigner
from engine.workers import Workers


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SHUOLI_") and name != "SHUOLI_NIGHTLY"]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="package")
def workers() -> Iterator[Workers]:
    with Workers(1) as pool:
        yield pool


@pytest.fixture
def signer(tmp_path: Path) -> FileSigner:
    return FileSigner.open(tmp_path / "signing-key.pem", None)
