"""Building many small objects at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Python's cycle collector rests meanwhile; also a decorator.

    Building a graph of 10,000 circuits makes hundreds of thousands of objects that all stay. The collector would look
    through all of them again and again and find nothing, which takes nearly as long as building them.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
