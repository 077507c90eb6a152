// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace BlockHost.Core.Json;

/// <summary>
/// JSON as it stands in QEMU's json: file names: members in the order that QEMU has them in, a space after ':' and ','.
/// </summary>
internal static class QemuJsonText
{
    public static string Of(JsonElement value) => Append(new StringBuilder(), value).ToString();

    private static StringBuilder Append(StringBuilder text, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => AppendObject(text, value),
        JsonValueKind.Array => AppendArray(text, value),
        JsonValueKind.String => AppendString(text, value.GetString()!),
        _ => text.Append(value.GetRawText()),
    };

    private static StringBuilder AppendObject(StringBuilder text, JsonElement value)
    {
        var separator = "{";
        foreach (var member in value.EnumerateObject().OrderBy(member => QemuMemberOrder.PlaceOf(member.Name)))
        {
            AppendString(text.Append(separator), member.Name).Append(": ");
            Append(text, member.Value);
            separator = ", ";
        }

        return text.Append(separator == "{" ? "{}" : "}");
    }

    private static StringBuilder AppendArray(StringBuilder text, JsonElement value)
    {
        var separator = "[";
        foreach (var item in value.EnumerateArray())
        {
            Append(text.Append(separator), item);
            separator = ", ";
        }

        return text.Append(separator == "[" ? "[]" : "]");
    }

    private static StringBuilder AppendString(StringBuilder text, string value) =>
        text.Append('"').Append(JsonEncodedText.Encode(value, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString())
            .Append('"');
}
