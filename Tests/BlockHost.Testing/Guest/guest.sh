#!/bin/bash
# SPDX-License-Identifier: MIT
# A small Linux guest, whose kernel is a driver that nobody here has written: Debian's cloud kernel and a static busybox.
#   guest.sh fetch DIR                          gets both into DIR; nothing is installed
#   guest.sh pack DIR IMAGE SCRIPT MODULES...   makes an initramfs that loads MODULES and runs SCRIPT with busybox's sh
#   guest.sh run DIR IMAGE [QEMU-ARGUMENT...]   boots it without KVM and shows its console; ends as SCRIPT did
# SCRIPT finds proc, sys, dev and tmp, and "wait_for PATH". GUEST_MEMORY is in MiB.
set -eu
verb=$1 dir=$(mkdir -p "$2" && cd "$2" && pwd); shift 2

fetch() {
    local package
    cd "$dir"
    # The package that only names the newest one.
    package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-.*-cloud-amd64\)$/\1/p' | head -1)
    [ -n "$package" ] || { echo "no linux-image-cloud-amd64 is known here" >&2; exit 1; }
    apt-get -qq download "$package" busybox-static
    for file in *.deb; do dpkg-deb -x "$file" root; done
    mv root/boot/vmlinuz-* vmlinuz
    find root -name busybox -type f -exec mv {} busybox \;
    mv root/lib/modules modules
    rm -rf root ./*.deb
    mkdir -p lib && ln -s ../modules lib/modules
    ./busybox depmod -b "$dir" "$(ls modules)"
}

pack() {
    local image=$1 script=$2 root version module line file
    shift 2
    root=$(mktemp -d); trap 'rm -rf "$root"' RETURN
    version=$(ls "$dir/modules")
    mkdir -p "$root"/{bin,dev,proc,sys,tmp,mnt} "$root/lib/modules/$version"
    cp "$dir/busybox" "$root/bin"
    cp "$dir/modules/$version/modules.dep" "$root/lib/modules/$version"
    for module; do
        line=$(grep "/${module//[-_]/[-_]}\.ko:" "$dir/modules/$version/modules.dep") || continue # built in
        echo "$module" >> "$root/modules"
        for file in ${line/:/ }; do
            install -D "$dir/modules/$version/$file" "$root/lib/modules/$version/$file"
        done
    done
    cp "$script" "$root/script"
    cat > "$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
for module in $(cat /modules); do modprobe "$module"; done
printf '#!/bin/sh\nwhile [ ! -e "$1" ]; do usleep 20000; done\n' > /bin/wait_for; chmod +x /bin/wait_for
sh /script; echo "guest ended with $?."
reboot -f
INIT
    chmod +x "$root/init"
    (cd "$root" && find . | "$dir/busybox" cpio -o -H newc 2> /dev/null) > "$image"
}

run() {
    local image=$1 memory=${GUEST_MEMORY:-256}
    shift
    qemu-system-x86_64 -accel tcg -machine q35,memory-backend=memory -cpu max -m "$memory" -nodefaults -display none -no-reboot \
        -object "memory-backend-memfd,id=memory,size=${memory}M,share=on" -serial stdio \
        -kernel "$dir/vmlinuz" -initrd "$image" -append "console=ttyS0 quiet panic=-1 reboot=t" "$@" < /dev/null |
        { rc=125; while IFS= read -r line; do
            printf '%s\n' "$line"
            case $line in *'guest ended with '*) rc=${line##*with }; rc=${rc%%.*} ;; esac
        done; exit "$rc"; }
}

"$verb" "$@"
