"""What the user wrote, as pure data that knows file and line: no arrays, no networks."""
