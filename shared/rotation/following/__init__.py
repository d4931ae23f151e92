"""
Servers in clusters: one takes changes, the others copy it, and which one that is may change at any time.

What the strategies ask for stays as it is: they log in where the secret says, and speak with the session. Underneath,

- a server that does not answer (paused, or just taking over) is waited for; one that refuses is believed;
- what changes anything, or is asked to decide a change, is asked at the writer: a login for it goes there at once
  where the secret's name is one that readers have; from a session that stands at a reader all the same, or at a server
  that has become one, another login with the same credential leads where the control plane or the cluster's own name
  says that the writer is;
- a proof stays where the secret says; a reader that does not know yet what the writer knows is given time.

Each call of a session is one that may be repeated as a whole (ports.Session), so it is, on the new writer.
"""

from rotation.following.logins import Following
from rotation.following.session import FollowingSession

__all__ = ["Following", "FollowingSession"]
