"""``python -m constructive``: the command line."""

from constructive.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
