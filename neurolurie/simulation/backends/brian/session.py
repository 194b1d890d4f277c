"""A stretch of time in which this process's Brian2 is ours: own device, own preferences, no messages."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TURN = threading.RLock()  # Brian2 keeps its device and preferences in globals: one run at a time


def cache_folder() -> Path:
    """``$NEUROLURIE_CACHE``, or neurolurie's folder in the user's cache."""
    chosen = os.environ.get("NEUROLURIE_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "neurolurie"


def import_brian():
    """The module brian2; unlike importing it by hand this leaves the interpreter's way of showing errors alone."""
    hook = sys.excepthook
    try:
        import brian2
    finally:
        sys.excepthook = hook
    return brian2


@contextmanager
def session(device, **preferences) -> Iterator[None]:
    """Make ``device`` the active one and set preferences (dots written as double underscores) until the end."""
    with _TURN:
        brian2 = import_brian()
        from brian2.devices.device import reset_device, set_device
        from brian2.utils.logger import catch_logs

        wanted = {
            "codegen.loop_invariant_optimisations": False,  # slow on unrolled code, and nothing is left to gain
            "core.default_float_dtype": brian2.float64,
            "core.network.default_schedule": ["start", "groups", "thresholds", "synapses", "resets", "end"],
            "codegen.runtime.cython.cache_dir": str(cache_folder() / "cython"),
            **{name.replace("__", "."): value for name, value in preferences.items()},
        }
        before = {name: brian2.prefs[name] for name in wanted}
        with catch_logs(log_level=logging.CRITICAL + 1):
            try:
                for name, value in wanted.items():
                    brian2.prefs[name] = value
                set_device(device, build_on_run=False)
                try:
                    yield
                finally:
                    reset_device()
            finally:
                for name, value in before.items():
                    brian2.prefs[name] = value
