"""What keeps the process's secrets in the process: no dumps, private files, an environment without passwords.

A process's first environment stays readable in /proc/PID/environ whatever is unset later, because unsetting
only forgets where a variable stands. So a secret's characters themselves are overwritten there.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys
from collections.abc import Iterable

_PR_SET_DUMPABLE = 4  # prctl(2): no core files, and /proc/PID for root alone
_PRIVATE_UMASK = 0o077
# What may pass to a child: what Python, torch and its libraries, the hub, locales and proxies are steered by.
_PASSED_ON = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TZ", "TMPDIR", "TEMP", "TMP", "LANG", "LANGUAGE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"),
        *("VIRTUAL_ENV", "CONDA_PREFIX", "GLIBC_TUNABLES"),
    }
)
_PASSED_ON_PREFIXES = (
    *("LC_", "LD_", "XDG_", "PYTHON", "TEXTUAL", "MALLOC_"),
    *("CUDA", "CUBLAS_", "CUDNN_", "NVIDIA_", "NCCL_", "HIP_", "ROCR_", "TORCH", "PYTORCH_", "TRITON_"),
    *("OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "RAYON_", "TOKENIZERS_", "HF_", "HUGGINGFACE_"),
)
_TOKENS = frozenset({"HF_TOKEN", "HF_TOKEN_PATH"})  # of the hub


def harden() -> None:
    """Allow no dumps of this process, and let what it creates be its owner's alone."""
    os.umask(_PRIVATE_UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def take_out(names: Iterable[str]) -> dict[str, str]:
    """Remove variables from this process's environment for good, and return those that were there.

    Must be called before there are threads and children.
    """
    taken: dict[str, str] = {}
    for name in names:
        if name in os.environ:
            taken[name] = os.environ[name]
            _overwrite(os.fsencode(name))
            del os.environ[name]
    return taken


def pass_on_nothing_else() -> None:
    """Remove from the environment what no child needs. Must be called before there are threads."""
    for name in os.environ.keys() - child_environment().keys():
        del os.environ[name]


def child_environment() -> dict[str, str]:
    """Return the environment for a child process: what its libraries need, and nothing else."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }


def offline_environment() -> dict[str, str]:
    """Return the environment for a child that opens a stranger's file: it fetches nothing, with no token."""
    passed_on = {
        name: value
        for name, value in child_environment().items()
        if name not in _TOKENS and not name.lower().endswith("_proxy") and not name.startswith("HUGGINGFACE_")
    }
    return {**passed_on, "HF_HUB_OFFLINE": "1"}


def _overwrite(name: bytes) -> None:
    """Overwrite a variable's value where the kernel shows it to others."""
    with contextlib.suppress(AttributeError, ValueError):  # a C library without `environ`
        entries = ctypes.POINTER(ctypes.c_void_p).in_dll(ctypes.CDLL(None), "environ")
        index = 0
        while address := entries[index]:
            entry = ctypes.string_at(address)
            if entry.startswith(name + b"="):
                ctypes.memset(address + len(name) + 1, 0, len(entry) - len(name) - 1)
            index += 1
