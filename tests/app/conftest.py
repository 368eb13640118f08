"""The fixtures are in `tests.application`, shared with the browser tests."""

from tests.application import Estates

__all__ = ["Estates"]
