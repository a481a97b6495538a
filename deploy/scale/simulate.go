package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"text/tabwriter"
	"time"
)

// Config says what is played.
type Config struct {
	// Organizations is how many there are at the end; they come in equal numbers each month.
	Organizations int `env:"OKR_SCALE_ORGANIZATIONS" envDefault:"5000"`
	// Writes is how many durable writes a second one cluster takes in many organizations, as `make bench-cluster` measures it.
	Writes float64 `env:"OKR_SCALE_WRITES" envDefault:"1000"`
	// Years is how long it goes on.
	Years int `env:"OKR_SCALE_YEARS" envDefault:"3"`
}

// What is assumed. The first group is of people, the second of etcd, the third of moving.
const (
	medianMembers       = 40
	spread              = 1.2 // of the logarithm of the number of members: one organization of a hundred has 16 times the median
	objectivesEach      = 0.5 // a member and quarter
	keyResultsEach      = 3   // an objective
	checkInsEach        = 6   // a key result and quarter: one in two weeks
	busiestHour         = 0.1 // of a week's writes
	daysOfMonth         = 30
	monthsOfQuarter     = 3
	weeksOfMonth        = 52. / 12
	writesOfPlanning    = 1 + keyResultsEach
	writesOfKeyResult   = checkInsEach
	quota               = 8 << 30 // --quota-backend-bytes
	pages               = 2.0     // etcd's bytes on the disk for each byte of a record: its own fields, half-full pages, ten minutes of history
	fillLimit           = 0.5     // of the quota and of the writes: nothing new is placed above it
	moveLimit           = 0.85    // organizations are moved away above it
	copyRate            = 5 << 20 // bytes a second, with the comparison
	directoryCache      = 10 * time.Second
	snapshotInterval    = 15 * time.Minute
	regions             = 3
	seedOfTheSimulation = 20_260_101
)

// tenant is an organization in the simulation.
type tenant struct {
	members int
	bytes   float64 // of records
	growth  float64 // bytes a month
	peak    float64 // writes a second in the busiest hour
	moved   int
}

// perMonth is how many objectives so many members make in a month, and how many bytes of records with all that belongs to
// them.
func perMonth(members int, s sizes) (objectives, bytes float64) {
	objectives = objectivesEach * float64(members) / monthsOfQuarter
	return objectives, objectives * (float64(s.objective) + keyResultsEach*(float64(s.keyResult)+checkInsEach*float64(s.checkIn)))
}

func newTenant(random *rand.Rand, s sizes) *tenant {
	members := max(1, int(medianMembers*math.Exp(spread*random.NormFloat64())))
	objectives, growth := perMonth(members, s)
	t := &tenant{members: members, growth: growth}
	t.peak = objectives * (writesOfPlanning + keyResultsEach*writesOfKeyResult) / weeksOfMonth * busiestHour / time.Hour.Seconds()
	return t
}

// host is a cluster of etcd with the organizations that the directory says are there.
type host struct {
	tenants []*tenant
	bytes   float64 // on the disk
	peak    float64
}

func (h *host) take(t *tenant) {
	h.tenants = append(h.tenants, t)
	h.bytes += pages * t.bytes
	h.peak += t.peak
}

// fullness is how much of what a cluster takes is used: of the disk or of the writes, whichever is more.
func (h *host) fullness(writes float64) float64 { return max(h.bytes/quota, h.peak/writes) }

// played is what came of a simulation.
type played struct {
	hosts         []*host
	tenants       []*tenant
	moves         int
	firstFull     int           // the month after which one cluster is not enough; 0 if it always was
	longestMove   time.Duration // from the first byte to the last
	longestPause  time.Duration // in which one organization cannot write
	largest       *tenant
	mostOfOneHost float64 // that one organization takes
}

// play goes month by month: organizations come and are placed, all grow, and where a cluster has become too full some move.
func play(cfg Config, s sizes) played {
	random := rand.New(rand.NewPCG(seedOfTheSimulation, 1))
	p := played{hosts: []*host{{}}, largest: &tenant{}}
	months := 12 * cfg.Years
	for month := 1; month <= months; month++ {
		for len(p.tenants) < cfg.Organizations*month/months {
			t := newTenant(random, s)
			p.tenants = append(p.tenants, t)
			p.place(t, cfg.Writes, nil)
		}
		for _, h := range p.hosts {
			for _, t := range h.tenants {
				t.bytes += t.growth
				h.bytes += pages * t.growth
			}
		}
		for _, h := range slices.Clone(p.hosts) {
			p.relieve(h, cfg.Writes)
		}
		if p.firstFull == 0 && len(p.hosts) > 1 {
			p.firstFull = month
		}
	}
	for _, t := range p.tenants {
		if t.bytes > p.largest.bytes {
			p.largest = t
		}
	}
	p.mostOfOneHost = max(pages*p.largest.bytes/quota, p.largest.peak/cfg.Writes)
	return p
}

// place is what the directory does for a new organization, and for one that moves: the fullest cluster that still takes it,
// so that few are open; else a new one.
func (p *played) place(t *tenant, writes float64, not *host) {
	var best *host
	for _, h := range p.hosts {
		if f := h.fullness(writes); h != not && f < fillLimit && (best == nil || f > best.fullness(writes)) {
			best = h
		}
	}
	if best == nil {
		best = &host{}
		p.hosts = append(p.hosts, best)
	}
	best.take(t)
}

// relieve moves the largest organizations away from a cluster until it is as full as new ones may make it.
func (p *played) relieve(h *host, writes float64) {
	if h.fullness(writes) <= moveLimit {
		return
	}
	slices.SortStableFunc(h.tenants, func(a, b *tenant) int { return int(a.bytes - b.bytes) })
	for h.fullness(writes) > fillLimit && len(h.tenants) > 1 { // one that is too large for a cluster stays by itself
		last := len(h.tenants) - 1
		t := h.tenants[last]
		h.tenants = h.tenants[:last]
		h.bytes -= pages * t.bytes
		h.peak -= t.peak
		p.place(t, writes, h)
		t.moved++
		p.moves++
		p.longestMove = max(p.longestMove, moveTime(t))
		p.longestPause = max(p.longestPause, pause(t))
	}
}

// moveTime is how long the copy of an organization takes while it goes on being used.
func moveTime(t *tenant) time.Duration {
	return time.Duration(t.bytes / copyRate * float64(time.Second))
}

// pause is how long it cannot be written: until no router believes the directory's old answer any more, and what was
// written during the copy, in its busiest hour, was copied and compared too.
func pause(t *tenant) time.Duration {
	written := t.growth / daysOfMonth / (24 * time.Hour).Seconds() * moveTime(t).Seconds() * busiestHour * 7 * 24
	return directoryCache + time.Duration(written/copyRate*float64(time.Second))
}

// report prints what was measured, and what came of the simulation.
func report(w io.Writer, cfg Config, s sizes) error {
	p := play(cfg, s)
	var members int
	var bytes, growth, peak float64
	for _, t := range p.tenants {
		members += t.members
		bytes += t.bytes
		growth += t.growth
		peak += t.peak
	}
	n := float64(len(p.tenants))
	fmt.Fprintf(w, "Measured, in bytes of keys and values with everything that comes along: objective %d, key result %d, check-in %d.\n\n",
		s.objective, s.keyResult, s.checkIn)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(table, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	objectives, month := perMonth(medianMembers, s)
	row("organization of 40 members", "%.1f MB of records a year, %.0f writes a day",
		12*month/1e6, objectives*(writesOfPlanning+keyResultsEach*writesOfKeyResult)/daysOfMonth)
	row("mean of the simulation", "%.0f members, %.1f MB of records a year, %.4f writes a second in the busiest hour", float64(members)/n, 12*growth/n/1e6, peak/n)
	row("one cluster ends at, by its disk", "%.0f mean organizations of a year", fillLimit*quota/pages/(12*growth/n))
	row("one cluster ends at, by its writes", "%.0f mean organizations", fillLimit*cfg.Writes/(peak/n))
	if p.firstFull > 0 {
		row("the first cluster was full", "in month %d", p.firstFull)
	} else {
		row("the first cluster was full", "never")
	}
	row("in the end", "%d organizations, %.0f GB of records, %.0f writes a second at the peak", len(p.tenants), bytes/1e9, peak)
	fullest := 0.0
	for _, h := range p.hosts {
		fullest = max(fullest, h.fullness(cfg.Writes))
	}
	row("clusters in the end", "%d, the fullest at %.0f %%", len(p.hosts), 100*fullest)
	row("organizations moved", "%d, %.1f %% of all", p.moves, 100*float64(p.moves)/n)
	row("longest copy of one", "%s, during which it is used", p.longestMove.Round(time.Second))
	row("longest time without writes", "%s", p.longestPause.Round(100*time.Millisecond))
	row("largest organization", "%d members, %.1f GB of records, %.0f %% of a cluster", p.largest.members, p.largest.bytes/1e9, 100*p.mostOfOneHost)
	row("a region of three is lost", "%.0f organizations without service until restored; at most %s of writes lost; %s to copy a full cluster",
		n/regions, snapshotInterval, time.Duration(fillLimit*quota/pages/copyRate*float64(time.Second)).Round(time.Minute))
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}
