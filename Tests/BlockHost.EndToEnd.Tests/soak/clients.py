# SPDX-License-Identifier: MIT
"""The two clients that the scripts here need: a plain NBD client, and a QMP client that fails loudly."""

import json
import socket
import struct
import time


class Nbd:
    """One connection to an export on a Unix socket; every error is an assertion."""

    READ, WRITE, CLOSE, ZERO = 0, 1, 2, 6
    NO_HOLE = 2

    def __init__(self, path, name):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.handle = 0
        self._receive(18)
        self.socket.sendall(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 1, len(name)) + name.encode())
        self._receive(10)

    def write(self, offset, data):
        self._request(self.WRITE, 0, offset, len(data), data)

    def zero(self, offset, length, may_unmap):
        self._request(self.ZERO, 0 if may_unmap else self.NO_HOLE, offset, length)

    def read(self, offset, length):
        self._request(self.READ, 0, offset, length)
        return self._receive(length)

    def close(self):
        self.socket.sendall(struct.pack(">IHHQQI", 0x25609513, 0, self.CLOSE, 0, 0, 0))
        self.socket.close()

    def _request(self, command, flags, offset, length, data=b""):
        self.handle += 1
        self.socket.sendall(struct.pack(">IHHQQI", 0x25609513, flags, command, self.handle, offset, length) + data)
        magic, error, handle = struct.unpack(">IIQ", self._receive(16))
        assert (magic, error, handle) == (0x67446698, 0, self.handle), f"NBD request {command} at {offset}: error {error}"

    def _receive(self, length):
        data = b""
        while len(data) < length:
            piece = self.socket.recv(length - len(data))
            assert piece, "the NBD server has gone"
            data += piece
        return data


class Monitor:
    """A QMP connection. Commands must succeed unless told otherwise; events are kept until they are waited for."""

    PATIENCE = 60

    def __init__(self, path):
        for _ in range(600):
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.socket.settimeout(self.PATIENCE)
        # One file for both directions would throw what it has read ahead away at each write.
        self.stream = self.socket.makefile("r")
        self.events, self.log = [], []
        self._read()
        self.run("qmp_capabilities")

    def run(self, command, may_fail=False, **arguments):
        arguments = {name.replace("_", "-"): value for name, value in arguments.items()}
        message = self.ask(command, arguments)
        assert may_fail or "return" in message, f"{command}: {message}"
        return message.get("return")

    def ask(self, command, arguments):
        """The answer as it is."""
        self.log.append(f"{command} {json.dumps(arguments)}")
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while "event" in (message := self._read()):
            self.events.append(message)
        return message

    def wait(self, event, **members):
        """The event with these members of its data; it and those before it are forgotten."""
        while True:
            for i, message in enumerate(self.events):
                if message["event"] == event and all(message["data"].get(name) == value for name, value in members.items()):
                    del self.events[: i + 1]
                    return message["data"]
            self.events.append(self._read())

    def _read(self):
        line = self.stream.readline()
        if not line:
            raise EOFError("the daemon has gone")
        return json.loads(line)
