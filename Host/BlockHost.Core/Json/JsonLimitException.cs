// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Json;

/// <summary>The input asks for more memory or depth than a monitor has.</summary>
internal sealed class JsonLimitException(string message) : Exception(message);
