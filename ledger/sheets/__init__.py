"""One reader for orders, firms, rosters and old ledgers. Knows files and words, no tables.

`read()` gives a `Sheet`: what kind of file it was, where its header stands, which column means
what, and its rows as text. `moment()` makes an instant of a cell. Whatever cannot be read at
all raises `SheetError`; what is wrong with one row stands in that row's `problems`.
"""

from .cells import BadCell, day, moment
from .errors import SheetError
from .headers import Column, Columns
from .reader import Row, Sheet, read

__all__ = ["BadCell", "Column", "Columns", "Row", "Sheet", "SheetError", "day", "moment", "read"]
