"""What the attacks try to reach: TCP, UDP, an abstract and a path socket, and a process.

``python3 _listener.py TOKEN ABSTRACT_NAME SOCKET_PATH`` prints the two ports, then one line
for each signal that reaches it; it ends when its stdin is closed.
"""

import os
import select
import signal
import socket
import sys


def _listening(kind: int, address: object) -> socket.socket:
    listening = socket.socket(kind)
    listening.bind(address)  # type: ignore[arg-type]
    listening.listen(16)
    return listening


def main() -> None:
    """Serve until stdin closes."""
    token, abstract, path = (argument.encode() for argument in sys.argv[1:4])
    servers = [
        _listening(socket.AF_INET, ("127.0.0.1", 0)),
        _listening(socket.AF_UNIX, b"\0" + abstract),
        _listening(socket.AF_UNIX, path),
    ]
    os.chmod(path, 0o777)  # noqa: PTH101, S103 - the sandbox, not the mode, must stop them
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    signal.signal(signal.SIGWINCH, lambda *_: os.write(1, b"signal\n") and None)
    ports = f"{servers[0].getsockname()[1]} {datagrams.getsockname()[1]}\n"
    os.write(1, ports.encode())
    while True:
        watched: list[socket.socket | int] = [0, datagrams, *servers]
        ready = set(select.select(watched, [], [])[0])
        if 0 in ready:
            return
        if datagrams in ready:
            datagrams.sendto(token, datagrams.recvfrom(64)[1])
        for server in filter(ready.__contains__, servers):
            with server.accept()[0] as connection:
                connection.sendall(token)


if __name__ == "__main__":
    main()
