// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Qapi;

/// <summary>
/// Where a value stands in the input. Some errors give the full name (<c>addr.data.path</c>, <c>children[1]</c>, on the
/// command line <c>children.1</c>), others only the member's own, and "null" inside an array.
/// </summary>
internal sealed class QapiPath(QapiPath? parent, string? member, int index, bool keyValue)
{
    /// <summary>The member's own name.</summary>
    public string ShortName => member ?? "null";

    public string FullName => (parent, member) switch
    {
        (null, null) => "",
        (null, _) => member,
        (_, null) => keyValue ? $"{parent.FullName}.{index}" : $"{parent.FullName}[{index}]",
        _ => parent.FullName is { Length: > 0 } prefix ? $"{prefix}.{member}" : member,
    };

    public static QapiPath Root(bool keyValue) => new(null, null, 0, keyValue);

    public QapiPath Member(string name) => new(this, name, 0, keyValue);

    public QapiPath Item(int number) => new(this, null, number, keyValue);
}
