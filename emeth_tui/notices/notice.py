"""What a notice is: a small frozen struct with a stable kind, and how it becomes JSON and comes back.

    Notice
    ├── Reason      why something is not done, or went wrong; an error carries one (errors.py)
    └── EventBody   what happened; an `Event` carries one (event.py)

Kinds are the classes' names: `FeeTooLow` is `fee_too_low`. A notice's sentence stands in the module of the
same name under `words`: notices/reasons/market.py has its words in words/reasons/market.py.

They are msgspec's structs, because there are hundreds: a class is made in a fiftieth of a dataclass's time.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar, get_type_hints

from msgspec import Struct
from msgspec.structs import asdict, force_setattr

from emeth_tui.foreign_text import ForeignText, one_line
from emeth_tui.model import Severity

if sys.version_info >= (3, 11):
    from typing import dataclass_transform
else:
    from typing_extensions import dataclass_transform

if TYPE_CHECKING:  # loaded when a notice is written or read: errors need this module at every start
    from pydantic import GetCoreSchemaHandler, TypeAdapter
    from pydantic_core import CoreSchema

MAX_TEXT_CHARS = 500  # of a field; texts of strangers may be megabytes long
MAX_DEPTH = 12  # of notices in each other that are read; ours go three deep


class _TextInJson:
    """Marks a number that is written as text: JSON readers round at 2^53."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        written = core_schema.plain_serializer_function_ser_schema(
            str, return_schema=core_schema.str_schema(), when_used="json"
        )
        return core_schema.int_schema(serialization=written)


Wei = Annotated[int, _TextInJson]
_N = TypeVar("_N", bound="Notice")
_ADAPTERS: dict[type[Notice], TypeAdapter[Any]] = {}  # made when a class is first written or read


@dataclass_transform(frozen_default=True)
class Notice(Struct, frozen=True):
    """Base of everything that is said. Texts in its fields become one printable line of bounded length."""

    kind: ClassVar[str]
    kinds: ClassVar[dict[str, type[Notice]]]  # of one family: all reasons, or all events
    package: ClassVar[str]  # where a family's classes are

    def __init_subclass__(cls) -> None:
        if Notice in cls.__bases__:
            cls.kinds = {}
            return
        cls.kind = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        if (known := cls.kinds.setdefault(cls.kind, cls)) is not cls:
            raise TypeError(f"{known.__module__} and {cls.__module__} both have a {cls.__name__}")

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, str) and not isinstance(value, Enum):
                force_setattr(self, name, one_line(value, MAX_TEXT_CHARS))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Notice], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic read and write a field that may hold any notice of a family."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else from_data(cls, value),
            serialization=core_schema.plain_serializer_function_ser_schema(to_data),
        )


class Reason(Notice):
    """Why something is not done, or went wrong. One may hold another that explains it."""

    package: ClassVar[str] = "emeth_tui.notices.reasons"


class EventBody(Notice):
    """What happened. `severity` is how much it matters to the operator."""

    package: ClassVar[str] = "emeth_tui.notices.events"
    severity: ClassVar[Severity] = Severity.INFO


class UnknownReason(Reason):
    """A reason of another version, which this one has no words for."""

    name: str
    content: ForeignText


class UnknownEvent(EventBody):
    """An event of another version, which this one has no words for."""

    name: str
    content: ForeignText


def to_data(notice: Notice) -> dict[str, Any]:
    """Write a notice as what JSON knows: its kind and its fields, notices in it likewise."""
    return {"kind": notice.kind, **field_data(notice)}


def field_data(notice: Notice) -> dict[str, Any]:
    """Write a notice's fields as what JSON knows. Amounts in wei are texts, as are inf and nan."""
    data: dict[str, Any] = _adapter(type(notice)).dump_python(asdict(notice), mode="json")
    return {name: _json_number(value) for name, value in data.items()}


def _json_number(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def from_data(family: type[_N], data: object) -> _N:
    """Read a notice of a family, `Reason` or `EventBody`. What is not known here becomes an unknown one."""
    content = dict(data) if isinstance(data, Mapping) else {"content": data}
    kind = str(content.pop("kind", ""))
    known: Any = _class_of(family, kind)
    deep = _too_deep(content)
    if known is not None and not deep:
        from pydantic import ValidationError

        try:
            notice: _N = known(**_adapter(known).validate_python(content))
            return notice
        except ValidationError:  # of another version, or of a stranger
            pass
    unknown: Any = UnknownReason if issubclass(family, Reason) else UnknownEvent
    return unknown(kind, "…" if deep else _as_text(content))  # type: ignore[no-any-return]


def _as_text(content: object) -> str:
    import json

    try:
        return json.dumps(content, ensure_ascii=False, default=str)
    except (TypeError, RecursionError):  # what another format than JSON can hold, or lists without end
        return "…"


def reason_data(reason: Reason | None) -> dict[str, Any] | None:
    """Write a reason that may be absent."""
    return None if reason is None else to_data(reason)


def reason_from(data: object) -> Reason | None:
    """Read a reason that may be absent."""
    return None if data is None else from_data(Reason, data)


def alike(one: Notice | None, other: Notice | None) -> bool:
    """Whether two notices differ in numbers at most: the same trouble, a moment later."""
    if one is None or other is None or type(one) is not type(other):
        return one is other
    return all(_alike(getattr(one, name), getattr(other, name)) for name in one.__struct_fields__)


def _alike(one: object, other: object) -> bool:
    if isinstance(one, Notice) and isinstance(other, Notice):
        return alike(one, other)
    numbers = isinstance(one, (int, float)) and not isinstance(one, bool)
    return numbers or one == other


def all_kinds(family: type[Notice]) -> dict[str, type[Notice]]:
    """List every class of a family by its kind."""
    import pkgutil

    package = import_module(family.package)
    for module in pkgutil.walk_packages(package.__path__, f"{family.package}."):
        import_module(module.name)
    return dict(family.kinds)


def _too_deep(data: object, levels: int = MAX_DEPTH) -> bool:
    if not isinstance(data, Mapping):
        return False
    return levels == 0 or any(_too_deep(value, levels - 1) for value in data.values())


def _class_of(family: type[Notice], kind: str) -> type[Notice] | None:
    if kind not in family.kinds:
        all_kinds(family)
    return family.kinds.get(kind)


class _FieldsOf:
    """The fields of a class, as pydantic checks and writes them: by their types, others left out."""

    def __init__(self, cls: type[Notice]) -> None:
        self._cls = cls

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        hints = get_type_hints(self._cls, include_extras=True)
        names = self._cls.__struct_fields__
        required = set(names[: len(names) - len(self._cls.__struct_defaults__)])
        return core_schema.typed_dict_schema(
            {
                name: core_schema.typed_dict_field(
                    handler.generate_schema(hints[name]), required=name in required
                )
                for name in names
            }
        )


def _adapter(cls: type[Notice]) -> TypeAdapter[dict[str, Any]]:
    if cls not in _ADAPTERS:
        from pydantic import TypeAdapter

        _ADAPTERS[cls] = TypeAdapter(Annotated[dict[str, Any], _FieldsOf(cls)])
    return _ADAPTERS[cls]
