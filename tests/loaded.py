"""The modules that a training process loads: the tests' fork server imports them once for all tests."""

from __future__ import annotations

import tokenizers  # noqa: F401
import torch._dynamo  # noqa: F401

from emeth_tui.training import job  # noqa: F401
from emeth_tui.workers import process  # noqa: F401
