// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Facets;

/// <summary>
/// Facet of a protocol driver that makes nothing: an image is made in what is there already (a server's disk), where it is large
/// enough.
/// </summary>
public interface IExistingStorage;
