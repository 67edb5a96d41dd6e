"""A certificate leaves the service, and is verified by a file that shares nothing with it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.app import create_app
from api.settings import Settings
from casework.certificate import verify_certificate
from engine.workers import Workers
from tests.api.conftest import TODAY

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def service(settings: Settings, database_url: str, tmp_path: Path) -> Iterator[TestClient[Litestar]]:
    own = replace(settings, database_url=database_url, signing_key=tmp_path / "key.pem", live=False)
    with TestClient(create_app(own, today=lambda: TODAY)) as client:
        yield client


def verified(certificate: bytes, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    file = folder / "certificate.json"
    file.write_bytes(certificate)
    command = [sys.executable, "-I", str(ROOT / "verifier" / "verify.py"), str(file), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_grading_gets_a_certificate_that_an_outsider_verifies(
    service: TestClient[Litestar], a_case: dict[str, Any], tmp_path: Path
) -> None:
    service.put("/api/v1/producers/P1", json=a_case["producer"])
    service.post(
        "/api/v1/facts", json={"facts": [{"type": "beat", "fields": {"register": "R", "beat_on": "2026-05-31"}}]}
    )
    grading = service.post("/api/v1/producers/P1/facts", json={"facts": a_case["facts"]}).json()
    answer = service.get(f"/api/v1/gradings/{grading['hash']}/certificate")

    assert answer.status_code == 200, answer.text
    key = service.get("/api/v1/log/key").json()["key"]
    told = verified(answer.content, tmp_path, "--key", key)
    assert told.returncode == 0, told.stdout + told.stderr
    assert grading["grade"] in told.stdout
    with Workers(1) as workers:
        assert verify_certificate(answer.content, workers, key).grade == grading["grade"]


def test_a_certificate_with_another_fact_in_it_is_found_out(
    service: TestClient[Litestar], a_case: dict[str, Any], tmp_path: Path
) -> None:
    service.put("/api/v1/producers/P1", json=a_case["producer"])
    grading = service.post("/api/v1/producers/P1/facts", json={"facts": a_case["facts"]}).json()
    certificate = service.get(f"/api/v1/gradings/{grading['hash']}/certificate").json()
    certificate["case"] = certificate["case"].replace('"result":"fail"', '"result":"pass"')

    told = verified(json.dumps(certificate, ensure_ascii=False, separators=(",", ":")).encode(), tmp_path)

    assert told.returncode == 1
    assert "certificate.case" in told.stdout + told.stderr


def test_there_is_no_certificate_of_what_was_never_decided(service: TestClient[Litestar]) -> None:
    answer = service.get(f"/api/v1/gradings/{'0' * 64}/certificate")

    assert (answer.status_code, answer.json()["code"]) == (404, "grading.missing")
