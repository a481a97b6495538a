package okr_test

import (
	"fmt"
	"math/big"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

func keyResults(attainments ...int32) []*okrv1.KeyResult {
	var all []*okrv1.KeyResult
	for i, a := range attainments {
		all = append(all, &okrv1.KeyResult{Id: fmt.Sprintf("kr_%03d", i), Attainment: new(a)})
	}
	return all
}

func TestProgress(t *testing.T) {
	tests := map[string]struct {
		attainments []int32
		want        *int32
	}{
		"is absent without key results":                   {nil, nil},
		"of one key result is its attainment":             {[]int32{37}, new(int32(37))},
		"rounds a half up":                                {[]int32{0, 1}, new(int32(1))},
		"rounds less than a half down":                    {[]int32{0, 0, 1}, new(int32(0))},
		"is 100 when every key result is at 100":          {[]int32{100, 100, 100}, new(int32(100))},
		"is 99 when the mean only rounds to 100":          {[]int32{100, 100, 99}, new(int32(99))},
		"is 0, and not absent, when nothing was achieved": {[]int32{0, 0}, new(int32(0))},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := okr.Progress(keyResults(test.attainments...))
			if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
				t.Errorf("Progress(%v) = %v, want %v", test.attainments, show(got), show(test.want))
			}
		})
	}
	t.Run("counts a key result without an attainment as 0", func(t *testing.T) {
		all := append(keyResults(50), &okrv1.KeyResult{Id: "kr_x"})
		if got := okr.Progress(all); got == nil || *got != 25 {
			t.Errorf("Progress = %v, want 25", show(got))
		}
	})
}

func show(n *int32) string {
	if n == nil {
		return "absent"
	}
	return fmt.Sprint(*n)
}

// The property is stated in exact fractions, another way than the code computes it.
func TestProgressIsTheRoundedMeanAndHonestAt100(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		attainments := rapid.SliceOfN(rapid.Int32Range(0, 100), 1, okr.MaxKeyResults).Draw(t, "attainments")
		got := *okr.Progress(keyResults(attainments...))
		var sum int64
		for _, a := range attainments {
			sum += int64(a)
		}
		mean := big.NewRat(sum, int64(len(attainments)))
		allDone := slices.Min(attainments) == 100
		if (got == 100) != allDone {
			t.Fatalf("progress %d, all key results at 100: %t", got, allDone)
		}
		low, high := new(big.Rat).Sub(mean, big.NewRat(1, 2)), new(big.Rat).Add(mean, big.NewRat(1, 2))
		g := big.NewRat(int64(got), 1)
		if g.Cmp(low) <= 0 && got != 99 || g.Cmp(high) > 0 {
			t.Fatalf("progress %d for the mean %s", got, mean.FloatString(3))
		}
	})
}

func TestWithAttainment(t *testing.T) {
	before := &okrv1.KeyResult{Id: "kr_1", Title: "Ship", Attainment: new(int32(10))}
	for _, a := range []int32{0, 1, 99, 100} {
		got, err := okr.WithAttainment(before, a)
		if err != nil || got.GetAttainment() != a || got.GetTitle() != "Ship" {
			t.Errorf("WithAttainment(%d) = %v, %v", a, got, err)
		}
	}
	for _, a := range []int32{-1, 101, 1000, -1 << 31} {
		if got, err := okr.WithAttainment(before, a); err == nil {
			t.Errorf("WithAttainment(%d) = %v, want an error", a, got)
		}
	}
	if before.GetAttainment() != 10 {
		t.Errorf("the argument was changed to %d", before.GetAttainment())
	}
}

func TestKeyResultsStayInTheOrderOfIDsWhateverTheOrderOfInsertion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &okrv1.Objective{Id: "okr_1"}
		model := map[string]string{}
		for i, id := range rapid.SliceOf(rapid.StringMatching("kr_[0-9]")).Draw(t, "ids") {
			before := proto.Clone(o)
			var next *okrv1.Objective
			if rapid.Bool().Draw(t, "remove") {
				next = okr.WithoutKeyResult(o, id)
				delete(model, id)
			} else {
				title := fmt.Sprint("title ", i)
				next = okr.WithKeyResult(o, &okrv1.KeyResult{Id: id, Title: title})
				model[id] = title
			}
			if !proto.Equal(before, o) {
				t.Fatalf("the argument was changed from %v to %v", before, o)
			}
			o = next
		}
		if len(o.GetKeyResults()) != len(model) {
			t.Fatalf("%d key results, want %d", len(o.GetKeyResults()), len(model))
		}
		if !slices.IsSortedFunc(o.GetKeyResults(), func(a, b *okrv1.KeyResult) int {
			return slices.Compare([]byte(a.GetId()), []byte(b.GetId()))
		}) {
			t.Fatalf("not sorted: %v", o)
		}
		for id, title := range model {
			if got := okr.FindKeyResult(o, id); got.GetTitle() != title {
				t.Fatalf("%s has the title %q, want %q", id, got.GetTitle(), title)
			}
		}
	})
}

func TestCopyKeepsFieldsOfNewerVersions(t *testing.T) {
	// Field 1000, a varint with the value 7, is none of this version.
	raw := append([]byte(nil), 0xc0, 0x3e, 0x07)
	var o okrv1.Objective
	if err := proto.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	if got := okr.Copy(&o).ProtoReflect().GetUnknown(); !slices.Equal(got, raw) {
		t.Errorf("unknown fields %x, want %x", got, raw)
	}
}
