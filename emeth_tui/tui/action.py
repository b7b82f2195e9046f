"""What an action is: a row of the table in `actions.py`, and the place in which its keys are heard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from operator import attrgetter
from typing import TYPE_CHECKING

from msgspec import Struct

from emeth_tui.notices.reasons.screen import NodeStarting
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.notices.notice import Reason
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.why_not import Target


class Scope(Enum):
    """Where a key is heard."""

    EVERYWHERE = auto()
    SCREEN = auto()  # on the dashboard and on every page
    ROWS = auto()  # in every list and text that scrolls
    TABLE = auto()  # on every page of rows with columns
    DASHBOARD = auto()
    EVENTS = auto()  # the dashboard's panel
    HISTORY = auto()
    DAYS = auto()
    MARKET = auto()
    TRANSACTIONS = auto()
    TRANSACTION = auto()
    DEPOSITS = auto()  # the page, as the two below
    DISK = auto()
    SHARE = auto()
    NETWORK = auto()
    REQUESTS = auto()
    REQUEST = auto()
    HOSTS = auto()
    GRAPHS = auto()
    JOB = auto()
    LOG = auto()
    SETTINGS = auto()
    SETTING_ENTRY = auto()  # the line in which a setting is typed
    HELP = auto()

    def overlaps(self, other: Scope) -> bool:
        """Whether a key could be heard in both at the same moment."""
        both = {self, other}
        if self is other or Scope.EVERYWHERE in both:
            return True
        if Scope.SETTING_ENTRY in both:
            return bool(both & {Scope.SCREEN, Scope.SETTINGS})
        if Scope.TABLE in both and both & set(TABLES):
            return True
        return bool(both & {Scope.SCREEN, Scope.ROWS}) or both == {Scope.DASHBOARD, Scope.EVENTS}


PAGES = (
    Scope.HISTORY,
    Scope.DAYS,
    Scope.MARKET,
    Scope.TRANSACTIONS,
    Scope.TRANSACTION,
    Scope.DEPOSITS,
    Scope.DISK,
    Scope.SHARE,
    Scope.NETWORK,
    Scope.REQUESTS,
    Scope.REQUEST,
    Scope.HOSTS,
    Scope.GRAPHS,
    Scope.JOB,
    Scope.LOG,
    Scope.SETTINGS,
    Scope.HELP,
)
SCREENS = (Scope.DASHBOARD, *PAGES)
TABLES = (
    Scope.HISTORY,
    Scope.DAYS,
    Scope.MARKET,
    Scope.TRANSACTIONS,
    Scope.DEPOSITS,
    Scope.DISK,
    Scope.SHARE,
    Scope.NETWORK,
    Scope.REQUESTS,
    Scope.HOSTS,
)
# Under which title of the help page the keys of a scope stand, where their rows do not say otherwise.
_GROUPS = {
    Scope.EVENTS: "In the events",
    Scope.TABLE: "In every table",
    Scope.HISTORY: "In the history",
    Scope.DAYS: "In the earnings by day",
    Scope.MARKET: "In the market",
    Scope.TRANSACTIONS: "Among the transactions",
    Scope.TRANSACTION: "On a transaction’s page",
    Scope.DEPOSITS: "On the page of deposits",
    Scope.DISK: "On the page of the disk",
    Scope.SHARE: "On the page of the day’s share",
    Scope.REQUESTS: "Among the requests",
    Scope.REQUEST: "On a request’s page",
    Scope.HOSTS: "On the page of hosts",
    Scope.GRAPHS: "In the graphs",
    Scope.JOB: "On a job’s page",
    Scope.LOG: "In the log",
    Scope.SETTINGS: "In the settings",
    Scope.SETTING_ENTRY: "In the settings",
}
THE_JOB, THE_NODE, LOOKING_AROUND = "The chosen job", "The node", "Looking around"
TITLES = tuple(dict.fromkeys([THE_JOB, THE_NODE, LOOKING_AROUND, *_GROUPS.values()]))  # of the help page


class Action(Struct, frozen=True):
    """Something that a key does.

    `id` is its name in the settings and `keys` are its keys by default, separated by spaces. `handler` is the
    path from the application to the method that does it, and `help` its line on the help page and in the
    palette. One with a `label` stands in the footer of its own screen, or of those that `footer` names; where
    that is narrow it goes by `brief`.
    """

    id: str
    keys: str
    scope: Scope
    handler: str
    help: str
    label: str | Callable[[Frame, Target], str] = ""
    why_not: Callable[[Frame, Target], Reason | None] | None = None
    group: str = ""  # a title of the help page
    arguments: tuple[int | str, ...] = ()
    brief: str = ""
    footer: tuple[Scope, ...] = ()
    explains_itself: bool = False  # opens even when it cannot be done, and shows why
    priority: bool = False  # heard before the widget that has the focus
    while_starting: bool = False  # can be done before there is a frame, whatever `why_not` says then

    def label_for(self, frame: Frame | None, target: Target) -> str:
        """Return its name in the footer at this moment."""
        if isinstance(self.label, str):
            return _(self.label)
        return self.label(frame, target) if frame else ""

    def reason_against(self, frame: Frame | None, target: Target) -> Reason | None:
        """Return why it cannot be done now, or None when it can."""
        if self.why_not is None:
            return None
        if frame is None:
            return None if self.while_starting else NodeStarting()
        return self.why_not(frame, target)

    def perform(self, application: object) -> None:
        """Call its handler."""
        attrgetter(self.handler)(application)(*self.arguments)

    def in_footer_of(self, scope: Scope) -> bool:
        """Whether it stands in the footer of a screen."""
        return bool(self.label) and scope in (self.footer or (self.scope,))

    @property
    def title(self) -> str:
        """Return the title that it stands under on the help page, not yet translated."""
        return self.group or _GROUPS.get(self.scope, LOOKING_AROUND)

    @property
    def texts(self) -> Sequence[str]:
        """Return the texts that are translated when they are shown."""
        label = self.label if isinstance(self.label, str) else ""
        return [text for text in (label, self.brief, self.help, self.title) if text]
