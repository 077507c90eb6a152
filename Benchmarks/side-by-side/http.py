#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks from a web server beside QEMU: reading all of one in order, and random reads of 4 KiB at depth 32.

usage: http.py [--size MiB] [--rounds N] [--count N] [--dir FOLDER] [--bin FOLDER]

An nginx of its own on this machine. What hangs is ended after a minute, which counts: QEMU's driver does so now and then where it has several
requests at once, as "convert" has by itself; with -m 1 it has one.
"""
import os
import subprocess
import time

from turns import compare, folder, options, requests, run, seconds, write_noise

PORT = 8723


def serve(place):
    conf = os.path.join(place, "nginx.conf")
    with open(conf, "w") as file:
        file.write(f"daemon off; pid {place}/pid; error_log {place}/log; worker_processes 2; user root; events {{}}\n"
                   f"http {{ access_log off; sendfile on; server {{ listen 127.0.0.1:{PORT}; root {place}; }} }}\n")
    return subprocess.Popen(["nginx", "-c", conf, "-e", os.path.join(place, "log")])


def main():
    given = options(__doc__, size=1024, count=20000)
    with folder(given) as place:
        write_noise(os.path.join(place, "disk"), given.size)
        server = serve(place)
        time.sleep(1)
        url, back = f"http://127.0.0.1:{PORT}/disk", os.path.join(place, "back")
        try:
            def measure(tool, _):
                convert = ["timeout", "60", tool, "convert", "-n", "-f", "raw", "-O", "raw"]
                return {"convert, s": seconds(*convert, url, "null-co://", check=False),
                        "convert -m 1, s": seconds(*convert, "-m", "1", url, "null-co://"),
                        "random reads a second": requests(tool, url, given.count)}

            for tool in ("qemu-img", os.path.join(given.bin, "qemu-img")):
                run(tool, "convert", "-m", "1", "-f", "raw", "-O", "raw", url, back)
                run("cmp", os.path.join(place, "disk"), back)
            compare(given, measure)
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
