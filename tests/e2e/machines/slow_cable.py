"""Passes on what two interfaces hear, each a time later: `python3 slow_cable.py A B SECONDS`.

It does what netem does, for kernels that have none. It ends with its stdin, imports nothing of
ours to run as a script, and needs Linux 4.20.
"""

import contextlib
import select
import socket
import sys
import time
from collections import deque

ETH_P_ALL = 3
SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
"""linux/if_ether.h, linux/socket.h, linux/if_packet.h. With the first option a packet comes with
what the kernel still has to do to it, and may be longer than the cable takes."""
SO_RCVBUFFORCE = 33
LONGEST = 70_000
"""Bytes of a packet that is not cut in pieces yet."""
BUFFER = 32_000_000


def end_of(name: str) -> socket.socket:
    """Return a socket that hears what comes in at an interface, and sends out there."""
    one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    one.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    one.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    one.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    one.bind((name, 0))
    one.settimeout(0.0)
    return one


def pass_on(first: socket.socket, second: socket.socket, seconds: float) -> None:
    """Pass on until stdin ends; what does not fit is lost, as on any cable."""
    other = {first: second, second: first}
    queue: deque[tuple[float, socket.socket, bytes]] = deque()
    watched: list[int | socket.socket] = [0, *other]
    while True:
        wait = max(queue[0][0] - time.monotonic(), 0.0) if queue else None
        heard = set(select.select(watched, [], [], wait)[0])
        if 0 in heard:
            return
        now = time.monotonic()
        for one in other.keys() & heard:
            with contextlib.suppress(OSError):  # it was pulled out meanwhile
                queue.append((now + seconds, other[one], one.recv(LONGEST)))
        while queue and queue[0][0] <= now:
            _, one, packet = queue.popleft()
            with contextlib.suppress(OSError):
                one.send(packet)


if __name__ == "__main__":
    ends = [end_of(name) for name in sys.argv[1:3]]
    print("passing on", flush=True)  # noqa: T201 - who started it waits for this
    pass_on(ends[0], ends[1], float(sys.argv[3]))
