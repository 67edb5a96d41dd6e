"""Decisions in writing: letters as PDF, composed of a decision and what the ledger holds of it."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec

from api.answers import Answer
from api.problems import documented
from api.requests import AsOf, KnownAt, Lang, Language, ProducerId, RulebookName, day, instant, language
from api.services import Services
from api.settings import Settings
from casework.filing import file_of
from casework.typesetting import Typesetter
from explain.letter import Letter, compose
from store.ledger import Store

PDF: Final = "application/pdf"


class Letters:
    """Writes letters as this installation is set; fonts are read when the first one is."""

    def __init__(self, settings: Settings, store: Store | None) -> None:
        self._settings, self._store = settings, store
        self._lock = threading.Lock()

    @cached_property
    def _typesetter(self) -> Typesetter:
        return Typesetter(self._settings.fonts)

    def letter(self, answer: Answer, lang: Lang) -> Letter:
        """Return the letter about a decision, in `zh` or `en`."""
        filing = file_of(
            self._store,
            answer.rulebook,
            answer.case,
            answer.grading,
            public_url=self._settings.public_url,
            issuer=self._settings.issuer,
        )
        return compose(answer.rulebook, answer.case, answer.grading, answer.all_verdicts, lang, filing)

    def pdf(self, answer: Answer, lang: Lang) -> bytes:
        """Return the letter as PDF/A.

        Raises:
            GlyphMissing: it holds a character that no font shows.
        """
        with self._lock:
            typesetter = self._typesetter
        return typesetter.pdf(self.letter(answer, lang))


@get(
    "/api/v1/producers/{producer_id:str}/letter",
    tags=["producers"],
    media_type=PDF,
    responses={
        **documented(
            "producer.missing",
            "letter.glyph_missing",
            "limit.facts",
            "limit.deductions",
            "limit.time",
            "engine.failure",
            "rulebook.missing",
        ),
        200: ResponseSpec(bytes, generate_examples=False, description="PDF/A-2a, PDF/UA-1", media_type=PDF),
    },
    sync_to_thread=True,
)
def show_letter(
    services: NamedDependency[Services],
    letters: NamedDependency[Letters],
    producer_id: ProducerId,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    rulebook: RulebookName = None,
    lang: Language = "zh",
) -> Response[bytes]:
    """决定书(PDF)。The decision letter, with the trail of 12 months, rights and a code to check it."""
    lang = language(lang)
    answer = services.decision(producer_id, day(as_of), instant(known_at), rulebook)
    return Response(letters.pdf(answer, lang), media_type=PDF, headers={"content-disposition": "inline"})
