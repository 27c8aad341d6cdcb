"""The command line: parses options, calls the library, prints the results."""

from livedash_core.cli.app import main

__all__ = ["main"]
