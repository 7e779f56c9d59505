"""vLLM's server, which ends when whoever started it is gone. It runs where vLLM is installed and Preceptor is not."""

import os
import runpy
import signal
import sys
import threading


def end_with_parent() -> None:
    """Wait until the other end of the standard stream is closed, on purpose or by a kill; then end."""
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    runpy.run_module("vllm.entrypoints.openai.api_server", run_name="__main__")
