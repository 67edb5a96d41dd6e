"""`shuoli ingest` and `shuoli pull` as their users have them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from store.ledger import EVERYONE, Store
from store.quarantine import quarantined
from store.sources import beats

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "ingest"
Shuoli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def shuoli(tmp_path: Path) -> Shuoli:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHUOLI_")}
    environment = kept | {"COLUMNS": "200", "PYTHONPATH": str(ROOT), "PLATFORM_TOKEN": "secret"}

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-c", "from api.cli import main; main()", *map(str, arguments)]
        return subprocess.run(
            program, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    return run


@pytest.fixture
def known(tmp_path: Path) -> Store:
    """Return the store of the default place, which knows the producers of the example."""
    store = Store.open(f"sqlite:///{tmp_path}/var/shuoli.db")
    with store.write() as transaction:
        for name in ("HZ-0001", "HZ-0002"):
            transaction.put_producer(name, msgspec.json.encode({"id": name, "kind": "enterprise", "region": ""}))
    return store


def test_the_example_is_taken_as_the_page_says(shuoli: Shuoli, known: Store) -> None:
    done = shuoli("ingest", EXAMPLE / "sampling.csv", "--mapping", EXAMPLE / "sampling.yaml")

    page = (ROOT / "docs" / "ingest.md").read_text("utf-8")
    told = page.split("$ shuoli ingest examples/ingest/sampling.csv")[1].split("\n", 1)[1].split("```")[0]
    assert (done.returncode, done.stdout) == (1, told)
    with known.read() as transaction:
        assert len(transaction.facts("HZ-0001")) == 2
        assert transaction.current("HZ-0001") is not None
        assert "city_sampling" in beats(transaction)
    known.close()


def test_the_example_again_changes_nothing_and_is_told_as_json(shuoli: Shuoli, known: Store) -> None:
    shuoli("ingest", EXAMPLE / "sampling.csv", "--mapping", EXAMPLE / "sampling.yaml")

    again = shuoli("ingest", EXAMPLE / "sampling.csv", "--mapping", EXAMPLE / "sampling.yaml", "--json")

    told = json.loads(again.stdout)
    assert {name: told[name] for name in ("lines", "stored", "updated", "duplicate", "refused")} == {
        "lines": 4,
        "stored": 0,
        "updated": 0,
        "duplicate": 3,
        "refused": 1,
    }
    with known.read() as transaction:
        assert [one.id for one in quarantined(transaction)] == [told["first_refused"][0]["quarantine"]]
    known.close()


@pytest.mark.parametrize(
    ("file", "mapping", "code", "said"),
    [
        ("none.csv", "sampling.yaml", 1, "file.refused"),
        ("sampling.csv", "none.yaml", 3, "mapping.missing"),
        ("sampling.csv", "platform.yaml", 1, "file.refused"),
        ("sampling.csv", "../hygiene/bands.yaml", 1, "mapping.refused"),
    ],
)
def test_what_cannot_be_used_is_said_so(shuoli: Shuoli, file: str, mapping: str, code: int, said: str) -> None:
    done = shuoli("ingest", EXAMPLE / file, "--mapping", EXAMPLE / mapping, "--json")

    assert (done.returncode, json.loads(done.stderr)["code"]) == (code, said)


class Platform(BaseHTTPRequestHandler):
    """Gives one item, then nothing."""

    def do_GET(self) -> None:
        sample = {
            "id": "7",
            "subject": {"code": "HZ-0001"},
            "updated_at": "2026-05-02T08:00:00+08:00",
            "sample_no": "P-7",
            "programme": 1,
            "product_name": "青菜",
            "verdict": "合格",
            "result": {"prohibited": False},
            "sampled_on": "2026/5/1",
        }
        items: list[Any] = [] if "since=" in self.path else [sample]
        body = json.dumps({"data": {"list": items, "next": "c1" if items else None}}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Path]:
    """Return the example's mapping for a platform that is there."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    mapping = tmp_path / "platform.yaml"
    text = (EXAMPLE / "platform.yaml").read_text("utf-8")
    mapping.write_text(text.replace("https://platform.example", f"http://127.0.0.1:{server.server_port}"), "utf-8")
    yield mapping
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_source_is_pulled_from_once(shuoli: Shuoli, known: Store, platform: Path) -> None:
    first = shuoli("pull", "--mapping", platform, "--once", "--json")
    second = shuoli("pull", "--mapping", platform, "--once", "--json")

    assert (first.returncode, second.returncode) == (0, 0), first.stdout + first.stderr
    assert [json.loads(one.stdout)["stored"] for one in (first, second)] == [1, 0]
    with known.read() as transaction:
        assert set(beats(transaction)) == {"provincial_platform"}
    known.close()


def test_a_pull_that_succeeds_is_a_heartbeat_in_every_case(shuoli: Shuoli, known: Store, platform: Path) -> None:
    for day in ("2026-06-01", "2026-06-02"):
        assert shuoli("pull", "--mapping", platform, "--once", "--as-of", day).returncode == 0

    with known.read() as transaction:
        beats = [json.loads(document)["fields"] for document in transaction.facts(EVERYONE)]
    assert beats == [{"feed": "city_trace", "beat_on": f"2026-06-0{day}"} for day in (1, 2)]


@pytest.mark.parametrize(
    ("beat", "says"),
    [
        ("{type: training, day: attended_on}", "unknown fact type about everyone `training`"),
        ("{type: source_heartbeat, day: feed}", "unknown date field `feed`"),
        ("{type: source_heartbeat, day: beat_on, fields: {fed: city_trace}}", "did you mean `feed`?"),
        ("{type: source_heartbeat, day: beat_on, fields: {feed: city_trac}}", "did you mean `city_trace`?"),
    ],
)
def test_a_beat_that_the_rulebook_does_not_know_is_refused(
    shuoli: Shuoli, platform: Path, beat: str, says: str
) -> None:
    platform.write_text(re.sub(r"beat: .*", f"beat: {beat}", platform.read_text("utf-8")), "utf-8")

    done = shuoli("pull", "--mapping", platform, "--once")

    assert done.returncode == 1
    assert says in done.stderr


def test_a_source_that_is_away_ends_a_single_pull_with_an_error(shuoli: Shuoli, known: Store, platform: Path) -> None:
    text = platform.read_text("utf-8")
    platform.write_text(
        text.split("  url:")[0] + "  url: http://127.0.0.1:9/\n  attempts: 1\n  items: data.list\n", "utf-8"
    )

    done = shuoli("pull", "--mapping", platform, "--once", "--json")

    assert (done.returncode, json.loads(done.stderr)["code"]) == (1, "source.away")
    known.close()
