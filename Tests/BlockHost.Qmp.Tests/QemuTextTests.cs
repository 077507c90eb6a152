// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Qmp.Tests.Support;

namespace BlockHost.Qmp.Tests;

/// <summary>Byte for byte what QEMU 7.2 answers to the same mistakes (see Facts/README.md).</summary>
public class QemuTextTests
{
    [Theory]
    [InlineData("qemu-7.2-requests.jsonl", true, false)]
    [InlineData("qemu-7.2-syntax.jsonl", true, false)]
    [InlineData("qemu-7.2-oob.jsonl", true, true)]
    [InlineData("qemu-7.2-negotiation.jsonl", false, false)]
    public async Task Answers_are_those_of_qemu(string file, bool negotiate, bool oob)
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = negotiate ? await daemon.NegotiateAsync(oob) : await daemon.ConnectAsync();
        var differences = new StringBuilder();
        foreach (var fact in Observation.Load(file))
        {
            await client.SendAsync(Encoding.Latin1.GetBytes(fact.Send + "\n"));
            await client.SendAsync("""{"execute":"no-such-command","id":"end of fact"}""" + "\n");
            var answers = await client.ReadUntilAsync("end of fact");
            if (!answers.SequenceEqual(fact.Expect))
                differences.AppendLine(
                    $"{fact.Send.ReplaceLineEndings("\\n")}\n  qemu {string.Join('|', fact.Expect)}\n  ours {string.Join('|', answers)}");
        }

        Assert.True(differences.Length == 0, differences.ToString());
    }

    [Fact]
    public async Task Wrong_arguments_get_qemus_texts()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync();
        var differences = new StringBuilder();
        foreach (var fact in Observation.Load("qemu-7.2-arguments.jsonl"))
        {
            var answer = await client.AskAsync($"{{\"execute\":\"{fact.Command}\",\"arguments\":{fact.Arguments}}}");
            if (answer != $"{{\"error\": {{\"class\": \"GenericError\", \"desc\": \"{fact.Error}\"}}}}")
                differences.AppendLine($"{fact.Command} {fact.Arguments}\n  qemu {fact.Error}\n  ours {answer}");
        }

        Assert.True(differences.Length == 0, differences.ToString());
    }

    [Fact]
    public async Task Wrong_command_line_options_get_qemus_texts()
    {
        await using var daemon = new TestDaemon();
        var differences = new StringBuilder();
        foreach (var fact in Observation.Load("qemu-7.2-keyvalue.jsonl"))
        {
            var error = await Record.ExceptionAsync(
                () =>
                    daemon.Input.ParseAsync(
                        QapiExtension.BlockdevOptions, fact.Argument, "driver", CancellationToken.None).AsTask());
            if (error?.Message != fact.Error)
                differences.AppendLine($"{fact.Argument}\n  qemu {fact.Error}\n  ours {error?.Message}");
        }

        Assert.True(differences.Length == 0, differences.ToString());
    }
}
