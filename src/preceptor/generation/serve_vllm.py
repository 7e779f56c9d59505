"""vLLM's server, which ends when whoever started it is gone. It runs where vLLM is installed and Preceptor is not.

    python -I serve_vllm.py FOLDER ARGUMENT …

FOLDER is what both share, with the weights that are being handed over: it goes with the server.
"""

import os
import runpy
import shutil
import signal
import sys
import threading


def end_with_parent(folder: str) -> None:
    """Wait until the other end of the standard stream is closed, on purpose or by a kill; then end."""
    os.read(sys.stdin.fileno(), 1)
    shutil.rmtree(folder, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, args=[sys.argv.pop(1)], daemon=True).start()
    runpy.run_module("vllm.entrypoints.openai.api_server", run_name="__main__")
