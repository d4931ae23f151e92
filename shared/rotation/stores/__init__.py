"""
The places where secrets are kept, one file each; a store keeps the promises of ``ports.SecretStore``.

A store decides nothing: it reads, writes and names what went wrong. tests/contract/store_contract.py specifies it.
"""
