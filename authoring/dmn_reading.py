"""Reads a DMN file as decisions; whatever in it is not carried over is named with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from authoring.feel import Expr, FeelError, Lit, Test, read_expression, read_tests
from authoring.safe_xml import Element, read_xml
from knowledge.problems import Problem, ShuoliError

LARGEST: Final = 10_000_000
MOST_RULES: Final = 1_000
SPACES: Final[Mapping[str, str]] = {
    "http://www.omg.org/spec/DMN/20180521/MODEL/": "1.2",
    "https://www.omg.org/spec/DMN/20191111/MODEL/": "1.3",
    "https://www.omg.org/spec/DMN/20211108/MODEL/": "1.4",
    "https://www.omg.org/spec/DMN/20230324/MODEL/": "1.5",
}
Type: TypeAlias = Literal["number", "whole", "text", "yes_no", "date"]
Policy: TypeAlias = Literal["unique", "first", "priority", "any", "rule order", "output order", "collect"]
Aggregation: TypeAlias = Literal["sum", "min", "max", "count"]
_TYPES: Final[Mapping[str, Type]] = {
    "string": "text", "number": "number", "double": "number", "boolean": "yes_no", "date": "date",
    "integer": "whole", "long": "whole", "int": "whole", "short": "whole",
}  # fmt: skip
_AGGREGATIONS: Final[Mapping[str, Aggregation]] = {"SUM": "sum", "MIN": "min", "MAX": "max", "COUNT": "count"}
_POLICIES: Final = ("UNIQUE", "FIRST", "PRIORITY", "ANY", "RULE ORDER", "OUTPUT ORDER", "COLLECT")
_HARMLESS: Final = frozenset(
    ("description", "extensionElements", "variable", "question", "allowedAnswers", "annotation", "knowledgeSource",
     "authorityRequirement", "informationRequirement", "DMNDI", "elementCollection", "textAnnotation", "association",
     "organizationUnit", "performanceIndicator", "group", "decisionMaker", "decisionOwner")
)  # fmt: skip
"""Elements that say nothing of the answers."""


class DmnRefused(ShuoliError):
    """A DMN file can't be carried over whole; `problems` names each thing with its place and why."""

    code = "dmn.refused"


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a decision; `values` are its allowed values, best first."""

    name: str
    type: Type | None
    values: tuple[Lit, ...] = ()
    default: Expr | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One rule of a table, and where it stands."""

    at: tuple[int, int]
    tests: tuple[Test, ...]
    outputs: tuple[Expr, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision: a table, or a single expression (one row without tests)."""

    id: str
    name: str
    at: tuple[int, int]
    inputs: tuple[Expr, ...]
    outputs: tuple[Output, ...]
    rows: tuple[Row, ...]
    policy: Policy = "unique"
    aggregation: Aggregation | None = None
    is_table: bool = True


@dataclass(slots=True)
class Model:
    """What a DMN file decides. Decisions stand after those that they need."""

    name: str
    variables: dict[str, Type | None] = field(default_factory=dict)
    """Input data by name."""
    ids: dict[str, str] = field(default_factory=dict)
    """Their ids in the file."""
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Where they stand in the file."""
    decisions: list[Decision] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    """What is left out and changes no answer."""


def read_model(content: bytes, file: str, problems: list[Problem]) -> Model:
    """Return the decisions of a DMN file; what is not carried over is noted with its place.

    Raises:
        DmnRefused: it is too large, or no DMN.
        XmlRefused: it is no XML, declares entities or nests too deep.
    """
    if len(content) > LARGEST:
        raise DmnRefused(f"{file} has {len(content)} bytes; at most {LARGEST}")
    root = read_xml(content, file)
    if root.name != "definitions" or root.space not in SPACES:
        versions = ", ".join(SPACES.values())
        problem = Problem(
            f"{file}:{root.line}:{root.column}", "dmn.version", f"this is no DMN of version {versions}",
            f"{root.name} in `{root.space}`", "`definitions` of DMN",
        )  # fmt: skip
        raise DmnRefused(problem.as_text(), problems=(problem,))
    return _Reading(root, file, problems).model


class _Reading:
    def __init__(self, root: Element, file: str, problems: list[Problem]) -> None:
        self._file, self._problems = file, problems
        self.model = Model(root.attributes.get("name") or file)
        self._names: list[str] = []
        self._bases = {
            one.attributes.get("name", ""): (one.one("typeRef").text if one.one("typeRef") else "").strip()  # type: ignore[union-attr]
            for one in root.all("itemDefinition")
        }
        found: dict[str, Element] = {}
        for element in root.children:
            match element.name:
                case "inputData":
                    name = self._name(element)
                    self.model.ids[name] = element.attributes.get("id", "")
                    self.model.places[name] = (element.line, element.column)
                    variable = element.one("variable")
                    self.model.variables[name] = self._type(variable.attributes.get("typeRef") if variable else None)
                case "decision":
                    found[self._name(element)] = element
                case "itemDefinition":
                    self._left_out(element, "restrictions of its values are not checked")
                case name if name not in _HARMLESS:
                    self._refuse(element, f"`{name}` is not carried over", "tables and expressions of decisions")
        self._names += self.model.variables
        for name in self._in_order(found):
            decision = self._decision(name, found[name])
            self._names.append(name)
            if decision is not None:
                self.model.decisions.append(decision)
        self._layout(root)

    def _name(self, element: Element) -> str:
        name = " ".join(element.attributes.get("name", element.attributes.get("id", "")).split())
        if not name or name in self.model.variables:
            self._refuse(element, f"`{element.name}` has no name of its own", "a name")
        return name

    def _place(self, element: Element) -> str:
        return f"{self._file}:{element.line}:{element.column}"

    def _refuse(self, element: Element, message: str, expected: str | None = None, given: str | None = None) -> None:
        self._problems.append(Problem(self._place(element), "dmn.not_carried", message, given, expected))

    def _left_out(self, element: Element, why: str) -> None:
        label = element.attributes.get("name") or element.name
        self.model.notes.append(Problem(self._place(element), "dmn.left_out", f"`{label}` is left out: {why}"))

    def _layout(self, root: Element) -> None:
        for element in root.walk():
            if element.name in ("DMNDI", "extensionElements", "knowledgeSource", "textAnnotation"):
                self._left_out(element, "it says nothing of the answers")

    def _type(self, given: str | None) -> Type | None:
        name = (given or "").rpartition(":")[2].strip()
        for _ in range(10):
            if name not in self._bases:
                break
            name = self._bases[name].rpartition(":")[2]
        return _TYPES.get(name)

    def _in_order(self, found: Mapping[str, Element]) -> Iterator[str]:
        """Yield decisions after those that they require; a cycle is refused."""
        ids = {element.attributes.get("id", name): name for name, element in found.items()}
        needs = {
            name: [
                ids[href]
                for need in element.all("informationRequirement")
                for one in need.all("requiredDecision")
                if (href := one.attributes.get("href", "").rpartition("#")[2]) in ids
            ]
            for name, element in found.items()
        }
        done: list[str] = []
        while len(done) < len(found):
            ready = [name for name in found if name not in done and all(need in done for need in needs[name])]
            if not ready:
                stuck = [name for name in found if name not in done]
                self._refuse(found[stuck[0]], f"decisions wait for each other: {', '.join(stuck)}")
                return
            done += ready
        yield from done

    def _decision(self, name: str, element: Element) -> Decision | None:
        for child in element.children:
            if child.name not in (*_HARMLESS, "decisionTable", "literalExpression"):
                self._refuse(child, f"`{child.name}` is not carried over", "a decision table or an expression")
                return None
        variable = element.one("variable")
        type_ = self._type(variable.attributes.get("typeRef") if variable else None)
        table, expression = element.one("decisionTable"), element.one("literalExpression")
        identity = element.attributes.get("id", name)
        at = (element.line, element.column)
        if table is not None:
            return self._table(identity, name, table, type_)
        if expression is None:
            self._refuse(element, f"decision `{name}` decides nothing", "a decision table or an expression")
            return None
        self._language(expression)
        value = self._expression(expression)
        row = Row((expression.line, expression.column), (), () if value is None else (value,))
        return (
            None if value is None else Decision(identity, name, at, (), (Output(name, type_),), (row,), is_table=False)
        )

    def _table(self, identity: str, name: str, table: Element, type_: Type | None) -> Decision | None:
        before = len(self._problems)
        self._language(table)
        given = table.attributes.get("hitPolicy", "UNIQUE").upper()
        if given not in _POLICIES:
            self._refuse(table, f"hit policy `{given}` is not carried over", ", ".join(_POLICIES), given)
        asked = table.attributes.get("aggregation")
        aggregation = _AGGREGATIONS.get(asked or "")
        if asked is not None and aggregation is None:
            self._refuse(table, f"aggregation `{asked}` is not carried over", ", ".join(_AGGREGATIONS), asked)
        inputs = [self._input(one) for one in table.all("input")]
        outputs = [
            self._output(one, name, type_ if len(table.all("output")) == 1 else None) for one in table.all("output")
        ]
        if aggregation is not None and len(outputs) != 1:
            self._refuse(table, "an aggregation takes one output", "one output", str(len(outputs)))
        if len(table.all("rule")) > MOST_RULES:
            self._refuse(table, f"a table has at most {MOST_RULES} rules", None, str(len(table.all("rule"))))
            return None
        rows = [self._row(one, len(inputs), len(outputs)) for one in table.all("rule")]
        if len(self._problems) > before:
            return None
        policy: Policy = given.lower()  # type: ignore[assignment]  # one of the policies
        return Decision(
            identity, name, (table.line, table.column), tuple(one for one in inputs if one is not None), tuple(outputs),
            tuple(rows), policy, aggregation,
        )  # fmt: skip

    def _language(self, element: Element) -> None:
        language = element.attributes.get("expressionLanguage", "")
        if language and "feel" not in language.lower():
            self._refuse(element, f"expressions in `{language}` are not carried over", "FEEL", language)

    def _input(self, element: Element) -> Expr | None:
        expression = element.one("inputExpression")
        values = element.one("inputValues")
        if values is not None:
            self._left_out(values, "values that an input may have are not checked")
        if expression is None:
            self._refuse(element, "an input has no expression")
            return None
        self._language(expression)
        return self._expression(expression)

    def _output(self, element: Element, name: str, type_: Type | None) -> Output:
        own = self._type(element.attributes.get("typeRef")) or type_
        values, default = element.one("outputValues"), element.one("defaultOutputEntry")
        listed: tuple[Lit, ...] = ()
        if values is not None:
            text = self._text(values)
            parts = [read for part in _split(text) if (read := self._read(values, part)) is not None]
            listed = tuple(part for part in parts if isinstance(part, Lit))
            if len(listed) != len(parts):
                self._refuse(values, "output values are literals", None, text[:80])
        default_value = self._expression(default) if default is not None else None
        return Output(" ".join(element.attributes.get("name", "").split()) or name, own, listed, default_value)

    def _row(self, element: Element, inputs: int, outputs: int) -> Row:
        cells, results = element.all("inputEntry"), element.all("outputEntry")
        if len(cells) != inputs or len(results) != outputs:
            found = f"{len(cells)} and {len(results)}"
            self._refuse(
                element, "the rule has another number of cells than the table", f"{inputs} and {outputs}", found
            )
        tests = []
        for cell in cells:
            self._language(cell)
            text = self._text(cell)
            try:
                tests.append(read_tests(text, self._names))
            except FeelError as error:
                self._note(cell, error, text)
        values = [value for one in results if (value := self._expression(one)) is not None]
        notes = [self._text(one) for one in element.all("annotationEntry")]
        described = element.one("description")
        notes += [described.text.strip()] if described is not None else []
        return Row((element.line, element.column), tuple(tests), tuple(values), tuple(filter(None, notes)))

    def _expression(self, element: Element) -> Expr | None:
        self._language(element)
        return self._read(element, self._text(element))

    def _text(self, element: Element) -> str:
        text = element.one("text")
        return ("" if text is None else text.text).strip()

    def _read(self, element: Element, text: str) -> Expr | None:
        try:
            return Lit(None) if text in ("", "-") else read_expression(text, self._names)
        except FeelError as error:
            self._note(element, error, text)
            return None

    def _note(self, element: Element, error: FeelError, text: str) -> None:
        at = element.one("text") or element
        self._refuse(at, f"`{text[:80]}`, character {error.place}: {error}", None, text[:80])


def _split(text: str) -> list[str]:
    """Return the values of a list, commas in texts left alone."""
    parts, quoted = [""], False
    for char in text:
        quoted ^= char == '"'
        if char == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]
