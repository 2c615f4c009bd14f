"""An environment of their own for the tools that `bulk` is compared with."""

import os
import subprocess
import sys
import venv
from hashlib import sha256
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
REQUIREMENTS = PEERS / "requirements.txt"


def python_of_peers() -> Path:
    """Return the Python that has them, installed now if they are not there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bulk-benchmarks"
    named = sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder, whole = cache / named, cache / named / "whole"
    python = folder / "bin" / "python"
    if not whole.exists():
        sys.stderr.write(f"Installing other tools into {folder}, once.\n")
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)]
        if subprocess.run(install, check=False, stdout=sys.stderr).returncode:
            raise SystemExit("other tools could not be installed; what pip says stands above")
        whole.touch()
    return python
