"""Report: figures, an animation and one self-contained page from a result."""
