"""The command line: prints, decides nothing."""

from livedash_core.cli.app import main

__all__ = ["main"]
