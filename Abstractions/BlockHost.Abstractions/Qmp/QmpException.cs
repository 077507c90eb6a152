// SPDX-License-Identifier: MIT
namespace BlockHost.Qmp;

public enum QmpErrorClass
{
    GenericError = 0,
    CommandNotFound = 1,
    DeviceNotActive = 2,
    DeviceNotFound = 3,
    KVMMissingCap = 4,
}

/// <summary>An error answer: clients parse the text, so it is QEMU's where QEMU has one.</summary>
public sealed class QmpException : Exception
{
    public QmpException(string message)
        : this(QmpErrorClass.GenericError, message)
    {
    }

    public QmpException(QmpErrorClass errorClass, string message, Exception? innerException = null)
        : base(message, innerException) => Class = errorClass;

    public QmpException(ParameterFault parameter)
        : this(parameter.ToString()) => Parameter = parameter;

    public QmpErrorClass Class { get; }

    /// <summary>A second line for people, which no QMP client sees.</summary>
    public string? Hint { get; init; }

    /// <summary>The argument at fault, where it is one.</summary>
    public ParameterFault? Parameter { get; init; }
}
