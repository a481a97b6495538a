package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/grpc/codes"

	"github.com/df0f9dda/okr-manager/proto/okrclient"
)

// margin is how long before its end an access token is replaced, so that it does not end on its way.
const margin = 30 * time.Second

// Token implements okrclient.TokenSource. ErrSignedOut is in the error if the person has to sign in (again).
func (a *Account) Token(ctx context.Context, refused string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cached.good(refused) {
		return a.cached.AccessToken, nil
	}
	// Another process may have been faster.
	kept, err := a.file.read()
	if err == nil && !kept.good(refused) {
		kept, err = a.refresh(ctx, refused)
	}
	if err != nil {
		return "", err
	}
	a.cached = kept
	return kept.AccessToken, nil
}

// good reports whether there is an access token that can still be used.
func (r record) good(refused string) bool {
	return r.AccessToken != "" && r.AccessToken != refused && (r.Expiry.IsZero() || time.Until(r.Expiry) > margin)
}

// refresh gets a new access token and keeps it with the refresh token that comes with it. A refresh token is good for one
// use, and a second use of it ends the sign-in (RFC 9700 section 4.14.2): so one process at a time does it, looks first
// whether another one has, and does not let go halfway when its caller gives up.
func (a *Account) refresh(ctx context.Context, refused string) (record, error) {
	unlock, err := a.file.lock(ctx)
	if err != nil {
		return record{}, err
	}
	defer unlock()
	kept, err := a.file.read()
	if err != nil || kept.good(refused) {
		return kept, err
	}
	if kept.RefreshToken == "" {
		return record{}, fmt.Errorf("%w any more: the sign-in has expired", ErrSignedOut)
	}
	if err := ctx.Err(); err != nil {
		return record{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpTimeout)
	defer cancel()
	config := oauth2.Config{
		ClientID: kept.ClientID, Endpoint: oauth2.Endpoint{TokenURL: kept.TokenEndpoint, AuthStyle: oauth2.AuthStyleInParams},
	}
	token, err := config.TokenSource(a.withClient(ctx), &oauth2.Token{RefreshToken: kept.RefreshToken}).Token()
	if err != nil {
		return record{}, refreshFailed(err)
	}
	kept.take(token)
	return kept, a.file.write(kept)
}

// refreshFailed says whether it is worth another try.
func refreshFailed(err error) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) || answer.Response.StatusCode >= 500 {
		return &okrclient.Error{Code: codes.Unavailable, Message: "the authorization server cannot be reached: " + err.Error()}
	}
	switch answer.ErrorCode {
	case "invalid_grant", "invalid_client":
		return fmt.Errorf("%w any more: %w", ErrSignedOut, plain(err))
	}
	return fmt.Errorf("renewing the access token: %w", plain(err))
}

// plain leaves of an OAuth error what it says, and not the whole answer, which may be a page.
func plain(err error) error {
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) {
		if answer.ErrorCode == "" {
			return fmt.Errorf("the authorization server answers %s", answer.Response.Status)
		}
		return fmt.Errorf("the authorization server answers %s: %s", answer.ErrorCode, answer.ErrorDescription)
	}
	return err
}
