"""
What botocore ships of AWS's APIs, each file and folder read once in a run of the tests.

As a plugin of pytest. A session reads megabytes for its first client, and each function that a test makes begins with
a session of its own, as a cold start does. Nobody changes what was read but botocore, to the same each time.
"""

from __future__ import annotations

import functools

from botocore.loaders import JSONFileLoader, Loader


def pytest_configure() -> None:
    """Remember what is read from now on."""
    reader = JSONFileLoader()
    read = functools.cache(reader.load_file)
    look, seen = Loader.list_available_services, dict[tuple[str, ...], list[str]]()

    def load_file(_: JSONFileLoader, file_path: str) -> object:
        return read(file_path)

    def list_available_services(loader: Loader, type_name: str) -> list[str]:
        folders = (type_name, *loader.search_paths)
        if folders not in seen:
            seen[folders] = look(loader, type_name)
        return seen[folders]

    JSONFileLoader.load_file = load_file  # type: ignore[assignment, method-assign]
    Loader.list_available_services = list_available_services  # type: ignore[assignment, method-assign]
