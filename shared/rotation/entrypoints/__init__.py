"""
From an event to a step: what Lambda calls, and what tells of it.

All parts are put together here and nowhere else. Log lines and metrics are an interface: people filter by them.
"""
