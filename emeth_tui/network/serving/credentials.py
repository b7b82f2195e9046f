"""Keys and passwords of what the services rest on: from files or the environment, never from arguments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from emeth_tui.errors import ServiceError
from emeth_tui.foreign_text import system_text
from emeth_tui.network.serving.config import ServeSettings
from emeth_tui.notices.reasons.local.serving import NotText, ServingSecretMissing, ServingSecretUnreadable

S3_ACCESS_KEY = "EMETH_SERVE_S3_ACCESS_KEY"
S3_SECRET_KEY = "EMETH_SERVE_S3_SECRET_KEY"  # noqa: S105 - a variable's name
POSTGRES_PASSWORD = "EMETH_SERVE_POSTGRES_PASSWORD"  # noqa: S105
VARIABLES = (S3_ACCESS_KEY, S3_SECRET_KEY, POSTGRES_PASSWORD)


def s3_keys(settings: ServeSettings, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return access key and secret key. Raise ServiceError."""
    assert settings.s3 is not None  # noqa: S101 - asked where there is one
    access = _found(settings.s3.access_key_file, environment.get(S3_ACCESS_KEY))
    secret = _found(settings.s3.secret_key_file, environment.get(S3_SECRET_KEY))
    if not access:
        raise ServiceError(ServingSecretMissing("s3.access_key_file", S3_ACCESS_KEY))
    if not secret:
        raise ServiceError(ServingSecretMissing("s3.secret_key_file", S3_SECRET_KEY))
    return access, secret


def postgres_password(settings: ServeSettings, environment: Mapping[str, str]) -> str:
    """Return the password; "" where none is given: PostgreSQL may not ask for one. Raise ServiceError."""
    assert settings.postgres is not None  # noqa: S101
    return _found(settings.postgres.password_file, environment.get(POSTGRES_PASSWORD))


def _found(path: Path | None, from_environment: str | None) -> str:
    if from_environment is not None:
        return from_environment
    if path is None:
        return ""
    try:
        return path.read_text("utf-8-sig").strip()
    except OSError as error:
        raise ServiceError(ServingSecretUnreadable(path, system_text(error))) from error
    except UnicodeDecodeError:
        raise ServiceError(ServingSecretUnreadable(path, NotText())) from None
