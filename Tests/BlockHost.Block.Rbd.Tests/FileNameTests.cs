// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Plugins.Block.Rbd;

namespace BlockHost.Block.Rbd.Tests;

/// <summary>rbd:pool/[namespace/]image[@snapshot][:option=value]..., as QEMU takes it.</summary>
public sealed class FileNameTests
{
    [Theory]
    [InlineData("rbd:p/i", """{"pool":"p","namespace":"","image":"i"}""")]
    [InlineData("rbd:p/n/i", """{"pool":"p","namespace":"n","image":"i"}""")]
    [InlineData("rbd:p/i@s", """{"pool":"p","snapshot":"s","namespace":"","image":"i"}""")]
    [InlineData("rbd:p/n/i@s:id=me", """{"pool":"p","snapshot":"s","namespace":"n","image":"i","user":"me"}""")]
    [InlineData("rbd:p/i:conf=/etc/c.conf:id=me", """{"pool":"p","namespace":"","image":"i","conf":"/etc/c.conf","user":"me"}""")]
    [InlineData("rbd:p/i\\@s", """{"pool":"p","namespace":"","image":"i@s"}""")]
    [InlineData("rbd:p\\/q/i\\:j\\\\k", """{"pool":"p/q","namespace":"","image":"i:j\\k"}""")]
    [InlineData("rbd:p/n\\/m/i", """{"pool":"p","namespace":"n/m","image":"i"}""")]
    [InlineData("rbd:p/i:mon_host=a\\:1\\;b\\:2", """{"pool":"p","namespace":"","image":"i","keyvalue-pairs":"[\"mon_host\",\"a:1;b:2\"]"}""")]
    [InlineData("rbd:p/i:a=1:conf=c:b=2", """{"pool":"p","namespace":"","image":"i","conf":"c","keyvalue-pairs":"[\"a\",\"1\",\"b\",\"2\"]"}""")]
    [InlineData("rbd:/i", """{"pool":"","namespace":"","image":"i"}""")]
    public void Its_parts_become_options(string name, string expected)
    {
        Assert.True(new RbdDriver().TryParseFileName(name, out var options));

        Assert.True(
            JsonElement.DeepEquals(JsonDocument.Parse(expected).RootElement, options.Value), options.Value.GetRawText());
    }

    [Theory]
    [InlineData("nbd:p/i", "File name must start with 'rbd:'")]
    [InlineData("rbd:i", "Pool name is required")]
    [InlineData("rbd:p\\/i", "Pool name is required")]
    [InlineData("rbd:p/i:conf", "conf option conf has no value")]
    [InlineData("rbd:p/i:", "conf option  has no value")]
    [InlineData("rbd:p/i:a=1:b", "conf option b has no value")]
    public void What_is_no_name_is_refused_in_QEMUs_words(string name, string expected) => Assert.Equal(
        expected, Assert.Throws<BlockException>(() => new RbdDriver().TryParseFileName(name, out _)).Message);

    [Theory]
    [InlineData("""{"filename":"rbd:p/i@s:id=me","image":"j"}""", """{"pool":"p","snapshot":"s","namespace":"","user":"me","image":"j"}""")]
    [InlineData("""{"pool":"p","image":"i","password-secret":"s"}""", """{"pool":"p","image":"i","key-secret":"s"}""")]
    [InlineData("""{"pool":"p","image":"i"}""", """{"pool":"p","image":"i"}""")]
    public void Older_options_become_todays(string options, string expected)
    {
        var modern = new RbdDriver().Modernise(JsonDocument.Parse(options).RootElement);

        Assert.True(JsonElement.DeepEquals(JsonDocument.Parse(expected).RootElement, modern), modern.GetRawText());
    }

    [Fact]
    public void Both_names_of_the_secret_are_refused()
    {
        var options = JsonDocument.Parse("""{"password-secret":"a","key-secret":"b"}""").RootElement;

        Assert.Equal(
            "Legacy 'password-secret' clashes with 'key-secret'",
            Assert.Throws<BlockException>(() => new RbdDriver().Modernise(options)).Message);
    }

    /// <summary>Any text at all gives options, or an error for the user.</summary>
    [Fact]
    public void No_name_does_harm()
    {
        const string letters = "rbd:/@\\=;ab";
        var random = new Random(1);
        for (var i = 0; i < 5000; i++)
        {
            var name = "rbd:" + new string(random.GetItems<char>(letters, random.Next(16)));
            try
            {
                Assert.True(new RbdDriver().TryParseFileName(name, out _));
            }
            catch (BlockException)
            {
                // It is no name.
            }
        }
    }
}
