"""What a page draws, read as its reader would: its words, and the form that he would send back."""

from __future__ import annotations

import html
import re
from typing import Any

from flask.testing import FlaskClient


def form_of(client: FlaskClient, url: str, action: str = "") -> dict[str, str]:
    """What a browser would send back of the form at `url` (with that action), untouched."""
    page = client.get(url).text
    action = action or url
    found = re.search(rf'<form method="post" action="{re.escape(action)}".*?</form>', page, re.S)
    assert found, page
    drawn = found[0]
    data = {}
    for tag in re.findall(r"<input [^>]*>", drawn):
        named = re.search(r' name="([^"]+)"', tag)
        value = re.search(r' value="([^"]*)"', tag)
        if named and ('type="checkbox"' not in tag or " checked" in tag):
            data[named[1]] = html.unescape(value[1]) if value else ""
    for name, options in re.findall(r'<select [^>]*name="([^"]+)".*?>(.*?)</select>', drawn, re.S):
        chosen = re.search(r'<option (?:selected )?value="([^"]*)"(?: selected)?', options)
        for option in re.findall(r"<option[^>]*>", options):
            if "selected" in option:
                chosen = re.search(r'value="([^"]*)"', option)
        data[name] = html.unescape(chosen[1]) if chosen else ""
    return data


def said(answer: Any) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", answer.text))
