"""The command line: one module per group of commands, strung together in `stream.cli.main`."""
