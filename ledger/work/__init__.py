"""Work outside a request: rows first, claimed with a lease, drained by the worker.

This room lies below those whose work it does: they register what is to be done. Nothing is
imported here, so that the supervisor (serve) stays small.
"""
