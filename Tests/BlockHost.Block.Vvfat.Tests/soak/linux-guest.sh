#!/bin/bash
# SPDX-License-Identifier: MIT
# A Linux guest's own vfat driver works in a folder: linux-guest.sh TOOL DIR BIN [ROUNDS]
#   TOOL    boots a small guest: "TOOL fetch DIR" gets a kernel and a busybox, "TOOL pack DIR IMAGE SCRIPT MODULES" makes an initramfs that
#           runs SCRIPT, "TOOL run DIR IMAGE QEMU-ARGUMENT.." boots it, prints its console, and ends with SCRIPT's exit status
#   DIR     where TOOL keeps its kernel
#   BIN     the folder with our programs (artifacts/bin)
# The same commands run on the folder in the guest, over NBD, and on a copy of it here; then the two must be alike. Every round has a FAT of
# another type, and begins with the folder that the round before has left.
set -eu
tool=$(realpath "$1"); dir=$2; bin=$(cd "$3" && pwd); rounds=${4:-3}
work=$(mktemp -d); server=
trap '[ -z "$server" ] || kill $server; rm -rf "$work"' EXIT
[ -e "$dir/vmlinuz" ] || "$tool" fetch "$dir"

# What is done, by the guest and here: makes, writes, appends to, cuts, moves and removes files and folders.
cat > "$work/do.sh" <<'DO'
set -e
cd "$1"; r=$2
mkdir "made in round $r" "made in round $r/deeper"
seq 1 20000 > "made in round $r/numbers.txt"
seq 1 300 > "made in round $r/deeper/A rather long name, with Ümlauts and 漢字.text"
echo more >> keep.txt
: > "made in round $r/empty"
head -c 100 "made in round $r/numbers.txt" > "made in round $r/cut"
mv "made in round $r/cut" "made in round $r/deeper/moved"
mkdir gone; seq 1 5000 > gone/gone; rm -r gone
p=$((r - 1))
if [ -d "made in round $p" ]; then
  mv "made in round $p" "kept $p"
  rm "kept $p/empty"
  seq 5 > "kept $p/numbers.txt"
  mv "kept $p/deeper/moved" "made in round $r/from before"
fi
i=0; while [ $i -lt 60 ]; do echo "$r $i" > "made in round $r/file $i"; i=$((i + 1)); done
i=0; while [ $i -lt 60 ]; do rm "made in round $r/file $i"; i=$((i + 3)); done
DO
{
  echo 'set -e; wait_dev /dev/vda'
  echo '[ -e /dev/vda1 ] && disk=/dev/vda1 || disk=/dev/vda'
  echo 'cat > /tmp/do.sh <<"DO"'; cat "$work/do.sh"; echo 'DO'
  echo 'mount -t vfat -o utf8=1,shortname=mixed $disk /mnt; cat /mnt/keep.txt >/dev/null'
  echo 'sh /tmp/do.sh /mnt $(sed "s/.*round=\([0-9]*\).*/\1/" /proc/cmdline)'
  echo '(cd /mnt; find . -type f -exec sha256sum {} +) > /tmp/before; umount /mnt; echo 3 > /proc/sys/vm/drop_caches'
  echo 'mount -t vfat -o ro,utf8=1 $disk /mnt; cd /mnt; sha256sum -c /tmp/before >/dev/null; cd /; umount /mnt'
} > "$work/guest.sh"
"$tool" pack "$dir" "$work/initramfs" "$work/guest.sh" "virtio_pci virtio_blk fat vfat nls_cp437 nls_ascii nls_utf8 nls_iso8859-1"

mkdir "$work/folder"; echo keep > "$work/folder/keep.txt"
types=(16: 32: 12:floppy:)
for round in $(seq "$rounds"); do
  type=${types[$(((round - 1) % 3))]}
  rm -rf "$work/copy"; cp -a "$work/folder" "$work/copy"
  "$bin/qemu-nbd" -k "$work/socket" -t -f raw "fat:rw:$type$work/folder" & server=$!
  until [ -S "$work/socket" ]; do sleep 0.1; kill -0 $server; done
  GUEST_APPEND="round=$round" "$tool" run "$dir" "$work/initramfs" \
    -drive "file=nbd+unix:///?socket=$work/socket,format=raw,if=virtio"
  kill $server; wait $server || :; server=
  sh "$work/do.sh" "$work/copy" "$round"
  diff -r "$work/folder" "$work/copy"
  echo "round $round, $type: the folder is as the guest has left it"
done
