"""The engine of MySQL and MariaDB."""

from rotation.engines.mysql.engine import MySQL

__all__ = ["MySQL"]
