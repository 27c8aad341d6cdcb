"""The command line: parses options, calls the library, prints the results."""


def main() -> None:
    """Run the command line; see ``app.main``."""
    # Imported here, because a worker process is in this package too and needs no command.
    from livedash_core.cli.app import main as run

    run()
