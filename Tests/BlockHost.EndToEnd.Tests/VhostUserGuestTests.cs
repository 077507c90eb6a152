// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;
using BlockHost.Testing.Guest;

namespace BlockHost.EndToEnd.Tests;

/// <summary>Guests of QEMU's whose disk is ours.</summary>
public sealed class VhostUserGuestTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private static readonly string[] Modules = ["virtio_pci", "virtio_blk", "ext4"];

    [SkippableTheory]
    [InlineData("")]
    [InlineData(",num-queues=2,packed=on")]
    public async Task A_Linux_guest_finds_in_its_file_system_what_it_has_put_there(string properties)
    {
        Skip.If(LinuxGuest.Missing is not null, LinuxGuest.Missing);
        using var folder = new Folder();
        await using var disk = new GuestDisk(folder);
        await disk.StartAsync(queues: 2);
        const string script =
            """
            set -e
            wait_for /dev/vda
            [ "$(cat /sys/block/vda/queue/write_cache)" = "write back" ]
            mke2fs /dev/vda > /dev/null; mount -t ext4 /dev/vda /mnt; mkdir /mnt/d; cd /mnt/d
            for i in $(seq 20); do dd if=/dev/urandom of=$i bs=64k count=$i 2> /dev/null; done
            sha256sum * > /tmp/sums; rm 3 7; sync; cd /; umount /mnt; echo 3 > /proc/sys/vm/drop_caches
            mount -t ext4 -o discard /dev/vda /mnt; cd /mnt/d
            grep -v -E ' (3|7)$' /tmp/sums | sha256sum -c > /dev/null; rm 11; sync; cd /; umount /mnt
            """;

        await using var guest = LinuxGuest.Start(folder.Path, script, Modules, disk.Device(properties));

        Assert.True(await guest.ExitCodeAsync(Patience) == 0, guest.Console);
    }

    /// <summary>The guest writes without a pause, and does not notice.</summary>
    [SkippableTheory]
    [InlineData("")]
    [InlineData(",packed=on")]
    public async Task A_Linux_guest_goes_on_when_the_daemon_was_killed_and_started_again(string properties)
    {
        Skip.If(LinuxGuest.Missing is not null, LinuxGuest.Missing);
        using var folder = new Folder();
        await using var disk = new GuestDisk(folder);
        await disk.StartAsync();
        const string script =
            """
            set -e
            wait_for /dev/vda
            mke2fs /dev/vda > /dev/null; mount -t ext4 /dev/vda /mnt; cd /mnt
            for i in $(seq 60); do
              dd if=/dev/urandom of=$i bs=16k count=16 conv=fsync 2> /dev/null; sha256sum $i >> /tmp/sums; echo "wrote $i."
            done
            cd /; umount /mnt; echo 3 > /proc/sys/vm/drop_caches
            mount -t ext4 /dev/vda /mnt; cd /mnt; sha256sum -c /tmp/sums > /dev/null
            ! dmesg | grep -i 'I/O error'
            """;
        await using var guest = LinuxGuest.Start(folder.Path, script, Modules, disk.Device(properties));

        foreach (var when in (string[])["wrote 5.", "wrote 20."])
        {
            Assert.True(await guest.ShowsAsync(when, Patience), guest.Console);
            await disk.KillAsync();
            await disk.StartAsync();
        }

        Assert.True(await guest.ExitCodeAsync(Patience) == 0, guest.Console);
    }

    /// <summary>
    /// The firmware's driver reads the first sector, whose code asks the firmware for the second one and shows it:
    /// <code>
    ///   mov ax, 0x201 / mov bx, 0x7e00 / mov cx, 2 / int 0x13      one sector, the second, to 0:7e00
    ///   lodsb / out dx, al …                                       to the serial line, as far as a 0
    ///   out 0xf4, 0x10                                             QEMU ends with 33
    /// </code>
    /// </summary>
    [SkippableFact]
    public async Task The_firmware_boots_from_it()
    {
        Programs.Require("qemu-system-x86_64");
        using var folder = new Folder();
        await using var disk = new GuestDisk(folder, size: "1M");
        byte[] code =
        [
            0x31, 0xC0, 0x8E, 0xD8, 0x8E, 0xC0, 0xB8, 0x01, 0x02, 0xBB, 0x00, 0x7E, 0xB9, 0x02, 0x00, 0xB6, 0x00, 0xCD, 0x13,
            0xBE, 0x00, 0x7E, 0xBA, 0xF8, 0x03, 0xAC, 0x84, 0xC0, 0x74, 0x03, 0xEE, 0xEB, 0xF8, 0xBA, 0xF4, 0x00, 0xB0, 0x10,
            0xEE, 0xF4, 0xEB, 0xFD,
        ];
        var image = new byte[1 << 20];
        code.CopyTo(image, 0);
        (image[510], image[511]) = (0x55, 0xAA);
        "the second sector\0"u8.CopyTo(image.AsSpan(512));
        await File.WriteAllBytesAsync(disk.Image, image);
        await disk.StartAsync();

        var result = CommandRunner.RunIn(
            folder.Path,
            "qemu-system-x86_64",
            [
                "-accel", "tcg", "-machine", "q35,memory-backend=memory", "-m", "64", "-nodefaults", "-display", "none",
                "-object", "memory-backend-memfd,id=memory,size=64M,share=on", "-serial", "stdio",
                "-device", "isa-debug-exit,iobase=0xf4,iosize=4", .. disk.Device(",bootindex=0"),
            ]);

        Assert.Equal(33, result.ExitCode);
        Assert.Contains("the second sector", result.Output);
    }
}
