// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using Moq;

namespace BlockHost.Commands.Block.Tests;

/// <summary>What the commands for the host's drives ask of a node, and say of it.</summary>
public sealed class DriveCommandTests
{
    private readonly CommandRig _rig = new();
    private readonly Mock<IRemovableMedium> _drive = new(MockBehavior.Strict);
    private readonly Mock<IScsiDevice> _device = new(MockBehavior.Strict);

    public DriveCommandTests()
    {
        var (drive, device) = (_drive.Object, _device.Object);
        var node = _rig.AddNode("cd", "host_cdrom");
        node.Setup(n => n.TryGetFacet(out drive)).Returns(true);
        node.Setup(n => n.TryGetFacet(out device)).Returns(true);
        _rig.AddNode("plain");
        _drive.Setup(d => d.LookAsync(default)).ReturnsAsync(
            new MediumState { HasMedium = true, IsTrayOpen = false, IsLocked = true, Generation = 3 });
    }

    [Fact]
    public async Task A_drive_is_only_asked_where_nothing_else_is_wanted() => Assert.Equal(
        """{"has-medium":true,"tray-open":false,"locked":true,"generation":3}""",
        await _rig.RunAsync("x-blockhost-block-tray", """{"node-name":"cd"}"""));

    [Fact]
    public async Task A_tray_is_unlocked_before_it_opens()
    {
        var order = new MockSequence();
        _drive.InSequence(order).Setup(d => d.LockAsync(false, default)).Returns(ValueTask.CompletedTask);
        _drive.InSequence(order).Setup(d => d.MoveTrayAsync(true, default)).Returns(ValueTask.CompletedTask);

        await _rig.RunAsync("x-blockhost-block-tray", """{"node-name":"cd","open":true,"locked":false}""");

        _drive.Verify(d => d.MoveTrayAsync(true, default));
    }

    [Fact]
    public async Task A_tray_is_locked_after_it_has_closed()
    {
        var order = new MockSequence();
        _drive.InSequence(order).Setup(d => d.MoveTrayAsync(false, default)).Returns(ValueTask.CompletedTask);
        _drive.InSequence(order).Setup(d => d.LockAsync(true, default)).Returns(ValueTask.CompletedTask);

        await _rig.RunAsync("x-blockhost-block-tray", """{"node-name":"cd","open":false,"locked":true}""");

        _drive.Verify(d => d.LockAsync(true, default));
    }

    [Fact]
    public async Task A_SCSI_command_and_its_answer_are_in_base64()
    {
        ScsiRequest? sent = null;
        _device.Setup(d => d.SendAsync(It.IsAny<ScsiRequest>(), default))
            .Callback((ScsiRequest request, CancellationToken _) => sent = request)
            .ReturnsAsync(new ScsiReply(2, new byte[] { 1, 2 }, new byte[] { 0x70 }));

        var reply = await _rig.RunAsync(
            "x-blockhost-block-scsi", """{"node-name":"cd","command":"EgAAACQA","data-in-length":36,"timeout":5}""");

        Assert.Equal("""{"status":2,"data":"AQI=","sense":"cA=="}""", reply);
        Assert.Equal([0x12, 0, 0, 0, 36, 0], sent!.Command.ToArray());
        Assert.Equal((36, TimeSpan.FromSeconds(5)), (sent.DataInLength, sent.Timeout));
    }

    [Theory]
    [InlineData("x-blockhost-block-tray", """{"node-name":"none"}""", "Failed to find node with node-name='none'")]
    [InlineData("x-blockhost-block-tray", """{"node-name":"plain"}""", "Node 'plain' has no removable medium")]
    [InlineData("x-blockhost-block-scsi", """{"node-name":"plain","command":""}""", "Node 'plain' takes no SCSI commands")]
    [InlineData("x-blockhost-block-scsi", """{"node-name":"cd","command":"?"}""", "Base64 data contains invalid characters")]
    public async Task What_cannot_be_asked_is_refused(string command, string arguments, string message) =>
        Assert.Equal(message, await _rig.FailAsync(command, arguments));
}
