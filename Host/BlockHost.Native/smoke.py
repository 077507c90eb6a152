# SPDX-License-Identifier: MIT
"""smoke.py SOCKET IMAGE: over QMP, adds a qcow2 image as node "disk" and exports it writable."""
import json
import socket
import sys
import time

PATIENCE = 20


def connect(path):
    start = time.monotonic()
    while True:
        try:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(path)
            return connection.makefile("rw")
        except OSError:
            if time.monotonic() - start > PATIENCE:
                raise
            time.sleep(0.005)


def execute(monitor, command, **arguments):
    monitor.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    monitor.flush()
    while True:
        answer = json.loads(monitor.readline())
        if "event" not in answer:
            break
    if "error" in answer:
        sys.exit(f"{command}: {answer['error']['desc']}")
    return answer["return"]


def main(path, image):
    monitor = connect(path)
    greeting = json.loads(monitor.readline())
    assert "QMP" in greeting, greeting
    execute(monitor, "qmp_capabilities")
    execute(monitor, "blockdev-add", driver="qcow2", **{"node-name": "disk"}, file={"driver": "file", "filename": image})
    execute(monitor, "block-export-add", type="nbd", id="export", writable=True, **{"node-name": "disk"})
    exports = execute(monitor, "query-block-exports")
    assert [e["id"] for e in exports] == ["export"], exports


main(*sys.argv[1:])
