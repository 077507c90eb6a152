#!/bin/bash
# SPDX-License-Identifier: MIT
# The driver beside the real libxseg: libxseg.sh SOURCES-OF-LIBXSEG BIN
#   SOURCES-OF-LIBXSEG  a copy of grnet/libxseg, version 0.4.1; it needs a C compiler
#   BIN                 the folder with our programs (artifacts/bin)
# Builds the library with a small peer over it, writes, reads, copies and compares a volume through our tools, by one and by many at once.
set -eu
sources=$(cd "$1" && pwd); bin=$(cd "$2" && pwd); here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d); segment=blockhost-$$; peer=
trap '[ -z "$peer" ] || kill $peer; rm -rf "$work" "/dev/shm/$segment" /dev/shm/posixfd' EXIT
cp -r "$sources/src" "$work/src"; mkdir -p "$work/include/xseg"
sed 's/\${MAJOR}/0/; s/\${MINOR}/4/; s/\${REVISION}/1/' "$work/src/include/xseg/version.h.in" > "$work/include/xseg/version.h"
# The C library has a gettid of its own by now.
sed -i 's/\bgettid()/xseg_gettid()/' "$work/src/include/xseg/xlock.h"
# Not -O2: the library shifts an int by more than 31.
cc -O1 -w -std=gnu99 -fcommon -rdynamic -I "$work/include" -I "$work/src/include" -I "$work/src" -o "$work/peer" "$here/peer.c" \
  "$work"/src/{xseg,initialize,xseg_posix,xseg_pthread,xseg_posixfd,xseg_user}.c "$work"/src/xtypes/{xheap,xobj,xq,xhash,xpool,xwaitq,xworkq,xbinheap}.c -lrt -lpthread -ldl
size=$((64 << 20))
"$work/peer" "$segment" $size > "$work/log" 2>&1 & peer=$!
until grep -q ready "$work/log"; do sleep 0.1; kill -0 $peer; done

name="archipelago:vol/segment=$segment"
"$bin/qemu-img" info "$name"
"$bin/qemu-io" -f raw -c 'write -P 0x42 4k 1M' -c 'read -P 0x42 4k 1M' -c 'read -P 0 0 4k' -c flush "$name"
head -c $size /dev/urandom > "$work/disk"
"$bin/qemu-img" convert -n -f raw -O raw "$work/disk" "$name"
"$bin/qemu-img" compare -f raw -F raw "$work/disk" "$name"
for i in $(seq 8); do "$bin/qemu-img" convert -f raw -O raw "$name" "$work/copy$i" & jobs[i]=$!; done
for i in $(seq 8); do wait ${jobs[i]}; cmp "$work/disk" "$work/copy$i"; done
kill -9 $peer; peer=
if "$bin/qemu-io" -r --image-opts -c 'read 0 4k' "driver=archipelago,volume=vol,segment=$segment,x-blockhost-timeout=2"; then
  echo "a peer that is gone was not noticed"; exit 1
fi
echo "the real library agrees"
