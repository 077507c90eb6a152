// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Core.Objects;
using BlockHost.Objects;
using BlockHost.Qmp;

namespace BlockHost.Core.Tests.Objects;

/// <summary>"authz-listfile": rules in a file.</summary>
public sealed class AuthzListFileTests : IDisposable
{
    private const string Fred = """{"policy":"deny","rules":[{"match":"fred","policy":"allow","format":"exact"}]}""";
    private const string Jane = """{"policy":"deny","rules":[{"match":"j?n*","policy":"allow","format":"glob"}]}""";

    private readonly UserObjects _objects = ObjectBed.Create();
    private readonly string _folder = Directory.CreateTempSubdirectory("rules").FullName;

    private string Rules => Path.Combine(_folder, "rules");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(null)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Rules_of_the_file_hold_and_those_that_come_later_where_it_is_read_anew(bool? refresh)
    {
        File.WriteAllText(Rules, Fred);
        await AddAsync(refresh);
        Assert.Equal((true, false), (IsAllowed("fred"), IsAllowed("jane")));

        File.WriteAllText(Rules, Jane + " ");

        Assert.Equal(refresh != false, IsAllowed("jane"));
        Assert.Equal(refresh == false, IsAllowed("fred"));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"policy":"maybe"}""")]
    public async Task A_file_that_becomes_none_leaves_the_rules_as_they_were(string content)
    {
        File.WriteAllText(Rules, Fred);
        await AddAsync();

        File.WriteAllText(Rules, content);
        Assert.Equal((true, false), (IsAllowed("fred"), IsAllowed("jane")));
        File.Delete(Rules);
        Assert.Equal((true, false), (IsAllowed("fred"), IsAllowed("jane")));

        File.WriteAllText(Rules, Jane);
        Assert.Equal((false, true), (IsAllowed("fred"), IsAllowed("jane")));
    }

    [Theory]
    [InlineData("[]", "File 'RULES' must contain a JSON object")]
    [InlineData("{", "Unable to parse 'RULES': ")]
    [InlineData("""{"rules":[{"match":"x"}]}""", "Unable to parse 'RULES': ")]
    [InlineData("""{"policy":"deny","more":1}""", "Unable to parse 'RULES': ")]
    [InlineData(null, "Unable to read 'RULES': No such file or directory")]
    public async Task One_that_is_none_makes_no_object(string? content, string reason)
    {
        if (content is not null)
            File.WriteAllText(Rules, content);

        var error = await Assert.ThrowsAsync<QmpException>(() => AddAsync());

        Assert.StartsWith(reason.Replace("RULES", Rules, StringComparison.Ordinal), error.Message);
    }

    private async Task AddAsync(bool? refresh = null)
    {
        var options = new JsonObject { ["qom-type"] = "authz-listfile", ["id"] = "a", ["filename"] = Rules };
        if (refresh is { } given)
            options["refresh"] = given;
        await _objects.AddAsync(options.ToJsonString());
    }

    private bool IsAllowed(string identity)
    {
        Assert.True(_objects.TryGet<IAuthorization>("a", out var authorization));
        return authorization.IsAllowed(identity);
    }
}
