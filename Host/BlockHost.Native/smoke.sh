#!/bin/bash
# SPDX-License-Identifier: MIT
# smoke.sh [BINARY...]: proves that a published blockhost-native serves a disk. Without arguments publishes both forms, trimmed and
# native code, below artifacts/native and proves each. Needs nbdcopy (libnbd) and python3.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
dotnet=${DOTNET:-dotnet}

publish() { # FOLDER ARGS...
    local folder=$1
    shift
    echo "publishing artifacts/native/$folder" >&2
    $dotnet publish "$here" -c Release -r linux-x64 -o "$root/artifacts/native/$folder" -v quiet -nologo "$@" >&2
    echo "$root/artifacts/native/$folder/blockhost-native"
}

fail() {
    echo "smoke: $1: $2" >&2
    exit 1
}

prove() { # BINARY
    local binary=$1 work daemon code=0
    work=$(mktemp -d)
    trap 'kill "${daemon:-}" 2>/dev/null || true; rm -rf "$work"' RETURN
    head -c 8M /dev/urandom >"$work/data"
    "$binary" img create -q -f qcow2 "$work/disk.qcow2" 8M
    # Options take effect in order: who can connect to the monitor finds the NBD server running.
    "$binary" serve --nbd-server "addr.type=unix,addr.path=$work/nbd" \
        --chardev "socket,path=$work/qmp,server=on,wait=off,id=qmp" --monitor chardev=qmp &
    daemon=$!
    python3 "$here/smoke.py" "$work/qmp" "$work/disk.qcow2" || fail "$binary" "QMP"
    nbdcopy --flush "$work/data" "nbd+unix:///disk?socket=$work/nbd" || fail "$binary" "writing over NBD"
    nbdcopy "nbd+unix:///disk?socket=$work/nbd" "$work/back" || fail "$binary" "reading over NBD"
    cmp "$work/data" "$work/back" || fail "$binary" "what was read is not what was written"
    kill -TERM "$daemon"
    wait "$daemon" || code=$?
    [ "$code" = 0 ] || fail "$binary" "it ended with $code on SIGTERM"
    "$binary" img compare -f raw -F qcow2 "$work/data" "$work/disk.qcow2" >/dev/null || fail "$binary" "the image differs"
    "$binary" img check -f qcow2 "$work/disk.qcow2" >/dev/null || fail "$binary" "the image is not clean"
    echo "ok: $binary ($(du -cBM --exclude='*.dbg' --exclude='*.pdb' --exclude='*.xml' "$(dirname "$binary")" | tail -1 | cut -f1))"
}

# What needs a plugin that is not linked in, and nothing else, goes to the program that loads plugins.
prove_hand_over() { # BINARY
    local place program
    place=$(mktemp -d)
    trap 'rm -rf "$place"' RETURN
    mkdir "$place/plugins" "$place/plugin-manifests"
    cp -r "$(dirname "$1")" "$place/program"
    program=$place/program/blockhost-native
    rm -f "$place/program/blockhost"
    printf '#!/bin/sh\necho "handed over: $*"\n' >"$place/program/blockhost"
    chmod +x "$place/program/blockhost"
    cat >"$place/plugin-manifests/test.other.json" <<EOF
{ "id": "test.other", "version": "1.0", "assembly": "Other.dll", "sha256": "$(printf '%064d' 0)",
  "contract": { "min": "1.0", "max": "2.0" },
  "provides": { "drivers": ["other"] }, "probes": [{ "driver": "other", "magic": "4F54484552" }] }
EOF
    printf OTHER >"$place/image"
    [ "$("$program" img create -q -f qcow2 "$place/disk.qcow2" 1M && "$program" img check -q "$place/disk.qcow2")" = "" ] ||
        fail "$1" "it hands over what it can do itself"
    [ "$("$program" img info "$place/image")" = "handed over: img info $place/image" ] || fail "$1" "it does not hand over an image it does not know"
    [ "$("$program" serve --pidfile "$place/pid")" = "handed over: serve --pidfile $place/pid" ] || fail "$1" "its daemon does not hand over"
    [ "$("$program" serve --help)" != "handed over: serve --help" ] || fail "$1" "it hands over its help"
}

command -v nbdcopy >/dev/null || { echo "smoke: skipped: there is no nbdcopy" >&2; exit 0; }
if [ $# = 0 ]; then
    trimmed=$(publish trimmed)
    native=$(publish aot -p:PublishAot=true)
    set -- "$trimmed" "$native"
fi
for binary in "$@"; do
    prove "$binary"
    prove_hand_over "$binary"
done
