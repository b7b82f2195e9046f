"""`python -m emeth_tui`: the same program as the `emeth-tui` command."""

import signal

from emeth_tui.process.garbage import collect_rarely


def main() -> None:
    """Run the command; already while its modules are loaded, garbage is hardly looked for."""
    collect_rarely()
    takes_interrupts = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not under nohup
    if takes_interrupts:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C before anything is begun: no traceback
    from emeth_tui.cli import main as run

    if takes_interrupts:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
