"""`python -m emeth_tui`: the same program as the `emeth-tui` command."""

from emeth_tui.cli import main

if __name__ == "__main__":
    main()
