// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Filter.Blkdebug.Rules;

/// <summary>
/// Which requests fail. An event arms the rules that match it, in place of those that were armed; armed rules stay until
/// an event arms others, whatever else happens in between. A request is taken by the first armed rule that fits it.
/// <code>
///   event ─► rules of the event, newest first, against the state as it was ─┬─ inject-error: armed
///                                                                           └─ set-state: new state, the last wins
///   request ─► armed rules, oldest first ─► fails, or goes on
/// </code>
/// </summary>
internal sealed class RuleEngine
{
    private readonly Lock _lock = new();
    private readonly Dictionary<BlkdebugEvent, List<Rule>> _rules = [];
    private readonly List<InjectRule> _armed = [];
    private volatile bool _isArmed;
    private int _state = 1;

    /// <summary>The state that rules are compared with.</summary>
    public int State
    {
        get
        {
            lock (_lock)
                return _state;
        }
    }

    public void Add(Rule rule)
    {
        lock (_lock)
        {
            if (!_rules.TryGetValue(rule.Event, out var rules))
                _rules.Add(rule.Event, rules = []);
            rules.Add(rule);
        }
    }

    public void On(BlkdebugEvent @event)
    {
        lock (_lock)
        {
            if (!_rules.TryGetValue(@event, out var rules))
                return;
            var matching = rules.Where(rule => rule.State == 0 || rule.State == _state).ToList();
            if (matching.OfType<SetStateRule>().FirstOrDefault() is { } last)
                _state = last.NewState;
            Arm([.. matching.OfType<InjectRule>()]);
        }
    }

    /// <summary>The rule that takes a request, if one does; one that is for one request is gone then.</summary>
    public InjectRule? Take(BlkdebugIOType type, long offset, long bytes) => _isArmed ? TakeArmed(type, offset, bytes) : null;

    private InjectRule? TakeArmed(BlkdebugIOType type, long offset, long bytes)
    {
        lock (_lock)
        {
            var rule = _armed.Find(armed => armed.Fits(type, offset, bytes));
            if (rule is not { Errno: not 0 })
                return null;
            if (rule.IsOnce)
                Remove(rule);
            return rule;
        }
    }

    private void Arm(IReadOnlyList<InjectRule> matching)
    {
        if (matching.Count == 0)
            return;
        _armed.Clear();
        _armed.AddRange(matching);
        _isArmed = true;
    }

    // By reference: two rules can say the same.
    private void Remove(InjectRule rule)
    {
        _armed.RemoveAll(armed => ReferenceEquals(armed, rule));
        _rules[rule.Event].RemoveAll(known => ReferenceEquals(known, rule));
        _isArmed = _armed.Count > 0;
    }
}
