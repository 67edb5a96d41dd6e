"""What OpenAPI says of request bodies: the vocabulary of the rulebook in use, as JSON schema.

Bodies are read by `engine.reading` from raw bytes, so Litestar can't derive this by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Final

from litestar.openapi.spec import Example, OpenAPI, OpenAPIMediaType, OpenAPIType, Reference, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat

from api.forms import XLSX, XML
from api.outlooks import MOST_STRUCK
from api.rulebook_paths import YAML
from knowledge.rulebook import FactType, Field, Rulebook

MOST_FACTS: Final = 5000
_TEXT: Final = Schema(type=OpenAPIType.STRING, min_length=1, max_length=200)
_SOURCE: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["system"],
    properties={"system": _TEXT, "ref": Schema(type=OpenAPIType.STRING, max_length=200)},
    additional_properties=False,
)
_INSTANT: Final = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME, description="RFC 3339, with offset")
# More are answered by `limit.facts` (413), which a schema's `maxItems` can't say.
_LIST: Final = Schema(
    type=OpenAPIType.ARRAY, items=Reference("#/components/schemas/Fact"), description=f"≤ {MOST_FACTS}"
)
_FACTS: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["facts"],
    properties={"facts": _LIST},
    additional_properties=False,
)
_REASON: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["reason"],
    properties={"reason": Schema(type=OpenAPIType.STRING, min_length=1, max_length=2000, pattern=r"\S")},
    additional_properties=False,
)
_WHAT_IF: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["strike"],
    properties={
        "strike": Schema(
            type=OpenAPIType.ARRAY,
            items=Schema(type=OpenAPIType.STRING, pattern="^F-[0-9a-f]{16}$"),
            min_items=1,
            max_items=MOST_STRUCK,
        )
    },
    additional_properties=False,
)
_PLAN: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["remedies"],
    properties={"remedies": Schema(type=OpenAPIType.ARRAY, items=_TEXT, min_items=1), "to": _TEXT},
    additional_properties=False,
)
_SUBSCRIPTION: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["url"],
    properties={"url": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.URI, min_length=9, max_length=2000)},
    additional_properties=False,
)
_NAMED: Final = Schema(type=OpenAPIType.STRING, min_length=1, max_length=130)
_OPENING: Final = Schema(
    type=OpenAPIType.OBJECT, required=["based_on"], properties={"based_on": _NAMED}, additional_properties=False
)
_REVIEWING: Final = Schema(
    type=OpenAPIType.OBJECT,
    properties={"note": Schema(type=OpenAPIType.STRING, max_length=2000)},
    additional_properties=False,
)
_SIDES: Final = Schema(
    type=OpenAPIType.OBJECT, additional_properties=Schema(type=OpenAPIType.STRING, enum=["ours", "theirs"])
)
_REBASING: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["onto"],
    properties={"onto": _NAMED, "take": Schema(type=OpenAPIType.OBJECT, additional_properties=_SIDES)},
    additional_properties=False,
)
_EDIT: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["at", "to"],
    properties={
        "at": Schema(type=OpenAPIType.STRING, description="地址 · its address, such as `bands/A/from`"),
        "to": Schema(one_of=[Schema(type=OpenAPIType.INTEGER), Schema(type=OpenAPIType.STRING)]),
    },
    additional_properties=False,
)
_IMPACT: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["from"],
    properties={
        "from": _NAMED,
        "to": _NAMED,
        "edits": Schema(type=OpenAPIType.ARRAY, items=_EDIT, max_items=100),
        "as_of": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE),
        "open": Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.STRING), max_items=20),
    },
    additional_properties=False,
)
_CASE: Final = Schema(
    type=OpenAPIType.OBJECT,
    description="按默认规则包的词汇。With another `rulebook`, its vocabulary holds instead.",
    required=["producer", "facts"],
    properties={"producer": Reference("#/components/schemas/Producer"), "facts": _LIST},
    additional_properties=False,
)


def describe_bodies(openapi: OpenAPI, rulebook: Rulebook) -> None:
    """Add the request bodies of this rulebook's vocabulary to the document."""
    components = openapi.components
    paths = openapi.paths
    assert components is not None
    assert components.schemas is not None
    assert paths is not None
    components.schemas |= {"Fact": _fact(rulebook), "Facts": _FACTS, "Producer": _producer(rulebook), "Case": _CASE}
    case = example_case(rulebook)
    bodies = {
        ("/api/v1/gradings", "post"): ("Case", "主体及其事实 · a producer and its facts", case),
        ("/api/v1/producers/{producer_id}", "put"): ("Producer", "主体 · a producer", case["producer"]),
        ("/api/v1/producers/{producer_id}/facts", "post"): ("Facts", "新事实 · new facts", {"facts": case["facts"]}),
    }
    shared = next((one for one in rulebook.types.values() if one.about_everyone), None)
    everyone = {"facts": [] if shared is None else [_example_fact(shared, rulebook)]}
    bodies["/api/v1/facts", "post"] = ("Facts", "关于全体的事实 · facts about everyone", everyone)
    components.schemas["Subscription"] = _SUBSCRIPTION
    told = {"url": "https://example.org/hook"}
    bodies["/api/v1/subscriptions", "post"] = ("Subscription", "接收地址 · the address to tell", told)
    components.schemas["Status"] = _status(rulebook)
    status = {"status": list(rulebook.fact_statuses)[-1]}
    components.schemas["WhatIf"] = _WHAT_IF
    strike = {"strike": ["F-0123456789abcdef"]}
    bodies["/api/v1/producers/{producer_id}/what-if", "post"] = (
        "WhatIf",
        "假设不成立的事实 · the facts to strike",
        strike,
    )
    components.schemas["Plan"] = _PLAN
    deeds = {"remedies": list(rulebook.remedies)[:1] or ["deed"]}
    bodies["/api/v1/producers/{producer_id}/plans", "post"] = ("Plan", "方案中的整改 · the deeds of a plan", deeds)
    where = "/api/v1/producers/{producer_id}/facts/{fact_id}/status"
    bodies[where, "post"] = ("Status", "事实的新状态 · the fact's new status", status)
    components.schemas |= {"Opening": _OPENING, "Reviewing": _REVIEWING, "Rebasing": _REBASING}
    at = "/api/v1/rulebooks/{rulebook_id}/{rulebook_version}/draft"
    bodies[at, "put"] = ("Opening", "底稿 · the version it begins with", {"based_on": f"{rulebook.id}"})
    bodies[f"{at}/review", "post"] = ("Reviewing", "复核意见 · what the reviewer says", {"note": "已核对 · checked"})
    bodies[f"{at}/rebase", "post"] = ("Rebasing", "新底稿 · the version to base it on", {"onto": f"{rulebook.id}"})
    components.schemas["Impact"] = _IMPACT
    question = {"from": rulebook.id, "edits": [{"at": f"bands/{rulebook.bands[0].grade}/worst_single", "to": 5}]}
    for at_ in ("/api/v1/impact", "/api/v1/impact/movers"):
        bodies[at_, "post"] = ("Impact", "比较哪两个版本 · which versions are compared", question)
    components.schemas |= {"Report": _report(rulebook), "Dismissal": _REASON}
    report = {"producer": "P1", **case["facts"][0]}
    settle = "/api/v1/quarantine/{line_id}"
    bodies[f"{settle}/replay", "post"] = ("Report", "更正的行,可空 · the corrected line, or nothing", report)
    bodies[f"{settle}/dismiss", "post"] = ("Dismissal", "原因 · the reason", {"reason": "重复提交 · sent twice"})
    lines = OpenAPIMediaType(
        schema=Schema(type=OpenAPIType.ARRAY, items=Reference("#/components/schemas/Report")),
        examples={"example": Example(summary="示例 · example", value=[report])},
    )
    paths["/api/v1/facts:bulk"].post.request_body = RequestBody(  # type: ignore[union-attr]  # the route is there
        content={"application/x-ndjson": lines}, description="每行一条 Report · a Report a line", required=True
    )
    tables = '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="urn:d"/>'
    for form, kind, words, shown in (
        ("workbook", XLSX, "GET …/workbook 所得的工作簿 · a workbook as GET …/workbook gives it", None),
        ("dmn", XML, "DMN 1.2–1.5 的决策表 · decision tables", tables),
        ("files/{path}", YAML, "文件的全文 · the whole file", "# 说明 · a comment\n[]\n"),
    ):
        schema = Schema(type=OpenAPIType.STRING, format=None if kind == YAML else OpenAPIFormat.BINARY)
        media = OpenAPIMediaType(schema=schema)
        if shown is not None:
            media.examples = {"example": Example(summary="示例 · example", value=shown)}
        paths[f"{at}/{form}"].put.request_body = RequestBody(  # type: ignore[union-attr]  # the route is there
            content={kind: media}, description=words, required=True
        )
    for (path, method), (name, description, example) in bodies.items():
        media = OpenAPIMediaType(
            schema=Reference(ref=f"#/components/schemas/{name}"),
            examples={"example": Example(summary="示例 · example", value=example)},
        )
        getattr(paths[path], method).request_body = RequestBody(
            content={"application/json": media}, description=description, required=not path.endswith("/replay")
        )


def example_case(rulebook: Rulebook) -> dict[str, Any]:
    """Return a case that the rulebook accepts: its first kind, and one fact of its first type."""
    fact = next(one for one in rulebook.types.values() if one.origin == "fact" and not one.about_everyone)
    attributes = {name: _example(field, rulebook) for name, field in rulebook.attributes.items() if not field.optional}
    producer = {"id": "P1", "kind": next(iter(rulebook.kinds)), "region": "330110", "attributes": attributes}
    return {"producer": producer, "facts": [_example_fact(fact, rulebook)]}


def _example_fact(kind: FactType, rulebook: Rulebook) -> dict[str, Any]:
    fields = {name: _example(field, rulebook) for name, field in kind.fields.items() if not field.optional}
    return {"type": kind.name, "fields": fields, "source": {"system": kind.source_system or "hand"}}


def _example(field: Field, rulebook: Rulebook) -> str | int | bool:
    low = field.minimum or 0
    match field.type:
        case "choice":
            return next(iter(field.choices))
        case "yes_no":
            return True
        case "whole":
            return low
        case "decimal":
            return f"{Decimal(low).scaleb(-field.places):f}"
        case "date":
            return date.fromordinal(max(rulebook.effective_from, low)).isoformat()
        case _:
            return f"{field.name}-1"[: field.maximum]


def _producer(rulebook: Rulebook) -> Schema:
    kinds = Schema(type=OpenAPIType.STRING, enum=list(rulebook.kinds))
    return Schema(
        type=OpenAPIType.OBJECT,
        required=["kind"],
        properties={
            "id": _TEXT,
            "kind": kinds,
            "region": Schema(type=OpenAPIType.STRING, max_length=200),
            "attributes": _values(rulebook.attributes.values()),
        },
        additional_properties=False,
    )


def _status(rulebook: Rulebook) -> Schema:
    status = Schema(type=OpenAPIType.STRING, enum=list(rulebook.fact_statuses))
    return Schema(
        type=OpenAPIType.OBJECT,
        required=["status"],
        properties={"status": status, "recorded_at": _INSTANT, "source": _SOURCE},
        additional_properties=False,
    )


def _report(rulebook: Rulebook) -> Schema:
    told = [one for one in rulebook.types.values() if one.origin == "fact" and not one.about_everyone]
    return Schema(one_of=[_of_type(one, rulebook, {"producer": _TEXT}) for one in told])


def _fact(rulebook: Rulebook) -> Schema:
    return Schema(one_of=[_of_type(one, rulebook) for one in rulebook.types.values() if one.origin == "fact"])


def _of_type(one: FactType, rulebook: Rulebook, more: dict[str, Schema | Reference] | None = None) -> Schema:
    more = more or {}
    return Schema(
        type=OpenAPIType.OBJECT,
        title=one.name,
        description=f"{one.label.zh} · {one.label.in_language('en')}",
        required=[*more, "type", "fields"],
        properties={
            **more,
            "type": Schema(const=one.name),
            "fields": _values(one.fields.values()),
            "source": _SOURCE,
            "recorded_at": _INSTANT,
            "status": Schema(type=OpenAPIType.STRING, enum=list(rulebook.fact_statuses)),
        },
        additional_properties=False,
    )


def _values(fields: Iterable[Field]) -> Schema:
    fields = tuple(fields)
    return Schema(
        type=OpenAPIType.OBJECT,
        required=[field.name for field in fields if not field.optional] or None,
        properties={field.name: _value(field) for field in fields},
        additional_properties=False,
    )


def _value(field: Field) -> Schema:
    words = f"{field.label.zh} · {field.label.in_language('en')}" + (f" ({field.unit})" if field.unit else "")
    match field.type:
        case "choice":
            return Schema(type=OpenAPIType.STRING, enum=list(field.choices), description=words)
        case "yes_no":
            return Schema(type=OpenAPIType.BOOLEAN, description=words)
        case "whole":
            return Schema(type=OpenAPIType.INTEGER, minimum=field.minimum, maximum=field.maximum, description=words)
        case "decimal":
            sign = "" if field.minimum is not None and field.minimum >= 0 else "-?"
            places = rf"(\.[0-9]{{1,{field.places}}})?" if field.places else ""
            pattern = f"^{sign}(0|[1-9][0-9]{{0,8}}){places}$"
            return Schema(type=OpenAPIType.STRING, pattern=pattern, description=words)
        case "date":
            return Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE, description=words)
        case _:
            return Schema(type=OpenAPIType.STRING, min_length=1, max_length=field.maximum, description=words)
