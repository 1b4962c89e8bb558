"""``python -m thalweg.app``."""

from thalweg.app.cli import main

if __name__ == "__main__":
    main()
