package okr_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

func TestCheckParent(t *testing.T) {
	nine := []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}
	tests := map[string]struct {
		id    string
		above []string
		below int
		want  error
	}{
		"one that has none above it":         {"me", []string{"1"}, 0, nil},
		"one in the ninth place":             {"me", nine, 0, nil},
		"one in the tenth place":             {"me", append(nine, "10"), 0, okr.ErrParentDepth},
		"one in the ninth place for two":     {"me", nine, 1, okr.ErrParentDepth},
		"one for as many as there may be":    {"me", []string{"1"}, 8, nil},
		"one for one more":                   {"me", []string{"1"}, 9, okr.ErrParentDepth},
		"itself":                             {"me", []string{"me"}, 0, okr.ErrParentLoop},
		"one of its own":                     {"me", []string{"1", "2", "me"}, 2, okr.ErrParentLoop},
		"one of its own at the lowest place": {"me", append(nine, "me"), 9, okr.ErrParentLoop},
		"one that there is not":              {"me", nil, 0, okr.ErrParentMissing},
	}
	for name, test := range tests {
		if err := okr.CheckParent(test.id, test.above, test.below); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// However objectives are moved about under the rule, nothing comes to stand above itself or too deep.
func TestNoMovesMakeALoopOrAStackThatIsTooHigh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parents := map[string]string{}
		ids := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"}
		above := func(id string) []string {
			var chain []string
			for ; id != "" && len(chain) < okr.MaxLevels; id = parents[id] {
				chain = append(chain, id)
			}
			return chain
		}
		var below func(id string) int
		below = func(id string) int {
			levels := 0
			for _, child := range ids {
				if parents[child] == id {
					levels = max(levels, 1+below(child))
				}
			}
			return levels
		}
		for range rapid.IntRange(20, 80).Draw(t, "moves") {
			id, to := rapid.SampledFrom(ids).Draw(t, "id"), rapid.SampledFrom(ids).Draw(t, "parent")
			if err := okr.CheckParent(id, above(to), below(id)); err != nil {
				continue
			}
			parents[id] = to
			for _, id := range ids {
				if chain := above(id); slices.Contains(chain[1:], id) {
					t.Fatalf("%s stands above itself: %v", id, parents)
				}
				if below(id) >= okr.MaxLevels {
					t.Fatalf("%s has too many below it: %v", id, parents)
				}
			}
		}
	})
}
