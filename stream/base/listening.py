"""A listening socket made before the server that answers on it, so that its port is known and a taken one is named."""

import socket

from stream.base.errors import SettingsError


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 picks a free one. Who serves it calls `listen` on it.

    Raises:
        SettingsError: the address cannot be listened on.
    """
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found.bind((host, port))
    except OSError as error:
        found.close()
        raise SettingsError(f"cannot listen on {host}:{port}: {error.strerror}; choose another port") from error
    return found
