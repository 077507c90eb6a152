// SPDX-License-Identifier: MIT
using System.ComponentModel;
using System.Net.Sockets;
using System.Text;
using BlockHost.Posix;

namespace BlockHost.Posix.Tests;

/// <summary>Programs that one talks to over sockets.</summary>
public sealed class ChildProgramTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task What_is_said_to_it_is_its_input_and_what_it_answers_its_output()
    {
        using var program = ChildProgram.Start("cat", []);

        await program.Talk.SendAsync("hello"u8.ToArray());

        Assert.Equal("hello", await ReadAsync(program.Talk, 5));
    }

    [Fact]
    public async Task What_it_complains_of_is_apart()
    {
        using var program = ChildProgram.Start("sh", ["-c", "echo oh >&2"]);

        Assert.Equal("oh\n", await ReadAsync(program.Errors, 3));
        Assert.Equal(0, await program.Talk.ReceiveAsync(new byte[1]));
    }

    [Fact]
    public async Task Its_input_ends_where_nothing_more_is_said()
    {
        using var program = ChildProgram.Start("sh", ["-c", "cat; echo end"]);

        program.Talk.Shutdown(SocketShutdown.Send);

        Assert.Equal("end\n", await ReadAsync(program.Talk, 4));
    }

    [Fact]
    public void One_that_is_not_there_is_named_by_the_system()
    {
        var error = Assert.Throws<Win32Exception>(() => ChildProgram.Start("blockhost-no-such-program", []));

        Assert.Equal("No such file or directory", error.Message);
    }

    [Fact]
    public async Task Nothing_is_left_of_it_and_what_it_has_started()
    {
        var sign = $"7{Random.Shared.Next(1_000_000):D6}";
        var program = ChildProgram.Start("sh", ["-c", $"sleep {sign} & echo on; sleep {sign}; true"]);
        Assert.Equal("on\n", await ReadAsync(program.Talk, 3));
        Assert.NotEmpty(Processes.WithArgument(sign));

        await program.EndAsync();

        await UntilAsync(() => Processes.WithArgument(sign).Count == 0);
        Assert.False(Directory.Exists($"/proc/{program.Id}"));
    }

    [Fact]
    public async Task It_is_known_whether_it_still_runs()
    {
        using var program = ChildProgram.Start("cat", []);
        Assert.False(program.TryReap());

        program.Talk.Shutdown(SocketShutdown.Send);

        await UntilAsync(program.TryReap);
    }

    private static async Task<string> ReadAsync(Socket socket, int count)
    {
        var bytes = new byte[count];
        for (var got = 0; got < count;)
        {
            var more = await socket.ReceiveAsync(bytes.AsMemory(got));
            Assert.NotEqual(0, more);
            got += more;
        }

        return Encoding.UTF8.GetString(bytes);
    }

    private static async Task UntilAsync(Func<bool> isSo)
    {
        for (var end = DateTime.UtcNow + Patience; !isSo(); await Task.Delay(5))
            Assert.True(DateTime.UtcNow < end, "it does not come about");
    }
}
