"""DMN decision tables as a rulebook that gives the same answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from authoring.dmn_conditions import Conditions
from authoring.dmn_model import Decision, Model
from authoring.dmn_names import name_all, reads
from authoring.dmn_numbers import Formulas
from authoring.dmn_reading import DmnRefused, read_model
from authoring.dmn_rules import DecisionRules, Rule, field, noted
from authoring.dmn_values import Names, NotCarried, label
from authoring.feel_tree import Name
from authoring.workbook import Imported
from knowledge.binding import LARGEST
from knowledge.loader import bind_documents
from knowledge.problems import Problem
from knowledge.source import Document, Path
from knowledge.yamltext import write_yaml

NOTICE: Final = {
    "zh": "由 DMN 决策表导入。每个决策的结果是一项认定;得分只说明最终的决策有没有结果。",
    "en": "Imported from DMN decision tables. Each decision's answer is a finding; the score only says whether the final decisions have one.",  # noqa: E501
}
_READ: Final = {"zh": "参与计算的值", "en": "values that are computed with"}


def import_dmn(
    content: bytes, file: str, rulebook_id: str = "imported", version: str = "1"
) -> tuple[Imported, tuple[Problem, ...]]:
    """Return the files of a rulebook that answers as the file's tables do, and what was left out without harm.

    An input is an attribute of the producer; a decision's answer is a finding of its name, lists one finding a row.

    Raises:
        DmnRefused: something in it can't be carried over; each such thing is named with its place and why.
        XmlRefused: it is no XML, declares entities or nests too deep.
    """
    problems: list[Problem] = []
    model = read_model(content, file, problems)
    files, documents = _files(model, file, (rulebook_id, version), problems)
    rulebook = bind_documents(documents, problems, with_scenarios=True) if not problems else None
    if problems or rulebook is None:
        first = problems[0].as_text() if problems else file
        raise DmnRefused(
            f"{len(problems)} things in {file} can't be carried over; the first: {first}",
            help="mend them there, or leave these decisions out", problems=tuple(problems),
        )  # fmt: skip
    return Imported(files, rulebook), tuple(model.notes)


def _files(
    model: Model, file: str, named: tuple[str, str], problems: list[Problem]
) -> tuple[dict[str, str], dict[str, Document]]:
    def refuse(at: tuple[int, int], message: str) -> None:
        problems.append(Problem(f"{file}:{at[0]}:{at[1]}", "dmn.not_carried", message))

    if not model.decisions and not problems:
        refuse((1, 1), "the file decides nothing")
    names = None
    while names is None:
        _leave_out_broken(model)
        if not model.decisions:
            return {}, {}
        try:
            names = name_all(model)
        except NotCarried as error:  # named, and the others are looked at
            guilty = next(one for one in model.decisions if one.name == error.decision)
            refuse(error.at or guilty.at, str(error))
            model.decisions.remove(guilty)
    model.notes += _narrowed(model, names, file)
    formulas = Formulas(names)
    conditions = Conditions(names, formulas)
    made = [DecisionRules(decision, names, conditions, refuse) for decision in model.decisions]
    for line, column in (at for one in made for at in one.never()):
        model.notes.append(Problem(f"{file}:{line}:{column}", "dmn.left_out", "a row is left out: it can never match"))
    final = _final(model)
    data: dict[str, Any] = {
        "rulebook.yaml": _head(model, *named),
        "vocabulary.yaml": _vocabulary(names, made, formulas),
        "indicators.yaml": _indicators(final),
        "bands.yaml": _bands(len(final)),
        "measures.yaml": _measures(made, formulas),
    }
    comments: dict[str, dict[Path, list[str]]] = {}
    places: dict[str, list[tuple[int, int]]] = {}
    for decision, one in zip(model.decisions, made, strict=True):
        name = f"rules/{one.answer}.yaml"
        data[name] = [rule for rule, _ in one.rules]
        comments[name] = {(place,): lines for place, lines in noted(one.rules)}
        places[name] = [decision.at if row is None else row.at for _, row in one.rules]
    data["rules/outcome.yaml"] = _outcome(final, names, formulas)
    documents = {name: _document(name, value, file, places.get(name, [])) for name, value in data.items()}
    return {name: write_yaml(value, comments.get(name)) for name, value in data.items()}, documents


def _leave_out_broken(model: Model) -> None:
    """Leave out decisions that read what couldn't be read."""
    known = {*model.variables}
    for decision in list(model.decisions):
        if reads(decision) <= known:
            known.add(decision.name)
        else:
            model.decisions.remove(decision)


def _narrowed(model: Model, names: Names, file: str) -> Iterator[Problem]:
    """Yield what the rulebook takes fewer values of than DMN does."""
    for name, type_ in model.variables.items():
        variable, (line, column) = names.variables[Name(name)], model.places[name]
        if variable.kind == "number" and type_ != "whole":
            most = LARGEST // 10**variable.places
            why = f"takes numbers of at most {variable.places} decimal places, up to {most}"
            yield Problem(f"{file}:{line}:{column}", "dmn.left_out", f"`{name}` {why}", name)


def _document(name: str, data: Any, file: str, places: list[tuple[int, int]]) -> Document:
    """Return a file whose entries stand where the rows of the tables do."""
    return Document(name, data, {(place,): at for place, at in enumerate(places)}, file=file)


def _final(model: Model) -> list[Decision]:
    """Return the decisions that no other reads."""
    read = {name for one in model.decisions for name in reads(one)}
    return [one for one in model.decisions if one.name not in read] or model.decisions[-1:]


def _head(model: Model, rulebook_id: str, version: str) -> Rule:
    return {
        "id": rulebook_id,
        "version": version,
        "title": {"zh": label(model.name)},
        "status": "draft",
        "notice": NOTICE,
        "effective_from": "2020-01-01",
        "require": {"law": "no", "scenario": "no"},
        "scoring": {"start": 0, "points": "gained", "better": "higher", "not_applicable": "keeps_its_points"},
    }


def _vocabulary(names: Names, made: list[DecisionRules], formulas: Formulas) -> Rule:
    attributes = {one.name: field(one) for one in names.variables.values() if one.decision is None}
    findings: Rule = {}
    read = [one for one in formulas.computed if one.decision is None]
    if read:
        findings["given"] = {"label": _READ, "fields": {one.name: field(one) for one in read}}
    for one in made:
        findings |= one.findings()
    remark = {"label": {"zh": "备注", "en": "remark"}, "fields": {"text": {"type": "text", "optional": "yes"}}}
    words: Rule = {"kinds": {"subject": {"zh": "对象", "en": "subject"}}, "attributes": attributes}
    return words | {"facts": {"remark": remark}, "findings": findings}


def _measures(made: list[DecisionRules], formulas: Formulas) -> list[Rule]:
    found: list[Rule] = []
    for one in formulas.computed:
        body = {"of": one.decision or "given", "field": one.name}
        found.append(
            {"measure": one.measure, "label": {"zh": label(one.label)}, "max": body, "when_nothing": "not_applicable"}
        )
    for formula, name in formulas.made.items():
        told: Rule = {"measure": name, "label": {"zh": label(formulas.labels[name][:200])}, "formula": formula.text}
        told |= {"places": formula.places} if formula.places else {}
        found.append(told | ({"rounding": formula.rounding} if formula.rounding else {}))
    return [*found, *(measure for one in made for measure in one.measures)]


def _outcome(final: list[Decision], names: Names, formulas: Formulas) -> list[Rule]:
    read = [one for one in formulas.computed if one.decision is None]
    rules: list[Rule] = []
    if read:
        gives = {one.name: f"producer.{one.name}" for one in read}
        rules.append({"finding": "given", "when": [{"producer": {"kind": "subject"}}], "gives": gives})
    for number, decision in enumerate(final, 1):
        because = {"zh": f"“{label(decision.name)}”有结果。", "en": f"“{label(decision.name)}” has an answer."}
        when = [{"answer": {"is": names.findings[decision.name]}}]
        rules.append({"standard": f"S{number}", "when": when, "gain": 1, "because": because})
    return rules


def _indicators(final: list[Decision]) -> Rule:
    total = len(final)
    words = {"zh": "决策", "en": "decisions"}
    standards = [
        {"id": f"S{number}", "of": "D2", "label": {"zh": label(decision.name)}, "points": 1}
        for number, decision in enumerate(final, 1)
    ]
    return {
        "level1": [{"id": "D1", "label": words, "points": total}],
        "level2": [{"id": "D2", "of": "D1", "label": words, "points": total}],
        "standards": standards,
    }


def _bands(total: int) -> list[Mapping[str, Any]]:
    return [
        {"grade": "answered", "word": {"zh": "均有结果", "en": "answered"}, "from": total},
        {"grade": "open", "word": {"zh": "尚无结果", "en": "not answered"}},
    ]
