"""What the services rest on, as the file says: a database and a place for objects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from emeth_tui.errors import ServiceError
from emeth_tui.network.extra import check_packages
from emeth_tui.network.files import kept_secret
from emeth_tui.network.objects.store import ObjectStore
from emeth_tui.network.records.database import Database
from emeth_tui.network.records.earlier import take_over_embedded, take_over_files
from emeth_tui.network.records.sqlite import RECORDS_FILE, SqliteDatabase
from emeth_tui.network.services.storing import FindJob, StorageOptions, Storing, in_bucket, in_directory
from emeth_tui.network.serving.config import ServeSettings
from emeth_tui.network.serving.credentials import postgres_password, s3_keys
from emeth_tui.notices.reasons.local.serving import HostNotInProfile
from emeth_tui.settings import Network

if TYPE_CHECKING:
    from emeth_tui.network.objects.s3 import S3Place
    from emeth_tui.network.records.postgres import PostgresPlace
    from emeth_tui.network.records.postgres_lock import PostgresLock


async def open_database(settings: ServeSettings, secrets: Mapping[str, str]) -> Database:
    """Open the database, with its schema up to date and the records of before. Raise ServiceError."""
    if settings.postgres is None:
        return await asyncio.to_thread(open_embedded, settings.state_dir)
    check_packages("PostgreSQL", "serve-postgres", ("psycopg",))
    return await asyncio.to_thread(_open_postgres, _postgres_place(settings, secrets), settings.state_dir)


def open_embedded(state_dir: Path) -> SqliteDatabase:
    """Open the database of a state directory. Raise ServiceError."""
    database = SqliteDatabase(state_dir / RECORDS_FILE)
    _take_over(database, take_over_files, state_dir)
    return database


def _open_postgres(place: PostgresPlace, state_dir: Path) -> Database:
    from emeth_tui.network.records.postgres import PostgresDatabase

    database = PostgresDatabase(place)
    _take_over(database, take_over_files, state_dir)
    _take_over(database, take_over_embedded, state_dir)
    return database


def _take_over(database: Database, take: Callable[[Path, Database], None], state_dir: Path) -> None:
    try:
        take(state_dir, database)
    except ServiceError:
        database.close()
        raise


def verifier_lock(
    settings: ServeSettings, network: Network, secrets: Mapping[str, str], holder: str
) -> PostgresLock | None:
    """Return what keeps processes over one PostgreSQL from verifying at once; None without PostgreSQL.

    Over the embedded database it is the lock of the state directory.
    """
    if settings.postgres is None:
        return None
    from emeth_tui.network.records.postgres_lock import PostgresLock

    name = f"verifier {network.chain_id} {network.core_address.lower()}"
    return PostgresLock(_postgres_place(settings, secrets), name, holder)


async def open_storing(
    settings: ServeSettings,
    network: Network,
    secrets: Mapping[str, str],
    database: Database,
    find_job: FindJob,
) -> Storing:
    """Open the place for objects. Raise ServiceError when it cannot be used, or no node would use it."""
    options = StorageOptions(
        public_url=settings.public_url or network.storage_url,
        takes_states=network.verification == "replay",
    )
    if settings.s3 is None:
        secret = bytes.fromhex(kept_secret(settings.state_dir / "storage_secret"))
        return in_directory(
            settings.state_dir / "storage", database, find_job, secret=secret, options=options
        )
    check_packages("S3", "serve-s3", ("boto3", "botocore"))
    place = _s3_place(settings, secrets)
    check_host(network, place.public_endpoint, settings.profile)
    storing = in_bucket(place, database, options=options)
    await check_bucket(storing.objects, network)
    return storing


async def check_bucket(objects: ObjectStore, network: Network) -> None:
    """Raise ServiceError unless the bucket answers, and is this network's."""
    from emeth_tui.network.objects.s3 import S3Store

    assert isinstance(objects, S3Store)  # noqa: S101 - in_bucket made it
    await objects.check(f"{network.chain_id} {network.core_address.lower()}")


def check_host(network: Network, endpoint: str, profile: Path) -> None:
    """Raise ServiceError where nodes that follow the profile would refuse URLs on this host."""
    host = urlsplit(endpoint).hostname or ""
    if host not in {urlsplit(network.storage_url).hostname, *network.storage_hosts}:
        raise ServiceError(HostNotInProfile(host, profile))


def _s3_place(settings: ServeSettings, secrets: Mapping[str, str]) -> S3Place:
    from emeth_tui.network.objects.s3 import S3Place

    assert settings.s3 is not None  # noqa: S101
    access_key, secret_key = s3_keys(settings, secrets)
    return S3Place(
        settings.s3.endpoint,
        settings.s3.public_endpoint or settings.s3.endpoint,
        settings.s3.bucket,
        settings.s3.region,
        access_key,
        secret_key,
    )


def _postgres_place(settings: ServeSettings, secrets: Mapping[str, str]) -> PostgresPlace:
    from emeth_tui.network.records.postgres import PostgresPlace

    assert settings.postgres is not None  # noqa: S101
    one = settings.postgres
    return PostgresPlace(
        one.host,
        one.port,
        one.database,
        one.user,
        postgres_password(settings, secrets),
        one.sslmode,
        str(one.root_certificate or "system"),
    )
