"""Groups of commands that are imported when they are asked for: a command shouldn't wait for what others need."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group; `where` says in which module each command stands, and by which name: `api.cli_serve:serve`."""

    def __init__(self, *args: Any, where: Mapping[str, str], **options: Any) -> None:  # noqa: ANN401  click's own
        """Take what `click.Group` takes, and the places of commands."""
        super().__init__(*args, **options)
        self._where = where

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in their order."""
        return sorted({*super().list_commands(ctx), *self._where})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None where there is none of that name."""
        if cmd_name in self._where:
            module, _, name = self._where[cmd_name].partition(":")
            command: click.Command = getattr(import_module(module), name)
            return command
        return super().get_command(ctx, cmd_name)
