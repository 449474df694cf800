"""Classes of fields, as those of `dataclasses`, which take longer to be made than all else that importing the package does."""

from __future__ import annotations

from typing import Any, dataclass_transform


@dataclass_transform()
class Record:
    """A class whose annotations are its fields, in the order of its arguments; values of the class are their defaults."""

    def __init__(self, *values: Any, **named: Any) -> None:
        fields = type(self).__annotations__
        given = dict(zip(fields, values, strict=False)) | named
        if len(values) > len(fields) or not given.keys() <= fields.keys():
            raise TypeError(f"{type(self).__name__} has the fields {', '.join(fields)}")
        missing = [name for name in fields if name not in given and not hasattr(type(self), name)]
        if missing:
            raise TypeError(f"{type(self).__name__} needs {missing[0]}")
        self.__dict__.update(given)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in type(self).__annotations__)})"
