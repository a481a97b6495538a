package state_test

import (
	"encoding/base32"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

// The last six of the eight digits in RFC 6238, appendix B.
func TestCodesAreThoseOfTheStandard(t *testing.T) {
	t.Parallel()
	secret := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := state.TOTPCode(secret, time.Unix(at, 0)); got != want {
			t.Errorf("at %d it is %s, want %s", at, got, want)
		}
	}
}

func TestACodeIsTakenOnceAndWithinHalfAMinute(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_900_000_010, 0)
	for name, test := range map[string]struct {
		of              time.Duration
		taken, repeated bool
	}{
		"the present one":        {0, true, false},
		"the one before":         {-30 * time.Second, true, false},
		"the next one":           {30 * time.Second, true, false},
		"one of a minute ago":    {-60 * time.Second, false, false},
		"one of the next minute": {60 * time.Second, false, false},
	} {
		app := state.NewTOTP(now)
		code := state.TOTPCode(app.Secret, now.Add(test.of))
		if taken, repeated := app.Take(code, now); taken != test.taken || repeated != test.repeated || app.Verified != test.taken {
			t.Errorf("%s: taken %t, repeated %t, verified %t", name, taken, repeated, app.Verified)
		}
		if taken, repeated := app.Take(code, now); taken || repeated != test.taken {
			t.Errorf("%s, again: taken %t, repeated %t", name, taken, repeated)
		}
	}
}

func TestARecoveryCodeIsTakenOnce(t *testing.T) {
	t.Parallel()
	app := state.NewTOTP(time.Now())
	code := app.RecoveryCodes[3]
	if len(app.RecoveryCodes) != 10 || !app.TakeRecovery(code) || app.TakeRecovery(code) || app.TakeRecovery("") || len(app.RecoveryCodes) != 9 {
		t.Errorf("after %s was taken there are %v", code, app.RecoveryCodes)
	}
}
