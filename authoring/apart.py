"""Work that takes minutes, in processes of its own: it says how far it is, and can be ended at once."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final, Generic, TypeAlias, TypeVar

from engine.workers import Refusal
from knowledge.problems import EngineFailure, ShuoliError

_T = TypeVar("_T")
Tell: TypeAlias = Callable[[str, int, int], None]
"""Told the name of a stage, how many of its parts are done, and how many there are."""
_NICE: Final = 5
"""By how much the work gives way to whoever waits for an answer."""


class Apart(Generic[_T]):
    """One piece of work, under way from the beginning. It may have processes of its own, which end with it."""

    def __init__(self, work: Callable[[Tell], _T]) -> None:
        """Begin. The work and its result are pickled: it is a function of a module, or a `partial` of one."""
        self._scratch = tempfile.TemporaryDirectory(prefix="shuoli-apart-")
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        # Not a daemon: those may have no children.
        self._process = context.Process(target=_serve, args=(theirs, pickle.dumps(work), self._scratch.name))
        self._process.start()
        self._lock = threading.Lock()
        self._is_over = False
        theirs.close()

    def result(self, tell: Tell) -> _T:
        """Wait for the result; call it once.

        Raises:
            ShuoliError: the work raised one.
            EngineFailure: it was ended, or its process crashed.
        """
        try:
            while True:
                what, told = self._pipe.recv()
                if what == "progress":
                    tell(*told)
                elif what == "refused":
                    refusal: Refusal = told
                    raise refusal.error()
                else:
                    result: _T = told
                    return result
        except (EOFError, OSError) as error:
            raise EngineFailure("the work was ended", help="ask for it again") from error
        finally:
            self.end()
            with self._lock:
                self._is_over = True
                self._process.join()
                self._process.close()
            self._pipe.close()
            self._scratch.cleanup()

    def end(self) -> None:
        """End it, whatever it is doing; whoever waits for the result is told."""
        with self._lock:
            if self._is_over or self._process.exitcode is not None or self._process.pid is None:
                return
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:  # it has only just begun, and leads no group yet
                self._process.kill()


def _serve(pipe: Connection, work: bytes, scratch: str) -> None:
    """Do the work; all processes that it begins are of one group, which ends with the parent."""
    os.setsid()
    os.nice(_NICE)
    tempfile.tempdir = scratch
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    sending = threading.Lock()

    def send(*message: Any) -> None:
        with sending:
            pipe.send(message)

    try:
        job: Callable[[Tell], Any] = pickle.loads(work)  # noqa: S301  the parent's own
        send("done", job(lambda stage, done, of: send("progress", (stage, done, of))))
    except ShuoliError as error:
        send("refused", Refusal(error.code, error.message, error.help, error.problems))


def _end_with_parent(pipe: Connection) -> None:
    try:
        pipe.recv_bytes()
    except (EOFError, OSError):
        os.killpg(0, signal.SIGKILL)
