package engine

// Version is a revision of the protocol, by its date.
type Version string

// The revisions that are spoken. 2025-03-26 is not among them: it obliges servers to take batches.
const (
	V20250618 Version = "2025-06-18"
	V20251125 Version = "2025-11-25"
	V20260728 Version = "2026-07-28"
)

// Versions are the revisions that are spoken, the newest first.
func Versions() []Version { return []Version{V20260728, V20251125, V20250618} }

// Modern says whether every request of the revision describes itself, rather than being part of what initialize began.
func (v Version) Modern() bool { return v >= V20260728 }

// Legacy returns the revision with which a server answers a client that begins with initialize and asks for one: that
// one if it is spoken, or else the newest of its kind (2025-11-25, Lifecycle, Version Negotiation).
func Legacy(asked string) Version {
	if v := Version(asked); v == V20250618 || v == V20251125 {
		return v
	}
	return V20251125
}
