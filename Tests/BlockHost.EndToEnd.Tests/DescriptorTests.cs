// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using System.Text.Json.Nodes;
using BlockHost.EndToEnd.Tests.Support;
using BlockHost.Posix;

namespace BlockHost.EndToEnd.Tests;

/// <summary>Descriptors that a manager hands over, beside the installed qemu-system-x86_64 with no machine in it.</summary>
public sealed class DescriptorTests : IDisposable
{
    private readonly Folder _folder = new();
    private readonly List<FileDescriptor> _open = [];

    public DescriptorTests() => File.WriteAllBytes(_folder["a.img"], new byte[1 << 20]);

    public void Dispose()
    {
        _open.ForEach(file => file.Dispose());
        _folder.Dispose();
    }

    [SkippableFact]
    public async Task Each_command_is_answered_as_QEMUs()
    {
        Programs.RequireQemu72();
        Programs.Require("qemu-system-x86_64");

        var theirs = await TalkAsync(
            "theirs", "qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none",
            "-chardev", "socket,id=qmp,path=q,server=on,wait=off", "-mon", "chardev=qmp,mode=control");
        var ours = await TalkAsync("ours", Programs.Native, OurArguments);

        Assert.Equal(string.Join('\n', theirs), string.Join('\n', ours));
    }

    [Fact]
    public async Task A_manager_that_sends_the_descriptor_before_the_command_is_understood()
    {
        await using var daemon = await StartAsync("early");
        using var qmp = new DescriptorClient(_folder["early/q"]);

        qmp.Send("""{"execute": "query-version"}""", Open(OpenFlags.ReadWrite));
        var answer = qmp.Send("""{"execute": "add-fd", "arguments": {"fdset-id": 4}}""");

        Assert.Contains("\"fdset-id\": 4", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_node_goes_from_reading_to_writing_by_the_sets_other_descriptor()
    {
        await using var daemon = await StartAsync("reopen");
        using var qmp = new DescriptorClient(_folder["reopen/q"]);
        qmp.Send(Add(1), Open(OpenFlags.ReadOnly));
        const string options =
            """{"driver": "raw", "node-name": "d", "read-only": READS, "file": {"driver": "file", "filename": "/dev/fdset/1"} }""";
        qmp.Send($$"""{"execute": "blockdev-add", "arguments": {{options.Replace("READS", "true", StringComparison.Ordinal)}} }""");
        var toWrite = $$"""
            {"execute": "blockdev-reopen", "arguments": {"options": [{{options.Replace("READS", "false", StringComparison.Ordinal)}}]} }
            """;

        var refused = qmp.Send(toWrite);
        qmp.Send(Add(1), Open(OpenFlags.ReadWrite));
        var done = qmp.Send(toWrite);
        var written = qmp.Send(
            """{"execute": "human-monitor-command", "arguments": {"command-line": "qemu-io d \"write -q -P 7 0 512\""} }""");

        Assert.Contains("Could not dup FD for /dev/fdset/1 flags 2: Permission denied", refused, StringComparison.Ordinal);
        Assert.Equal("{}", done);
        Assert.Equal("\"\"", written);
        Assert.Equal(7, File.ReadAllBytes(_folder["a.img"])[511]);
    }

    [Fact]
    public async Task An_inherited_descriptor_goes_into_a_set()
    {
        using var file = FileDescriptor.Open(_folder["a.img"], OpenFlags.ReadWrite);
        Directory.CreateDirectory(_folder["inherit"]);
        var script = $"exec {Programs.Native} serve --add-fd fd=9,set=3,opaque=rdwr:a.img {string.Join(' ', OurArguments[1..])} 9<>../a.img";

        await using var daemon = await ServerProcess.StartAsync(_folder["inherit/q"], _folder["inherit"], "bash", "-c", script);
        using var qmp = new DescriptorClient(_folder["inherit/q"]);

        Assert.Contains("rdwr:a.img", qmp.Send("""{"execute": "query-fdsets"}"""), StringComparison.Ordinal);
        Assert.Equal("{}", qmp.Send(FileNode("f", "/dev/fdset/3")));
    }

    private static string[] OurArguments =>
        ["serve", "--chardev", "socket,id=qmp,path=q,server=on,wait=off", "--monitor", "chardev=qmp"];

    private async Task<ServerProcess> StartAsync(string name, string? program = null, params string[] arguments)
    {
        Directory.CreateDirectory(_folder[name]);
        return await ServerProcess.StartAsync(
            _folder[name + "/q"], _folder[name], program ?? Programs.Native, program is null ? OurArguments : arguments);
    }

    private async Task<List<string>> TalkAsync(string name, string program, params string[] arguments)
    {
        await using var daemon = await StartAsync(name, program, arguments);
        using var qmp = new DescriptorClient(_folder[name + "/q"]);
        var (writes, reads) = (Open(OpenFlags.ReadWrite), Open(OpenFlags.ReadOnly));
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(_folder[name + "/nbd"]));
        listener.Listen();
        List<string> answers = [];

        void Try(string command, params ReadOnlySpan<int> descriptors) => answers.Add(
            $"{command} {WithoutNumbers(qmp.Send(command, descriptors))}");

        Try("""{"execute": "add-fd"}""");
        Try("""{"execute": "add-fd"}""", writes);
        Try(Add(0), reads);
        Try(Add(3), writes);
        Try(Add(-2), writes);
        Try("""{"execute": "add-fd", "arguments": {"opaque": "text"}}""", reads, writes);
        Try("""{"execute": "query-fdsets"}""");
        Try("""{"execute": "remove-fd", "arguments": {"fdset-id": 99}}""");
        Try("""{"execute": "remove-fd", "arguments": {"fdset-id": 3, "fd": 4711}}""");
        Try(FileNode("f", "/dev/fdset/0"));
        foreach (var wrong in (string[])["/dev/fdset/99", "/dev/fdset/", "/dev/fdset/x1", "/dev/fdset/0x"])
            Try(FileNode("g", wrong));
        Try("""{"execute": "remove-fd", "arguments": {"fdset-id": 0}}""");
        Try("""{"execute": "query-fdsets"}""");
        Try(FileNode("g", "/dev/fdset/0"));
        Try("""{"execute": "blockdev-del", "arguments": {"node-name": "f"}}""");
        Try("""{"execute": "query-fdsets"}""");
        Try(Add(8), reads);
        Try(FileNode("w", "/dev/fdset/8"));
        Try("""{"execute": "getfd", "arguments": {"fdname": "a"}}""");
        Try("""{"execute": "getfd", "arguments": {"fdname": "1a"}}""", writes);
        Try("""{"execute": "getfd", "arguments": {"fdname": "a"}}""", writes);
        Try("""{"execute": "closefd", "arguments": {"fdname": "zz"}}""");
        Try(Device("nope"));
        Try(Device("5"));
        Try(Device("a"));
        Try("""{"execute": "closefd", "arguments": {"fdname": "a"}}""");
        Try(Server("nope"));
        Try("""{"execute": "getfd", "arguments": {"fdname": "n"}}""", (int)listener.SafeHandle.DangerousGetHandle());
        Try(Server("n"));
        Try("""{"execute": "chardev-add", "arguments": {"id": "l", "backend": {"type": "null", "data": {"logfile": "/dev/fdset/3"}}}}""");
        Try("""{"execute": "chardev-add", "arguments": {"id": "o", "backend": {"type": "file", "data": {"out": "/dev/fdset/3"}}}}""");
        return answers;
    }

    private int Open(int flags)
    {
        var file = FileDescriptor.Open(_folder["a.img"], flags);
        _open.Add(file);
        return file.Value;
    }

    /// <summary>The descriptors' own numbers are each program's.</summary>
    private static string WithoutNumbers(string answer)
    {
        if (answer is not ['{' or '[', ..])
            return answer;
        return Sorted(JsonNode.Parse(answer)!).ToJsonString();

        static JsonNode Sorted(JsonNode node) => node switch
        {
            JsonObject members => new JsonObject(members.Where(member => member.Key != "fd")
                .OrderBy(member => member.Key, StringComparer.Ordinal).Select(
                    member => KeyValuePair.Create(member.Key, (JsonNode?)Sorted(member.Value!)))),
            JsonArray items => new JsonArray([.. items.Select(item => Sorted(item!))]),
            _ => node.DeepClone(),
        };
    }

    private static string Add(int set) => $$"""{"execute": "add-fd", "arguments": {"fdset-id": {{set}} } }""";

    private static string FileNode(string node, string file) =>
        $$"""{"execute": "blockdev-add", "arguments": {"driver": "file", "node-name": "{{node}}", "filename": "{{file}}"} }""";

    private static string Device(string name) =>
        $$"""{"execute": "chardev-add", "arguments": {"id": "c", "backend": {"type": "socket", "data": {"server": false, "addr": {{Given(name)}} } } } }""";

    private static string Server(string name) =>
        $$"""{"execute": "nbd-server-start", "arguments": {"addr": {{Given(name)}} } }""";

    private static string Given(string name) => $$"""{"type": "fd", "data": {"str": "{{name}}"} }""";
}
