"""`python -m edgebench` is the `edgebench` command."""

from edgebench.cli.app import main

if __name__ == "__main__":
    main()
