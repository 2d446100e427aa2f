"""What JSON and YAML hold."""

from typing import Any, TypeAlias

Json: TypeAlias = Any
"""A value of any shape: a schema or the engine's documentation knows it, a type cannot say it."""
