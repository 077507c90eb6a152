// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using System.Text;
using BlockHost.Plugins.Commands.Block.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>
/// block_passwd, which QEMU had until 2.9: the password of an image that was opened without one. Such a node is inactive, until
/// cont or blockdev-set-active.
/// </summary>
internal static class PasswordCommand
{
    public static QmpCommand Create() => QmpCommand.CreateAction(
        "block_passwd",
        () => CommandsJson.Default.BlockPasswdArguments,
        async (call, arguments, cancellationToken) =>
        {
            var node = call.Host.Graph.Lookup(arguments.Device, arguments.NodeName);
            var password = Encoding.UTF8.GetBytes(arguments.Password);
            try
            {
                await call.Host.Graph.SetPasswordAsync(node, password, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                CryptographicOperations.ZeroMemory(password);
            }
        });
}
