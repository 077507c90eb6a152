// SPDX-License-Identifier: MIT
namespace BlockHost.Virtio;

/// <summary>A front-end has asked for something that cannot be. Its text is for the log.</summary>
public sealed class VhostUserException : Exception
{
    public VhostUserException()
    {
    }

    public VhostUserException(string message)
        : base(message)
    {
    }

    public VhostUserException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
