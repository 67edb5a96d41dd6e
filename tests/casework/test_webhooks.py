"""Events reach each subscriber at least once, in order and signed; nothing reaches an address inside."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import casework.posting
from casework.posting import AddressRefused, Rules, Sender, SendFailed, SendStopped, allowed, check_url
from casework.webhooks import (
    DELAYS,
    Deliverer,
    DeliveryMissing,
    SubscriptionMissing,
    deliveries_of,
    redeliver,
    shown_secret,
    subscribe,
    unsubscribe,
)
from store import outbox
from store.ledger import Store, Transaction
from store.outbox import Subscription

LOOPBACK = Rules(http=True, allow=(ipaddress.ip_network("127.0.0.1/32"),))
METADATA = "169.254.169.254"


class Nothing:
    """Does nothing beside."""

    def before(self, transaction: Transaction) -> None:
        """Do nothing."""

    def after(self, transaction: Transaction, made: object) -> None:
        """Do nothing."""


class Receiver:
    """A subscriber's HTTP server on loopback; `answers` are the statuses to answer with, then 204 for ever."""

    def __init__(self) -> None:
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int | str] = []
        self.release = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
                answer = receiver.answers.pop(0) if receiver.answers else 204
                if answer == "drop":
                    self.close_connection = True
                    return
                if answer == "slow":
                    receiver.release.wait(20)
                    answer = 204
                if answer == "drip":
                    while not receiver.release.wait(0.1):
                        self.wfile.write(b"H")
                    return
                self.send_response(int(answer))
                if 300 <= int(answer) < 400:
                    self.send_header("location", f"http://{METADATA}/latest/meta-data/")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.came]

    def close(self) -> None:
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Clock:
    """The instant, which only moves when it is told to."""

    def __init__(self) -> None:
        self.moment = datetime.fromisoformat("2026-06-01T00:00:00Z")

    def __call__(self) -> str:
        return self.moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def other() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deliverer(store: Store, clock: Clock) -> Deliverer:
    return Deliverer(store, Sender(LOOPBACK, seconds=1), now=clock, spread=lambda: 1.0)


def happen(store: Store, *names: str) -> None:
    with store.write() as transaction:
        for name in names:
            transaction.add_event(name, "shuoli.grade.changed", b'{"id":"' + name.encode() + b'"}')


def states(store: Store, subscription: Subscription) -> list[tuple[str, str, int]]:
    return [(one.event, one.state, one.attempts) for one in deliveries_of(store, subscription.id, None, 0, 100)]


def subscribed(store: Store, receiver: Receiver) -> Subscription:
    return subscribe(store, receiver.url, LOOPBACK, Nothing())


def test_events_since_the_subscription_arrive_in_order_and_once(
    store: Store, receiver: Receiver, deliverer: Deliverer
) -> None:
    happen(store, "before")
    subscription = subscribed(store, receiver)
    happen(store, "e1", "e2", "e3")

    attempts = [deliverer.deliver(), deliverer.deliver()]

    assert receiver.ids == ["e1", "e2", "e3"]
    assert attempts == [3, 0]
    assert states(store, subscription) == [("e1", "done", 1), ("e2", "done", 1), ("e3", "done", 1)]


def test_a_subscriber_can_check_the_signature(store: Store, receiver: Receiver, deliverer: Deliverer) -> None:
    subscription = subscribed(store, receiver)
    happen(store, "e1")

    deliverer.deliver()

    headers, body = receiver.came[0]
    secret = base64.b64decode(shown_secret(subscription.secret).removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["host"] == receiver.url.split("/")[2]
    assert int(headers["webhook-timestamp"]) == 1780272000
    assert body == b'{"id":"e1"}'


@pytest.mark.parametrize("answer", [500, 404, 301, 302, 307, "drop", "slow", "drip"])
def test_what_is_not_taken_is_tried_again_before_anything_later(
    store: Store, receiver: Receiver, deliverer: Deliverer, clock: Clock, answer: int | str
) -> None:
    subscription = subscribed(store, receiver)
    happen(store, "e1", "e2")
    receiver.answers = [answer]

    started = time.monotonic()
    deliverer.deliver()
    took = time.monotonic() - started
    early = deliverer.deliver()
    clock.moment += DELAYS[0]
    deliverer.deliver()

    assert early == 0
    assert took < 10
    assert receiver.ids == ["e1", "e1", "e2"]
    assert states(store, subscription) == [("e1", "done", 2), ("e2", "done", 1)]


def test_attempts_come_later_and_later_and_end_as_a_dead_letter(
    store: Store, receiver: Receiver, deliverer: Deliverer, clock: Clock
) -> None:
    subscription = subscribed(store, receiver)
    happen(store, "e1", "e2")
    receiver.answers = [500] * (len(DELAYS) + 1)

    waited = timedelta()
    for delay in DELAYS:
        deliverer.deliver()
        clock.moment += delay - timedelta(seconds=1)
        assert deliverer.deliver() == 0
        clock.moment += timedelta(seconds=1)
        waited += delay
    deliverer.deliver()
    deliverer.deliver()

    assert timedelta(hours=20) < waited < timedelta(hours=30)
    assert receiver.ids == ["e1"] * 10 + ["e2"]
    dead = deliveries_of(store, subscription.id, "dead", 0, 10)
    assert [(one.event, one.attempts, one.trouble) for one in dead] == [("e1", 10, "answered with status 500")]


def test_a_dead_letter_can_be_delivered_again(
    store: Store, receiver: Receiver, deliverer: Deliverer, clock: Clock
) -> None:
    subscription = subscribed(store, receiver)
    happen(store, "e1")
    receiver.answers = [500] * 10
    for delay in (*DELAYS, timedelta()):
        deliverer.deliver()
        clock.moment += delay

    begun = redeliver(store, subscription.id, "e1")
    clock.moment = datetime.fromisoformat(begun.next_at)
    deliverer.deliver()

    assert (begun.state, begun.attempts) == ("waiting", 0)
    assert states(store, subscription) == [("e1", "done", 1)]
    with pytest.raises(DeliveryMissing):
        redeliver(store, subscription.id, "e9")
    with pytest.raises(SubscriptionMissing):
        redeliver(store, "nobody", "e1")


def test_one_that_hangs_holds_up_no_other(store: Store, receiver: Receiver, other: Receiver, clock: Clock) -> None:
    subscribed(store, receiver)
    subscribed(store, other)
    happen(store, "e1", "e2", "e3")
    receiver.answers = ["slow"]
    deliverer = Deliverer(store, Sender(LOOPBACK, seconds=2), now=clock)

    delivering = threading.Thread(target=deliverer.deliver)
    delivering.start()
    until = time.monotonic() + 1.5
    while len(other.ids) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    arrived = list(other.ids)
    delivering.join()

    assert arrived == ["e1", "e2", "e3"]


def test_a_crash_between_delivery_and_mark_delivers_again(
    store: Store, receiver: Receiver, deliverer: Deliverer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription = subscribed(store, receiver)
    happen(store, "e1", "e2")

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "settle", die)
        with pytest.raises(Killed):
            deliverer.deliver()
    at_once = deliverer.deliver()
    clock.moment += timedelta(seconds=61)
    deliverer.deliver()

    assert at_once == 0
    assert receiver.ids == ["e1", "e1", "e2"]
    assert states(store, subscription) == [("e1", "done", 2), ("e2", "done", 1)]


def test_two_deliverers_at_once_deliver_each_event_once(store: Store, receiver: Receiver, clock: Clock) -> None:
    subscribed(store, receiver)
    names = [f"e{number:02d}" for number in range(20)]
    happen(store, *names)

    def deliver() -> None:
        deliverer = Deliverer(store, Sender(LOOPBACK, seconds=5), now=clock)
        while deliverer.deliver():
            pass

    threads = [threading.Thread(target=deliver) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert receiver.ids == names


def test_nobody_is_told_once_unsubscribed(store: Store, receiver: Receiver, deliverer: Deliverer) -> None:
    subscription = subscribed(store, receiver)
    happen(store, "e1")
    unsubscribe(store, subscription.id)

    assert deliverer.deliver() == 0
    assert receiver.ids == []
    with pytest.raises(SubscriptionMissing):
        unsubscribe(store, "nobody")


def test_what_is_under_way_is_broken_off_at_the_end_and_does_not_count(
    store: Store, receiver: Receiver, clock: Clock
) -> None:
    subscription = subscribed(store, receiver)
    happen(store, "e1")
    receiver.answers = ["slow"]
    sender = Sender(LOOPBACK, seconds=15)
    delivering = threading.Thread(target=Deliverer(store, sender, now=clock).deliver)
    delivering.start()
    while not receiver.came:
        time.sleep(0.02)

    started = time.monotonic()
    sender.close()
    delivering.join(5)

    assert time.monotonic() - started < 3
    assert states(store, subscription) == [("e1", "waiting", 1)]
    with pytest.raises(SendStopped):
        sender.post(receiver.url, {}, b"")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "https://user:word@example.org/",
        "https:///hook",
        "https://example.org/#part",
        "https://exa mple.org/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        f"https://{METADATA}/latest",
        "https://example.org/" + "x" * 2000,
        "nothing",
        "",
    ],
)
def test_an_address_that_may_not_be_told_is_refused_when_it_is_given(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_url(url, Rules())


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", METADATA, "100.100.100.200", "168.63.129.16", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1%eth0", "fc00::1",
        "fd00:ec2::254", "ff02::1", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::",
        "2001:0:7f00:1::", "::7f00:1", "nothing",
    ],
)  # fmt: skip
def test_every_address_inside_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        allowed(["93.184.216.34", address], Rules())


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert allowed([address], Rules()) == [address]


def test_a_name_that_comes_to_mean_an_address_inside_is_not_told(receiver: Receiver) -> None:
    """The host means a public address when it is given, and an internal one when it is told: DNS rebinding."""
    port = receiver.server.server_port
    means = iter([["127.0.0.1"], [METADATA], ["127.0.0.1", "10.0.0.1"]])
    sender = Sender(LOOPBACK, seconds=2, resolve=lambda *_: next(means))

    sender.post(f"http://rebound.example:{port}/hook", {}, b"1")
    for _ in range(2):
        with pytest.raises(SendFailed, match="inside"):
            sender.post(f"http://rebound.example:{port}/hook", {}, b"2")

    assert [body for _, body in receiver.came] == [b"1"]
    assert receiver.came[0][0]["host"] == f"rebound.example:{port}"


def test_the_host_is_resolved_once_for_each_attempt(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    def never(host: Any, *_: object, **__: object) -> Any:
        # Asyncio looks numbers up too; only a name would be a second resolution.
        assert host in ("127.0.0.1", b"127.0.0.1"), host
        return real(host, *_, **__)

    real: Callable[..., Any] = __import__("socket").getaddrinfo
    monkeypatch.setattr("socket.getaddrinfo", never)

    Sender(LOOPBACK, resolve=resolve).post(f"http://once.example:{receiver.server.server_port}/", {}, b"")

    assert asked == ["once.example"]
    assert len(receiver.came) == 1


def test_proxies_of_the_environment_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    Sender(LOOPBACK).post(receiver.url, {}, b"")

    assert len(receiver.came) == 1


def test_a_host_that_is_not_found_fails_and_tells_nothing_of_the_network() -> None:
    def nowhere(*_: object) -> list[str]:
        raise OSError("resolver 10.0.0.53 said NXDOMAIN")

    with pytest.raises(SendFailed) as failed:
        Sender(LOOPBACK, resolve=nowhere).post("http://gone.example/", {}, b"")

    assert "10.0.0.53" not in str(failed.value)


def certificate_for(name: str, folder: Path) -> tuple[Path, Path]:
    """Return the files of a certificate that signs itself, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    signed = made.sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(private)
    return paths


@pytest.mark.parametrize(("asked", "trusted", "taken"), [
    ("hook.example", True, True), ("other.example", True, False), ("hook.example", False, False),
])  # fmt: skip
def test_the_certificate_must_be_trusted_and_name_the_host_though_the_address_is_connected_to(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, trusted: bool, taken: bool
) -> None:
    certificate, key = certificate_for("hook.example", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    if trusted:
        trust = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr(casework.posting, "_trusted", lambda: trust)
    sender = Sender(Rules(allow=LOOPBACK.allow), seconds=5, resolve=lambda *_: ["127.0.0.1"])

    try:
        sender.post(f"https://{asked}:{receiver.server.server_port}/hook", {}, b"{}")
    except SendFailed:
        was_taken = False
    else:
        was_taken = True

    assert was_taken is taken
    assert len(receiver.came) == taken
