// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>Checks input against the schema before code sees it; see <see cref="QapiErrors"/> for the texts.</summary>
public sealed class QapiInput(QapiTypes types, QapiBranches branches)
{
    /// <param name="type">Null: no members are allowed.</param>
    /// <param name="value">An object.</param>
    /// <returns>The same input, fit for the serializer.</returns>
    /// <exception cref="QmpException">The input does not fit the type.</exception>
    public ValueTask<JsonElement> ValidateAsync(JsonTypeInfo? type, JsonElement value, CancellationToken cancellationToken) =>
        type is not null && types.Get(type) is QapiScalarType { Kind: QapiScalar.Any }
            ? new(value)
            : VisitAsync(Root(type), value, keyValue: false, cancellationToken);

    /// <summary>
    /// As <see cref="ValidateAsync(JsonTypeInfo?, JsonElement, CancellationToken)"/>, for a union that plugins complete.
    /// </summary>
    public ValueTask<JsonElement> ValidateAsync(QapiExtension union, JsonElement value, CancellationToken cancellationToken) =>
        VisitAsync(branches.Union(union), value, keyValue: false, cancellationToken);

    /// <summary>One member of an object type, such as a property of an object that is changed alone.</summary>
    /// <returns>The value, fit for the serializer.</returns>
    /// <exception cref="QmpException">The value does not fit the member.</exception>
    public async ValueTask<JsonElement> ValidateMemberAsync(
        JsonTypeInfo type, string member, JsonElement value, CancellationToken cancellationToken)
    {
        var alone = new QapiObjectType
        {
            Members = [types.GetObject(type).Members.First(
            other => other.Name == member) with { Optional = false }]
        };
        var given = QmpJson.ToElement(
            new JsonObject { [member] = JsonNode.Parse(value.GetRawText(), documentOptions: QmpJson.Reading) });
        return (await VisitAsync(alone, given, keyValue: false, cancellationToken).ConfigureAwait(false)).GetProperty(member);
    }

    /// <summary>
    /// Checks a command line argument, either JSON or <c>key=value,…</c>, and turns its strings into the schema's types.
    /// </summary>
    /// <param name="impliedKey">Key of the first value where it stands alone, or null.</param>
    /// <exception cref="QmpException">With the text that follows the option on QEMU's command line.</exception>
    public ValueTask<JsonElement> ParseAsync(
        JsonTypeInfo type, string argument, string? impliedKey, CancellationToken cancellationToken) =>
        ParseAsync(Root(type), argument, impliedKey, cancellationToken);

    /// <inheritdoc cref="ParseAsync(JsonTypeInfo, string, string?, CancellationToken)"/>
    public ValueTask<JsonElement> ParseAsync(
        QapiExtension union, string argument, string? impliedKey, CancellationToken cancellationToken) =>
        ParseAsync(branches.Union(union), argument, impliedKey, cancellationToken);

    /// <summary>Checks a union whose values are the command line's strings, and gives them the schema's types.</summary>
    /// <exception cref="QmpException">The input does not fit the type.</exception>
    public ValueTask<JsonElement> ConvertAsync(QapiExtension union, JsonElement strings, CancellationToken cancellationToken) =>
        VisitAsync(branches.Union(union), strings, keyValue: true, cancellationToken);

    private QapiObjectType Root(JsonTypeInfo? info) =>
        info is not null && types.Get(info) is QapiExtensibleType extensible
            ? branches.Union(extensible.Extension)
            : types.GetObject(info);

    private ValueTask<JsonElement> ParseAsync(
        QapiObjectType type, string argument, string? impliedKey, CancellationToken cancellationToken) =>
        argument.StartsWith('{')
            ? VisitAsync(type, CommandLineJson.Parse(argument), keyValue: false, cancellationToken)
            : VisitAsync(type, KeyValueParser.Parse(argument, impliedKey), keyValue: true, cancellationToken);

    private async ValueTask<JsonElement> VisitAsync(
        QapiObjectType type, JsonElement value, bool keyValue, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return Visit(type, value, keyValue, cancellationToken);
            }
            catch (QapiBranchLoadingException e)
            {
                // The plugin that provides a branch is being loaded for the first time: look again when it is there.
                await LoadAsync(e).ConfigureAwait(false);
            }
        }
    }

    private static async ValueTask LoadAsync(QapiBranchLoadingException branch)
    {
        try
        {
            await branch.Loading.ConfigureAwait(false);
        }
        catch (PluginException e)
        {
            throw new QmpException(QmpErrorClass.GenericError, e.Message, e);
        }
    }

    private JsonElement Visit(QapiObjectType type, JsonElement value, bool keyValue, CancellationToken cancellationToken)
    {
        if (!keyValue)
        {
            var check = new QapiInputVisitor(branches, keyValue, output: null, cancellationToken);
            check.VisitRoot(type, value);
            if (!check.TagsOutOfOrder)
                return value;
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var output = new Utf8JsonWriter(buffer, QmpJson.Writing))
            new QapiInputVisitor(branches, keyValue, output, cancellationToken).VisitRoot(type, value);
        return QmpJson.Parse(buffer.WrittenMemory);
    }
}
