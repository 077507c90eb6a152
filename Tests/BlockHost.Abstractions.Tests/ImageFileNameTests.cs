// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Abstractions.Tests;

public sealed class ImageFileNameTests
{
    [Theory]
    [InlineData("nbd://host/export", "nbd")]
    [InlineData("json:{}", "json")]
    [InlineData("fat:rw:dir/", "fat")]
    [InlineData("/a:b", null)]
    [InlineData("dir/a:b", null)]
    [InlineData("plain", null)]
    public void A_colon_before_any_slash_ends_the_protocol(string name, string? protocol) =>
        Assert.Equal(protocol, ImageFileName.ProtocolOf(name));

    [Theory]
    [InlineData("/images/top.qcow2", "base.qcow2", "/images/base.qcow2")]
    [InlineData("top.qcow2", "base.qcow2", "base.qcow2")]
    [InlineData("a/top.qcow2", "../base.qcow2", "a/../base.qcow2")]
    [InlineData("/images/top.qcow2", "/base.qcow2", "/base.qcow2")]
    [InlineData("/images/top.qcow2", "nbd://host/base", "nbd://host/base")]
    [InlineData("http://host/dir/top.qcow2", "base.qcow2", "http://host/dir/base.qcow2")]
    [InlineData("proto:top", "base", "proto:base")]
    public void A_relative_name_counts_from_the_folder_of_the_image(string image, string name, string expected)
    {
        Assert.True(ImageFileName.TryResolve(image, name, out var resolved));
        Assert.Equal(expected, resolved);
    }

    [Fact]
    public void A_relative_name_in_an_image_without_a_folder_cannot_be_resolved() =>
        Assert.False(ImageFileName.TryResolve("json:{\"driver\":\"qcow2\"}", "base.qcow2", out _));
}
