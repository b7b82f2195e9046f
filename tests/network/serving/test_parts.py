"""What `network serve` rests on: what the file may say, and one line for each thing that is not right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.errors import ServiceError, SettingsError
from emeth_tui.network.objects.s3 import S3Place, S3Store
from emeth_tui.network.records.sqlite import SqliteDatabase
from emeth_tui.network.serving import credentials
from emeth_tui.network.serving.config import ServeSettings, read_serve_settings
from emeth_tui.network.serving.parts import open_database, open_storing
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.settings import Network
from emeth_tui.words.sentences import english
from tests.network.servers.grown import GrownServers

LEAST = 'profile = "network.toml"\nstate_dir = "state"\n'
S3 = '[s3]\nendpoint = "http://127.0.0.1:1"\nbucket = "emeth"\n'
PLACE = S3Place("http://127.0.0.1:1", "http://127.0.0.1:1", "emeth", "us-east-1", "tests", "a-secret")
UNUSED: Any = None
KEYS = {credentials.S3_ACCESS_KEY: "tests", credentials.S3_SECRET_KEY: "a-secret"}


def settings_of(directory: Path, text: str) -> ServeSettings:
    path = directory / "serve.toml"
    path.write_text(LEAST + text, "utf-8")
    (directory / "state").mkdir(exist_ok=True)
    return read_serve_settings(path)


def network(**changes: object) -> Network:
    values = {"storage_url": "https://network.example", "info_url": "https://network.example"}
    values["core_address"] = "0x" + "1" * 40
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


@pytest.mark.slow
async def test_an_object_store_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"s3://emeth \(127.0.0.1:1\): EndpointConnectionError"):
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
    ("bucket", "access", "key", "said"),
    [
        (
            "nowhere",
            "tests",
            "a-secret-key-for-tests",
            r"s3://nowhere \(.*; create it, or correct s3\.bucket",
        ),
        (
            "emeth",
            "tests",
            "wrong",
            r"SignatureDoesNotMatch\); check s3\.access_key_file and s3\.secret_key_file",
        ),
        ("emeth", "nobody", "wrong", r"InvalidAccessKeyId\); check s3\.access_key_file"),
    ],
)
async def test_a_store_that_lets_nobody_in_is_named_with_what_helps(
    tmp_path: Path, grown_servers: GrownServers, bucket: str, access: str, key: str, said: str
) -> None:
    text = f'[s3]\nendpoint = "{grown_servers.seaweed.url}"\nbucket = "{bucket}"\n'
    secrets = {credentials.S3_ACCESS_KEY: access, credentials.S3_SECRET_KEY: key}

    with pytest.raises(ServiceError, match=said) as error:
        await opened(tmp_path, text, secrets, storage_hosts=["127.0.0.1"])

    assert key not in str(error.value)


@pytest.mark.slow
async def test_a_bucket_is_one_networks_alone(tmp_path: Path, grown_servers: GrownServers) -> None:
    grown_servers.empty()
    text = f'[s3]\nendpoint = "{grown_servers.seaweed.url}"\nbucket = "emeth"\n'
    secrets = {credentials.S3_ACCESS_KEY: "tests", credentials.S3_SECRET_KEY: "a-secret-key-for-tests"}
    hosts = {"storage_hosts": ["127.0.0.1"]}

    for _start in range(2):
        await opened(tmp_path, text, secrets, **hosts)
    with pytest.raises(
        ServiceError, match=r"another network's objects \(5 0x1{40}\); each network needs a bucket"
    ):
        await opened(tmp_path, text, secrets, **hosts, core_address="0x" + "2" * 40)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("403", r"s3://emeth \(127\.0\.0\.1:1\): access is refused \(403\); allow these keys"),
        ("AccessDenied", "allow these keys to list, read, write and delete"),
        ("404", "there is no such bucket; create it"),
        ("ExpiredToken", r"the keys have expired \(ExpiredToken\); the services need keys that last"),
        ("RequestTimeTooSkewed", "this machine's clock differs"),
        ("SlowDown", "does not do what it should: .*: SlowDown"),
    ],
)
def test_a_stores_code_is_said_in_a_line_that_helps(code: str, said: str) -> None:
    store = S3Store(PLACE, UNUSED, url_lifetime_s=1.0, part_bytes=1, max_dataset_bytes=1)

    assert re.search(said, english(store._why(code)))


@pytest.mark.slow
async def test_a_profile_of_the_machines_user_has_no_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    amiss = tmp_path / "amiss"
    amiss.write_text("[profile x\n", "utf-8")
    monkeypatch.setenv("AWS_PROFILE", "gone")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(amiss))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(amiss))

    with pytest.raises(ServiceError, match="EndpointConnectionError"):
        await opened(tmp_path, S3, KEYS, storage_hosts=["127.0.0.1"])
