"""
A SecureString of AWS Systems Manager's Parameter Store as the place where a credential is kept.

Readers ask for the newest version of the parameter: it is AWSCURRENT, and never given a value that is not live. Pending
values are entries of a journal, under another root. docs/decisions/parameter-store.md says why.
"""

from rotation.stores.parameter_store.live import Publishing
from rotation.stores.parameter_store.parameters import Clients
from rotation.stores.parameter_store.store import ROOT, ParameterStore

__all__ = ["ROOT", "Clients", "ParameterStore", "Publishing"]
