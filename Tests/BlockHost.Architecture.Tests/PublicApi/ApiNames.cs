// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Reflection;

namespace BlockHost.Architecture.Tests.PublicApi;

/// <summary>Types, parameters and declarations as C# writes them, nullability included.</summary>
internal static class ApiNames
{
    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(void)] = "void",
        [typeof(bool)] = "bool",
        [typeof(byte)] = "byte",
        [typeof(char)] = "char",
        [typeof(int)] = "int",
        [typeof(uint)] = "uint",
        [typeof(long)] = "long",
        [typeof(ulong)] = "ulong",
        [typeof(short)] = "short",
        [typeof(ushort)] = "ushort",
        [typeof(nint)] = "nint",
        [typeof(object)] = "object",
        [typeof(string)] = "string",
    };

    public static string Declaration(Type type)
    {
        var bases = Bases(type).ToList();
        var name = type.IsNested ? $"{Simple(type.DeclaringType!)}.{Simple(type)}" : Simple(type);
        return $"{type.Namespace}: {Kind(type)} {name}{(bases.Count == 0 ? "" : $" : {string.Join(", ", bases)}")}";
    }

    public static string Of(Type type)
    {
        if (Keywords.TryGetValue(type, out var keyword))
            return keyword;
        if (type.IsByRef)
            return Of(type.GetElementType()!);
        if (type.IsArray)
            return Of(type.GetElementType()!) + "[]";
        if (Nullable.GetUnderlyingType(type) is { } underlying)
            return Of(underlying) + "?";
        return Simple(type);
    }

    public static string Of(PropertyInfo property) =>
        Annotated(new NullabilityInfoContext().Create(property), property.PropertyType);

    public static string Return(MethodInfo method) =>
        Annotated(new NullabilityInfoContext().Create(method.ReturnParameter), method.ReturnType);

    public static string Parameter(ParameterInfo parameter)
    {
        var mode = parameter switch
        {
            { IsOut: true } => "out ",
            { IsIn: true, ParameterType.IsByRef: true } => "in ",
            { ParameterType.IsByRef: true } => "ref ",
            _ => "",
        };
        var value = parameter.HasDefaultValue ? $" = {Default(parameter)}" : "";
        return $"{mode}{Annotated(new NullabilityInfoContext().Create(parameter), parameter.ParameterType)} {parameter.Name}{value}";
    }

    private static string Default(ParameterInfo parameter) => parameter.RawDefaultValue switch
    {
        null => "default",
        string text => $"\"{text}\"",
        var value => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Annotated(NullabilityInfo info, Type type)
    {
        if (type.IsByRef)
            type = type.GetElementType()!;
        if (type.IsValueType && Nullable.GetUnderlyingType(type) is null && !type.IsGenericType)
            return Of(type);
        var name = type.IsGenericType && Nullable.GetUnderlyingType(type) is null
            && info.GenericTypeArguments.Length == type.GetGenericArguments().Length
            ? $"{Plain(type)}<{string.Join(", ", info.GenericTypeArguments.Select(argument => Annotated(argument, argument.Type)))}>"
            : Of(type);
        var isNullable = !type.IsValueType
            && (info.ReadState == NullabilityState.Nullable || info.WriteState == NullabilityState.Nullable);
        return isNullable ? name + "?" : name;
    }

    private static string Simple(Type type) =>
        type.IsGenericType ? $"{Plain(type)}<{string.Join(", ", type.GetGenericArguments().Select(Of))}>" : type.Name;

    private static string Plain(Type type) => type.Name.Split('`')[0];

    private static string Kind(Type type)
    {
        if (type.IsEnum)
            return type.GetCustomAttribute<FlagsAttribute>() is null ? "enum" : "[Flags] enum";
        if (type.IsInterface)
            return "interface";
        if (type.IsSubclassOf(typeof(Delegate)))
            return "delegate";
        if (type.IsValueType)
            return type.IsByRefLike ? "ref struct" : IsRecordStruct(type) ? "record struct" : "struct";
        var kind = type.GetMethod("<Clone>$") is null ? "class" : "record";
        return (type.IsAbstract, type.IsSealed) switch
        {
            (true, true) => $"static {kind}",
            (true, false) => $"abstract {kind}",
            (false, true) => $"sealed {kind}",
            _ => kind,
        };
    }

    private static bool IsRecordStruct(Type type) =>
        type.GetMethod("PrintMembers", BindingFlags.NonPublic | BindingFlags.Instance) is not null;

    private static IEnumerable<string> Bases(Type type)
    {
        if (type.IsEnum)
            return [Of(Enum.GetUnderlyingType(type))];
        var inherited = type.BaseType?.GetInterfaces() ?? [];
        var interfaces = type.GetInterfaces().Except(inherited).Where(
            i => !Plain(i).StartsWith("IEquatable", StringComparison.Ordinal)).Select(Of).Order();
        return type.BaseType is { } b && b != typeof(object) && b != typeof(ValueType) && b != typeof(MulticastDelegate)
            ? [Of(b), .. interfaces]
            : interfaces;
    }
}
