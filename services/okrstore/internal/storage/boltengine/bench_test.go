package boltengine

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// benchOrganization is as long as the ids of the identity provider.
const benchOrganization = "organization-test-07971b06-ac8b-4cdb-9c15-63b17e653931"

// benchPairs are what a small mutation writes: a document, its entry in the
// log, and the id of the request.
func benchPairs(n uint64) []storage.KV {
	number := binary.BigEndian.AppendUint64(nil, n)
	return []storage.KV{
		{Key: append([]byte("objective/"), fmt.Sprintf("%04d", n%1000)...), Value: make([]byte, 600)},
		{Key: append([]byte("change/"), number...), Value: make([]byte, 900)},
		{Key: append([]byte("request/"), number...), Value: make([]byte, 100)},
	}
}

// BenchmarkUpdate compares the engine with what bbolt itself needs to make the
// same keys and bytes durable. One operation is one mutation everywhere.
func BenchmarkUpdate(b *testing.B) {
	b.Run("engine/writers=1", func(b *testing.B) { benchEngine(b, 1) })
	b.Run("bolt-update/writers=1", func(b *testing.B) {
		db := benchBolt(b)
		benchWriters(b, 1, func(n uint64) error {
			return db.Update(func(tx *bolt.Tx) error { return benchPut(tx, n) })
		})
	})
	b.Run("engine/writers=64", func(b *testing.B) { benchEngine(b, 64) })
	b.Run("bolt-batch/writers=64", func(b *testing.B) {
		db := benchBolt(b)
		benchWriters(b, 64, func(n uint64) error {
			return db.Batch(func(tx *bolt.Tx) error { return benchPut(tx, n) })
		})
	})
	b.Run("bolt-update/64-in-one", func(b *testing.B) {
		db := benchBolt(b)
		b.ResetTimer()
		for n := 0; n < b.N; n += 64 {
			err := db.Update(func(tx *bolt.Tx) error {
				for i := range 64 {
					if err := benchPut(tx, uint64(n+i)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkUpdateInTurnsWithBatch says how many times as many mutations of 64
// writers the engine makes durable as bbolt's Batch does, with its defaults:
// it waits 10 ms for others. One operation is a round of both.
func BenchmarkUpdateInTurnsWithBatch(b *testing.B) {
	const writers, each = 64, 3000
	mutate, db := engineMutation(b, openEngine(b, Config{Path: newPath(b)})), benchBolt(b)
	var took [2]time.Duration
	for from := uint64(0); b.Loop(); from += each {
		for i, mutate := range []func(uint64) error{
			mutate, func(n uint64) error { return db.Batch(func(tx *bolt.Tx) error { return benchPut(tx, n) }) },
		} {
			start := time.Now()
			share(b, writers, from, each, mutate)
			took[i] += time.Since(start)
		}
	}
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "times-Batch")
}

func benchEngine(b *testing.B, writers int) {
	e := openEngine(b, Config{Path: newPath(b)})
	benchWriters(b, writers, engineMutation(b, e))
	stats := e.Stats()
	b.ReportMetric(float64(stats.Updates)/float64(stats.Groups), "updates/commit")
}

func engineMutation(b *testing.B, e *Engine) func(n uint64) error {
	return func(n uint64) error {
		return e.Update(b.Context(), benchOrganization, func(tx storage.Tx) error {
			for _, kv := range benchPairs(n) {
				if err := tx.Put(kv.Key, kv.Value); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func benchBolt(b *testing.B) *bolt.DB {
	db, err := bolt.Open(filepath.Join(b.TempDir(), "bolt.db"), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket(recordsBucket)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return db
}

func benchPut(tx *bolt.Tx, n uint64) error {
	for _, kv := range benchPairs(n) {
		key := append([]byte(benchOrganization), kv.Key...)
		if err := tx.Bucket(recordsBucket).Put(key, kv.Value); err != nil {
			return err
		}
	}
	return nil
}

// benchWriters shares b.N mutations among writers.
func benchWriters(b *testing.B, writers int, mutate func(n uint64) error) {
	b.ResetTimer()
	share(b, writers, 0, uint64(b.N), mutate)
	b.StopTimer()
}

// share shares some mutations among writers.
func share(b *testing.B, writers int, from, mutations uint64, mutate func(n uint64) error) {
	var next atomic.Uint64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for {
				n := next.Add(1)
				if n > mutations {
					return
				}
				if err := mutate(from + n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
