// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using System.Text;
using BlockHost.Core.Objects;
using BlockHost.Objects;
using BlockHost.Qmp;

namespace BlockHost.Core.Tests.Objects;

/// <summary>Secrets that the kernel keeps. Texts are those of QEMU 7.2.</summary>
public sealed partial class SecretKeyringTests : IDisposable
{
    private const int AddKey = 248;
    private const int KeyControl = 250;
    private const int Unlink = 9;
    private const int ProcessKeyring = -2;

    private readonly UserObjects _objects = ObjectBed.Create();
    private readonly List<nint> _keys = [];

    [SkippableFact]
    public async Task A_secret_is_what_the_kernel_keeps_under_the_number()
    {
        var serial = Keep("kept by the kernel"u8);

        await _objects.AddAsync($$"""{"qom-type":"secret_keyring","id":"s","serial":{{serial}}}""");

        Assert.True(_objects.TryGet<ISecret>("s", out var secret));
        Assert.Equal("kept by the kernel", Encoding.UTF8.GetString(secret.Data.Span));
    }

    [SkippableFact]
    public async Task It_is_decoded_as_other_secrets_are()
    {
        var serial = Keep("AP8="u8);

        await _objects.AddAsync($$"""{"qom-type":"secret_keyring","id":"s","serial":{{serial}},"format":"base64"}""");

        Assert.True(_objects.TryGet<ISecret>("s", out var secret));
        Assert.Equal([0, 255], secret.Data.ToArray());
    }

    [SkippableFact]
    public async Task A_key_that_is_gone_is_told_by_its_number()
    {
        var serial = Keep("x"u8);
        Dispose();

        var e = await Assert.ThrowsAsync<QmpException>(
            async () => await _objects.AddAsync($$"""{"qom-type":"secret_keyring","id":"s","serial":{{serial}}}"""));

        Assert.StartsWith($"Unable to read serial key {serial:x8}: ", e.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        foreach (var key in _keys)
            SystemCall(KeyControl, Unlink, key, ProcessKeyring);
        _keys.Clear();
    }

    private int Keep(ReadOnlySpan<byte> bytes)
    {
        Skip.IfNot(
            OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64,
            "numbers of system calls are those of Linux on x64");
        var key = SystemCall(AddKey, "user\0"u8, "blockhost-test\0"u8, bytes, (nuint)bytes.Length, ProcessKeyring);
        Skip.If(key < 0, $"the kernel keeps no keys here: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        _keys.Add(key);
        return (int)key;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(
        nint number,
        ReadOnlySpan<byte> type,
        ReadOnlySpan<byte> description,
        ReadOnlySpan<byte> payload,
        nuint length,
        nint keyring);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number, nint operation, nint key, nint keyring);
}
