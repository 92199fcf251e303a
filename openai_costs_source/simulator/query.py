"""The parameters of a request, validated as OpenAI does, and the refusals that OpenAI returns."""

import json
import re
from collections.abc import Iterable, Mapping

Parameters = Mapping[str, list[str]]
"""A query string, parsed: the values of each parameter as sent."""


class Refusal(Exception):
    """A reply with a status other than 200; `body` is what OpenAI returns with it."""

    def __init__(
        self, status: int, message: str, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        kind = "server_error" if status >= 500 else "invalid_request_error"
        error = {"message": message, "type": kind, "param": param, "code": code}
        self.body = json.dumps({"error": error})


class Query:
    """The parameters of a request; a `Refusal` is raised for any that the endpoint does not accept.

    Parameters in `many` may repeat, also as `name[]`; parameters in `one` may not.
    """

    def __init__(
        self, parameters: Parameters, one: Iterable[str] = (), many: Iterable[str] = ()
    ) -> None:
        self.values: dict[str, list[str]] = {}
        for name, values in parameters.items():
            known = name.removesuffix("[]")
            if known not in many and name not in one:
                raise Refusal(400, f"Unknown parameter: '{name}'.", name, "unknown_parameter")
            self.values.setdefault(known, []).extend(values)
        for name in one:
            if len(self.many(name)) > 1:
                raise Refusal(400, f"Duplicate parameter: '{name}'.", name, "duplicate_parameter")

    def many(self, name: str, allowed: Iterable[str] = ()) -> list[str]:
        """Return all values of a parameter; without `allowed`, any value is accepted."""
        values = self.values.get(name, [])
        for value in values:
            if allowed and value not in allowed:
                choices = ", ".join(f"'{choice}'" for choice in allowed)
                message = f"Invalid value: '{value}'. Supported values are: {choices}."
                raise Refusal(400, message, name, "invalid_value")
        return values

    def one(self, name: str, default: str, allowed: Iterable[str] = ()) -> str:
        """Return the value of a parameter that does not repeat, or the default."""
        return (self.many(name, allowed) or [default])[0]

    def integer(self, name: str, default: int | None, least: int, most: int) -> int:
        """Return an integer from `least` to `most`; required unless there is a default."""
        if name not in self.values:
            if default is None:
                message = f"Missing required parameter: '{name}'."
                raise Refusal(400, message, name, "missing_required_parameter")
            return default
        text = self.one(name, "")
        if not re.fullmatch("-?[0-9]+", text):
            message = f"Invalid type for '{name}': expected an integer, but got '{text}' instead."
            raise Refusal(400, message, name, "invalid_type")
        if not least <= int(text) <= most:
            message = f"Invalid '{name}': expected {least} to {most}, but got {text} instead."
            raise Refusal(400, message, name, "integer_out_of_range")
        return int(text)
