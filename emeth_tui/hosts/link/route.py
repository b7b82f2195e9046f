"""How a host is reached over ssh."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.transport import ssh as system_ssh


@dataclass(frozen=True, slots=True)
class Route:
    """Where a host is: an ssh destination, ssh's command there, and how emeth-tui is called on the host."""

    destination: str
    ssh: tuple[str, ...]
    remote_command: str
    node: str

    @property
    def words(self) -> tuple[str, ...]:
        """Return the command that reaches the host's relay."""
        remote = f"{self.remote_command} hosts stdio {self.node}"
        return (*self.ssh, *system_ssh.OPTIONS, *system_ssh.NO_QUESTIONS, "--", self.destination, remote)
