"""The sentences of notices/reasons/doctor/settings.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.doctor import settings

SENTENCES: Mapping[type[Notice], str] = {
    settings.SettingsRead: "{path} is good; network {network}",
    settings.SettingsMissing: "there is no settings file yet: {path}",
    settings.FilePrivate: "{path} is readable by its owner alone",
    settings.FileOpenToOthers: "{path} holds a secret and can be read by other users",
    settings.KeyThere: "the verification key of {network} is there",
    settings.VerifiesChain: "{network} verifies by the hash chain of the epochs",
    settings.VerifiesReplay: (
        "{network} trains epochs of each job again: batch and rate are not yours to choose, states of the "
        "training stay on the disk, and those that are drawn are delivered within {delivery_s}"
    ),
    settings.VerifiesLearning: (
        "{network} verifies what was learnt of the job's own text as well; leave training.batch_size at auto"
    ),
}
