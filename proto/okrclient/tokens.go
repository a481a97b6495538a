package okrclient

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/oauth2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// TokenSource gives access tokens. It must be safe for concurrent use. Package signin has the one of people.
type TokenSource interface {
	// Token answers an access token. refused is one that the server has said to be expired, and must not be answered again;
	// it is empty until that happens. An *Error with the code UNAVAILABLE is worth another try, any other error is final.
	Token(ctx context.Context, refused string) (string, error)
}

// StaticToken is one access token, until it expires.
type StaticToken string

var errExpired = errors.New("the access token has expired")

// Token implements TokenSource.
func (t StaticToken) Token(_ context.Context, refused string) (string, error) {
	if string(t) == refused {
		return "", errExpired
	}
	return string(t), nil
}

// OAuth2 takes tokens from a source of golang.org/x/oauth2, such as the one of a workload identity. That source renews them
// by its own clock alone.
func OAuth2(source oauth2.TokenSource) TokenSource { return oauth2Tokens{source} }

type oauth2Tokens struct{ source oauth2.TokenSource }

// Token implements TokenSource.
func (t oauth2Tokens) Token(_ context.Context, refused string) (string, error) {
	token, err := t.source.Token()
	if err != nil {
		return "", err
	}
	if token.AccessToken == refused {
		return "", errExpired
	}
	return token.AccessToken, nil
}

// bearer puts access tokens into calls and remembers which one the server has refused.
type bearer struct {
	source TokenSource

	mu      sync.Mutex
	refused string
}

// attach adds the access token to what a call carries, and answers which one it is.
func (b *bearer) attach(ctx context.Context) (context.Context, string, error) {
	b.mu.Lock()
	refused := b.refused
	b.mu.Unlock()
	token, err := b.source.Token(ctx, refused)
	if err != nil {
		if own := (*Error)(nil); errors.As(err, &own) {
			return nil, "", err
		}
		if ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
		return nil, "", &Error{Code: codes.Unauthenticated, Message: "getting an access token: " + err.Error(), cause: err}
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token), token, nil
}

// expired takes note that the server does not take a token any more.
func (b *bearer) expired(token string) {
	b.mu.Lock()
	b.refused = token
	b.mu.Unlock()
}
