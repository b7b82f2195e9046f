"""Textual's bindings of a scope, from the table of actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding, BindingType

from emeth_tui.tui.actions import actions_of

if TYPE_CHECKING:
    from emeth_tui.tui.action import Scope


def bindings_of(scope: Scope) -> list[BindingType]:
    """Return what a widget of a scope binds; the application does it (app.EmethApp.act)."""
    return [
        Binding(
            ",".join(action.keys.split()),
            f"app.act('{action.id}')",
            action.help,
            show=False,
            id=action.id,
            priority=action.priority,
        )
        for action in actions_of(scope)
    ]
