package okr_test

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

const (
	metric    = okrv1.KeyResultKind_KEY_RESULT_KIND_METRIC
	milestone = okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE
	percent   = okrv1.ValueFormat_VALUE_FORMAT_PERCENT
	number    = okrv1.ValueFormat_VALUE_FORMAT_NUMBER
	currency  = okrv1.ValueFormat_VALUE_FORMAT_CURRENCY
)

// wantFieldError checks that an error is about a field; "" stands for no error.
func wantFieldError(t *testing.T, err error, field string) {
	t.Helper()
	var got *okr.FieldError
	if field == "" && err == nil || errors.As(err, &got) && got.Field == field {
		return
	}
	t.Errorf("error %v, want one of %q", err, field)
}

func TestNewKeyResult(t *testing.T) {
	type key = okrv1.KeyResult
	tests := map[string]struct {
		given, want *key // want has what given does not
		field       string
	}{
		"without more than a title is a percentage": {
			given: &key{},
			want:  &key{Kind: metric, StartValue: "0", TargetValue: "100", Format: percent},
		},
		"with a unit is a number, also from 0 to 100": {
			given: &key{Unit: "customers"},
			want:  &key{Kind: metric, StartValue: "0", TargetValue: "100", Unit: "customers", Format: number},
		},
		"with another target is a number": {
			given: &key{TargetValue: "250"},
			want:  &key{Kind: metric, StartValue: "0", TargetValue: "250", Format: number},
		},
		"from 0.0 to 100.00 is a percentage, and keeps how exact it is": {
			given: &key{StartValue: "0.0", TargetValue: "100.00"},
			want:  &key{Kind: metric, StartValue: "0.0", TargetValue: "100.00", Format: percent},
		},
		"keeps the format that it is given": {
			given: &key{Format: number},
			want:  &key{Kind: metric, StartValue: "0", TargetValue: "100", Format: number},
		},
		"may go down, and from below zero": {
			given: &key{StartValue: "-12.50", TargetValue: "-20", Unit: "°C"},
			want:  &key{Kind: metric, StartValue: "-12.50", TargetValue: "-20", Unit: "°C", Format: number},
		},
		"loses zeros in front and the sign of a zero": {
			given: &key{StartValue: "-000.00", TargetValue: "-007.50"},
			want:  &key{Kind: metric, StartValue: "0.00", TargetValue: "-7.50", Format: number},
		},
		"may be an amount of money": {
			given: &key{TargetValue: "1000000", Unit: "EUR", Format: currency},
			want:  &key{Kind: metric, StartValue: "0", TargetValue: "1000000", Unit: "EUR", Format: currency},
		},
		"keeps its weight": {
			given: &key{Weight: new(int32(3))},
			want:  &key{Kind: metric, StartValue: "0", TargetValue: "100", Format: percent, Weight: new(int32(3))},
		},
		"may be a milestone": {
			given: &key{Kind: milestone},
			want:  &key{Kind: milestone, StartValue: "0", TargetValue: "100", Format: percent},
		},
		"may be a milestone that says what all say": {
			given: &key{Kind: milestone, StartValue: "0.0", TargetValue: "100.0"},
			want:  &key{Kind: milestone, StartValue: "0", TargetValue: "100", Format: percent},
		},
		"that is a milestone starts at 0":                    {given: &key{Kind: milestone, StartValue: "1"}, field: "start_value"},
		"that is a milestone ends at 100":                    {given: &key{Kind: milestone, TargetValue: "1"}, field: "target_value"},
		"cannot stay where it starts":                        {given: &key{StartValue: "5", TargetValue: "5"}, field: "target_value"},
		"cannot stay where it starts, however it is written": {given: &key{StartValue: "5.00", TargetValue: "05.0"}, field: "target_value"},
		"cannot stay at the start that it is given":          {given: &key{TargetValue: "0"}, field: "target_value"},
		"cannot stay at the target that it is given":         {given: &key{StartValue: "100"}, field: "target_value"},
		"has no start of 19 digits":                          {given: &key{StartValue: "1.234567890123456789"}, field: "start_value"},
		"has no target in words":                             {given: &key{TargetValue: "many"}, field: "target_value"},
		"has no target of a sign":                            {given: &key{TargetValue: "-"}, field: "target_value"},
		"has no target that ends with a point":               {given: &key{TargetValue: "5."}, field: "target_value"},
		"has no money without a currency":                    {given: &key{Format: currency}, field: "unit"},
		"has no money in small letters":                      {given: &key{Format: currency, Unit: "eur"}, field: "unit"},
		"has no money in signs":                              {given: &key{Format: currency, Unit: "€"}, field: "unit"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before := proto.Clone(test.given)
			got, err := okr.NewKeyResult(test.given)
			wantFieldError(t, err, test.field)
			if !proto.Equal(before, test.given) {
				t.Errorf("the argument was changed to %v", test.given)
			}
			if test.field != "" {
				return
			}
			want := proto.CloneOf(test.want)
			want.CurrentValue, want.Attainment = want.GetStartValue(), new(int32(0))
			if want.Weight == nil {
				want.Weight = new(int32(1))
			}
			if !proto.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func TestReviseKeyResult(t *testing.T) {
	current := &okrv1.KeyResult{
		Kind: metric, StartValue: "0", TargetValue: "100", CurrentValue: "40", Attainment: new(int32(40)), Format: percent,
		Weight: new(int32(2)), CheckInCount: 1,
	}
	untouched := okr.Copy(current)
	untouched.CurrentValue, untouched.Attainment, untouched.CheckInCount = "0", new(int32(0)), 0
	still := okr.Copy(untouched)
	still.CheckInCount = 1
	old := okr.Copy(current)
	old.CheckInCount = 0 // its attainment was set in the first schema
	done := okr.Copy(current)
	done.Kind, done.CurrentValue, done.Attainment = milestone, "100", new(int32(100))
	type edit = func(*okrv1.KeyResult)
	tests := map[string]struct {
		from  *okrv1.KeyResult
		edit  edit
		want  edit
		field string
	}{
		"nothing changes nothing": {from: current, edit: func(*okrv1.KeyResult) {}, want: func(*okrv1.KeyResult) {}},
		"another target changes the attainment": {
			from: current,
			edit: func(k *okrv1.KeyResult) { k.TargetValue = "050" },
			want: func(k *okrv1.KeyResult) { k.TargetValue, k.Attainment = "50", new(int32(80)) },
		},
		"another start changes the attainment": {
			from: current,
			edit: func(k *okrv1.KeyResult) { k.StartValue = "20" },
			want: func(k *okrv1.KeyResult) { k.StartValue, k.Attainment = "20", new(int32(25)) },
		},
		"another direction changes the attainment": {
			from: current,
			edit: func(k *okrv1.KeyResult) { k.StartValue, k.TargetValue = "100", "0" },
			want: func(k *okrv1.KeyResult) { k.StartValue, k.TargetValue, k.Attainment = "100", "0", new(int32(60)) },
		},
		"who never reported moves with the start": {
			from: untouched,
			edit: func(k *okrv1.KeyResult) { k.StartValue = "20" },
			want: func(k *okrv1.KeyResult) { k.StartValue, k.CurrentValue = "20", "20" },
		},
		"who reported to be at the start stays there": {
			from: still,
			edit: func(k *okrv1.KeyResult) { k.StartValue = "-20" },
			want: func(k *okrv1.KeyResult) { k.StartValue, k.Attainment = "-20", new(int32(17)) },
		},
		"who came from the first schema stays there": {
			from: old,
			edit: func(k *okrv1.KeyResult) { k.StartValue = "20" },
			want: func(k *okrv1.KeyResult) { k.StartValue, k.Attainment = "20", new(int32(25)) },
		},
		"what is emptied is chosen anew": {
			from: current,
			edit: func(k *okrv1.KeyResult) {
				k.Kind, k.StartValue, k.Format, k.Weight, k.TargetValue, k.Unit = 0, "", 0, nil, "200", "users"
			},
			want: func(k *okrv1.KeyResult) {
				k.Format, k.Weight, k.TargetValue, k.Unit, k.Attainment = number, new(int32(1)), "200", "users", new(int32(20))
			},
		},
		"a format that nobody touches stays": {
			from: current,
			edit: func(k *okrv1.KeyResult) { k.TargetValue = "80" },
			want: func(k *okrv1.KeyResult) { k.TargetValue, k.Attainment = "80", new(int32(50)) },
		},
		"a milestone stays one when nobody says its kind": {
			from: done, edit: func(k *okrv1.KeyResult) { k.Kind = 0 }, want: func(*okrv1.KeyResult) {},
		},
		"the kind stays for ever":          {from: current, edit: func(k *okrv1.KeyResult) { k.Kind = milestone }, field: "kind"},
		"the kind of a milestone, too":     {from: done, edit: func(k *okrv1.KeyResult) { k.Kind = metric }, field: "kind"},
		"a milestone has no other target":  {from: done, edit: func(k *okrv1.KeyResult) { k.TargetValue = "7" }, field: "target_value"},
		"the target stays beside start":    {from: current, edit: func(k *okrv1.KeyResult) { k.TargetValue = "0.0" }, field: "target_value"},
		"what is no number is no start":    {from: current, edit: func(k *okrv1.KeyResult) { k.StartValue = "x" }, field: "start_value"},
		"money without a currency is none": {from: current, edit: func(k *okrv1.KeyResult) { k.Format = currency }, field: "unit"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			merged, want := okr.Copy(test.from), okr.Copy(test.from)
			test.edit(merged)
			got, err := okr.ReviseKeyResult(test.from, merged)
			wantFieldError(t, err, test.field)
			if test.field != "" {
				return
			}
			if test.want(want); !proto.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// drawDecimal draws any decimal number that the contract allows.
func drawDecimal(t *rapid.T, label string) string {
	return rapid.Custom(func(t *rapid.T) string {
		whole := rapid.StringMatching(`-?[0-9]{1,9}`).Draw(t, "whole")
		fraction := rapid.StringMatching(`([.][0-9]{1,9})?`).Draw(t, "fraction")
		return whole + fraction
	}).Draw(t, label)
}

func rational(t *rapid.T, text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is no number", text)
	}
	return r
}

// The properties are stated by comparing products, where the code divides.
func TestAttainmentIsTheRoundedShareOfTheWayInEitherDirection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start, target := drawDecimal(t, "start"), drawDecimal(t, "target")
		k, err := okr.NewKeyResult(&okrv1.KeyResult{StartValue: start, TargetValue: target})
		s, e := rational(t, start), rational(t, target)
		if s.Cmp(e) == 0 {
			if err == nil {
				t.Fatalf("from %s to %s is no way, and was taken", start, target)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		value := drawDecimal(t, "value")
		if rapid.Bool().Draw(t, "near the way") {
			value = rapid.SampledFrom([]string{start, target}).Draw(t, "end")
		}
		k, c, err := okr.CheckIn(k, &okrv1.CheckIn{Value: value})
		if err != nil {
			t.Fatal(err)
		}
		if c.GetAttainment() != k.GetAttainment() {
			t.Fatalf("the check-in says %d, the key result %d", c.GetAttainment(), k.GetAttainment())
		}
		v := rational(t, value)
		if s.Cmp(e) > 0 { // the way down is the way up of the negatives
			s, e, v = new(big.Rat).Neg(s), new(big.Rat).Neg(e), new(big.Rat).Neg(v)
		}
		got := k.GetAttainment()
		if reached := v.Cmp(e) >= 0; (got == 100) != reached {
			t.Fatalf("%s from %s to %s is %d%%, reached: %t", value, start, target, got, reached)
		}
		if v.Cmp(s) <= 0 && got != 0 || got < 0 || got > 100 {
			t.Fatalf("%s from %s to %s is %d%%", value, start, target, got)
		}
		if got == 100 || v.Cmp(s) <= 0 {
			return
		}
		// got - 1/2 ≤ 100 (v-s)/(e-s) < got + 1/2, times 2 (e-s), where 99 also stands for what is not quite reached.
		way, gone := new(big.Rat).Sub(e, s), new(big.Rat).Sub(v, s)
		gone.Mul(gone, big.NewRat(200, 1))
		least := new(big.Rat).Mul(way, big.NewRat(2*int64(got)-1, 1))
		most := new(big.Rat).Mul(way, big.NewRat(2*int64(got)+1, 1))
		if gone.Cmp(least) < 0 || gone.Cmp(most) >= 0 && got != 99 {
			t.Fatalf("%s from %s to %s is %d%%", value, start, target, got)
		}
	})
}

func TestAttainmentsThatFloatingPointGetsWrong(t *testing.T) {
	for _, test := range []struct {
		start, target, value string
		want                 int32
	}{
		{"0", "1", "0.285", 29},                               // 28.499999999999996 in binary
		{"0", "1", "0.575", 58},                               // 57.49999999999999
		{"0", "0.3", "0.1", 33},                               //
		{"0", "200", "1", 1},                                  // a half, up
		{"0", "200", "0.99", 0},                               //
		{"0", "1000", "999", 99},                              // not reached, though it rounds to 100
		{"0", "999999999999999999", "999999999999999998", 99}, // beyond 53 bits
		{"999999999999999998", "999999999999999999", "0", 0},  // below the start
		{"0.00000000000000001", "0.00000000000000002", "0.00000000000000002", 100},
		{"10", "5", "7.5", 50},
		{"10", "5", "5.01", 99},
		{"10", "5", "4", 100},
		{"10", "5", "11", 0},
		{"-10", "10", "0", 50},
	} {
		k, err := okr.NewKeyResult(&okrv1.KeyResult{StartValue: test.start, TargetValue: test.target})
		if err != nil {
			t.Fatal(err)
		}
		k, _, err = okr.CheckIn(k, &okrv1.CheckIn{Value: test.value})
		if err != nil || k.GetAttainment() != test.want {
			t.Errorf("%s from %s to %s is %d%%, %v, want %d%%", test.value, test.start, test.target, k.GetAttainment(), err, test.want)
		}
	}
}

func TestADecimalKeepsItsValueAndIsKeptInOneForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		written := drawDecimal(t, "value")
		k := &okrv1.KeyResult{Kind: metric, StartValue: "0", TargetValue: "100", CurrentValue: "0"}
		once, _, err := okr.CheckIn(k, &okrv1.CheckIn{Value: written})
		if err != nil {
			t.Fatal(err)
		}
		kept := once.GetCurrentValue()
		if rational(t, kept).Cmp(rational(t, written)) != 0 {
			t.Fatalf("%q was kept as %q", written, kept)
		}
		if _, fraction, _ := strings.Cut(written, "."); !strings.HasSuffix(kept, fraction) {
			t.Fatalf("%q was kept as %q, which is not as exact", written, kept)
		}
		whole, _, _ := strings.Cut(strings.TrimPrefix(kept, "-"), ".")
		if len(whole) > 1 && whole[0] == '0' || kept[0] == '-' && rational(t, kept).Sign() == 0 || len(kept) > len(written) {
			t.Fatalf("%q was kept as %q", written, kept)
		}
		if twice, _, err := okr.CheckIn(k, &okrv1.CheckIn{Value: kept}); err != nil || twice.GetCurrentValue() != kept {
			t.Fatalf("%q was kept as %q, %v", kept, twice.GetCurrentValue(), err)
		}
	})
}

func TestOnlyAPercentageFrom0To100IsItsAttainment(t *testing.T) {
	simple := okrv1.KeyResult{Kind: metric, StartValue: "0.0", TargetValue: "100", Format: percent}
	tests := map[string]struct {
		edit func(*okrv1.KeyResult)
		want bool
	}{
		"a percentage from 0 to 100":      {func(*okrv1.KeyResult) {}, true},
		"with a unit, too":                {func(k *okrv1.KeyResult) { k.Unit = "%" }, true},
		"a milestone is not":              {func(k *okrv1.KeyResult) { k.Kind = milestone }, false},
		"another target is not":           {func(k *okrv1.KeyResult) { k.TargetValue = "50" }, false},
		"another start is not":            {func(k *okrv1.KeyResult) { k.StartValue = "5" }, false},
		"a number of something is not":    {func(k *okrv1.KeyResult) { k.Format = number }, false},
		"the way from 100 to 0 is not":    {func(k *okrv1.KeyResult) { k.StartValue, k.TargetValue = "100", "0" }, false},
		"an amount of 100 dollars is not": {func(k *okrv1.KeyResult) { k.Format, k.Unit = currency, "USD" }, false},
	}
	for name, test := range tests {
		k := okr.Copy(&simple)
		test.edit(k)
		if got := okr.IsPercentage(k); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	t.Run("so setting an attainment is checking in with its value", func(t *testing.T) {
		for a := range int32(101) {
			k, _, err := okr.CheckIn(&simple, &okrv1.CheckIn{Value: fmt.Sprint(a)})
			if err != nil || k.GetAttainment() != a {
				t.Errorf("the value %d is %d%%, %v", a, k.GetAttainment(), err)
			}
		}
	})
}
