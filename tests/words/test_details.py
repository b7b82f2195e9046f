"""What went wrong in detail is said in the interface's language, but for what others said of it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin, get_type_hints

import httpx
import pytest
from msgspec.structs import replace

from emeth_tui.clients.http.exchange import Reply, describe
from emeth_tui.errors import DatasetError, StoreDamaged
from emeth_tui.foreign_text import one_line
from emeth_tui.model import Language
from emeth_tui.notices.notice import EventBody, Notice, Reason, from_data, to_data
from emeth_tui.notices.reasons.market import NoOffers, StatusOnChain
from emeth_tui.notices.reasons.network.exchange import TransferBrokeOff
from emeth_tui.notices.reasons.network.requesting import RequestNotOpen
from emeth_tui.notices.reasons.network.storage import PartRefused
from emeth_tui.notices.reasons.settings import CommandLine, Environment, SetByThisRun
from emeth_tui.notices.reasons.store import NotCopied, Overwritten
from emeth_tui.store.database import Store
from emeth_tui.store.reading import read_store
from emeth_tui.store.safety.backups import DATABASE_FILE
from emeth_tui.training.data.measuring import measure
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import set_language
from tests.factories import make_job
from tests.words.japanese import english_in
from tests.words.test_sentences import instance, of_each_module


def in_japanese(reason: Reason, *foreign: object) -> str:
    """Say a reason in Japanese, without what is `foreign`; there must be no English word of ours in it."""
    set_language("ja")
    said = text_of(reason)
    for text in foreign:
        said = said.replace(str(text), "…")
    assert english_in(said) == set(), said
    return said


@pytest.mark.parametrize(
    "status",
    [
        *("requested", "processing", "submitted", "verified", "canceled", "timeout", "failed", "declined"),
        *("unfinished", "unseen"),  # of requests
    ],
)
def test_where_a_job_stands(status: str) -> None:
    in_japanese(StatusOnChain(status))
    in_japanese(RequestNotOpen("5e66…66", status), "5e66…66")


def test_what_sets_a_setting_for_this_run() -> None:
    in_japanese(SetByThisRun("limits.max_jobs", CommandLine()), "limits.max_jobs")
    in_japanese(SetByThisRun("limits.max_jobs", Environment()), "limits.max_jobs")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    with Store(tmp_path) as store:
        store.jobs.save(make_job(), at_unix_s=1.0, state_changed=True)
    return tmp_path


def changed(state: Path, statement: str) -> StoreDamaged:
    connection = sqlite3.connect(state / DATABASE_FILE)
    connection.execute(statement)
    connection.commit()
    connection.close()
    with pytest.raises(StoreDamaged) as raised:
        Store(state)
    return raised.value


def test_a_damaged_database(state: Path) -> None:
    damaged = changed(state, "DELETE FROM jobs")

    said = in_japanese(damaged.reason, state, DATABASE_FILE, "job_states", "jobs")

    assert said.startswith("…/…: 壊れています: … の行が属する … の行がありません。")


def test_a_value_that_makes_no_sense(state: Path) -> None:
    damaged = changed(state, "UPDATE jobs SET state = 'dreaming'")

    said = in_japanese(damaged.reason, state, DATABASE_FILE, "'dreaming' is not a valid JobState")

    assert said.startswith("…/…: 壊れています: 解釈できない値があります: …。")


def test_a_database_that_was_overwritten(state: Path) -> None:
    store, path = Store(state), state / DATABASE_FILE
    copying = store.copying()
    copying.__enter__()()
    path.write_bytes(b"a photograph")

    with pytest.raises(StoreDamaged) as raised:
        copying.__exit__(None, None, None)

    store.close()
    assert in_japanese(raised.value.reason, path) == "…: 壊れているため控えを取りません: 上書きされました"


def test_a_database_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_FILE
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photographs (name TEXT)")
    connection.close()

    with pytest.raises(StoreDamaged) as raised, read_store(tmp_path):
        pass

    said = in_japanese(raised.value.reason, path, tmp_path)
    assert said.startswith("…: 壊れています: ノードのものではありません。")


def test_a_dataset_that_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)

    with pytest.raises(DatasetError) as raised:
        measure(path, Language.JA, "", max_bytes=1)

    said = in_japanese(raised.value.reason, path)
    assert said == "データセット … を読めません: 通常のファイルではありません"


def test_a_server_that_times_out() -> None:
    broken = TransferBrokeOff("http://x", describe(httpx.ReadTimeout("")))

    assert in_japanese(broken, "http://x") == "… との転送が中断しました: タイムアウト"


def test_a_server_that_refuses_without_a_word() -> None:
    reply = Reply(403, b"", httpx.Headers())

    said = in_japanese(PartRefused("http://x", reply.status, reply.said), "http://x")

    assert said == "… が分割データを拒否しました（HTTP ステータス 403）: 理由は示されていません"


@pytest.mark.parametrize("detail", [one_line("disk I/O error"), Overwritten()])
def test_text_or_reason_come_back_as_what_they_were(detail: object) -> None:
    written = NotCopied(Path("/1"), detail)  # type: ignore[arg-type]

    assert from_data(Reason, to_data(written)) == written


@of_each_module
def test_a_reason_in_the_place_of_a_text_is_read_as_it_was_written(classes: list[type[Notice]]) -> None:
    for cls in classes:
        family = Reason if issubclass(cls, Reason) else EventBody
        for name, hint in get_type_hints(cls).items():
            if get_origin(hint) in {Union, UnionType} and get_args(hint)[1] is Reason:
                written = replace(instance(cls), **{name: NoOffers()})
                assert from_data(family, to_data(written)) == written
