// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Ssh.Sftp;

/// <summary>Notices that somebody is waited for and says nothing. It costs nothing while nobody is.</summary>
/// <param name="patience">For how long; zero: for ever.</param>
internal sealed class SilenceWatch : IDisposable
{
    private const int Looks = 10;

    private readonly TimeProvider _clock;
    private readonly TimeSpan _patience;
    private readonly Action _over;
    private readonly ITimer? _timer;
    private long _last;

    public SilenceWatch(TimeProvider clock, TimeSpan patience, Action over)
    {
        (_clock, _patience, _over) = (clock, patience, over);
        if (patience > TimeSpan.Zero)
        {
            _timer = clock.CreateTimer(
                static watch => ((SilenceWatch)watch!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    public void Begin()
    {
        Progress();
        _timer?.Change(_patience / Looks, _patience / Looks);
    }

    public void Progress() => Volatile.Write(ref _last, _clock.GetTimestamp());

    public void End() => _timer?.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    public void Dispose() => _timer?.Dispose();

    private void Look()
    {
        if (_clock.GetElapsedTime(Volatile.Read(ref _last)) >= _patience)
            _over();
    }
}
