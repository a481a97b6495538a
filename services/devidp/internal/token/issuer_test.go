package token_test

import (
	"errors"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/token"
)

func issuer(t *testing.T, der []byte, project string) token.Issuer {
	t.Helper()
	key, err := token.ParseKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return token.Issuer{Key: key, ProjectID: project}
}

func TestTokensAreReadByTheirOwnKindAlone(t *testing.T) {
	der, err := token.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	other, err := token.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	i := issuer(t, der, "project-test-1")
	now := time.Now().Truncate(time.Second)
	session, err := i.SignSession(token.Session{ID: "s", MemberID: "m", StartedAt: now, LastAccessedAt: now, ExpiresAt: now.Add(time.Hour)}, now)
	if err != nil {
		t.Fatal(err)
	}
	granted := token.Access{ID: "j", MemberID: "m", ClientID: "c", Scope: "a b", Resources: []string{"http://r"}, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
	access, err := i.SignAccess(granted)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := i.SignID(map[string]any{"iss": i.Name(), "aud": []string{"project-test-1"}, "sub": "m"})
	if err != nil {
		t.Fatal(err)
	}
	hmac := func() string {
		var claims jwt.MapClaims
		if _, _, err := jwt.NewParser().ParseUnverified(session, &claims); err != nil {
			t.Fatal(err)
		}
		forged, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("public key"))
		if err != nil {
			t.Fatal(err)
		}
		return forged
	}()

	if id, err := i.SessionID(session); err != nil || id != "s" {
		t.Errorf("the session token is of %q, %v", id, err)
	}
	read, err := i.Access(access, now)
	if err != nil || read.ID != "j" || read.Scope != "a b" || len(read.Resources) != 1 || !read.ExpiresAt.Equal(granted.ExpiresAt) {
		t.Errorf("the access token is %+v, %v", read, err)
	}
	for name, refused := range map[string]error{
		"an access token as a session token":         second(i.SessionID(access)),
		"an ID token as a session token":             second(i.SessionID(identity)),
		"a session token as an access token":         second(i.Access(session, now)),
		"an ID token as an access token":             second(i.Access(identity, now)),
		"an access token at its last second":         second(i.Access(access, granted.ExpiresAt)),
		"a session token of another key":             second(issuer(t, other, "project-test-1").SessionID(session)),
		"a session token of another project":         second(issuer(t, der, "project-test-2").SessionID(session)),
		"a session token with a symmetric signature": second(i.SessionID(hmac)),
		"nonsense": second(i.SessionID("a.b.c")),
	} {
		if !errors.Is(refused, token.ErrInvalid) {
			t.Errorf("%s gave %v", name, refused)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestAnExpiredSessionTokenStillNamesItsSession(t *testing.T) {
	der, err := token.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	i := issuer(t, der, "project-test-1")
	old := time.Now().Add(-time.Hour)
	raw, err := i.SignSession(token.Session{ID: "s", MemberID: "m", StartedAt: old, LastAccessedAt: old, ExpiresAt: old}, old)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := i.SessionID(raw); err != nil || id != "s" {
		t.Errorf("got %q, %v", id, err)
	}
}

func TestAKeyHasOneID(t *testing.T) {
	der, err := token.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	a, b := issuer(t, der, "p"), issuer(t, der, "p")
	first, again := a.Key.Public(), b.Key.Public()
	if first.KeyID != again.KeyID || !first.IsPublic() {
		t.Errorf("the published keys are %+v and %+v", first, again)
	}
	if _, err := token.ParseKey([]byte("nonsense")); err == nil {
		t.Error("nonsense is a key")
	}
}
