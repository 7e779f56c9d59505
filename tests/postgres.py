"""A PostgreSQL of our own: a private cluster in a temporary folder, on a socket that nobody else sees."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

SETTINGS = ("listen_addresses=", "max_connections=200", "shared_buffers=64MB")


def programs() -> Path:
    """The folder of `initdb` and `pg_ctl`, latest version first; Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    named = shutil.which("initdb")
    assert found or named, "this test needs PostgreSQL: `make postgresql` installs it"
    return found[-1].parent if found else Path(str(named)).resolve().parent


@contextmanager
def cluster(*, is_durable: bool = False) -> Iterator[str]:
    """Start a server, give the URL of its database `postgres`, stop it. Tests need not wait for the disk."""
    folder = Path(tempfile.mkdtemp(prefix="preceptor-postgres-"))
    owner = _owner()
    if owner is not None:
        shutil.chown(folder, owner)
    data, bin_ = folder / "data", programs()
    _run(owner, bin_ / "initdb", "-D", data, "-U", "preceptor", "--auth=trust", "--encoding=UTF8", "--locale=C", "-N")
    settings = " ".join(f"-c {setting}" for setting in (*SETTINGS, f"fsync={'on' if is_durable else 'off'}"))
    options = f"{settings} -c unix_socket_directories={folder}"
    try:
        _run(owner, bin_ / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
        yield f"postgresql://preceptor@/postgres?host={quote(str(folder), safe='')}"
    finally:
        _run(owner, bin_ / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> str | None:
    """PostgreSQL refuses to run as root; whoever the package made for it may."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run(owner: str | None, *command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, user=owner, stdout=subprocess.DEVNULL, cwd="/")
