"""The third axis: a producer's grade under a rulebook that is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.app import create_app
from api.settings import Settings

ORCHARD = Path(__file__).parent.parent / "rulebooks" / "api" / "orchard"
Refused = Callable[..., dict[str, Any]]


def version(catalog: Path, name: str, points: str, since: str, until: str | None) -> None:
    """Write a version of the orchard's rulebook in which a failed test costs so much, and counts as many months."""
    folder = catalog / "orchard" / name
    shutil.copytree(ORCHARD / "1", folder)
    head = (folder / "rulebook.yaml").read_text("utf-8").replace('version: "1"', f'version: "{name}"')
    ends = f"effective_from: {since}" + ("" if until is None else f"\neffective_until: {until}")
    (folder / "rulebook.yaml").write_text(head.replace("effective_from: 2025-01-01", ends), "utf-8")
    for file in (folder / "rules").glob("*.yaml"):
        file.write_text(
            file.read_text("utf-8").replace("lose: 15", f"lose: {points}").replace("24 months", f"{points} months")
        )
    shutil.rmtree(folder / "scenarios", ignore_errors=True)


@pytest.mark.parametrize("part", ["grade", "deductions", "verdicts", "why"])
def test_a_named_version_decides_whatever_is_in_force(tmp_path: Path, refused: Refused, part: str) -> None:
    catalog = tmp_path / "rulebooks"
    version(catalog, "1", "15", "2025-01-01", "2026-01-01")
    version(catalog, "2", "8", "2026-01-01", None)
    settings = Settings(
        database_url=f"sqlite:///{tmp_path}/shuoli.db", rulebook="orchard", rulebooks=(catalog,), workers=1
    )
    address = "/api/v1/producers/P1"
    test = {"type": "test", "fields": {"number": "T1", "result": "fail", "taken_on": "2025-11-20"}}
    with TestClient(create_app(settings, today=lambda: date(2026, 6, 1))) as client:
        client.put(address, json={"kind": "farm", "region": "330110"}).raise_for_status()
        client.post(f"{address}/facts", json={"facts": [test | {"source": {"system": "lab"}}]}).raise_for_status()

        in_force = asked(client, f"{address}/{part}")
        named = asked(client, f"{address}/{part}", rulebook="orchard@2")
        old = asked(client, f"{address}/{part}", rulebook="orchard@1")
        then = asked(client, f"{address}/{part}", as_of="2025-12-01", rulebook="orchard")
        missing = client.get(f"{address}/{part}", params={"rulebook": "orchard@9"})

        # Version 2 graded here; what becomes of its file changes nothing of what it is.
        file = catalog / "orchard" / "2" / "rules"
        for one in file.glob("*.yaml"):
            one.write_text(one.read_text("utf-8").replace("lose: 8", "lose: 50"), "utf-8")
    with TestClient(create_app(settings, today=lambda: date(2026, 6, 1))) as client:
        later = asked(client, f"{address}/{part}", rulebook="orchard@2")

    assert in_force == named == later
    assert old != named
    assert {name: one for name, one in then.items() if name != "as_of"} != in_force
    refused(missing, 404, "rulebook.missing")


def asked(client: TestClient[Litestar], address: str, **query: str) -> dict[str, Any]:
    """Return an answer, when it was known left aside."""
    answer: httpx.Response = client.get(address, params=query)
    answer.raise_for_status()
    told: dict[str, Any] = answer.json()
    return {name: one for name, one in told.items() if name not in ("known_at", "hash")}
