"""`python -m emeth_tui`: the same program as the `emeth-tui` command."""

from emeth_tui.process.garbage import collect_rarely


def main() -> None:
    """Run the command; already while its modules are loaded, garbage is hardly looked for."""
    collect_rarely()
    from emeth_tui.cli import main as run

    run()


if __name__ == "__main__":
    main()
