"""A screen of what does not run in this process: the node that runs already, one over ssh, an account.

Also how the settings want things shown, which the screen of a node's own takes as well.
"""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from emeth_tui.errors import AlreadyRunning, ExitCode
from emeth_tui.streams import narrate

if TYPE_CHECKING:
    from emeth_tui.control.ssh import SshLine
    from emeth_tui.settings import Network, Settings
    from emeth_tui.settings.first_look import FirstLook
    from emeth_tui.tui.node_front import ScreenOptions
    from emeth_tui.tui.remote_view import ViewEnded


def view_running_node(
    settings: Settings, show_command: str, *, with_screen: bool, read_only: bool
) -> ExitCode | None:
    """Attach a screen to the node that runs on this state until the user leaves; None when there is none.

    `show_command` is the command that shows it again. With `read_only`, or the setting, the screen gives no
    commands. Raise AlreadyRunning without a screen to show it on, and ControlError when it cannot be
    shown.
    """
    from emeth_tui.store.lock import lock_holder

    holder = lock_holder(settings.state_dir)
    if holder is None:
        return None
    if not with_screen:
        from emeth_tui.notices.reasons.start import NodeRuns

        raise AlreadyRunning(NodeRuns(settings.state_dir, holder))
    from emeth_tui.control.client import local_node
    from emeth_tui.headless import detach_from_terminal
    from emeth_tui.tui.remote_view import view_node

    options = _attached_options(settings, read_only=read_only)
    remote = local_node(settings.control_dir, partial(lock_holder, settings.state_dir))
    ended = asyncio.run(view_node(remote, options, detach_from_terminal=detach_from_terminal))
    narrate(ended.text if ended.node_ended else f"{ended.text}; `{show_command}` shows it again")
    return ExitCode.OK


async def view_node_over_ssh(line: SshLine, settings: Settings, *, read_only: bool) -> ViewEnded:
    """Attach a screen to the node on another machine, once ssh has asked what it has to ask.

    Raise SshError, LineDropped, NotRunning or ControlError.
    """
    from emeth_tui.control.client import RemoteNode
    from emeth_tui.headless import detach_from_terminal
    from emeth_tui.store.lock import UNKNOWN_PID
    from emeth_tui.tui.remote_view import view_node

    remote = RemoteNode(line.again, lambda: UNKNOWN_PID, line.host)
    await remote.open(line.first)
    try:
        options = _attached_options(settings, read_only=read_only)
        return await view_node(remote, options, detach_from_terminal=detach_from_terminal)
    finally:
        await remote.close()


async def view_account(network: Network, address: str, settings: Settings) -> None:
    """Show an account of a network on the screen, from the chain alone, until the user leaves.

    Raise WrongChain or ContractMissing where the endpoint serves another network.
    """
    from emeth_tui.headless import detach_from_terminal
    from emeth_tui.process.signals import on_signal
    from emeth_tui.tui.run import run_screen
    from emeth_tui.watching.watch import AccountWatch

    watch = AccountWatch(network, address)
    reading = asyncio.create_task(watch.run())
    for number in (signal.SIGINT, signal.SIGTERM):
        on_signal(number, reading.cancel)
    options = replace(_attached_options(settings, read_only=True), attached=True, alerts=None)
    try:
        await run_screen(watch, reading, options, detach_from_terminal=detach_from_terminal)
    finally:
        reading.cancel()
        await asyncio.wait({reading})
    if not reading.cancelled():
        reading.result()


def _attached_options(settings: Settings, *, read_only: bool) -> ScreenOptions:
    from emeth_tui.settings.first_look import look_of

    return replace(
        screen_options(look_of(settings)),
        read_only=read_only or settings.screen.read_only,
        alerts=lambda: settings,
    )


def screen_options(look: FirstLook) -> ScreenOptions:
    """Return how the settings want things shown."""
    from emeth_tui.tui.node_front import ScreenOptions
    from emeth_tui.tui.terminal import needs_ascii

    return ScreenOptions(
        themes_directory=look.source.parent / "themes",
        exports_directory=look.state_dir / "exports",
        theme=look.theme,
        language=look.language,
        ascii_only=look.ascii_only or needs_ascii(),
        keys=look.keys,
    )
