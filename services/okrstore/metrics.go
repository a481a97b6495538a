package okrstore

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
)

// storeMetrics show how writes become durable: how many wait, how well commits are grouped, and what a commit takes.
type storeMetrics struct {
	duration, size prometheus.Histogram
}

func newStoreMetrics() *storeMetrics {
	return &storeMetrics{
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "okr_store_commit_duration_seconds",
			Help:    "Time to make a group of updates durable.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
		size: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "okr_store_commit_group_updates",
			Help:    "Updates that one commit made durable.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128},
		}),
	}
}

// committed notes a commit.
func (m *storeMetrics) committed(updates int, took time.Duration) {
	m.duration.Observe(took.Seconds())
	m.size.Observe(float64(updates))
}

// ofFile are the metrics of a store that keeps its data in a file.
func (m *storeMetrics) ofFile(engine *boltengine.Engine) []prometheus.Collector {
	return append(
		commits(func() (groups, updates uint64) { s := engine.Stats(); return s.Groups, s.Updates }),
		m.duration, m.size,
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "okr_store_commits_without_room_total",
			Help: "Commits that were refused because the disk had no room for them.",
		}, func() float64 { return float64(engine.Stats().Full) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "okr_store_waiting_updates",
			Help: "Updates that wait for their turn.",
		}, func() float64 { return float64(engine.Waiting()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "okr_store_file_bytes",
			Help: "Size of the store file.",
		}, func() float64 {
			size, err := engine.Size()
			if err != nil {
				return math.NaN()
			}
			return float64(size)
		}),
	)
}

// commits show how well commits are grouped, whatever the engine: updates for each group.
func commits(stats func() (groups, updates uint64)) []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "okr_store_commit_groups_total",
			Help: "Commits to disk, or to etcd; each makes a group of updates durable.",
		}, func() float64 { groups, _ := stats(); return float64(groups) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "okr_store_updates_total",
			Help: "Updates that commits made durable.",
		}, func() float64 { _, updates := stats(); return float64(updates) }),
	}
}
