"""``python -m wattproof`` is the ``wattproof`` command."""

from wattproof.cli import main

if __name__ == "__main__":
    main()
