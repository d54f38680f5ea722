"""What a stranger might send."""

import os
import zlib


class Evil:
    """Makes a folder where it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def claiming(side: int) -> bytes:
    """A PNG whose header claims so many rows and columns, and which holds none."""
    header = b"IHDR" + side.to_bytes(4, "big") * 2 + b"\x08\x00\0\0\0"
    head = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    return head + (1000).to_bytes(4, "big") + b"IDAT" + bytes(1000)
