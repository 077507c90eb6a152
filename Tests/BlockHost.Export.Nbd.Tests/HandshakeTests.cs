// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Export.Nbd.Tests.Fakes;
using BlockHost.Nbd;
using BlockHost.Plugins.Export.Nbd;
using BlockHost.Plugins.Export.Nbd.Protocol;

namespace BlockHost.Export.Nbd.Tests;

public sealed class HandshakeTests
{
    [Fact]
    public async Task List_gives_names_and_descriptions()
    {
        await using var disk = await ServedDisk.StartAsync(options: new NbdExportOptions { Description = "boot" });
        disk.Add("second", new MemoryBackend(512));
        using var client = disk.Connect().Greet();

        var answers = client.Option(NbdOption.List);

        Assert.Equal(["\0\0\0\u0004diskboot", "\0\0\0\u0006second", ""], answers.Select(a => a.Text));
    }

    [Fact]
    public async Task Info_tells_size_flags_block_sizes_and_what_was_asked_for()
    {
        var backend = new MemoryBackend(1 << 20);
        backend.Profile = backend.Profile with { Limits = new BlockLimits { RequestAlignment = 512 } };
        await using var disk = await ServedDisk.StartAsync(backend, options: new NbdExportOptions { Description = "boot" });
        using var client = disk.Connect().Greet();
        client.Option(NbdOption.StructuredReply);

        var answers = client.Option(NbdOption.Info, OptionData.Info("disk", InfoType.Name, InfoType.BlockSize));

        Assert.Equal([0, 1, .. "disk"u8], answers[0].Data);
        Assert.Equal([0, 2, .. "boot"u8], answers[1].Data);
        Assert.Equal(
            [0, 3, .. OptionData.UInt32(512), .. OptionData.UInt32(4096), .. OptionData.UInt32(32 << 20)], answers[2].Data);
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0x0d, 0xed], answers[3].Data);
        Assert.Equal(OptionReply.Ack, answers[4].Type);
    }

    [Fact]
    public async Task Info_without_block_sizes_is_refused_where_they_matter()
    {
        var backend = new MemoryBackend(1 << 20);
        backend.Profile = backend.Profile with { Limits = new BlockLimits { RequestAlignment = 4096 } };
        await using var disk = await ServedDisk.StartAsync(backend);
        using var client = disk.Connect().Greet();

        Assert.Equal(OptionReply.ErrBlockSizeRequired, client.OptionResult(NbdOption.Info, OptionData.Info("disk")));
        Assert.Equal(OptionReply.Ack, client.OptionResult(NbdOption.Go, OptionData.Info("disk")));
    }

    [Theory]
    [InlineData(true, 100, 0x0d6d)]
    [InlineData(false, 100, 0x050f)]
    [InlineData(true, 1, 0x0c6d)]
    [InlineData(true, 0, 0x0d6d)]
    public async Task Flags_follow_writability_and_the_number_of_clients(bool writable, int maxConnections, int expected)
    {
        await using var disk = await ServedDisk.StartAsync(writable: writable, maxConnections: maxConnections);
        using var client = disk.Connect().Greet();

        var export = client.Option(NbdOption.Go, OptionData.Info("disk"))[^2];

        Assert.Equal(expected, BinaryPrimitives.ReadUInt16BigEndian(export.Data.AsSpan(10)));
    }

    [Theory]
    [InlineData(true, 10)]
    [InlineData(false, 134)]
    public async Task Export_name_answers_with_or_without_padding(bool noZeroes, int length)
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Greet(HandshakeFlags.FixedNewstyle | (noZeroes ? HandshakeFlags.NoZeroes : 0));

        client.SendOption(NbdOption.ExportName, [.. "disk"u8]);
        var answer = client.Read(length);

        Assert.Equal(1ul << 20, BinaryPrimitives.ReadUInt64BigEndian(answer));
        Assert.Equal(NbdError.None, client.Simple(NbdCommand.Flush));
    }

    [Fact]
    public async Task An_unknown_export_name_ends_the_connection()
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Greet();

        client.SendOption(NbdOption.ExportName, [.. "other"u8]);

        Assert.True(client.IsClosed());
    }

    [Fact]
    public async Task Refused_options_keep_the_connection()
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Greet();

        Assert.Equal(OptionReply.ErrUnsupported, client.OptionResult((NbdOption)99, 1, 2, 3));
        Assert.Equal(OptionReply.ErrUnknown, client.OptionResult(NbdOption.Info, OptionData.Info("other")));
        Assert.Equal(OptionReply.ErrInvalid, client.OptionResult(NbdOption.List, 1));
        Assert.Equal(OptionReply.ErrPolicy, client.OptionResult(NbdOption.StartTls));
        Assert.Equal(
            OptionReply.ErrInvalid,
            client.OptionResult(NbdOption.SetMetaContext, OptionData.MetaContext("disk", "base:allocation")));
        Assert.Equal(OptionReply.Ack, client.OptionResult(NbdOption.StructuredReply));
        Assert.Equal(OptionReply.ErrInvalid, client.OptionResult(NbdOption.StructuredReply));
        Assert.Equal(OptionReply.Ack, client.OptionResult(NbdOption.Abort));
        Assert.True(client.IsClosed());
    }

    [Theory]
    [InlineData((uint)NbdOption.Info, new byte[] { 0 })]
    [InlineData((uint)NbdOption.Info, new byte[] { 0, 0, 0, 50, 1, 0, 0 })]
    [InlineData((uint)NbdOption.Info, new byte[] { 0xff, 0xff, 0xff, 0xff, 1, 0, 0 })]
    [InlineData((uint)NbdOption.Go, new byte[] { 0, 0, 0, 1, 65, 0, 9, 0, 1 })]
    [InlineData((uint)NbdOption.ListMetaContext, new byte[] { 0, 0, 0, 4, 100, 105, 115, 107, 0, 0, 0, 9 })]
    [InlineData(
        (uint)NbdOption.ListMetaContext, new byte[] { 0, 0, 0, 4, 100, 105, 115, 107, 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff })]
    public async Task Lengths_that_lie_are_refused(uint option, byte[] data)
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Greet();

        Assert.Equal(OptionReply.ErrInvalid, client.OptionResult((NbdOption)option, data));
        Assert.Equal(OptionReply.Ack, client.OptionResult(NbdOption.List));
    }

    [Theory]
    [InlineData((uint)NbdOption.ListMetaContext, "", "base:allocation,qemu:allocation-depth")]
    [InlineData((uint)NbdOption.ListMetaContext, "base:", "base:allocation")]
    [InlineData((uint)NbdOption.ListMetaContext, "qemu:", "qemu:allocation-depth")]
    [InlineData((uint)NbdOption.ListMetaContext, "qemu:dirty-bitmap:,x:,base", "")]
    [InlineData((uint)NbdOption.SetMetaContext, "", "")]
    [InlineData((uint)NbdOption.SetMetaContext, "base:", "")]
    [InlineData((uint)NbdOption.SetMetaContext, "qemu:allocation-depth,base:allocation", "base:allocation,qemu:allocation-depth")]
    public async Task Metadata_contexts_match_by_leaf_or_when_listing_by_namespace(uint option, string queries, string expected)
    {
        await using var disk = await ServedDisk.StartAsync(options: new NbdExportOptions { AllocationDepth = true });
        using var client = disk.Connect().Greet();
        client.Option(NbdOption.StructuredReply);

        var answers = client.Option(
            (NbdOption)option, OptionData.MetaContext("disk", queries.Split(',', StringSplitOptions.RemoveEmptyEntries)));

        Assert.Equal(expected, string.Join(',', answers[..^1].Select(a => a.Text[4..])));
        Assert.Equal(OptionReply.Ack, answers[^1].Type);
    }

    [Fact]
    public async Task Contexts_of_another_export_do_not_count()
    {
        await using var disk = await ServedDisk.StartAsync();
        disk.Add("other", new MemoryBackend(4096));
        using var client = disk.Connect().Greet();
        client.Option(NbdOption.StructuredReply);
        client.Option(NbdOption.SetMetaContext, OptionData.MetaContext("other", "base:allocation"));
        client.Option(NbdOption.Go, OptionData.Info("disk"));

        Assert.Equal("CMD_BLOCK_STATUS not negotiated", client.Structured(NbdCommand.BlockStatus, 0, 512).ErrorText);
    }
}
