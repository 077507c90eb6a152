// SPDX-License-Identifier: MIT
namespace Fixture;

public static class Greeter
{
    public static string Greeting => "GREETING_OF_VERSION_2";
}
