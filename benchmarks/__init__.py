"""Times neurolurie beside its peers in one process: ``python -m benchmarks [--json] [--only NAME]``."""
