// SPDX-License-Identifier: MIT
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;
using BlockHost.Core.Plugins;
using BlockHost.Plugins;

namespace BlockHost.Loading;

/// <summary>
/// Reads <see cref="PluginEntryAttribute"/> from an assembly's metadata. The attribute's value is a blob
/// (ECMA-335, II.23.3):
/// <code>
///   0x0001 │ entry type: serialised string │ major: int32 │ minor: int32 │ named arguments: uint16 …
/// </code>
/// The bytes may be anything: whatever is wrong with them is a reason, never a crash.
/// </summary>
public static class PluginMetadataReader
{
    private const ushort BlobProlog = 1;

    /// <exception cref="PluginException">The image is no assembly, or no plugin; the message is a reason.</exception>
    public static PluginMetadata Read(PluginImage image)
    {
        try
        {
            using var pe = new PEReader(ImmutableCollectionsMarshal.AsImmutableArray(image.Buffer));
            if (!pe.HasMetadata)
                throw new PluginException($"its assembly {image.Path} is not a .NET assembly");
            var metadata = pe.GetMetadataReader();
            if (!metadata.IsAssembly)
                throw new PluginException($"its assembly {image.Path} is a module, not an assembly");
            return Read(metadata, image.Path);
        }
        catch (Exception e)
            when (e is BadImageFormatException or InvalidOperationException or ArgumentException or OverflowException)
        {
            throw new PluginException($"its assembly {image.Path} is corrupt: {e.Message}", e);
        }
    }

    private static PluginMetadata Read(MetadataReader metadata, string path)
    {
        var assembly = metadata.GetAssemblyDefinition();
        var entries = assembly.GetCustomAttributes().Select(metadata.GetCustomAttribute).Where(a => IsPluginEntry(metadata, a))
            .ToList();
        if (entries.Count != 1)
            throw new PluginException(
                $"its assembly {path} has {(entries.Count == 0 ? "no" : "more than one")} attribute PluginEntry");
        var (type, contract) = ReadEntry(metadata.GetBlobReader(entries[0].Value), path);
        var references = metadata.AssemblyReferences.Select(handle => metadata.GetAssemblyReference(handle).GetAssemblyName())
            .ToList();
        return new PluginMetadata(metadata.GetString(assembly.Name), type, contract, references);
    }

    /// <summary>By name and assembly: a class that is only called the same is not the contract's.</summary>
    private static bool IsPluginEntry(MetadataReader metadata, CustomAttribute attribute)
    {
        if (attribute.Constructor.Kind != HandleKind.MemberReference)
            return false;
        var constructor = metadata.GetMemberReference((MemberReferenceHandle)attribute.Constructor);
        if (constructor.Parent.Kind != HandleKind.TypeReference)
            return false;
        var type = metadata.GetTypeReference((TypeReferenceHandle)constructor.Parent);
        return metadata.StringComparer.Equals(type.Name, nameof(PluginEntryAttribute))
            && metadata.StringComparer.Equals(type.Namespace, typeof(PluginEntryAttribute).Namespace!)
            && type.ResolutionScope.Kind == HandleKind.AssemblyReference
            && metadata.StringComparer.Equals(
                metadata.GetAssemblyReference((AssemblyReferenceHandle)type.ResolutionScope).Name,
                typeof(PluginEntryAttribute).Assembly.GetName().Name!);
    }

    private static (string Type, ContractVersion Contract) ReadEntry(BlobReader value, string path)
    {
        if (value.ReadUInt16() != BlobProlog)
            throw new PluginException($"its assembly {path} is corrupt: the attribute PluginEntry has no value");
        var type = value.ReadSerializedString();
        var contract = new ContractVersion(value.ReadInt32(), value.ReadInt32());
        if (string.IsNullOrEmpty(type))
            throw new PluginException($"its assembly {path} names no plugin class in PluginEntry");
        if (type.Contains(','))
            throw new PluginException($"its plugin class '{type}' is not in its own assembly {path}");
        return (type, contract);
    }
}
