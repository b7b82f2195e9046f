"""The commands for people and scripts: what a node is and did, from any shell; docs/command-line.md.

None imports anything heavy before it runs.
"""

from emeth_tui.cli.commands.about import completion, keys, themes, version
from emeth_tui.cli.commands.deciding import claim, decline, withdraw
from emeth_tui.cli.commands.events import events
from emeth_tui.cli.commands.jobs import job, jobs
from emeth_tui.cli.commands.log import log
from emeth_tui.cli.commands.market import market
from emeth_tui.cli.commands.money import rewards, transactions
from emeth_tui.cli.commands.settings import settings
from emeth_tui.cli.commands.status import status
from emeth_tui.cli.commands.steering import finish, pause, resume, stop

COMMANDS = (
    status,
    jobs,
    job,
    log,
    events,
    market,
    transactions,
    rewards,
    pause,
    resume,
    finish,
    claim,
    decline,
    withdraw,
    stop,
    settings,
    themes,
    keys,
    completion,
    version,
)
