"""Adapters by name: a source or channel is loaded by its short name from its package's contents list, or as
`their_package.module:Class`, so that a third party's needs no line here.

A source's class is made with (name, options, http); a channel's with its module's `Options`, a frozen dataclass that is
filled and checked here. Everything that is wrong with a name or an option is one line, raised as PaperlarkError.
"""

import difflib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from pkgutil import resolve_name
from types import ModuleType
from typing import Any, TypeVar, cast, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from paperlark import channels, sources
from paperlark.channels.base import Channel
from paperlark.http import Http
from paperlark.model.problems import PaperlarkError
from paperlark.sources.base import Importer, Source

SOURCE_PARTS = ("kind", "authority", "poll")
CHANNEL_PARTS = ("kind", "limits", "check_address", "is_group", "render", "send", "open", "close")
IMPORTER_PARTS = ("parse_saved", "looks_like")

ANY_TYPE = ConfigDict(arbitrary_types_allowed=True)  # an option may hold a stream

Filled = TypeVar("Filled")


def make_source(kind: str, name: str, options: Mapping[str, Any], http: Http) -> Source:
    """One configured source. Raises PaperlarkError for an unknown kind; the source itself checks its options."""
    make = cast(Callable[[str, Mapping[str, Any], Http], Source], source_class(kind))
    return make(name, options, http)


def make_channel(kind: str, options: Mapping[str, Any]) -> Channel:
    """One configured channel. Raises PaperlarkError for an unknown kind or an option that cannot be."""
    found = channel_class(kind)
    module = sys.modules[found.__module__]
    if not hasattr(module, "Options"):
        raise PaperlarkError(f'channel "{kind}": {module.__name__} has no Options')
    make = cast(Callable[[Any], Channel], found)
    return make(build_options(module.Options, options, kind=found.kind))


def source_class(kind: str) -> type[Source]:
    """The class of a source. Raises PaperlarkError, naming the known kinds and the nearest."""
    return cast(type[Source], _load("source", kind, sources.CONTENTS, SOURCE_PARTS))


def channel_class(kind: str) -> type[Channel]:
    """The class of a channel. Raises PaperlarkError, naming the known kinds and the nearest."""
    return cast(type[Channel], _load("channel", kind, channels.CONTENTS, CHANNEL_PARTS))


def source_module(kind: str) -> Importer:
    """The module of a source, for `parse_saved`. Raises PaperlarkError where it reads no saved files."""
    module = _module(kind)
    if not _has(module, IMPORTER_PARTS):
        raise PaperlarkError(f'source "{kind}" reads no saved files; these do: {", ".join(importer_kinds())}')
    return cast(Importer, module)


def importer_kinds() -> list[str]:
    """The kinds of the contents list that read saved files."""
    return [kind for kind in sources.CONTENTS if _has(_module(kind), IMPORTER_PARTS)]


def guess_kind(name: str, head: bytes) -> str | None:
    """The first kind of the contents list that takes a saved file for its own, or None.

    name: the file's name. head: its first 64 KiB.
    """
    for kind in sources.CONTENTS:
        module = _module(kind)
        if _has(module, IMPORTER_PARTS) and cast(Importer, module).looks_like(name, head):
            return kind
    return None


def build_options(form: type[Filled], given: Mapping[str, Any], *, kind: str) -> Filled:
    """The dataclass `form`, filled with `given` as far as its types allow ("587" is a whole number).

    Raises PaperlarkError: `telegram: base_url: …`, naming each option at fault and never its value.
    """
    known = {field.name: field for field in fields(cast(Any, form))}
    hints = get_type_hints(form)
    complaints = [f"{name}: there is no such option{_nearest(name, known)}" for name in given if name not in known]
    filled: dict[str, Any] = {}
    for name, field in known.items():
        if name in given:
            try:
                filled[name] = TypeAdapter(hints[name], config=ANY_TYPE).validate_python(given[name])
            except ValidationError as error:
                faults = error.errors(include_input=False, include_url=False)
                complaints.append(f"{name}: {' or '.join(_wanted(fault['msg']) for fault in faults)}")
        elif field.default is MISSING and field.default_factory is MISSING:
            complaints.append(f"{name}: is needed")
    if not complaints:
        try:
            return form(**filled)
        except ValueError as error:
            complaints.append(str(error))
    raise PaperlarkError("; ".join(f"{kind}: {complaint}" for complaint in complaints))


def _wanted(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "should be").partition(", unable to")[0]


def _load(sort: str, kind: str, contents: Mapping[str, str], parts: tuple[str, ...]) -> type:
    if kind not in contents and ":" not in kind:
        raise PaperlarkError(
            f'unknown {sort} "{kind}"{_nearest(kind, contents)} (there are {", ".join(sorted(contents))}, '
            "or your own as package.module:Class)"
        )
    path = contents.get(kind, kind)
    try:
        found = resolve_name(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise PaperlarkError(f'{sort} "{kind}" cannot be loaded: {error}') from error
    missing = [part for part in parts if not hasattr(found, part)]
    if not isinstance(found, type) or missing:
        lacks = f" (it lacks {', '.join(missing)})" if missing else ""
        raise PaperlarkError(f'"{kind}" is no class of a {sort}{lacks}')
    return found


def _module(kind: str) -> ModuleType:
    return sys.modules[source_class(kind).__module__]


def _has(module: ModuleType, parts: tuple[str, ...]) -> bool:
    return all(hasattr(module, part) for part in parts)


def _nearest(written: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(written, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
