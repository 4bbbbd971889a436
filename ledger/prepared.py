"""Statements that are put together once a process and asked again with other values.

A list's statement takes SQLAlchemy longer to put together than the engine to answer. It differs
between two requests only in its moments and bounds: those are named, the rest is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Dialect, bindparam
from sqlalchemy.sql.visitors import replacement_traverse

MOST = 256
"""Statements that a process keeps."""

_kept: OrderedDict[Hashable, Prepared] = OrderedDict()


def ask(
    connection: Connection, key: Hashable, values: Mapping[str, Any], make: Callable[[], Any]
) -> Any:
    """The result of the statement that `make` gives, plain tuples as the driver has them.

    `key` says all that the statement is made of but `values`; those among them that stand in it
    as bound values are named by theirs, so two of them must not be equal.
    """

    def named() -> Any:
        return _named(make(), {value: name for name, value in values.items()})

    return tell(connection, key, values, named)


def tell(
    connection: Connection, key: Hashable, values: Mapping[str, Any], make: Callable[[], Any]
) -> Any:
    """The result of the statement that `make` gives, in which the `values` are named already."""
    whole = (connection.dialect.name, tuple(values), key)
    found = _kept.get(whole)
    if found is None:
        found = _kept[whole] = Prepared(make(), connection.dialect, values)
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    return connection.exec_driver_sql(found.statement, found.parameters(values))


class Prepared:
    """A statement as the driver takes it."""

    def __init__(self, statement: Any, dialect: Dialect, names: Mapping[str, Any]) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        state = compiled.construct_expanded_state(dict.fromkeys(names))
        self.statement: str = state.statement
        self._order: Sequence[str] | None = state.positiontup
        processors = dict(state.processors)
        for name, bound in compiled.binds.items():
            processors[name] = bound.type.dialect_impl(dialect).bind_processor(dialect)
        self._open = {
            name: processors.get(name) or _as_is for name in state.parameters if name in names
        }
        self._fixed = {
            name: (processors.get(name) or _as_is)(value)
            for name, value in state.parameters.items()
            if name not in names
        }

    def parameters(self, values: Mapping[str, Any]) -> Any:
        said = self._fixed | {name: make(values[name]) for name, make in self._open.items()}
        return said if self._order is None else tuple(said[name] for name in self._order)


def _as_is(value: Any) -> Any:
    return value


def _named(statement: Any, names: Mapping[Any, str]) -> Any:
    """With a name in place of each of the values."""

    def named(element: Any, **_: Any) -> ColumnElement[Any] | None:
        if isinstance(element, BindParameter) and isinstance(element.value, date):
            name = names.get(element.value)
            if name is not None:
                return bindparam(name, element.value, type_=element.type)
        return None

    return replacement_traverse(statement, {}, named)
