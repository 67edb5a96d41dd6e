"""Reads a DMN file as decisions; whatever in it is not carried over is named with its place."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from authoring.dmn_model import Aggregation, Decision, Model, Output, Policy, Row
from authoring.dmn_seen import unseen
from authoring.dmn_types import Types, literals, split
from authoring.feel import Defined, FeelError, read_expression, read_tests
from authoring.feel_tree import Expr, It, Lit, Name
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
_AGGREGATIONS: Final[Mapping[str, Aggregation]] = {"SUM": "sum", "MIN": "min", "MAX": "max", "COUNT": "count"}
_POLICIES: Final = ("UNIQUE", "FIRST", "PRIORITY", "ANY", "RULE ORDER", "OUTPUT ORDER", "COLLECT")
_HARMLESS: Final = frozenset(
    ("description", "extensionElements", "variable", "question", "allowedAnswers", "annotation", "knowledgeSource",
     "authorityRequirement", "informationRequirement", "DMNDI", "elementCollection", "textAnnotation", "association",
     "organizationUnit", "performanceIndicator", "group", "decisionMaker", "decisionOwner", "decisionService",
     "businessKnowledgeModel", "knowledgeRequirement", "supportedObjective", "impactedPerformanceIndicator",
     "usingProcess", "usingTask", "artifact")
)  # fmt: skip
"""Elements that say nothing of the answers: functions of knowledge models are refused where they are called."""
_LEFT_OUT: Final = frozenset(
    ("DMNDI", "extensionElements", "knowledgeSource", "textAnnotation", "decisionService", "businessKnowledgeModel")
)
_PLAIN_NAME: Final = re.compile(r"[^\W\d]\w*(?: \w+)*")
_KEYWORDS: Final = frozenset(
    ("true", "false", "null", "if", "then", "else", "and", "or", "in", "between", "not", "for", "return", "some",
     "every", "satisfies")
)  # fmt: skip


class DmnRefused(ShuoliError):
    """A DMN file can't be carried over whole; `problems` names each thing with its place and why."""

    code = "dmn.refused"


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
    problems += unseen(root, file)
    return _Reading(root, file, problems).model


class _Reading:
    def __init__(self, root: Element, file: str, problems: list[Problem]) -> None:
        self._file, self._problems = file, problems
        self.model = Model(root.attributes.get("name") or file)
        self._types = Types(root.all("itemDefinition"))
        self._names: dict[str, Name] = {}
        self._functions: dict[str, Defined] = {}
        self._language(root)
        found = self._declared(root)
        self._undeclared(found)
        self._names |= {name: Name(name) for name in self.model.variables}
        for name in self._in_order(found):
            decision = self._decision(name, found[name])
            self._names.setdefault(name, Name(name))
            variable = found[name].one("variable")
            self._names.setdefault(_words(variable.attributes.get("name", name)) if variable else name, Name(name))
            if decision is not None:
                self.model.decisions.append(decision)
        for element in root.walk():
            is_function = element.name == "businessKnowledgeModel"
            if element.name in _LEFT_OUT and not (is_function and self._name(element) in self._functions):
                self._left_out(element, "it says nothing of the answers")

    def _declared(self, root: Element) -> dict[str, Element]:
        """Note inputs and functions, and return the decisions by name."""
        found: dict[str, Element] = {}
        for element in root.children:
            match element.name:
                case "inputData":
                    self._data(element)
                case "businessKnowledgeModel":
                    self._function(element)
                case "decision":
                    found[self._name(element)] = element
                case "itemDefinition":
                    self._left_out(element, "restrictions of its values are not checked")
                case name if name not in _HARMLESS:
                    self._refuse(element, f"`{name}` is not carried over", "tables and expressions of decisions")
        return found

    def _function(self, element: Element) -> None:
        """Note a function that is one expression; any other is refused where it is called."""
        logic = element.one("encapsulatedLogic")
        body = logic.one("literalExpression") if logic is not None else None
        if logic is None or body is None or logic.attributes.get("kind", "FEEL") != "FEEL" or not _is_feel(body):
            return
        names = [_words(one.attributes.get("name", "")) for one in logic.all("formalParameter")]
        with contextlib.suppress(FeelError):
            found = read_expression(_text(body), names, self._functions)
            self._functions[self._name(element)] = Defined(tuple(map(Name, names)), found)

    def _data(self, element: Element) -> None:
        """Note an input; each part of one that has parts."""
        name = self._name(element)
        variable = element.one("variable")
        given = variable.attributes.get("typeRef") if variable else None
        parts = list(self._types.parts(given))
        whole = [] if parts else [(name, given, element)]
        for path, reference, at in (*whole, *((f"{name}.{path}", own, at) for path, own, at in parts)):
            refused = self._types.refused(reference)
            if refused is not None:
                self._refuse(
                    at,
                    f"`{path}` is {refused}, and only single numbers, texts, booleans and dates are carried over",
                    None,
                    reference,
                )
            self._variable(path, reference, element, "" if parts else element.attributes.get("id", ""))

    def _variable(self, name: str, reference: str | None, element: Element, identity: str) -> None:
        self.model.ids[name] = identity
        self.model.places[name] = (element.line, element.column)
        self.model.variables[name] = self._types.of(reference)

    def _undeclared(self, found: Mapping[str, Element]) -> None:
        """Take what a column reads as an input where the file neither declares nor decides it."""
        given = {
            one
            for name, element in found.items()
            for one in (name, *(_words(each.attributes.get("name", "")) for each in _naming(element)))
        }
        for element in found.values():
            for column in (one for table in element.all("decisionTable") for one in table.all("input")):
                expression = column.one("inputExpression")
                name = _words(_text(expression)) if expression is not None else ""
                plain = _PLAIN_NAME.fullmatch(name) and not _KEYWORDS & set(name.split())
                if expression is None or not plain or name in given:
                    continue
                if name not in self.model.variables:
                    self._variable(name, None, column, "")
                    message = f"`{name}` is no input data of the file, and is taken as an input"
                    self.model.notes.append(Problem(self._place(column), "dmn.left_out", message, name))
                reference = expression.attributes.get("typeRef")
                refused = self._types.refused(reference)
                if refused is not None:
                    self._refuse(
                        column,
                        f"`{name}` is {refused}, and only single numbers, texts, booleans and dates are carried over",
                        None,
                        reference,
                    )
                self.model.variables[name] = self.model.variables[name] or self._types.of(reference)

    def _name(self, element: Element) -> str:
        name = _words(element.attributes.get("name", element.attributes.get("id", "")))
        if not name:
            self._refuse(element, f"`{element.name}` has no name of its own", "a name")
        return name

    def _place(self, element: Element) -> str:
        return f"{self._file}:{element.line}:{element.column}"

    def _refuse(self, element: Element, message: str, expected: str | None = None, given: str | None = None) -> None:
        self._problems.append(Problem(self._place(element), "dmn.not_carried", message, given, expected))

    def _left_out(self, element: Element, why: str) -> None:
        label = element.attributes.get("name") or element.name
        self.model.notes.append(Problem(self._place(element), "dmn.left_out", f"`{label}` is left out: {why}"))

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
        reference = variable.attributes.get("typeRef") if variable else None
        names = self._names_in(element)
        table, expression = element.one("decisionTable"), element.one("literalExpression")
        identity = element.attributes.get("id", name)
        at = (element.line, element.column)
        if table is not None:
            return self._table(identity, name, table, reference, names)
        if expression is None:
            self._refuse(element, f"decision `{name}` decides nothing", "a decision table or an expression")
            return None
        value = self._expression(expression, names)
        if value is None:
            return None
        row = Row((expression.line, expression.column), (), (value,))
        rows = tuple(row.split("first"))
        outputs = (Output(name, self._types.of(reference)),)
        return Decision(identity, name, at, (), outputs, rows, "first", is_table=len(rows) > 1)

    def _names_in(self, element: Element) -> dict[str, Name]:
        """Return what may be read in a decision: also the outputs of those that it requires, by their own names."""
        needed = {
            one.attributes.get("href", "").rpartition("#")[2]
            for need in element.all("informationRequirement")
            for one in need.all("requiredDecision")
        }
        names = dict(self._names)
        for decision in self.model.decisions:
            if decision.id in needed:
                for output in decision.outputs:
                    part = None if len(decision.outputs) == 1 else output.name
                    names.setdefault(output.name, Name(decision.name, part))
        return names

    def _table(
        self, identity: str, name: str, table: Element, reference: str | None, names: Mapping[str, Name]
    ) -> Decision | None:
        before = len(self._problems)
        self._language(table)
        given = table.attributes.get("hitPolicy", "UNIQUE").upper()
        if given not in _POLICIES:
            self._refuse(table, f"hit policy `{given}` is not carried over", ", ".join(_POLICIES), given)
        asked = table.attributes.get("aggregation")
        aggregation = _AGGREGATIONS.get(asked or "")
        if asked is not None and aggregation is None:
            self._refuse(table, f"aggregation `{asked}` is not carried over", ", ".join(_AGGREGATIONS), asked)
        inputs = [self._input(one, names) for one in table.all("input")]
        single = len(table.all("output")) == 1
        outputs = [self._output(one, name, reference if single else None, names) for one in table.all("output")]
        if aggregation is not None and len(outputs) != 1:
            self._refuse(table, "an aggregation takes one output", "one output", str(len(outputs)))
        if len(table.all("rule")) > MOST_RULES:
            self._refuse(table, f"a table has at most {MOST_RULES} rules", None, str(len(table.all("rule"))))
            return None
        aliases = [self._aliases(one, names) for one in table.all("input")]
        rows = [
            replace(self._row(one, aliases, len(outputs), names), number=number)
            for number, one in enumerate(table.all("rule"), 1)
        ]
        if len(self._problems) > before:
            return None
        policy: Policy = given.lower()  # type: ignore[assignment]  # one of the policies
        split = tuple(part for row in rows for part in row.split(policy))
        if len(split) > MOST_RULES:
            self._refuse(table, f"with its conditions written out, the table has more than {MOST_RULES} rules")
            return None
        return Decision(
            identity, name, (table.line, table.column), tuple(one for one in inputs if one is not None), tuple(outputs),
            split, policy, aggregation,
        )  # fmt: skip

    def _language(self, element: Element) -> bool:
        """Say whether expressions here are in FEEL."""
        if not _is_feel(element):
            language = element.attributes["expressionLanguage"]
            self._refuse(element, f"expressions in `{language}` are not carried over", "FEEL", language)
            return False
        return True

    def _input(self, element: Element, names: Mapping[str, Name]) -> Expr | None:
        expression = element.one("inputExpression")
        values = element.one("inputValues")
        if values is not None:
            self._left_out(values, "values that an input may have are not checked")
        if expression is None or not _text(expression):
            self._refuse(element, "an input has no expression")
            return None
        return self._expression(expression, names)

    def _aliases(self, element: Element, names: Mapping[str, Name]) -> dict[str, Name | It]:
        """Return what may be read in the cells of a column: its value also has names of its own."""
        own = {"cellInput": It(), element.attributes.get("inputVariable", ""): It()}
        return {**own, **names}

    def _output(self, element: Element, name: str, reference: str | None, names: Mapping[str, Name]) -> Output:
        reference = element.attributes.get("typeRef") or reference
        values, default = element.one("outputValues"), element.one("defaultOutputEntry")
        if values is None:
            values = self._types.allowed(reference)
        listed: tuple[Lit, ...] = ()
        if values is not None and element.one("outputValues") is not None:
            parts = [read for part in split(_text(values)) if (read := self._read(values, part, names)) is not None]
            listed = tuple(part for part in parts if isinstance(part, Lit))
            if len(listed) != len(parts):
                self._refuse(values, "output values are literals", None, _text(values)[:80])
        elif values is not None:
            listed = tuple(literals(_text(values)))
        default_value = self._expression(default, names) if default is not None else None
        own = _words(element.attributes.get("name", "")) or name
        return Output(own, self._types.of(reference), listed, default_value)

    def _row(
        self, element: Element, inputs: list[dict[str, Name | It]], outputs: int, names: Mapping[str, Name]
    ) -> Row:
        cells, results = element.all("inputEntry"), element.all("outputEntry")
        if len(cells) != len(inputs) or len(results) != outputs:
            found, wanted = f"{len(cells)} and {len(results)}", f"{len(inputs)} and {outputs}"
            self._refuse(element, "the rule has another number of cells than the table", wanted, found)
        tests = []
        for cell, known in zip(cells, inputs, strict=False):
            try:
                if self._language(cell):
                    tests.append(read_tests(_text(cell), known, self._functions))
            except FeelError as error:
                self._note(cell, error, _text(cell))
        values = [value for one in results if (value := self._expression(one, names)) is not None]
        notes = [_text(one) for one in element.all("annotationEntry")]
        described = element.one("description")
        notes += [described.text.strip()] if described is not None else []
        return Row((element.line, element.column), tuple(tests), tuple(values), tuple(filter(None, notes)))

    def _expression(self, element: Element, names: Mapping[str, Name]) -> Expr | None:
        return self._read(element, _text(element), names) if self._language(element) else None

    def _read(self, element: Element, text: str, names: Mapping[str, Name]) -> Expr | None:
        try:
            return Lit(None) if text in ("", "-") else read_expression(text, names, self._functions)
        except FeelError as error:
            self._note(element, error, text)
            return None

    def _note(self, element: Element, error: FeelError, text: str) -> None:
        at = element.one("text") or element
        self._refuse(at, f"`{text[:80]}`, character {error.place}: {error}", None, text[:80])


def _is_feel(element: Element) -> bool:
    return "feel" in (element.attributes.get("expressionLanguage") or "feel").lower()


def _text(element: Element) -> str:
    text = element.one("text")
    return ("" if text is None else text.text).strip()


def _words(text: str) -> str:
    return " ".join(text.split())


def _naming(decision: Element) -> Iterator[Element]:
    """Yield what names the answers of a decision besides itself."""
    yield from decision.all("variable")
    for table in decision.all("decisionTable"):
        yield from table.all("output")
