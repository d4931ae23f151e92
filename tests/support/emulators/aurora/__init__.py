"""Two real servers that are one cluster: a writer, a reader that copies it, and names that move on failover."""
