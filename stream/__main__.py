"""`python -m stream`: the `guidestream` command without its console script; child processes are started this way."""

from stream.cli.main import run

if __name__ == "__main__":
    run()
