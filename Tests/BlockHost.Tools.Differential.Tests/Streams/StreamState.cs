// SPDX-License-Identifier: MIT
namespace BlockHost.Tools.Differential.Tests.Streams;

/// <summary>What a program's standard stream is like when it starts.</summary>
public enum StreamState
{
    Closed,

    /// <summary>/dev/full.</summary>
    Full,

    /// <summary>A pipe whose other end is gone.</summary>
    Broken,
}
