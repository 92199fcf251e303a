"""The exception that this source raises."""

from __future__ import annotations


class OpenAICostsError(Exception):
    """What happened (`message`), in OpenAI's own words if it gave any, and what to do (`remedy`).

    `str(error)` has both. `status`, `code` and `param` are those of the API's reply, if there was
    one. `is_transient`: another try may succeed. `is_wrong_use`: a setting or an argument is wrong;
    no request has failed.
    """

    def __init__(
        self,
        message: str,
        remedy: str | None = None,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        is_transient: bool = False,
        is_wrong_use: bool = False,
    ) -> None:
        super().__init__(f"{message} {remedy}" if remedy else message)
        self.message = message
        self.remedy = remedy
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after
        self.is_transient = is_transient
        self.is_wrong_use = is_wrong_use

    @property
    def is_missing_permission(self) -> bool:
        """Whether the key lacks a permission, by the text: the status may be 401 or 403."""
        return "insufficient permissions" in str(self).lower()

    @property
    def is_unknown_path(self) -> bool:
        """Whether the API has no such path. Other 404s may mean that an object is not set."""
        return self.status == 404 and "invalid url" in self.message.lower()
