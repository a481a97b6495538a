package okr_test

import (
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestIDsHaveTheFormThatTheContractNames(t *testing.T) {
	var ids okr.IDs
	form := regexp.MustCompile(`^okr_[0-9A-HJKMNP-TV-Z]{13}$`)
	for range 1000 {
		if id := ids.Next(okr.ObjectivePrefix, now); !form.MatchString(id) {
			t.Fatalf("id %q", id)
		}
	}
}

func TestIDsSortByTime(t *testing.T) {
	var earlier, later okr.IDs // apart, as in two processes
	for range 1000 {
		a := earlier.Next(okr.KeyResultPrefix, now)
		b := later.Next(okr.KeyResultPrefix, now.Add(time.Second))
		if a >= b {
			t.Fatalf("%s was made before %s", a, b)
		}
	}
}

// The reference took Date.now() as the id, so that two additions in one millisecond shared it.
func TestDefect7IDsMadeInTheSameMillisecondNeverCollide(t *testing.T) {
	const makers, each = 8, 25_000
	var ids okr.IDs
	made := make([][]string, makers)
	var all sync.WaitGroup
	for m := range makers {
		all.Go(func() {
			for range each {
				made[m] = append(made[m], ids.Next(okr.ObjectivePrefix, now))
			}
		})
	}
	all.Wait()
	for m, own := range made {
		if !slices.IsSorted(own) {
			t.Errorf("the ids of maker %d do not rise", m)
		}
	}
	together := slices.Concat(made...)
	slices.Sort(together)
	if n := len(slices.Compact(together)); n != makers*each {
		t.Errorf("%d different ids among %d", n, makers*each)
	}
}

func TestIDsRiseWhenTheClockIsSetBack(t *testing.T) {
	var ids okr.IDs
	first := ids.Next(okr.ObjectivePrefix, now)
	if second := ids.Next(okr.ObjectivePrefix, now.Add(-time.Hour)); second <= first {
		t.Errorf("%s follows %s", second, first)
	}
}

func TestEtagsDifferByPositionAndByEpoch(t *testing.T) {
	seen := map[string]bool{}
	for _, epoch := range []string{"a", "b", "ab"} {
		for seq := range int64(1000) {
			seen[okr.Etag(epoch, seq)] = true
		}
	}
	if len(seen) != 3000 {
		t.Errorf("%d different etags of 3000 states", len(seen))
	}
	if okr.Etag("a", 1) != okr.Etag("a", 1) {
		t.Error("an etag differs from itself")
	}
}
