"""`python -m bench`, which `make bench` runs."""

from .run import main

main()
