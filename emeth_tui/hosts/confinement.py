"""What a link can still reach once it hears from hosts, of all that its user can."""

from __future__ import annotations

import logging
import socket
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

from emeth_tui.process.call_filter import filter_calls
from emeth_tui.process.landlock import Allowed, confine

# Where modules and shared libraries lie that are loaded late.
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/etc/ld.so.cache")
_INTERNET = (socket.AF_INET, socket.AF_INET6)
# What names of machines are resolved by; /etc itself may hold a password for the node.
_RESOLVER = ("resolv.conf", "hosts", "nsswitch.conf", "host.conf", "gai.conf", "services", "protocols")
log = logging.getLogger(__name__)


def confine_link(writable: Sequence[Path]) -> None:
    """Confine a link to these directories, which are made, without any network. Raise OSError.

    What the system does not offer is logged. It must be called before there are threads.
    """
    _confine(Allowed(tuple(_python()), tuple(writable)), ())


def confine_tls_link(writable: Sequence[Path], port: int) -> None:
    """Confine a link that listens at one TCP port and connects to any, as `confine_link` does."""
    readable = (*_python(), *_resolver())
    _confine(Allowed(readable, tuple(writable), ports=(port,), connects=True), _INTERNET)


def _confine(allowed: Allowed, families: Sequence[socket.AddressFamily]) -> None:
    if sys.platform == "linux" and len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError("a thread would stay unconfined")
    for directory in allowed.writable:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not confine(allowed):
        log.warning("this system has no Landlock: this process can read and write what its user can")
    if not filter_calls(families):
        log.warning("this system has no filter for calls: this process can connect to what its user can")


def _python() -> Iterator[Path]:
    """Yield where Python's modules are, but no other places in its path: one may be a home directory."""
    installed = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    packages = {entry for entry in sys.path if Path(entry).name in {"site-packages", "dist-packages"}}
    yield from map(Path, sorted(installed | packages))
    yield from (Path(sys.base_prefix, "lib"), *map(Path, _LIBRARIES))
    yield Path(__file__).parents[1]  # this package, wherever it is installed


def _resolver() -> Iterator[Path]:
    """Yield the files that names are resolved by; of one below /run its directory, where it is replaced."""
    for name in _RESOLVER:
        path = Path("/etc", name).resolve()
        yield path.parent if len(path.parts) > 3 and path.parts[1] == "run" else path
