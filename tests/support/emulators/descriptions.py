"""
What botocore ships of AWS's APIs, each file read once in a run of the tests.

As a plugin of pytest. A session reads megabytes for its first client, and each function that a test makes begins with
a session of its own, as a cold start does. Nobody changes what was read but botocore, to the same each time.
"""

from __future__ import annotations

import functools

from botocore.loaders import JSONFileLoader


def pytest_configure() -> None:
    """Remember what is read from now on."""
    reader = JSONFileLoader()
    read = functools.cache(reader.load_file)

    def load_file(_: JSONFileLoader, file_path: str) -> object:
        return read(file_path)

    JSONFileLoader.load_file = load_file  # type: ignore[assignment, method-assign]
