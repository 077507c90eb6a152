// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Tools.Shell;

/// <summary>Answers as people read them.</summary>
[JsonSourceGenerationOptions(MaxDepth = QmpJson.MaxDepth, WriteIndented = true)]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class ShellJson : JsonSerializerContext;
