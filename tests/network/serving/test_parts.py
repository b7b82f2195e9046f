"""What `network serve` rests on: what the file may say, and one line for each thing that is not right."""

from __future__ import annotations

from pathlib import Path

import pytest

from emeth_tui.errors import ServiceError, SettingsError
from emeth_tui.network.records.sqlite import SqliteDatabase
from emeth_tui.network.serving import credentials
from emeth_tui.network.serving.config import ServeSettings, read_serve_settings
from emeth_tui.network.serving.parts import open_database, open_storing
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.settings import Network
from tests.network.servers.grown import GrownServers

LEAST = 'profile = "network.toml"\nstate_dir = "state"\n'
S3 = '[s3]\nendpoint = "http://127.0.0.1:1"\nbucket = "emeth"\n'
KEYS = {credentials.S3_ACCESS_KEY: "tests", credentials.S3_SECRET_KEY: "a-secret"}


def settings_of(directory: Path, text: str) -> ServeSettings:
    path = directory / "serve.toml"
    path.write_text(LEAST + text, "utf-8")
    (directory / "state").mkdir(exist_ok=True)
    return read_serve_settings(path)


def network(**changes: object) -> Network:
    values = {"storage_url": "https://network.example", "info_url": "https://network.example"}
    return Network.model_validate({"chain_id": 5, "models": {"en": "x", "ja": "x"}, **values, **changes})


async def no_job(_job_id: str) -> ChainJob | None:
    return None


async def opened(directory: Path, text: str, secrets: dict[str, str], **changes: object) -> None:
    """Open what the file names, and close it. Raise ServiceError."""
    settings = settings_of(directory, text)
    database = await open_database(settings, secrets)
    try:
        await open_storing(settings, network(**changes), secrets, database, no_job)
    finally:
        database.close()


def test_files_of_secrets_are_from_the_files_own_directory(tmp_path: Path) -> None:
    text = S3 + 'access_key_file = "a"\nsecret_key_file = "/b"\n[postgres]\npassword_file = "c"\n'

    settings = settings_of(tmp_path, text)

    assert settings.s3 is not None
    assert settings.postgres is not None
    assert (settings.s3.access_key_file, settings.s3.secret_key_file) == (tmp_path / "a", Path("/b"))
    assert settings.postgres.password_file == tmp_path / "c"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (S3 + 'secret_key = "abc"', "s3.secret_key"),
        ('[s3]\nendpoint = "http://user:pass@x"\nbucket = "emeth"', "s3.endpoint"),
        ('[s3]\nendpoint = "http://x"\nbucket = "../x"', "s3.bucket"),
        ('[postgres]\npassword = "abc"', "postgres.password"),
        ('[postgres]\nhost = "a b"', "postgres.host"),
        ('[postgres]\nsslmode = "allow"', "postgres.sslmode"),
        ("orphans_kept_h = 0", "orphans_kept_h"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as error:
        settings_of(tmp_path, text)
    assert "pass@" not in str(error.value)


async def test_nodes_that_would_refuse_the_stores_urls_are_thought_of(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r'add storage_hosts = \["127.0.0.1"\]'):
        await opened(tmp_path, S3, KEYS)


async def test_an_object_store_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"bucket emeth at 127.0.0.1:1: EndpointConnectionError"):
        await opened(tmp_path, S3, KEYS, storage_hosts=["127.0.0.1"])


async def test_missing_secrets_are_named_with_where_they_may_stand(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"s3.access_key_file .* EMETH_SERVE_S3_ACCESS_KEY"):
        await opened(tmp_path, S3, {}, storage_hosts=["127.0.0.1"])
    with pytest.raises(ServiceError, match=r"s3.secret_key_file .* EMETH_SERVE_S3_SECRET_KEY"):
        await opened(tmp_path, S3, {credentials.S3_ACCESS_KEY: "x"}, storage_hosts=["127.0.0.1"])
    with pytest.raises(ServiceError, match=r"gone: cannot be read: No such file"):
        await opened(tmp_path, '[postgres]\npassword_file = "gone"\n', {})


@pytest.mark.parametrize(("text", "extra"), [(S3, "serve-s3"), ("[postgres]\n", "serve-postgres")])
async def test_a_missing_package_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, extra: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(ServiceError, match=rf"pip install 'emeth-tui\[{extra}\]'"):
        await opened(tmp_path, text, KEYS)


async def test_without_sections_everything_is_in_the_state_directory(tmp_path: Path) -> None:
    database = await open_database(settings_of(tmp_path, ""), {})
    database.close()

    assert isinstance(database, SqliteDatabase)
    assert (tmp_path / "state/records.db").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bucket", "key", "said"),
    [("nowhere", "a-secret-key-for-tests", "bucket nowhere at"), ("emeth", "wrong", "403")],
)
async def test_a_store_that_lets_nobody_in_is_named(
    tmp_path: Path, grown_servers: GrownServers, bucket: str, key: str, said: str
) -> None:
    text = f'[s3]\nendpoint = "{grown_servers.seaweed.url}"\nbucket = "{bucket}"\n'
    secrets = {credentials.S3_ACCESS_KEY: "tests", credentials.S3_SECRET_KEY: key}

    with pytest.raises(ServiceError, match=said) as error:
        await opened(tmp_path, text, secrets, storage_hosts=["127.0.0.1"])

    assert key not in str(error.value)
