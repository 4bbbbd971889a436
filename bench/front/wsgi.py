"""Found by the server in the place of the project's own wsgi.py."""

from bench.app import create

app = create()
