// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;

namespace BlockHost.Oracle.Tests;

/// <summary>
/// Random commands made from the schema. Each may be refused, none may show a mistake in the host or a plugin, or hang. More of
/// them: BLOCKHOST_FUZZ_COMMANDS=100000 BLOCKHOST_FUZZ_SEED=7 dotnet test Tests/BlockHost.Oracle.Tests --filter CommandFuzz.
/// </summary>
public sealed class CommandFuzzTests
{
    private const int Sample = 1500;

    /// <summary>A new host from time to time: one that has seen much refuses most.</summary>
    private const int CommandsPerHost = 250;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task No_command_is_answered_with_a_mistake_of_the_program()
    {
        var (count, seed) = (SearchSize.Of("BLOCKHOST_FUZZ_COMMANDS", Sample), SearchSize.Of("BLOCKHOST_FUZZ_SEED", 1));
        var mistakes = new List<string>();
        for (var done = 0; done < count; done += CommandsPerHost)
            await RunAsync(seed + done, Math.Min(CommandsPerHost, count - done), mistakes);

        Assert.True(mistakes.Count == 0, string.Join('\n', mistakes.Distinct()));
    }

    private static async Task RunAsync(int seed, int count, List<string> mistakes)
    {
        var folder = Directory.CreateTempSubdirectory("fuzz").FullName;
        try
        {
            await using var bed = await HostBed.StartAsync();
            var commands = new RandomCommands(await bed.Schema.BuildAsync(CancellationToken.None), new Random(seed), folder);
            for (var i = 0; i < count; i++)
            {
                var command = i % 10 == 0 ? commands.NextNode() : commands.Next();
                var answer = await AnswerAsync(bed, command);
                if (answer.Contains("failed in", StringComparison.Ordinal)
                    || answer.Contains("failed while", StringComparison.Ordinal))
                    mistakes.Add($"{command}: {answer}");
            }

            mistakes.AddRange(bed.Log.Where(
                entry =>
                    entry.Text.Contains(" failed in ", StringComparison.Ordinal)).Select(entry =>
                        $"{entry.Text}\n{entry.Stack}"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<string> AnswerAsync(HostBed bed, string command)
    {
        try
        {
            var answer = await bed.ExecuteAsync(command).WaitAsync(Patience);
            return (string?)answer["error"]?["desc"] ?? "";
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"No answer to {command}");
        }
    }
}
