"""The settings file of a running node: two changes at once, and a file that is suddenly gone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from emeth_tui.engine.context import Context, LiveSettings
from emeth_tui.engine.settings_editor import SettingsEditor
from emeth_tui.errors import SettingsError
from emeth_tui.model import OPERATOR
from emeth_tui.notices.notice import EventBody
from emeth_tui.notices.reasons.settings import NoSettingsFile
from emeth_tui.settings import Layers, Settings, load_network

CAREFUL = 'network = "round3-2"\n[claims]\nenabled = false\n[limits]\nmax_staked_emt = 100\n'


class EditorAlone(SettingsEditor):
    """An editor without a node: of the context it needs no more than this."""

    def __init__(self, layers: Layers) -> None:
        self.live = LiveSettings(layers.load())
        self.published: list[EventBody] = []
        context: Any = SimpleNamespace(
            live=self.live,
            settings=self.live.now,
            network=load_network(self.live.now, environment={}),
            disk=SimpleNamespace(limit_bytes=0),
            events=SimpleNamespace(publish=self.published.append),
        )
        super().__init__(cast("Context", context), layers)

    @property
    def now(self) -> Settings:
        return self.live.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CAREFUL, "utf-8")
    return path


async def test_two_changes_at_once_are_both_made(path: Path) -> None:
    editor = EditorAlone(Layers(path))

    await asyncio.gather(
        editor.change("claims.min_fee_emt", "7", OPERATOR), editor.change("cache.limit_gb", "9", OPERATOR)
    )

    assert (editor.now.claims.min_fee_emt, editor.now.cache.limit_gb) == (7, 9)
    written = Layers(path).load()
    assert (written.claims.min_fee_emt, written.cache.limit_gb) == (7, 9)
    assert len(editor.published) == 2


async def test_a_file_that_is_gone_is_not_taken_for_one_of_defaults(path: Path) -> None:
    """The limits in it would fall away, and claims be made that it forbids."""
    editor = EditorAlone(Layers(path))
    path.rename(path.with_name("away"))  # noqa: ASYNC240

    with pytest.raises(SettingsError, match="no such file"):
        await editor.reload(OPERATOR)
    with pytest.raises(SettingsError, match="no such file"):
        await editor.change("cache.limit_gb", "9", OPERATOR)

    assert not editor.now.claims.enabled
    assert (editor.now.limits.max_staked_emt, editor.now.cache.limit_gb) == (100, 60)
    assert editor.published == []
    assert not path.exists()  # noqa: ASYNC240
    assert editor.view().error == NoSettingsFile(path)


async def test_a_run_without_a_file_takes_one_that_is_made_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    editor = EditorAlone(Layers(path, options={"network": "round3-2"}))
    await editor.change("cache.limit_gb", "9", OPERATOR)
    assert not path.exists()

    path.write_text(CAREFUL, "utf-8")
    await editor.reload(OPERATOR)
    path.unlink()

    with pytest.raises(SettingsError, match="no such file"):
        await editor.reload(OPERATOR)
    assert not editor.now.claims.enabled
