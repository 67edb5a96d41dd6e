"""JSON schemas of a rulebook's files, by which editors complete and check as one types.

`python -m knowledge.schemas` writes them to knowledge/schema. Titles and descriptions are what the models say of
themselves; open maps, whose keys are names that the writer chose, are described here.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from knowledge import written, writtencases, writtenrules, writtenwords

SHIPPED = Path(str(files("knowledge") / "schema"))
DIALECT = "https://json-schema.org/draft/2020-12/schema"
KINDS: Mapping[str, tuple[type[BaseModel], ...]] = {
    "rulebook": (written.WrittenHead,),
    "vocabulary": (writtenwords.WrittenVocabulary,),
    "indicators": (written.WrittenIndicators,),
    "measures": (writtenrules.Measures,),
    "rules": (writtenrules.Rules,),
    "bands": (written.Bands,),
    "remedies": (written.Remedies,),
    "calendar": (written.WrittenCalendar,),
    "scenarios": (writtencases.WrittenScenarios, writtencases.Scenarios),
}
"""The kinds of file with the forms that each may have."""

Schema: TypeAlias = dict[str, Any]
_VALUE: Schema = {"type": ["string", "number", "boolean"]}
_LITERALS: Schema = {"type": "array", "minItems": 1, "items": _VALUE}
_COMPARED = (
    ("is", "等于 · equals"), ("not", "不等于 · differs"), ("below", "小于 · less than"), ("at_most", "至多 · at most"),
    ("at_least", "至少 · at least"), ("above", "大于 · more than"), ("before", "早于 · before that date"),
    ("up_to", "不晚于 · up to that date"), ("from", "不早于 · from that date on"), ("after", "晚于 · after that date"),
)  # fmt: skip
_COMPARISONS: Schema = {
    **{word: {"description": text, "$ref": "#/$defs/Operand"} for word, text in _COMPARED},
    "in": {"description": "是其中之一 · is one of", **_LITERALS},
    "not_in": {"description": "不是其中任何一个 · is none of", **_LITERALS},
    "present": {"description": "是否有值 · is given or missing", "enum": ["yes", "no", True, False]},
}
_CLAUSE: Schema = {"$ref": "#/$defs/Clause"}
_CLAUSES: Schema = {"anyOf": [_CLAUSE, {"type": "array", "minItems": 1, "items": _CLAUSE}]}
_NAMED: Schema = {"anyOf": [_VALUE, _LITERALS]}
_SHAPES: Mapping[str, Schema] = {
    "Operand": {
        "description": "字面值或引用:别名.字段、this.字段、producer.属性、as_of · a literal or a reference",
        "anyOf": [_VALUE, {"$ref": "#/$defs/Literal"}],
    },
    "Literal": {
        "description": "像引用的文本 · a text that looks like a reference",
        "type": "object", "required": ["text"], "additionalProperties": False,
        "properties": {"text": {"description": "文本 · the text", **_VALUE}},
    },
    "Test": {
        "description": "一个值的条件:字面值、列表或比较 · a test: a literal, a list, or comparisons that must all hold",
        "anyOf": [
            _VALUE, _LITERALS, {"$ref": "#/$defs/Literal"},
            {"type": "object", "properties": _COMPARISONS, "minProperties": 1, "additionalProperties": False},
        ],
    },
    "Tests": {
        "description": "条件,按字段名;须全部成立 · tests by the name of a field, all of which must hold",
        "type": "object", "additionalProperties": {"$ref": "#/$defs/Test"},
    },
    "Since": {
        "description": "自某日起 · from a day on",
        "type": "object", "required": ["since"],
        "properties": {"since": {"description": "日期或 producer.属性 · a date or producer.…", "type": "string"}},
        "additionalProperties": False,
    },
    "Pattern": {
        "description": "匹配式:某一类型的事实、认定或后续措施 · a pattern: facts, findings or consequences of one type",
        "type": "object", "required": ["is"], "additionalProperties": False,
        "properties": {
            "is": {"description": "类型 · the type", "type": "string"},
            "where": {"$ref": "#/$defs/Tests"},
            "within": {
                "description": "时间窗,如 12 months、5 working days、calendar year · the window",
                "anyOf": [{"type": "string"}, {"$ref": "#/$defs/Since"}],
            },
            "on": {"description": "时间窗所用的日期字段 · the date field of the window", "type": "string"},
            "active": {"description": "是否有效 · whether it is active", "enum": ["yes", "no", True, False]},
        },
    },
    "Clause": {
        "description": (
            "一个条件。其余的键是别名(有一条符合)或“no 别名”(没有符合的)· one condition; any other key is an alias "
            "(some fact fits) or `no …` (none fits) with a pattern"
        ),
        "type": "object", "minProperties": 1,
        "properties": {
            **_COMPARISONS,
            "measure": {"description": "指标量,旁边写比较 · a measure; comparisons beside it", "type": "string"},
            "producer": {"$ref": "#/$defs/Tests"},
            "any": {"description": "其中之一成立 · one of them holds", **_CLAUSES},
            "all": {"description": "全部成立 · all of them hold", **_CLAUSES},
            "not": {
                "description": "不成立;在 measure 旁为不等于 · it doesn't hold; beside `measure`: differs",
                "anyOf": [{"$ref": "#/$defs/Operand"}, *_CLAUSES["anyOf"]],
            },
            "grade": {"description": "等级(仅后果规则)· the grade; consequence rules only", **_NAMED},
            "score_grade": {"description": "得分等级(仅后果规则)· the grade by score alone", **_NAMED},
            "veto": {"description": "否决:any、none 或标识 · any, none or ids", **_NAMED},
            "ceiling": {"description": "封顶:any、none 或标识 · any, none or ids", **_NAMED},
            "status": {"description": "主体状态:any、none 或名称 · any, none or names", **_NAMED},
            "no veto": {"description": "没有这些否决 · none of these vetoes", **_NAMED},
            "no ceiling": {"description": "没有这些封顶 · none of these ceilings", **_NAMED},
            "no status": {"description": "没有这些主体状态 · none of these statuses", **_NAMED},
            "points": {"description": "这些标准或指标有扣分(计分)· one of these lost (gained) points", **_NAMED},
        },
        "additionalProperties": {"$ref": "#/$defs/Pattern"},
    },
    "Step": {
        "description": "一档:比较和分值 · a step: comparisons and points",
        "type": "object", "required": ["points"], "additionalProperties": False,
        "properties": {**_COMPARISONS, "points": {"description": "分值 · points", "type": "integer", "minimum": 0}},
    },
    "Table": {
        "description": "按选项的表 {by, points},或公式 {formula, rounding} · a table by a choice, or a formula",
        "type": "object", "additionalProperties": False,
        "properties": {
            "by": {"description": "别名.字段 · alias.field", "type": "string"},
            "points": {
                "description": "各选项的分值 · points by choice",
                "type": "object", "additionalProperties": {"type": "integer", "minimum": 0},
            },
            "formula": {"description": "公式 · a formula", "type": ["string", "integer"]},
            "rounding": {"description": "除法的取整 · how division is rounded", "enum": ["down", "up", "half_up"]},
        },
    },
}  # fmt: skip


class _Generator(GenerateJsonSchema):
    """Leaves out titles that only repeat the key."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False


def schema_of(kind: str) -> Schema:
    """Return the JSON schema of one kind of file."""
    models = KINDS[kind]
    parts = [_of_model(model) for model in models]
    definitions: Schema = {}
    for part in parts:
        definitions |= part.pop("$defs", {})
    top = parts[0] if len(parts) == 1 else {"anyOf": parts}
    described = _Described(definitions)
    top = described.resolved(top)
    named = {name: described.resolved(definition) for name, definition in definitions.items()}
    for shape in described.shapes():
        named[shape] = dict(_SHAPES[shape])
    return {
        "$schema": DIALECT,
        "title": f"说理规则包 · shuoli rulebook: {kind}",
        **{key: value for key, value in top.items() if key != "title"},
        **({"$defs": dict(sorted(named.items()))} if named else {}),
    }


def _of_model(model: type[BaseModel]) -> Schema:
    schema = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    documents = _documents()
    for name, definition in (*schema.get("$defs", {}).items(), (model.__name__, schema)):
        for key, text in documents.get(name, {}).items():
            if key in definition.get("properties", {}):
                definition["properties"][key]["description"] = text
    return schema


def _documents() -> dict[str, dict[str, str]]:
    """Return what the models say of their keys, by class and key."""
    texts: dict[str, dict[str, str]] = {}
    for module in (written, writtenwords, writtenrules, writtencases):
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ClassDef):
                inherited = [texts[base.id] for base in node.bases if isinstance(base, ast.Name) and base.id in texts]
                texts[node.name] = {key: text for one in inherited for key, text in one.items()} | _keys_of(node)
    return texts


def _keys_of(node: ast.ClassDef) -> dict[str, str]:
    texts = {}
    for place, part in enumerate(node.body[:-1]):
        after = node.body[place + 1]
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and isinstance(after, ast.Expr):
            texts[_alias(part) or part.target.id] = " ".join(str(ast.literal_eval(after.value)).split())
    return texts


def _alias(part: ast.AnnAssign) -> str | None:
    words = part.value.keywords if isinstance(part.value, ast.Call) else []
    return next((str(ast.literal_eval(word.value)) for word in words if word.arg == "alias"), None)


class _Described:
    """Puts descriptions of open maps in the place of their marks, and drops `Written` from names."""

    def __init__(self, definitions: Schema) -> None:
        self._used: set[str] = set()
        for name in list(definitions):
            definitions[name.removeprefix("Written")] = definitions.pop(name)

    def resolved(self, schema: Any) -> Any:
        """Return a schema with its references resolved to names that it holds."""
        if isinstance(schema, list):
            return [self.resolved(part) for part in schema]
        if not isinstance(schema, dict):
            return schema
        if "$shape" in schema:
            self._used.add(schema["$shape"])
            kept = {"description": schema["description"]} if "description" in schema else {}
            return {"$ref": f"#/$defs/{schema['$shape']}", **kept}
        changed = {key: self.resolved(value) for key, value in schema.items()}
        if changed.get("default", self) in (None, [], {}):
            del changed["default"]
        if "patternProperties" in changed:  # a key that is no name is none at all
            changed.setdefault("additionalProperties", False)
        if isinstance(changed.get("$ref"), str):
            changed["$ref"] = changed["$ref"].replace("#/$defs/Written", "#/$defs/")
        if isinstance(changed.get("title"), str):
            changed["title"] = changed["title"].removeprefix("Written")
        return changed

    def shapes(self) -> Iterable[str]:
        """Return the open maps that were met, and those that they hold."""
        todo = sorted(self._used)
        for name in todo:
            text = json.dumps(_SHAPES[name])
            todo += [other for other in _SHAPES if f'#/$defs/{other}"' in text and other not in todo]
        return todo


def write_schemas(folder: Path) -> None:
    """Write every schema into a folder, as `<kind>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        (folder / f"{kind}.json").write_text(as_text(schema_of(kind)), "utf-8")


def as_text(schema: Schema) -> str:
    """Return a schema as its file holds it."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    write_schemas(SHIPPED)
