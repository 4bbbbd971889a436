"""Work outside a request: rows first, claimed with a lease, drained by the worker.

This room lies below those whose work it does: they register what is to be done.
"""

from .jobs import Cancelled, Running, register_job
from .outbox import register_topic
from .sweeps import register_sweep

__all__ = ["Cancelled", "Running", "register_job", "register_sweep", "register_topic"]
