// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Text;

namespace BlockHost.Architecture.Tests.PublicApi;

/// <summary>
/// Writes an assembly's public and protected surface as text: one block a type, one line a member, in ordinal order, so
/// that every change of the contract is a line in a review.
/// </summary>
internal static class ApiText
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    public static string Of(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (var type in assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            text.Append(ApiNames.Declaration(type)).Append('\n');
            foreach (var line in Members(type).Order(StringComparer.Ordinal))
                text.Append("    ").Append(line).Append('\n');
            text.Append('\n');
        }

        return text.ToString();
    }

    private static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum)
            return Enum.GetNames(type).Select(name => $"{name} = {Convert.ToInt64(Enum.Parse(type, name), null)}");
        if (type.IsSubclassOf(typeof(Delegate)))
            return [Method(type.GetMethod("Invoke")!)];
        return
        [
            .. type.GetConstructors(Declared).Where(IsVisible).Select(
                constructor => $"{Access(constructor)}new({Parameters(constructor)})"),
            .. type.GetMethods(Declared).Where(method => IsVisible(method) && !method.IsSpecialName && !IsOfRecord(method))
                .Select(Method),
            .. type.GetProperties(Declared).Where(
                property => property.GetAccessors(true).Any(IsVisible) && property.Name != "EqualityContract").Select(Property),
            .. type.GetFields(Declared).Where(field => field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly)
                .Select(Field),
            .. type.GetEvents(Declared).Where(
                e =>
                    IsVisible(e.AddMethod!)).Select(e =>
                        $"{Access(e.AddMethod!)}event {ApiNames.Of(e.EventHandlerType!)} {e.Name}"),
        ];
    }

    private static bool IsVisible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    /// <summary>What the compiler writes for every record says nothing.</summary>
    private static bool IsOfRecord(MethodInfo method) =>
        method.Name is "<Clone>$" or "PrintMembers" or "Equals" or "GetHashCode" or "ToString" or "Deconstruct";

    private static string Method(MethodInfo method)
    {
        var generic = method.IsGenericMethod
            ? $"<{string.Join(", ", method.GetGenericArguments().Select(argument => argument.Name))}>"
            : "";
        return $"{Access(method)}{Modifiers(method)}{ApiNames.Return(method)} {method.Name}{generic}({Parameters(method)})";
    }

    private static string Property(PropertyInfo property)
    {
        var accessors = property.GetAccessors(true).Where(IsVisible).ToList();
        var index = property.GetIndexParameters() is { Length: > 0 } parameters
            ? $"[{string.Join(", ", parameters.Select(ApiNames.Parameter))}]"
            : "";
        return $"{Access(accessors[0])}{Modifiers(accessors[0])}{ApiNames.Of(property)} {property.Name}{index} {{ {string.Join(" ", accessors.Select(Accessor).Order())} }}";
    }

    private static string Accessor(MethodInfo accessor)
    {
        if (accessor.Name.StartsWith("get_", StringComparison.Ordinal))
            return "get;";
        var isInit = accessor.ReturnParameter.GetRequiredCustomModifiers().Any(modifier => modifier.Name == "IsExternalInit");
        return isInit ? "init;" : "set;";
    }

    private static string Field(FieldInfo field)
    {
        var access = field.IsPublic ? "" : "protected ";
        return field.IsLiteral
            ? $"{access}const {ApiNames.Of(field.FieldType)} {field.Name} = {field.GetRawConstantValue()}"
            : $"{access}{(field.IsStatic ? "static " : "")}{(field.IsInitOnly ? "readonly " : "")}{ApiNames.Of(field.FieldType)} {field.Name}";
    }

    private static string Access(MethodBase method) => method.IsPublic ? "" : "protected ";

    private static string Modifiers(MethodInfo method)
    {
        if (method.DeclaringType!.IsInterface)
            return method.IsAbstract ? "" : "default ";
        if (method.IsStatic)
            return "static ";
        if (method.IsAbstract)
            return "abstract ";
        var isOverride = method.GetBaseDefinition() != method;
        return (isOverride, method.IsVirtual && !method.IsFinal) switch
        {
            (true, true) => "override ",
            (true, false) => "sealed override ",
            (false, true) => "virtual ",
            _ => "",
        };
    }

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(ApiNames.Parameter));
}
