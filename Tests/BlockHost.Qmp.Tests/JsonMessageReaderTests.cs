// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Json;
using BlockHost.Core.Json;

namespace BlockHost.Qmp.Tests;

public class JsonMessageReaderTests
{
    [Theory]
    [InlineData("""{"a":[1,-0.5e+7,true,null,"x\u00e9\\\"/"],"b":{}}""")]
    [InlineData("""{'a':'it\'s "q"','b':['',"'"]}""")]
    [InlineData("""[[[]],{"ü":"😀"}]""")]
    public void A_message_reads_the_same_however_it_is_cut(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text + "\n");
        var whole = Assert.Single(ReadAll(bytes, bytes.Length));
        for (var size = 1; size < bytes.Length; size++)
            Assert.Equal(whole, Assert.Single(ReadAll(bytes, size)));
        JsonDocument.Parse(whole).Dispose();
    }

    [Fact]
    public void Single_quotes_become_double_ones()
    {
        Assert.Equal("""{"a":"it's \"q\""}""", Assert.Single(ReadAll(Encoding.UTF8.GetBytes("""{'a': 'it\'s "q"'}"""), 100)));
    }

    [Theory]
    [InlineData("""{"a":1,"\u0061":2}""")]
    [InlineData("""{"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"5":0}""")]
    [InlineData("""{"x":[{"k":{"a":1},"l":{"a":1,"a":1}}]}""")]
    public void A_repeated_key_is_found_however_it_is_written(string text) =>
        Assert.Equal("JSON parse error, duplicate key", Assert.Single(ReadAll(Encoding.UTF8.GetBytes(text), 1000)));

    [Fact]
    public void Whatever_comes_in_every_message_that_comes_out_is_json()
    {
        var random = new Random(20261121);
        var alphabet = Encoding.Latin1.GetBytes(
            "{}[]:,\"'\\ \n\t019-+.eEtruefalsn\u0000\u0001\u007f\u00c0\u0080\u00ff\u00fe/bu%");
        for (var round = 0; round < 3000; round++)
        {
            var bytes = new byte[random.Next(1, 60)];
            for (var i = 0; i < bytes.Length; i++)
                bytes[i] = alphabet[random.Next(alphabet.Length)];
            foreach (var message in ReadAll(
                bytes, random.Next(1, 61)).Where(message => !message.StartsWith("JSON ", StringComparison.Ordinal)))
                JsonDocument.Parse(message, new JsonDocumentOptions { MaxDepth = 2000 }).Dispose();
        }
    }

    [Fact]
    public void A_message_in_one_piece_and_its_pieces_give_the_same_answers_also_when_wrong()
    {
        var random = new Random(7);
        var alphabet = Encoding.Latin1.GetBytes("{}[]:,\"' \n09-.eab\u00ff%");
        for (var round = 0; round < 2000; round++)
        {
            var bytes = new byte[random.Next(1, 40)];
            for (var i = 0; i < bytes.Length; i++)
                bytes[i] = alphabet[random.Next(alphabet.Length)];
            Assert.Equal(ReadAll(bytes, bytes.Length), ReadAll(bytes, random.Next(1, 5)));
        }
    }

    [Fact]
    public void Memory_goes_back_to_the_budget()
    {
        var budget = new InputBudget(1 << 20);
        using (var reader = new JsonMessageReader(1 << 20, budget))
        {
            var text = Encoding.UTF8.GetBytes("\"" + new string('a', 300_000) + "\"");
            Assert.Equal(JsonReadStatus.Message, reader.Read(text, out _));
            reader.Take().Dispose();
            Assert.Equal(JsonReadStatus.NeedMore, reader.Read(text.AsSpan(0, 200_000), out _));
        }

        Assert.True(budget.TryReserve(1 << 20));
    }

    [Fact]
    public void A_small_request_costs_little_memory()
    {
        using var reader = new JsonMessageReader(1 << 20, new InputBudget(0));
        var text = """{"execute":"query-status","id":1}"""u8.ToArray();

        Assert.InRange(Allocations.Of(Once) / 100, 0, 100);

        void Once()
        {
            if (reader.Read(text, out _) != JsonReadStatus.Message)
                Assert.Fail("no message");
            reader.Take().Dispose();
        }
    }

    private static List<string> ReadAll(byte[] bytes, int pieceSize)
    {
        using var reader = new JsonMessageReader(1 << 20, new InputBudget(1 << 20));
        var results = new List<string>();
        for (var start = 0; start < bytes.Length; start += pieceSize)
        {
            var piece = bytes.AsSpan(start, Math.Min(pieceSize, bytes.Length - start));
            while (true)
            {
                var status = reader.Read(piece, out var consumed);
                piece = piece[consumed..];
                if (status == JsonReadStatus.NeedMore)
                    break;
                results.Add(status == JsonReadStatus.Error ? reader.Error : Text(reader));
            }
        }

        return results;
    }

    private static string Text(JsonMessageReader reader)
    {
        using var message = reader.Take();
        return Encoding.UTF8.GetString(message.Utf8.Span);
    }
}
