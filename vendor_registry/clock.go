package registry

import (
	"math"
	"time"
)

const (
	maxSkew = 10 * time.Minute     // how far a sender's clock may be off without being flagged
	oldest  = 365 * 24 * time.Hour // nobody brings home what is older; it is a clock that was never set, of 1970 perhaps
)

// OnOurClock is when something happened by our clock, which decides, and by how many seconds the sender's is ahead of it: nil when it
// is not off by more than maxSkew as far as can be told. at is when it was by the sender's clock and sent what that clock said when it
// was sent; either may be zero, not told. Nothing lies in the future, where it would be kept out of every figure until then, nor, of a
// sender who told, so far back that the clock must have been wrong then and was set since: that happened now, as far as we know.
func OnOurClock(now, at, sent time.Time) (ours time.Time, ahead *int) {
	off := sent.Sub(now)
	if sent.IsZero() || off.Abs() <= maxSkew {
		off = 0
	} else {
		if at.IsZero() {
			at = sent
		}
		at = at.Add(-off)
	}
	if !at.IsZero() && (at.Sub(now) > maxSkew || !sent.IsZero() && now.Sub(at) > oldest) {
		if off == 0 {
			off = at.Sub(now)
		}
		at = now
	}
	if off != 0 {
		seconds := int(min(max(off.Seconds(), math.MinInt32), math.MaxInt32))
		ahead = &seconds
	}
	if at.IsZero() || at.After(now) {
		at = now
	}
	return at.UTC().Truncate(time.Microsecond), ahead
}
