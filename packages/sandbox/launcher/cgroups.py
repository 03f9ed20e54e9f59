"""Limits on memory, processor and processes."""


class NoCgroups:
    """Where no cgroup may be made: limits are advisory, and the node says so."""

    version = "none"

    def acquire(self, limits):
        return None

    def end(self):
        return
