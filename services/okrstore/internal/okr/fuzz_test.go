package okr

import "testing"

// What is taken for a decimal number, a day or a cycle is written again as the same.
func FuzzValues(f *testing.F) {
	for _, text := range []string{"12.50", "-0", "000.10", "123456789012345678", "2026-02-28", "2026-H1", "2026-Q4", "2026", "+1", "1e3", ".5", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if form, ok := canonical(text); ok {
			if again, ok := canonical(form); !ok || again != form || !sameValue(form, text) {
				t.Errorf("%q has the form %q, and that %q", text, form, again)
			}
			if len(form) > MaxDigits+2 { // sign and point
				t.Errorf("%q has the form %q", text, form)
			}
		}
		if day, ok := ParseDay(text); ok && day.String() != text {
			t.Errorf("%q was read as the day %s", text, day)
		}
		if first, last, ok := daysOfCycle(text); ok && (first > last || last-first > 366 || first.String()[:4] != text[:4] || last.String()[:4] != text[:4]) {
			t.Errorf("the cycle %q is from %s to %s", text, first, last)
		}
		if percent := percentOfWay(parseDecimal("0"), parseDecimal(text), parseDecimal("100")); percent < 0 || percent > MaxAttainment {
			t.Errorf("%q is %d %%", text, percent)
		}
	})
}
