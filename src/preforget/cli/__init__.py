"""The command line: one file per command, heavy libraries imported late."""
