// SPDX-License-Identifier: MIT
using System.Runtime.ExceptionServices;
using BlockHost.Block;

namespace BlockHost.Plugins.Filter.Blkverify;

/// <summary>How the two children fared with one request: their errors, or null.</summary>
internal readonly record struct Answers(BlockException? Test, BlockException? Raw)
{
    /// <summary>Sends a request to both at once and waits for both, as until then buffers are theirs.</summary>
    public static async ValueTask<Answers> OfAsync(Func<ValueTask> test, Func<ValueTask> raw)
    {
        var first = AnswerAsync(test);
        var second = AnswerAsync(raw);
        var (ofTest, ofRaw) = (await first.ConfigureAwait(false), await second.ConfigureAwait(false));
        return new(Expected(ofTest), Expected(ofRaw));
    }

    private static async ValueTask<Exception?> AnswerAsync(Func<ValueTask> request)
    {
        try
        {
            await request().ConfigureAwait(false);
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }

    /// <summary>Anything but an error of the graph (a request that was called off) is no answer to compare.</summary>
    private static BlockException? Expected(Exception? answer)
    {
        if (answer is not null and not BlockException)
            ExceptionDispatchInfo.Throw(answer);
        return answer as BlockException;
    }
}
