"""The shape of a mapping as people write it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from knowledge.written import LINK, Identifier, Written, YesNo

Text = Annotated[str, Field(min_length=1, max_length=200)]
Scalar: TypeAlias = str | int | Decimal | bool
ZONE = r"^[+-][0-9]{2}:[0-9]{2}$"
VARIABLE = r"^[A-Z][A-Z0-9_]{0,99}$"


class WrittenValue(Written):
    """Where one value comes from: a column or a constant, and how it is read."""

    column: Text | None = None
    constant: Scalar | None = None
    format: Text | list[Text] | None = None
    values: dict[str, Scalar] | None = None
    blank: list[str] = Field(default_factory=list)
    zone: Annotated[str, Field(pattern=ZONE)] = "+08:00"
    optional: YesNo = False


Value: TypeAlias = Text | WrittenValue


class WrittenSource(Written):
    """Which system the facts come from, and its reference for each."""

    system: Value
    ref: Value | None = None


class WrittenHeader(Written):
    """A header of each request, its value in a variable of the environment."""

    environment: Annotated[str, Field(pattern=VARIABLE)]
    prefix: str = ""


class WrittenPages(Written):
    """Numbered pages: the last is empty, or shorter than `size`."""

    parameter: Text
    first: Annotated[int, Field(ge=0, le=1)] = 1
    size: Annotated[int, Field(ge=1, le=10_000)] | None = None
    size_parameter: Text | None = None


class WrittenCursor(Written):
    """A cursor: each answer says at `next` where to go on; nothing there means that there is no more for now."""

    parameter: Text
    next: Text


class WrittenBeat(Written):
    """The fact about everyone that a pull tells when it succeeds; `day` is the field that takes the day."""

    type: Identifier
    day: Identifier
    fields: dict[str, Text] = Field(default_factory=dict)


class WrittenPull(Written):
    """How a source is asked: where, for which items, page by page."""

    url: Annotated[str, Field(pattern=LINK)]
    items: Text
    parameters: dict[str, Text] = Field(default_factory=dict)
    headers: dict[str, WrittenHeader] = Field(default_factory=dict)
    pages: WrittenPages | None = None
    cursor: WrittenCursor | None = None
    beat: WrittenBeat | None = None
    every_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    timeout_seconds: Annotated[int, Field(ge=1, le=300)] = 30
    attempts: Annotated[int, Field(ge=1, le=10)] = 5
    wait_seconds: Annotated[int, Field(ge=0, le=60)] = 1


class WrittenMapping(Written):
    """How rows of a file, or items of a source, tell facts."""

    format: Literal["csv", "xlsx", "json"]
    encoding: Literal["auto", "utf-8", "gb18030"] = "auto"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    sheet: Text | Annotated[int, Field(ge=1, le=1000)] = 1
    header: Annotated[int, Field(ge=1, le=1000)] = 1
    producer: Value
    type: Identifier | WrittenValue
    status: Identifier | WrittenValue | None = None
    recorded_at: Value | None = None
    source: WrittenSource | None = None
    fields: dict[str, Value] = Field(default_factory=dict)
    fields_of: dict[str, dict[str, Value]] = Field(default_factory=dict)
    pull: WrittenPull | None = None
