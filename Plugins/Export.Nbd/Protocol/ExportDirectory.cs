// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Nbd;

namespace BlockHost.Plugins.Export.Nbd.Protocol;

/// <summary>What option haggling tells of an export.</summary>
internal interface INegotiableExport
{
    string Name { get; }

    string? Description { get; }

    long Size { get; }

    bool ReadOnly { get; }

    /// <summary>Several clients see one another's writes after a flush.</summary>
    bool MultiConnection { get; }

    int MinimumBlockSize { get; }

    bool OffersAllocationDepth { get; }

    /// <summary>Names of the dirty bitmaps it offers.</summary>
    IReadOnlyList<string> Bitmaps { get; }
}

internal interface IExportDirectory
{
    IReadOnlyList<INegotiableExport> List();

    bool TryFind(string name, [NotNullWhen(true)] out INegotiableExport? export);
}

internal static class ExportFacts
{
    public static TransmissionFlags Flags(this INegotiableExport export, bool structuredReplies)
    {
        var flags = TransmissionFlags.HasFlags | TransmissionFlags.SendFlush | TransmissionFlags.SendFua
            | TransmissionFlags.SendCache;
        if (export.MultiConnection)
            flags |= TransmissionFlags.CanMultiConn;
        flags |= export.ReadOnly
            ? TransmissionFlags.ReadOnly
            : TransmissionFlags.SendTrim | TransmissionFlags.SendWriteZeroes | TransmissionFlags.SendFastZero;
        return structuredReplies ? flags | TransmissionFlags.SendDontFragment : flags;
    }
}
