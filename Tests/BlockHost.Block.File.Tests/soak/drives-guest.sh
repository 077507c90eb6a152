#!/bin/bash
# SPDX-License-Identifier: MIT
# host_cdrom, host_device and SCSI commands in a Linux guest, whose kernel drives a CD drive and disks that are emulated: drives-guest.sh TOOL DIR PROGRAM
#   TOOL     boots a small guest; see ../../BlockHost.Block.Vvfat.Tests/soak/linux-guest.sh
#   DIR      where TOOL keeps its kernel
#   PROGRAM  the native program, artifacts/native/tools/blockhost-native after "./blockhost build"; the guest has no .NET
# The guest's lines "HOST:words:" are given to QEMU's monitor, which changes and ejects discs, and shows the tray as the drive has it.
set -eu
tool=$(realpath "$1"); dir=$(mkdir -p "$2" && cd "$2" && pwd); program=$(realpath "$3"); here=$(cd "$(dirname "$0")" && pwd)
[ -e "$dir/vmlinuz" ] || "$tool" fetch "$dir"
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
cp "$program" qemu-storage-daemon
head -c 4M /dev/zero | tr '\0' '\021' > one.iso
head -c 8M /dev/zero | tr '\0' '"' > two.iso
"$tool" pack "$dir" initramfs "$here/drives.guest" "virtio_pci virtio_scsi sd_mod cdrom sr_mod sg crc_t10dif scsi_debug" ./qemu-storage-daemon
: > log
( GUEST_MEM=768 GUEST_WAIT=300 "$tool" run "$dir" initramfs -device virtio-scsi-pci -drive if=none,id=cd0,file=one.iso,media=cdrom,format=raw \
  -device scsi-cd,drive=cd0,id=cd -monitor unix:monitor,server=on,wait=off > log 2>&1 && rc=0 || rc=$?; echo "ended with $rc" >> log ) &
done=0
until grep -q '^ended with' log; do
  words=$(grep '^HOST:' log | sed -n "$((done + 1))s/^HOST:\(.*\):.*/\1/p")
  if [ -n "$words" ]; then
    done=$((done + 1))
    echo "$words" | socat -t1 - unix-connect:monitor | grep -a 'Removable' >> monitor.log || :
  fi
  sleep 0.1
done
cat log monitor.log
grep -q '^ended with 0' log
grep -q ' locked, tray closed' monitor.log && grep -q 'not locked, tray open' monitor.log
echo "the kernel's drives agree"
