// SPDX-License-Identifier: MIT
namespace BlockHost.Remote;

/// <summary>What a server did, or did not do; the message has no names of hosts with passwords in them.</summary>
/// <param name="mayPass">The same request can succeed a little later.</param>
public sealed class RemoteFault(string message, bool mayPass = false, Exception? inner = null) : IOException(message, inner)
{
    public bool MayPass => mayPass;

    /// <summary>The fault inside what a library has wrapped around it; null where there is none.</summary>
    public static RemoteFault? Inside(Exception? error)
    {
        for (; error is not null; error = error.InnerException)
        {
            if (error is RemoteFault fault)
                return fault;
        }

        return null;
    }
}
