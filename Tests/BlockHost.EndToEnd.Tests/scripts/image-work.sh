#!/bin/bash
# SPDX-License-Identifier: MIT
# A day's work with disk images, written for QEMU's tools and run in an empty folder. It knows of nobody else's.

say() { printf '\n== %s\n' "$*"; }

# What two runs of one program would not print alike either.
run() {
    printf '$ %s\n' "$*"
    "$@" 2>&1 | sed -E \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}/DATE/' \
        -e 's/[0-9.]+ [KMG]?i?B, [0-9]+ ops; .*/RATE/' \
        -e 's/^disk size: .*/disk size: SIZE/' \
        -e 's/Run completed in .*/Run completed in TIME/' \
        -e 's/^Image end offset: .*/Image end offset: END/' \
        -e 's/, [0-9.]+% fragmented/, FRAGMENTED/'
    local code=${PIPESTATUS[0]}
    [ "$code" -eq 0 ] || echo "exit $code"
}

say "a golden image"
run qemu-img create -f qcow2 golden.qcow2 64M
run qemu-io -c 'write -P 1 0 4M' -c 'write -P 2 16M 1M' -c 'write -z 20M 1M' golden.qcow2
run qemu-img info golden.qcow2
run qemu-img check golden.qcow2

say "two machines on it"
for vm in red blue; do
    run qemu-img create -f qcow2 -b golden.qcow2 -F qcow2 $vm.qcow2
    run qemu-io -c "write -P 16 1M 256k" $vm.qcow2
done
run qemu-io -c 'write -P 17 32M 3M' red.qcow2
run qemu-img info --backing-chain red.qcow2
run qemu-img map --output=json red.qcow2
run qemu-img compare red.qcow2 blue.qcow2

say "snapshots"
run qemu-img snapshot -c before red.qcow2
run qemu-io -c 'write -P 99 0 2M' red.qcow2
run qemu-img snapshot -c after red.qcow2
run qemu-img snapshot -l red.qcow2
run qemu-img snapshot -a before red.qcow2
run qemu-io -c 'read -P 1 0 1M' -c 'read -P 16 1M 256k' -c 'read -P 1 1280k 768k' red.qcow2
run qemu-img snapshot -d after red.qcow2
run qemu-img snapshot -d after red.qcow2
run qemu-img snapshot -d before red.qcow2
run qemu-img check red.qcow2

say "backups of what has changed"
run qemu-img bitmap --add blue.qcow2 monday
run qemu-io -c 'write -P 20 8M 64k' -c 'write -P 21 40M 128k' blue.qcow2
run qemu-img bitmap --disable blue.qcow2 monday
run qemu-img bitmap --add -g 128k blue.qcow2 tuesday
run qemu-io -c 'write -P 22 41M 64k' blue.qcow2
run qemu-img bitmap --add --merge monday --merge tuesday blue.qcow2 week
run qemu-img info blue.qcow2
run qemu-img bitmap --remove blue.qcow2 monday
run qemu-img bitmap --remove blue.qcow2 monday
run qemu-img bitmap --remove blue.qcow2 tuesday
run qemu-img bitmap --remove blue.qcow2 week
run qemu-img check blue.qcow2

say "a layer goes into the one under it"
run qemu-img create -f qcow2 -b red.qcow2 -F qcow2 work.qcow2 96M
run qemu-io -c 'write -P 30 80M 1M' -c 'write -z 0 1M' work.qcow2
run qemu-img commit work.qcow2
run qemu-img info work.qcow2
run qemu-img info red.qcow2
run qemu-img check work.qcow2
run qemu-img check red.qcow2
run qemu-img compare work.qcow2 red.qcow2

say "another image under a machine"
run qemu-img create -f qcow2 golden2.qcow2 64M
run qemu-io -c 'write -P 1 0 3M' -c 'write -P 5 16M 1M' golden2.qcow2
run qemu-img convert -O raw blue.qcow2 blue-was.raw
run qemu-img rebase -b golden2.qcow2 -F qcow2 blue.qcow2
run qemu-img compare -f raw blue-was.raw -F qcow2 blue.qcow2
run qemu-img rebase -b '' blue.qcow2
run qemu-img info blue.qcow2
run qemu-img compare -f raw blue-was.raw -F qcow2 blue.qcow2
run qemu-img check blue.qcow2

say "sizes"
run qemu-img resize blue.qcow2 +16M
run qemu-img resize blue.qcow2 32M
run qemu-img resize --shrink blue.qcow2 32M
run qemu-img resize -f raw blue-was.raw 128M
run qemu-img info -f raw blue-was.raw
run qemu-img measure -O qcow2 blue.qcow2
run qemu-img check blue.qcow2

say "formats and versions"
run qemu-img convert -c -O qcow2 red.qcow2 red-small.qcow2
run qemu-img compare red.qcow2 red-small.qcow2
run qemu-img amend -o compat=0.10 red-small.qcow2
run qemu-img info red-small.qcow2
run qemu-img amend -o compat=1.1,lazy_refcounts=on red-small.qcow2
run qemu-img amend -o refcount_bits=8 red-small.qcow2
run qemu-img info red-small.qcow2
run qemu-img check red-small.qcow2
run qemu-img convert -O qcow2 -o cluster_size=4k,extended_l2=off red.qcow2 red-fine.qcow2
run qemu-img compare -s red.qcow2 red-fine.qcow2
run qemu-img dd -f qcow2 -O raw bs=1M count=4 skip=1 if=red.qcow2 of=piece.raw
run qemu-io -f raw -c 'read -P 16 0 256k' piece.raw

say "a broken image"
run qemu-img create -f qcow2 broken.qcow2 8M
run qemu-io -c 'write -P 1 0 256k' broken.qcow2
printf '\0\1' | dd of=broken.qcow2 bs=1 seek=131092 conv=notrunc status=none
printf '\0\0' | dd of=broken.qcow2 bs=1 seek=131084 conv=notrunc status=none
run qemu-img check broken.qcow2
run qemu-img check -r all broken.qcow2
run qemu-img check broken.qcow2
run qemu-io -c 'read -P 1 0 256k' broken.qcow2

say "what goes wrong"
run qemu-img info nowhere.qcow2
run qemu-img create -f qcow2 -b nowhere.qcow2 -F qcow2 x.qcow2
run qemu-img create -f nosuch x.img 1M
run qemu-img rebase -b nowhere.qcow2 -F qcow2 red.qcow2
run qemu-img commit golden.qcow2
run qemu-img resize golden.qcow2 1M
run qemu-img snapshot -a nobody golden.qcow2
run qemu-img bench -w -c 100 -d 4 -s 64k golden.qcow2
run qemu-img frobnicate golden.qcow2
ls
