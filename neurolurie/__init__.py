"""neurolurie."""
