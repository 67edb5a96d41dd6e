"""What an installation may set, from the environment and nowhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from knowledge.problems import Problem, ShuoliError, nearest
from store.merkle import ALGORITHMS

PREFIX = "SHUOLI_"
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?")


class SettingsRefused(ShuoliError):
    """The environment holds a setting that is unknown or can't be understood."""

    code = "settings.refused"


@dataclass(frozen=True, slots=True)
class Settings:
    """How this installation runs. Every field is one variable: `database_url` is SHUOLI_DATABASE_URL."""

    database_url: str = "sqlite:///var/shuoli.db"
    """SQLAlchemy URL of the store; SQLite or PostgreSQL."""
    rulebook: str | None = None
    """ID or ID@VERSION of the rulebook that grades; None stands for the first in the catalog."""
    rulebooks: tuple[Path, ...] = ()
    """More folders that hold rulebooks as `<id>/<version>/`; in the environment separated as in PATH."""
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 2
    """Processes that evaluate, 1 to 64."""
    signing_key: Path = Path("var/signing-key.pem")
    """PEM file with the Ed25519 key that signs heads of the log."""
    log_hash: str = "sha256"
    """What a log that has no leaf yet is hashed with: sha256 or sm3."""
    public_url: str | None = None
    """Where the public reaches this installation; letters then point to their page there."""
    issuer: str | None = None
    """The office that letters are from, as it is printed."""
    fonts: tuple[Path, ...] = ()
    """Folders with further fonts for letters, for rare characters; in the environment separated as in PATH."""
    live: bool = True
    """Whether `shuoli serve` ticks, tells subscribers and signs heads by itself."""
    webhook_http: bool = False
    """Whether subscribers may be told without TLS."""
    webhook_allow: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks inside that subscribers may be in."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Return the settings that `environment` (by default this process's own) gives.

        Raises:
            SettingsRefused: a variable with our prefix is unknown or malformed; all of them are listed.
        """
        environment = os.environ if environment is None else environment
        given = {name: value for name, value in sorted(environment.items()) if name.startswith(PREFIX)}
        names = [PREFIX + name.upper() for name in cls.__dataclass_fields__]
        problems = [_unknown(name, names) for name in given if name not in names]
        values: dict[str, object] = {}
        for name, value in given.items():
            if name in names:
                read = _read(name.removeprefix(PREFIX).lower(), value)
                if isinstance(read, Problem):
                    problems.append(read)
                else:
                    values[name.removeprefix(PREFIX).lower()] = read
        if problems:
            raise SettingsRefused("the settings can't be used", problems=tuple(problems))
        return cls(**values)  # type: ignore[arg-type]  # _read gives each field its type


def _unknown(name: str, names: list[str]) -> Problem:
    near = nearest(name, names)
    advice = f"did you mean {near}?" if near else "the settings are " + ", ".join(names)
    return Problem(name, "settings.unknown", f"there is no setting `{name}`", given=name, help=advice)


def _read(name: str, value: str) -> object:
    match name:
        case "rulebooks" | "fonts":
            return tuple(Path(part) for part in value.split(os.pathsep) if part)
        case "live" | "webhook_http":
            return value == "yes" if value in ("yes", "no") else _wrong(name, value, "yes or no")
        case "webhook_allow":
            return _networks(name, value)
        case "public_url":
            return value if _ADDRESS.fullmatch(value) else _wrong(name, value, "an address such as https://host")
        case "port":
            return _whole(name, value, 0, 65535)
        case "workers":
            return _whole(name, value, 1, 64)
        case "signing_key" if value:
            return Path(value)
        case "signing_key":
            return _wrong(name, value, "a path")
        case "log_hash":
            return value if value in ALGORITHMS else _wrong(name, value, " or ".join(ALGORITHMS))
        case _:
            return value


def _networks(name: str, value: str) -> object:
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        return _wrong(name, value, "a list of networks such as 10.1.0.0/16, separated by commas")


def _whole(name: str, value: str, low: int, high: int) -> object:
    expected = f"a whole number from {low} to {high}"
    if value.isascii() and value.isdigit() and low <= int(value[:6]) <= high and len(value) < 7:
        return int(value)
    return _wrong(name, value, expected)


def _wrong(name: str, value: str, expected: str) -> Problem:
    place = PREFIX + name.upper()
    return Problem(place, "settings.value", f"`{value[:40]}` is not {expected}", given=value[:40], expected=expected)
