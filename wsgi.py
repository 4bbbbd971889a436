"""The WSGI application: `granian --interface wsgi wsgi:app`, or `flask --app wsgi …`."""

from ledger import create_app

app = create_app()
