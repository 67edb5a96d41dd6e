"""Sends one request to an address that others gave us, and to nowhere inside.

The host is resolved once, every address it has must lie outside, and the connection goes to one of these: nobody can
let the name mean something else in between. Redirects are not followed, proxies of the environment not used.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Final, TypeAlias

import httpx
import msgspec

from knowledge.problems import ShuoliError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]

LONGEST_URL: Final = 2000
_MOST_ADDRESSES: Final = 3
# Addresses of clouds that look public and answer with secrets, and IPv6 that carries an IPv4 address inside.
_INSIDE: Final = tuple(
    map(ipaddress.ip_network, ("168.63.129.16/32", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
)


class AddressRefused(ShuoliError):
    """Nothing may be sent to this address."""

    code = "subscription.refused"


class SendFailed(Exception):
    """An attempt that didn't succeed; the text says why and tells nothing of what the other side answered."""


class SendStopped(Exception):
    """An attempt that was broken off by `Sender.close`."""


class Rules(msgspec.Struct, frozen=True):
    """Where requests may go: `allow` are networks that are open although they lie inside, `http` needs no TLS."""

    http: bool = False
    allow: tuple[Network, ...] = ()


def check_url(url: str, rules: Rules) -> httpx.URL:
    """Return the URL, if it is one that may be sent to as far as that can be told without resolving its host.

    Raises:
        AddressRefused: it can't be.
    """
    schemes = ("https", "http") if rules.http else ("https",)
    help_ = "give an address such as https://example.org/hook"
    try:
        if len(url) > LONGEST_URL or not url.isprintable() or " " in url:
            raise AddressRefused("the address is too long, or holds blanks", help=help_)
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise AddressRefused("this is no address", help=help_) from error
    if parsed.scheme not in schemes:
        raise AddressRefused(f"the address must begin with {' or '.join(f'{one}://' for one in schemes)}", help=help_)
    if not parsed.host or parsed.userinfo or parsed.fragment:
        raise AddressRefused("the address must name a host, and neither user nor fragment", help=help_)
    if _is_literal(parsed.host):
        allowed([_literal(parsed.host)], rules)
    return parsed


def allowed(addresses: Sequence[str], rules: Rules) -> list[str]:
    """Return the addresses, if every one lies outside or is allowed.

    Raises:
        AddressRefused: one isn't.
    """
    for one in addresses:
        try:
            address = ipaddress.ip_address(one.partition("%")[0])
        except ValueError:
            raise AddressRefused("the host has an address that is none") from None
        if _is_inside(address) and not any(address in network for network in rules.allow):
            raise AddressRefused("the address lies inside this network", help="only public addresses are told")
    return [*addresses]


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, in the order in which to try them.

    Raises:
        OSError: it has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class Sender:
    """Posts documents. Safe to use from several threads; `close()` breaks off what is under way."""

    def __init__(self, rules: Rules, *, seconds: float = 15.0, resolve: Resolve = resolve) -> None:
        self._rules, self._seconds, self._resolve = rules, seconds, resolve
        self._lock = threading.Lock()
        self._closed = False
        self._under_way: dict[asyncio.Task[int], asyncio.AbstractEventLoop] = {}

    @property
    def rules(self) -> Rules:
        """Return where requests may go."""
        return self._rules

    def post(self, url: str, headers: Mapping[str, str], document: bytes) -> None:
        """Post a document, in as many seconds at most; nothing of the answer is read but its status.

        Raises:
            SendFailed: it wasn't taken: no 2xx, no answer in time, no such host, or one that lies inside.
            SendStopped: `close` came in between.
        """
        try:
            parsed = check_url(url, self._rules)
            port = parsed.port or (443 if parsed.scheme == "https" else 80)
            addresses = allowed(self._resolve(parsed.host, port), self._rules)[:_MOST_ADDRESSES]
        except AddressRefused as error:
            raise SendFailed(f"refused: {error.message}") from error
        except (OSError, UnicodeError) as error:
            raise SendFailed("the host can't be found") from error
        status = asyncio.run(self._send(parsed, addresses, headers, document))
        if not 200 <= status < 300:
            raise SendFailed(f"answered with status {status}")

    def close(self) -> None:
        """Break off what is under way, and send nothing any more."""
        with self._lock:
            self._closed = True
            for task, loop in self._under_way.items():
                loop.call_soon_threadsafe(task.cancel)

    async def _send(self, url: httpx.URL, addresses: Sequence[str], headers: Mapping[str, str], document: bytes) -> int:
        task = asyncio.ensure_future(self._tried(url, addresses, headers, document))
        with self._lock:
            if self._closed:
                task.cancel()
            self._under_way[task] = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                return await task
        except TimeoutError as error:
            raise SendFailed(f"no answer within {self._seconds:g} seconds") from error
        except asyncio.CancelledError as error:
            raise SendStopped from error
        except (httpx.HTTPError, ssl.SSLError, OSError) as error:
            raise SendFailed(f"no connection, or broken off: {type(error).__name__}") from error
        finally:
            with self._lock:
                del self._under_way[task]

    async def _tried(
        self, url: httpx.URL, addresses: Sequence[str], headers: Mapping[str, str], document: bytes
    ) -> int:
        """Return the status that the first address that can be reached answers with."""
        for address in addresses[:-1]:
            try:
                return await self._posted(url, address, headers, document)
            except httpx.ConnectError:
                continue
        return await self._posted(url, addresses[-1], headers, document)

    async def _posted(self, url: httpx.URL, address: str, headers: Mapping[str, str], document: bytes) -> int:
        named = url.netloc.decode("ascii")
        # The connection goes to the address; the name stands in the request and must stand in the certificate.
        extensions = {"sni_hostname": url.raw_host.decode("ascii")}
        client = httpx.AsyncClient(
            verify=_trusted(), follow_redirects=False, trust_env=False, timeout=self._seconds, http2=False
        )
        async with client:
            request = client.build_request(
                "POST",
                url.copy_with(host=address),
                headers={**headers, "host": named},
                content=document,
                extensions=extensions,
            )
            answer = await client.send(request, stream=True)
            await answer.aclose()
            return answer.status_code


@cache
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # SSL_CERT_FILE names another list of authorities


def _is_inside(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return True
    return not address.is_global or address.is_multicast or address.is_reserved or _listed(address)


def _listed(address: Address) -> bool:
    return any(address in network for network in _INSIDE)


def _is_literal(host: str) -> bool:
    try:
        _literal(host)
    except ValueError:
        return False
    return True


def _literal(host: str) -> str:
    """Return an address that stands for itself, also in the old ways of writing (`127.1`, `0x7f000001`).

    Raises:
        ValueError: it is a name.
    """
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        try:
            return socket.inet_ntoa(socket.inet_aton(host))
        except (OSError, UnicodeError) as error:
            raise ValueError(host) from error
