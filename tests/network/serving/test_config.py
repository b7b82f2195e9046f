"""The file of `network serve`: defaults, paths, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from emeth_tui.errors import SettingsError
from emeth_tui.network.serving.config import read_serve_settings

LEAST = 'profile = "network.toml"\nstate_dir = "state"\n'


def written(directory: Path, text: str) -> Path:
    path = directory / "serve.toml"
    path.write_text(text, "utf-8")
    return path


def test_paths_are_from_the_files_own_directory(tmp_path: Path) -> None:
    settings = read_serve_settings(written(tmp_path, LEAST))
    assert (settings.profile, settings.state_dir) == (tmp_path / "network.toml", tmp_path / "state")
    assert (settings.listen, settings.verify, settings.trusted_proxies) == ("127.0.0.1:3000", False, [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('trusted_proxies = ["10.0.0.0/99"]', "an address or a range of them, such as 10.0.0.7"),
        ("[limits]\nrequests_per_minute = 0", "limits.requests_per_minute"),
        ('listen = "3000"', "listen"),
        ("verfy = true", "verfy"),
        ('public_url = "ftp://x"', "public_url"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read_serve_settings(written(tmp_path, LEAST + text))


def test_it_has_to_say_where_its_state_is(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="state_dir: is missing"):
        read_serve_settings(written(tmp_path, 'profile = "x"\n'))
