"""The version of the installed package."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of


def version() -> str:
    """Return the version of the command; "(not installed)" if it runs from a folder only."""
    try:
        return version_of("openai-costs")
    except PackageNotFoundError:
        return "(not installed)"
