"""What a process that trains loads: the fork server of the tests imports it once for all of them."""

from __future__ import annotations

import tokenizers  # noqa: F401
import torch._dynamo  # noqa: F401

from emeth_tui.training import job  # noqa: F401
from emeth_tui.workers import process  # noqa: F401
