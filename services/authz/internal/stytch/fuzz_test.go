package stytch_test

import (
	"errors"
	"testing"

	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
)

// A token is told to be of one kind or refused, without a panic.
func FuzzTokenKind(f *testing.F) {
	for _, token := range []string{
		"eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.eyJzdWIiOiJtIiwiaWF0IjoxLCJleHAiOjJ9.AA",
		"eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.eyJzdWIiOiJtIiwiaWF0IjoxLCJleHAiOjIsImh0dHBzOi8vc3R5dGNoLmNvbS9zZXNzaW9uIjp7fX0.AA",
		"eyJhbGciOiJub25lIn0.e30.", "..", "e30.e30.e30", "",
	} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		session, err := stytch.IsSessionJWT(token)
		if err != nil && (session || !errors.Is(err, stytch.ErrTokenInvalid)) {
			t.Errorf("%q is a session: %t, %v", token, session, err)
		}
	})
}
