"""Where servers on this machine listen."""

import socket

HOST = "127.0.0.1"


def free_port() -> int:
    """One that nobody else is given for the next minute: time enough for a server to start there.

    It is left in TIME_WAIT, out of which the kernel gives a port only to those who ask for it by its
    number and with SO_REUSEADDR, as servers do."""
    with socket.create_server((HOST, 0)) as server:
        port = int(server.getsockname()[1])
        with socket.create_connection((HOST, port)):
            server.accept()[0].close()  # who closes first has to wait
    return port
