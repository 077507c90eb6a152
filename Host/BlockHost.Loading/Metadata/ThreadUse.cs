// SPDX-License-Identifier: MIT
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;

namespace BlockHost.Loading;

/// <summary>
/// Finds code that makes threads which end, from metadata: no plugin can be unloaded safely where such threads run
/// (docs/decisions/13). What only the runtime can see (a native thread that calls back) is the plugin author's to keep to.
/// </summary>
public static class ThreadUse
{
    private const string Constructor = ".ctor";

    /// <summary>The first such thing the assembly refers to ("System.Threading.Thread"), or null.</summary>
    /// <param name="assembly">The assembly's bytes; null too where they are none.</param>
    public static string? Find(byte[] assembly)
    {
        try
        {
            using var pe = new PEReader(ImmutableCollectionsMarshal.AsImmutableArray(assembly));
            return pe.HasMetadata ? Find(pe.GetMetadataReader()) : null;
        }
        catch (BadImageFormatException)
        {
            // The runtime says so when it loads it.
            return null;
        }
    }

    /// <summary>As <see cref="Find(byte[])"/>.</summary>
    internal static string? Find(MetadataReader metadata)
    {
        foreach (var handle in metadata.MemberReferences)
        {
            var member = metadata.GetMemberReference(handle);
            if (TypeOf(metadata, member.Parent) is { } type && MakesThreads(type, metadata.GetString(member.Name)))
                return type;
        }

        return null;
    }

    /// <summary>A task may ask for a thread of its own (LongRunning), which ends with it.</summary>
    private static bool MakesThreads(string type, string member) => type switch
    {
        "System.Threading.Thread" => member == Constructor,
        "System.Threading.Tasks.Task" or "System.Threading.Tasks.Task`1" => member == Constructor,
        "System.Threading.Tasks.TaskFactory" or "System.Threading.Tasks.TaskFactory`1" => member == "StartNew",
        "System.IO.FileSystemWatcher" => member == Constructor,
        _ => false,
    };

    private static string? TypeOf(MetadataReader metadata, EntityHandle parent) => parent.Kind switch
    {
        HandleKind.TypeReference => NameOf(metadata, (TypeReferenceHandle)parent),
        HandleKind.TypeSpecification => GenericOf(metadata, (TypeSpecificationHandle)parent),
        _ => null,
    };

    /// <summary>ECMA-335, II.23.2.14: GENERICINST, CLASS or VALUETYPE, the generic type, its arguments.</summary>
    private static string? GenericOf(MetadataReader metadata, TypeSpecificationHandle handle)
    {
        var signature = metadata.GetBlobReader(metadata.GetTypeSpecification(handle).Signature);
        if (signature.ReadSignatureTypeCode() != SignatureTypeCode.GenericTypeInstance)
            return null;
        signature.ReadCompressedInteger();
        var generic = signature.ReadTypeHandle();
        return generic.Kind == HandleKind.TypeReference ? NameOf(metadata, (TypeReferenceHandle)generic) : null;
    }

    private static string NameOf(MetadataReader metadata, TypeReferenceHandle handle)
    {
        var type = metadata.GetTypeReference(handle);
        return $"{metadata.GetString(type.Namespace)}.{metadata.GetString(type.Name)}";
    }
}
