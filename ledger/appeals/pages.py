"""The blueprint that the room's views hang their pages on."""

from flask import Blueprint

blueprint = Blueprint("appeals", __name__, url_prefix="/appeals")
desk = Blueprint("desk", __name__)
