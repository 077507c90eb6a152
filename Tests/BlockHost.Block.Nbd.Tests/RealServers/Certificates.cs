// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.Conformance.TestHost;
using BlockHost.Core.Objects;
using BlockHost.Core.Tests.Objects;
using BlockHost.Objects;

namespace BlockHost.Block.Nbd.Tests.RealServers;

/// <summary>
/// Folders as tls-creds-x509, nbdkit and qemu-nbd take them, made by certtool:
/// <code>
///   server    of the server "localhost"          client   of a client
///   nameless  of a client without a certificate  other    the same, with another authority
/// </code>
/// </summary>
public sealed class Certificates : IAsyncLifetime
{
    private readonly UserObjects _objects = ObjectBed.Create();
    private readonly string _folder = Directory.CreateTempSubdirectory("tls").FullName;

    internal static bool CanMake => InstalledPrograms.Has("certtool");

    internal string this[string name] => Path.Combine(_folder, name);

    public async Task InitializeAsync()
    {
        if (!CanMake)
            return;
        foreach (var (authority, folders) in new[] { ("one", new[] { "server", "client", "nameless" }), ("two", ["other"]) })
        {
            await MakeAuthorityAsync(authority);
            foreach (var folder in folders)
                File.Copy(
                    this[$"{authority}.pem"], Path.Combine(Directory.CreateDirectory(this[folder]).FullName, "ca-cert.pem"));
        }

        await IssueAsync("server", "cn = localhost", "dns_name = localhost", "ip_address = 127.0.0.1", "tls_www_server");
        await IssueAsync("client", "cn = somebody", "tls_www_client");
        // Without them qemu-nbd looks for prime numbers of its own first, for seconds.
        await RunAsync("--get-dh-params", "--sec-param=medium", "--outfile", Path.Combine(this["server"], "dh-params.pem"));
        foreach (var folder in new[] { "client", "nameless", "other" })
            await _objects.AddAsync(
                $$"""{"qom-type": "tls-creds-x509", "id": "{{folder}}", "dir": "{{this[folder]}}", "endpoint": "client"}""");
    }

    public Task DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }

    /// <summary>A host that has the credentials under their folder's name.</summary>
    internal TestPluginHost Host(string folder)
    {
        var host = new TestPluginHost();
        Assert.True(_objects.TryGet<ITlsCredentials>(folder, out var credentials));
        host.Objects.Add(folder, credentials);
        return host;
    }

    private async Task MakeAuthorityAsync(string name)
    {
        await MakeKeyAsync(this[$"{name}.key"]);
        var template = await WriteAsync($"cn = {name}", "ca", "cert_signing_key", "expiration_days = 2");
        await RunAsync(
            "--generate-self-signed",
            "--load-privkey",
            this[$"{name}.key"],
            "--template",
            template,
            "--outfile",
            this[$"{name}.pem"]);
    }

    private async Task IssueAsync(string name, params string[] properties)
    {
        var key = Path.Combine(this[name], $"{name}-key.pem");
        await MakeKeyAsync(key);
        var template = await WriteAsync([.. properties, "signing_key", "encryption_key", "expiration_days = 2"]);
        await RunAsync(
            "--generate-certificate", "--load-privkey", key, "--load-ca-certificate", this["one.pem"], "--load-ca-privkey", this["one.key"],
            "--template", template, "--outfile", Path.Combine(this[name], $"{name}-cert.pem"));
    }

    private static Task MakeKeyAsync(string file) =>
        RunAsync("--generate-privkey", "--key-type=rsa", "--bits=2048", "--outfile", file);

    private async Task<string> WriteAsync(params string[] template)
    {
        await File.WriteAllLinesAsync(this["template"], template);
        return this["template"];
    }

    private static async Task RunAsync(params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo("certtool", arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await output + await errors);
    }
}
