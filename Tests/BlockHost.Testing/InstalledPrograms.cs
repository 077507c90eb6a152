// SPDX-License-Identifier: MIT
namespace BlockHost.Testing;

/// <summary>The programs that tests compare with, by the search path.</summary>
public static class InstalledPrograms
{
    public static bool Has(string name) => Find(name) is not null;

    /// <returns>Its path; null where it is not installed.</returns>
    public static string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
        .Select(folder => Path.Combine(folder, name))
        .FirstOrDefault(File.Exists);
}
