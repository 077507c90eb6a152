// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using System.Text;
using BlockHost.Core.Objects;
using BlockHost.Objects;
using BlockHost.Qmp;

namespace BlockHost.Core.Tests.Objects;

/// <summary>Error texts are those of QEMU 7.2's storage daemon for the same mistake.</summary>
public sealed class UserObjectsTests
{
    private const string Key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    private const string Iv = "AAAAAAAAAAAAAAAAAAAAAA==";

    private readonly UserObjects _objects = ObjectBed.Create();

    [Fact]
    public async Task A_raw_secret_is_its_data()
    {
        await Add("""{"qom-type":"secret","id":"s","data":"hello"}""");

        Assert.Equal("hello", Secret("s"));
    }

    [Theory]
    [InlineData("nosuch", "")]
    [InlineData("tls-creds-psk", ": connections without certificates are not offered (use tls-creds-x509)")]
    [InlineData("authz-pam", ": PAM is not asked (use authz-simple or authz-list)")]
    public async Task A_type_that_there_is_none_of_is_named_with_its_reason(string type, string reason)
    {
        var error = await Assert.ThrowsAsync<QmpException>(async () => await Add($$"""{"qom-type":"{{type}}","id":"a"}"""));

        Assert.Equal($"Parameter 'qom-type' does not accept value '{type}'{reason}", error.Message);
    }

    [Fact]
    public async Task A_base64_secret_may_be_binary()
    {
        await Add("""{"qom-type":"secret","id":"s","data":"AP8=","format":"base64"}""");

        Assert.True(_objects.TryGet<ISecret>("s", out var secret));
        Assert.Equal([0, 255], secret.Data.ToArray());
    }

    [Fact]
    public async Task A_secret_is_read_from_a_file()
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, "from file");

        await Add($$"""{"qom-type":"secret","id":"s","file":"{{file}}"}""");

        Assert.Equal("from file", Secret("s"));
        File.Delete(file);
    }

    [Fact]
    public async Task A_secret_is_decrypted_by_another_one()
    {
        using var aes = Aes.Create();
        aes.Key = Convert.FromBase64String(Key);
        var cipherText = Convert.ToBase64String(aes.EncryptCbc("hidden"u8, new byte[16]));
        await Add($$"""{"qom-type":"secret","id":"k","data":"{{Key}}","format":"base64"}""");

        await Add($$"""{"qom-type":"secret","id":"s","data":"{{cipherText}}","format":"base64","keyid":"k","iv":"{{Iv}}"}""");

        Assert.Equal("hidden", Secret("s"));
    }

    [Theory]
    [InlineData("""{"qom-type":"secret","id":"s","data":"x","file":"y"}""", "'file' and 'data' are mutually exclusive")]
    [InlineData("""{"qom-type":"secret","id":"s"}""", "Either 'file' or 'data' must be provided")]
    [InlineData(
        """{"qom-type":"secret","id":"s","file":"nofile"}""",
        "Unable to read nofile: Failed to open file “nofile”: No such file or directory")]
    [InlineData("""{"qom-type":"secret","id":"s","data":"!!!","format":"base64"}""", "Base64 data contains invalid characters")]
    [InlineData("""{"qom-type":"secret","id":"s","data":"x","keyid":"none"}""", "No secret with id 'none'")]
    [InlineData("""{"qom-type":"secret","id":"s","data":"x","keyid":"short"}""", "Key should be 32 bytes in length")]
    [InlineData("""{"qom-type":"secret","id":"s","data":"x","keyid":"k"}""", "IV is required to decrypt secret")]
    [InlineData("""{"qom-type":"secret","id":"s","data":"x","keyid":"k","iv":"AAAA"}""", "IV should be 16 bytes in length not 3")]
    [InlineData(
        """{"qom-type":"secret","id":"s","data":"hello","keyid":"k","iv":"AAAAAAAAAAAAAAAAAAAAAA=="}""",
        "Length 5 must be a multiple of block size 16")]
    [InlineData("""{"qom-type":"secret_keyring","id":"s","serial":0}""", "'serial' should not be equal to 0")]
    [InlineData("""{"qom-type":"secret","id":"1x","data":"x"}""", "Parameter 'id' expects an identifier")]
    [InlineData(
        """{"qom-type":"secret","id":"short","data":"x"}""",
        "attempt to add duplicate property 'short' to object (type 'container')")]
    [InlineData("""{"qom-type":"zzz","id":"s"}""", "Parameter 'qom-type' does not accept value 'zzz'")]
    [InlineData(
        """{"qom-type":"iothread","id":"io","poll-max-ns":-5}""", "poll-max-ns value must be in range [0, 9223372036854775807]")]
    [InlineData("""{"qom-type":"tls-creds-x509","id":"t","endpoint":"server"}""", "Missing 'dir' property value")]
    [InlineData(
        """{"qom-type":"tls-creds-x509","id":"t","endpoint":"server","dir":"/nonexistent"}""",
        "Unable to access credentials /nonexistent/ca-cert.pem: No such file or directory")]
    public async Task A_mistake_is_refused_with_qemus_text(string options, string message)
    {
        await Add("""{"qom-type":"secret","id":"short","data":"x"}""");
        await Add($$"""{"qom-type":"secret","id":"k","data":"{{Key}}","format":"base64"}""");

        Assert.Equal(message, (await Assert.ThrowsAsync<QmpException>(async () => await Add(options))).Message);
        Assert.False(_objects.TryGet<object>("s", out _));
    }

    [Fact]
    public async Task A_removed_object_is_gone_and_its_id_free()
    {
        await Add("""{"qom-type":"secret","id":"s","data":"one"}""");

        await _objects.RemoveAsync("s");

        Assert.Equal(
            "object 's' not found",
            (await Assert.ThrowsAsync<QmpException>(async () => await _objects.RemoveAsync("s"))).Message);
        await Add("""{"qom-type":"secret","id":"s","data":"two"}""");
        Assert.Equal("two", Secret("s"));
    }

    [Theory]
    [InlineData("fred", true)]
    [InlineData("jane", false)]
    public async Task A_simple_authorisation_allows_one_identity(string identity, bool allowed)
    {
        await Add("""{"qom-type":"authz-simple","id":"a","identity":"fred"}""");

        Assert.Equal(allowed, Authorise("a", identity));
    }

    [Theory]
    [InlineData("CN=fred", true)]
    [InlineData("CN=mallory,O=lab", false)]
    [InlineData("CN=jane,O=lab", true)]
    [InlineData("CN=jane,O=office", false)]
    [InlineData(@"CN=jane,O=Some\, Company", true)]
    [InlineData("CN=jane,O=Some, Company", false)]
    public async Task The_first_rule_of_a_list_that_matches_decides(string identity, bool allowed)
    {
        await Add("""
            {"qom-type":"authz-list","id":"a","policy":"deny","rules":[
              {"match":"CN=fred","policy":"allow"},
              {"match":"CN=mallory,*","policy":"deny","format":"glob"},
              {"match":"*,O=Some\\, C?mp*y","policy":"allow","format":"glob"},
              {"match":"*,O=lab","policy":"allow","format":"glob"}]}
            """);

        Assert.Equal(allowed, Authorise("a", identity));
    }

    private ValueTask Add(string options) => _objects.AddAsync(options);

    private string Secret(string id)
    {
        Assert.True(_objects.TryGet<ISecret>(id, out var secret));
        return Encoding.UTF8.GetString(secret.Data.Span);
    }

    private bool Authorise(string id, string identity)
    {
        Assert.True(_objects.TryGet<IAuthorization>(id, out var authorisation));
        return authorisation.IsAllowed(identity);
    }
}
