// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace BlockHost.Block.Http.Tests.RealServers;

/// <summary>
/// nginx in a folder of its own, with what is in its folder "www":
/// <code>
///   /disk    as it is                 /private/disk   for "me" with the password "hidden"
///   /away    redirects to /disk       over TLS, the same with a certificate that nobody has signed
/// </code>
/// </summary>
public sealed class WebProgram : IAsyncLifetime
{
    private const string SmallestHash = "me:{PLAIN}hidden\n";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private Process? _process;

    internal static bool IsInstalled => InstalledPrograms.Find("nginx") is not null || File.Exists("/usr/sbin/nginx");

    internal string Folder { get; } = Directory.CreateTempSubdirectory("nginx").FullName;

    internal int Port { get; } = Ports.Free();

    internal int TlsPort { get; } = Ports.Free();

    internal string Url => $"http://127.0.0.1:{Port}";

    internal string TlsUrl => $"https://127.0.0.1:{TlsPort}";

    internal string this[string name] => Path.Combine(Folder, name);

    public async Task InitializeAsync()
    {
        if (!IsInstalled)
            return;
        Directory.CreateDirectory(this["www"]);
        await File.WriteAllTextAsync(this["users"], SmallestHash);
        TestAuthority.WriteSelfSigned(Folder);
        await File.WriteAllTextAsync(this["conf"], Configuration());
        // Its workers may run as another user.
        File.SetUnixFileMode(Folder, (UnixFileMode)0b111_101_101);
        _process = Process.Start(
            new ProcessStartInfo(InstalledPrograms.Find("nginx") ?? "/usr/sbin/nginx", ["-c", this["conf"], "-e", this["log"]])
            { RedirectStandardError = true })!;
        for (var clock = Stopwatch.StartNew(); !await Ports.AnswersAsync(TlsPort); await Task.Delay(10))
            Assert.True(!_process.HasExited && clock.Elapsed < Patience, "nginx does not get ready");
    }

    public Task DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        Directory.Delete(Folder, recursive: true);
        return Task.CompletedTask;
    }

    private string Configuration() =>
        $$"""
        daemon off;
        pid {{this["pid"]}};
        error_log {{this["log"]}};
        events {}
        http {
            access_log off;
            client_body_temp_path {{this["t1"]}};
            proxy_temp_path {{this["t2"]}};
            fastcgi_temp_path {{this["t3"]}};
            uwsgi_temp_path {{this["t4"]}};
            scgi_temp_path {{this["t5"]}};
            server {
                listen 127.0.0.1:{{Port}};
                listen 127.0.0.1:{{TlsPort}} ssl;
                ssl_certificate {{this["cert.pem"]}};
                ssl_certificate_key {{this["key.pem"]}};
                root {{this["www"]}};
                location = /away { return 302 /disk; }
                location /whole/ { alias {{this["www"]}}/; max_ranges 0; }
                location /private/ { alias {{this["www"]}}/; auth_basic x; auth_basic_user_file {{this["users"]}}; }
            }
        }
        """;
}
