// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>Options of an export that cannot be are refused as qemu-storage-daemon refuses them.</summary>
public sealed class VhostUserOptionTests
{
    [SkippableTheory]
    [InlineData("")]
    [InlineData(",addr.type=unix,addr.path=s,num-queues=0")]
    [InlineData(",addr.type=unix,addr.path=s,num-queues=65536")]
    [InlineData(",addr.type=unix,addr.path=s,logical-block-size=256")]
    [InlineData(",addr.type=unix,addr.path=s,logical-block-size=700")]
    [InlineData(",addr.type=unix,addr.path=s,logical-block-size=4M")]
    [InlineData(",addr.type=unix,addr.path=s,logical-block-size=700,num-queues=0")]
    [InlineData(",addr.type=unix,addr.path=s,other=1")]
    [InlineData(",addr.type=unix,addr.path=missing/s")]
    [InlineData(",addr.type=inet,addr.host=localhost,addr.port=0")]
    [InlineData(",addr.type=vsock,addr.cid=2,addr.port=3")]
    [InlineData(",addr.type=fd,addr.str=77")]
    public void Options_are_refused_in_QEMUs_words(string options)
    {
        Programs.Require("qemu-storage-daemon");
        using var folder = new Folder();
        string[] arguments =
        [
            "--blockdev", "driver=null-co,node-name=d,size=1048576",
            "--export", $"type=vhost-user-blk,id=e,node-name=d{options}",
        ];

        var expected = CommandRunner.RunIn(folder.Path, "qemu-storage-daemon", arguments);
        var actual = CommandRunner.RunIn(folder.Path, Programs.Ours("qemu-storage-daemon"), arguments);

        Assert.Equal(expected.ToString(), actual.ToString());
    }
}
