"""Whatever the OpenAPI document lets a client send, the answer is one that it describes, and never a fault."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from api.app import ROUTES
from api.forms import XLSX, XML
from api.rulebook_paths import YAML

# The schema can't say all that a rulebook says: bounds of decimals, real dates, dates not in the future.
SAID_BY_THE_RULEBOOK = {"positive_data_acceptance"}


@schemathesis.serializer("application/x-ndjson")
def as_lines(_context: Any, reports: Any) -> bytes:
    """Write a list as OpenAPI means it for such a body: each of its items is a line."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in reports)


@schemathesis.serializer(XLSX, XML, YAML)
def as_it_is(_context: Any, content: Any) -> bytes:
    """Write what stands for a file: bytes as they are, anything else as its text."""
    return content if isinstance(content, bytes) else str(content).encode()


OPERATIONS = [
    (re.sub(r":\w+}", "}", path), method.lower(), route)
    for route in ROUTES
    for path in route.paths
    for method in route.http_methods
]


def can_be_wrong(route: HTTPRouteHandler) -> bool:
    """Say whether a client can violate the schema: any text at all is a possible id in a path."""
    parameters = route.parsed_fn_signature.parameters
    return any(name == "body" or isinstance(one.kwarg_definition, QueryParameter) for name, one in parameters.items())


CASES = [
    pytest.param(path, method, mode, id=f"{method} {path} {mode.value}")
    for path, method, route in OPERATIONS
    for mode in GenerationMode
    if mode.is_positive or can_be_wrong(route)
]


@pytest.fixture(scope="module")
def contract(app: Litestar) -> Any:
    return schemathesis.openapi.from_asgi("/schema/openapi.json", app)


@pytest.mark.parametrize(("path", "method", "mode"), CASES)
def test_every_answer_is_described(contract: Any, path: str, method: str, mode: GenerationMode) -> None:
    operation = contract[path][method]
    excluded: list[Any] = [CHECKS.get_one(name) for name in SAID_BY_THE_RULEBOOK]

    @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(excluded_checks=excluded)

    send()
