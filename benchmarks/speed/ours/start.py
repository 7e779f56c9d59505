"""Start-up: a unit of work is `preceptor --help`, from its start to its end."""

import subprocess
import sys
from pathlib import Path

from benchmarks.speed.turns import Turns


def main() -> None:
    """Answer turns with starts."""
    turns = Turns()
    command = (Path(sys.executable).with_name("preceptor"), "--help")
    for _ in turns:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
