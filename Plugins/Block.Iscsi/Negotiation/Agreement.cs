// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Plugins.Block.Iscsi.Protocol;
using BlockHost.Plugins.Block.Iscsi.Session;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Iscsi.Negotiation;

/// <summary>
/// What a login has agreed on (RFC 7143, section 13). One connection, no error recovery within it, everything in order: what is
/// lost with a connection is sent again over the next.
/// </summary>
internal sealed record Agreement
{
    /// <summary>The most data in one PDU to this side.</summary>
    public const int MaxReceive = 256 << 10;

    private const int SmallestLength = 512;
    private const int LargestLength = (1 << 24) - 1;
    private const int MaxBurst = 1 << 20;
    private const int FirstBurst = 256 << 10;
    private const int Word = 4;

    public bool HeaderDigest { get; private set; }

    public bool DataDigest { get; private set; }

    /// <summary>A command has data in its own PDU.</summary>
    public bool ImmediateData { get; private set; } = true;

    /// <summary>No data but that comes before the target asks for it.</summary>
    public bool InitialR2T { get; private set; } = true;

    /// <summary>The most data of a command that the target has not asked for.</summary>
    public int FirstBurstLength { get; private set; } = 64 << 10;

    /// <summary>The most data that the target asks for at once.</summary>
    public int MaxBurstLength { get; private set; } = 256 << 10;

    /// <summary>The most data in one PDU to the target: whole words, so that only the last one can have padding.</summary>
    public int MaxSend { get; private set; } = 8 << 10;

    /// <summary>Of the target's portals; those of one group share their sessions. Null: the target does not say.</summary>
    public string? PortalGroup { get; private set; }

    public static KeyText Offer(SessionSettings settings) => new KeyText()
        .Add("HeaderDigest", Digests(settings.HeaderDigest))
        .Add("DataDigest", Digests(settings.DataDigest))
        .Add("InitialR2T", "No")
        .Add("ImmediateData", "Yes")
        .Add("MaxRecvDataSegmentLength", Text(MaxReceive))
        .Add("MaxBurstLength", Text(MaxBurst))
        .Add("FirstBurstLength", Text(FirstBurst))
        .Add("MaxConnections", "1")
        .Add("MaxOutstandingR2T", "1")
        .Add("DataPDUInOrder", "Yes")
        .Add("DataSequenceInOrder", "Yes")
        .Add("ErrorRecoveryLevel", "0")
        .Add("DefaultTime2Wait", "2")
        .Add("DefaultTime2Retain", "0");

    /// <summary>What the target says of itself, in any stage.</summary>
    public void Declare(KeyText text)
    {
        PortalGroup = text["TargetPortalGroupTag"] ?? PortalGroup;
        if (text["MaxRecvDataSegmentLength"] is { } length)
            MaxSend = Number("MaxRecvDataSegmentLength", length, LargestLength) / Word * Word;
    }

    /// <summary>The target's answers to what was offered.</summary>
    /// <returns>What this side has to answer to keys of the target's own.</returns>
    /// <exception cref="RemoteFault">They do not fit what was offered.</exception>
    public KeyText Take(KeyText answers, KeyText offer)
    {
        Declare(answers);
        var replies = new KeyText();
        foreach (var (key, value) in answers.Pairs)
        {
            if (offer[key] is { } offered)
                Take(key, value, offered);
            else if (key is "IFMarker" or "OFMarker")
                replies.Add(key, "No");
            else if (!IsDeclaration(key) && value is not ("NotUnderstood" or "Reject" or "Irrelevant"))
                replies.Add(key, "NotUnderstood");
        }

        FirstBurstLength = Math.Min(FirstBurstLength, MaxBurstLength);
        return replies;
    }

    private void Take(string key, string value, string offered)
    {
        switch (key)
        {
            case "HeaderDigest" or "DataDigest":
                var isOn = OneOf(key, value, offered.Split(',')) == "CRC32C";
                (HeaderDigest, DataDigest) = key == "HeaderDigest" ? (isOn, DataDigest) : (HeaderDigest, isOn);
                break;
            case "InitialR2T":
                InitialR2T = OneOf(key, value, ["Yes", "No"]) == "Yes";
                break;
            case "ImmediateData":
                ImmediateData = OneOf(key, value, ["Yes", "No"]) == "Yes";
                break;
            case "MaxBurstLength":
                MaxBurstLength = Number(key, value, MaxBurst);
                break;
            case "FirstBurstLength":
                FirstBurstLength = Number(key, value, FirstBurst);
                break;
            case "DataPDUInOrder" or "DataSequenceInOrder" or "ErrorRecoveryLevel" or "MaxConnections" or "MaxOutstandingR2T":
                OneOf(key, value, [offered]);
                break;
        }
    }

    private static bool IsDeclaration(string key) =>
        key is "TargetAlias" or "TargetAddress" or "TargetPortalGroupTag" or "MaxRecvDataSegmentLength" or "TargetName";

    private static string OneOf(string key, string value, string[] allowed) =>
        allowed.Contains(value) ? value : throw Disagreement(key, value);

    private static int Number(string key, string value, int most) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && number >= SmallestLength && number <= most
            ? number
            : throw Disagreement(key, value);

    private static RemoteFault Disagreement(string key, string value) =>
        new($"Failed to log in to target. It answers {key}={Shown(value)}, which was not offered");

    private static string Shown(string value) => value.Length <= 40 ? value : value[..40] + "…";

    private static string Digests(IscsiHeaderDigest digest) => digest switch
    {
        IscsiHeaderDigest.Crc32C => "CRC32C",
        IscsiHeaderDigest.None => "None",
        IscsiHeaderDigest.Crc32CNone => "CRC32C,None",
        _ => "None,CRC32C",
    };

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
