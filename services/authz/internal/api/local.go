package api

import (
	"context"
	"errors"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
)

// local verifies tokens by the keys of the project, without asking Stytch, and remembers the outcome. It is safe for
// concurrent use.
type local struct {
	client   *stytch.Client
	now      func() time.Time
	sessions *lru.Cache[digest, *stytch.SessionJWT]
	tokens   *lru.Cache[digest, *stytch.AccessToken]
	refusals refusals
}

func newLocal(client *stytch.Client, now func() time.Time) *local {
	return &local{
		client:   client,
		now:      now,
		sessions: newCache[digest, *stytch.SessionJWT](),
		tokens:   newCache[digest, *stytch.AccessToken](),
		refusals: newRefusals(now),
	}
}

func (l *local) session(ctx context.Context, jwt string) (*stytch.SessionJWT, error) {
	return verify(l, l.sessions, digestOf("session-jwt", jwt),
		func() (*stytch.SessionJWT, error) { return l.client.VerifySessionJWT(ctx, jwt) },
		func(s *stytch.SessionJWT) time.Time { return s.Expire })
}

func (l *local) accessToken(ctx context.Context, token string) (*stytch.AccessToken, error) {
	return verify(l, l.tokens, digestOf("access-token", token),
		func() (*stytch.AccessToken, error) { return l.client.VerifyAccessToken(ctx, token) },
		func(t *stytch.AccessToken) time.Time { return t.Expire })
}

// verify answers from the caches where it can. A token that expires stops at that moment, cached or not.
func verify[V any](l *local, cache *lru.Cache[digest, V], key digest, check func() (V, error), expire func(V) time.Time) (V, error) {
	v, ok := cache.Get(key)
	if !ok {
		err := l.refusals.get(key)
		if err != nil {
			return v, err
		}
		if v, err = check(); err != nil {
			if !errors.Is(err, stytch.ErrUnavailable) {
				l.refusals.add(key, err)
			}
			return v, err
		}
		cache.Add(key, v)
	}
	if !l.now().Before(expire(v)) {
		cache.Remove(key)
		var none V
		return none, stytch.ErrTokenExpired
	}
	return v, nil
}
