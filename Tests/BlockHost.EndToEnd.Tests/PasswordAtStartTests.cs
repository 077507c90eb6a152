// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>A daemon that is started with an encrypted disk and without its password, as block_passwd has it.</summary>
public sealed class PasswordAtStartTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_machine_waits_for_the_password_and_cont()
    {
        CommandRunner.Check(
            _folder.Path, Programs.Native, "img", "create", "-q", "--object", "secret,id=s,data=open sesame", "-f", "luks",
            "-o", "key-secret=s,iter-time=10", "disk", "1M");
        await using var daemon = await ServerProcess.StartAsync(
            _folder["q"], _folder.Path, Programs.Native,
            ["serve", "--blockdev", "driver=luks,node-name=disk,active=off,file.driver=file,file.filename=disk",
            "--chardev", "socket,id=qmp,path=q,server=on,wait=off", "--monitor", "chardev=qmp"]);
        using var qmp = await QmpClient.ConnectAsync(_folder["q"]);
        Assert.Equal("prelaunch", await StatusAsync(qmp));
        Assert.True(await IsKeyMissingAsync(qmp));

        await qmp.RunAsync(
            """{"execute": "block_passwd", "arguments": {"node-name": "disk", "password": "open sesame"}}""");
        await qmp.RunAsync("""{"execute": "cont"}""");

        Assert.Equal("running", await StatusAsync(qmp));
        Assert.False(await IsKeyMissingAsync(qmp));
    }

    private static async Task<string?> StatusAsync(QmpClient qmp) =>
        (await qmp.RunAsync("""{"execute": "query-status"}""")).GetProperty("status").GetString();

    private static async Task<bool> IsKeyMissingAsync(QmpClient qmp) =>
        (await qmp.RunAsync("""{"execute": "query-named-block-nodes"}""")).EnumerateArray()
            .Single(node => node.GetProperty("node-name").GetString() == "disk")
            .GetProperty("encryption_key_missing").GetBoolean();
}
