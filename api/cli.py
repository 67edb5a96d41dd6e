"""The command line `shuoli`."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Never

import click
import msgspec

from api.lazily import LazyGroup
from knowledge.problems import EngineDisagreement, EngineFailure, LimitExceeded, ShuoliError

# What the exit codes mean; docs/cli.md holds the same table.
DONE, REFUSED, USAGE, MISSING, ENGINE, FAULT, INTERRUPTED = 0, 1, 2, 3, 4, 70, 130


@click.group(
    cls=LazyGroup,
    where={
        "demo": "api.cli_city:demo",
        "explain": "api.cli_explain:explain",
        "grade": "api.cli_grade:grade",
        "grade-all": "api.cli_city:grade_all",
        "impact": "api.cli_impact:impact_of",
        "ingest": "api.cli_ingest:ingest",
        "log": "api.cli_log:log",
        "pull": "api.cli_ingest:pull",
        "replay": "api.cli_replay:replay",
        "rulebook": "api.cli_rulebook:rulebook",
        "sample-city": "api.cli_city:sample_city",
        "serve": "api.cli_serve:serve",
        "tick": "api.cli_tick:tick",
        "verify": "api.cli_verify:verify",
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help="说理:为主体评定信用等级,并逐条说明理由。\n\nGrades producers for credit, and gives its reasons.",
)
@click.version_option(package_name="shuoli", prog_name="shuoli")
def commands() -> None:
    """Hold all commands."""


def main(arguments: Sequence[str] | None = None) -> Never:
    """Run one command and exit: 0 done, 1 refused, 2 usage, 3 missing, 4 engine, 70 fault, 130 interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_run(given, as_json="--json" in given))


def _run(given: list[str], *, as_json: bool) -> int:
    try:
        code = commands.main(given, prog_name="shuoli", standalone_mode=False)
    except click.ClickException as error:
        _report(ShuoliError(error.format_message(), help="shuoli --help"), "cli.usage", as_json=as_json)
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except ShuoliError as error:
        _report(error, error.code, as_json=as_json)
        return _exit_code(error)
    except BrokenPipeError:
        # The reader went away (`| head`); this keeps the interpreter from writing to it again at exit.
        sys.stdout = None
        return DONE
    except Exception as error:  # noqa: BLE001 - the edge of the process
        traceback.print_exc()
        _report(ShuoliError(f"{type(error).__name__}: {error}"), "internal.fault", as_json=as_json)
        return FAULT
    return code if isinstance(code, int) else DONE


def _exit_code(error: ShuoliError) -> int:
    if isinstance(error, EngineFailure | EngineDisagreement | LimitExceeded):
        return ENGINE
    if error.code.endswith(".missing"):
        return MISSING
    return USAGE if error.code.startswith("settings.") else REFUSED


def _report(error: ShuoliError, code: str, *, as_json: bool) -> None:
    """Write the error to standard error, with all its problems."""
    if as_json:
        document = {
            "code": code,
            "detail": error.message,
            "help": error.help,
            "errors": [problem.as_json() for problem in error.problems],
        }
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2), err=True)
        return
    click.echo(f"shuoli: [{code}] {error.message}", err=True)
    for problem in error.problems:
        click.echo(problem.as_text(), err=True)
    if error.help is not None:
        click.echo(f"  help: {error.help}", err=True)
