"""Policy documents and redlines as one HTML page each, with styles for print; nothing is loaded from elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from authoring.policy import Policy
from authoring.policy_diff import ChangeView, Edit, Redline
from authoring.policy_marks import marks
from explain.phrases_policy import say
from explain.typography import set_in
from knowledge.rulebook import Rulebook

_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).resolve().parent / "templates"), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True,
)  # fmt: skip
_MARKED: Final = {"both": Markup("{}"), "old": Markup("<del>{}</del>"), "new": Markup("<ins>{}</ins>")}


@dataclass(frozen=True, slots=True)
class _Group:
    title: str
    changes: tuple[ChangeView, ...]


def policy_page(policy: Policy) -> str:
    """Return a policy document as HTML."""
    lang = policy.lang
    footer = " · ".join(line.texts[0] for line in policy.head if line.name in ("version", "standing", "digest"))
    page = _ENVIRONMENT.get_template("policy.html").render(
        lang=lang, title=policy.title, kind=say(lang, "document"), notice=policy.notice, policy=policy, footer=footer
    )
    return _printed(page, lang)


def redline_page(redline: Redline, new: Rulebook) -> str:
    """Return what two versions differ by as HTML, old words struck out and new ones underlined."""
    lang = redline.lang
    kinds = dict.fromkeys(change.what for change in redline.changes)
    groups = [
        _Group(say(lang, kind), tuple(change for change in redline.changes if change.what == kind)) for kind in kinds
    ]
    notice = None if new.notice is None else new.notice.in_language(lang)
    page = _ENVIRONMENT.get_template("policy.html").render(
        lang=lang, title=new.title.in_language(lang), kind=say(lang, "redline"), notice=notice, policy=None,
        redline=redline, groups=groups, marked=marked, footer=new.sha256,
        p={name: say(lang, name) for name in ("old", "new", "added", "removed", "changed")},
    )  # fmt: skip
    return _printed(page, lang)


def _printed(page: str, lang: str) -> str:
    """Return a page with the marks of Chinese print in its text, not in its tags and styles."""
    head, body, rest = page.partition("<body>")
    parts = re.split(r"(<[^>]*>)", rest)
    return head + body + "".join(one if one.startswith("<") else set_in(lang, one) for one in parts)  # type: ignore[arg-type]  # zh or en


def marked(edit: Edit) -> Markup:
    """Return old and new sentences with what differs marked: struck out or underlined."""
    shown = [Markup("").join(_MARKED[mark.side].format(mark.text) for mark in line) for line in marks(edit)]
    if len(shown) == 1:
        return shown[0]
    return Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(one) for one in shown))
