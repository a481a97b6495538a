package resourceauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	documentTimeout = 5 * time.Second
	// maxDocument bounds a document in bytes; real ones have two thousand.
	maxDocument = 64 << 10
	// documentFresh is how long a document is served without asking again, and documentStale how long while the
	// authorization server does not answer.
	documentFresh = 5 * time.Minute
	documentStale = 24 * time.Hour
	// documentRetry is how long after a failure the authorization server is not asked again.
	documentRetry = 5 * time.Second
)

// document is a metadata document, whatever its fields are.
type document map[string]json.RawMessage

// kept is what is known of a document.
type kept struct {
	document document  // nil if it was never had
	had      time.Time // when
	next     time.Time // when to ask again
}

// ServerDocuments gets the metadata of the authorization server and keeps it for a while. It is safe for concurrent use.
type ServerDocuments struct {
	issuer, base string
	now          func() time.Time
	logger       *slog.Logger
	client       *http.Client
	flight       singleflight.Group

	mu   sync.Mutex
	kept map[string]kept // by path
}

// NewServerDocuments gets documents of the issuer from base, which is another address where servers do not reach the
// issuer under its name.
func NewServerDocuments(issuer, base string, logger *slog.Logger, now func() time.Time) *ServerDocuments {
	return &ServerDocuments{
		issuer: issuer, base: base, now: now, logger: logger, kept: map[string]kept{},
		client: &http.Client{
			Timeout:       documentTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Get answers the document under a well-known path, with the scopes of this resource in place of the issuer's: clients
// that come here know no better list. UNAVAILABLE when it cannot be had.
func (s *ServerDocuments) Get(ctx context.Context, path string) (document, error) {
	k := s.known(path)
	if s.now().Before(k.next) {
		return s.serve(k)
	}
	done := s.flight.DoChan(path, func() (any, error) { return s.refresh(context.WithoutCancel(ctx), path), nil })
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-done:
		k, _ := result.Val.(kept)
		return s.serve(k)
	}
}

func (s *ServerDocuments) known(path string) kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[path]
}

func (s *ServerDocuments) serve(k kept) (document, error) {
	if k.document == nil || s.now().Sub(k.had) > documentStale {
		return nil, unavailable()
	}
	return k.document, nil
}

func (s *ServerDocuments) refresh(ctx context.Context, path string) kept {
	k := s.known(path)
	if s.now().Before(k.next) { // somebody else has just done it
		return k
	}
	fresh, err := s.fetch(ctx, path)
	if err != nil {
		s.logger.WarnContext(ctx, "the authorization server's metadata cannot be had", slog.Any("error", err))
		k.next = s.now().Add(documentRetry)
	} else {
		k = kept{document: fresh, had: s.now(), next: s.now().Add(documentFresh)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[path] = k
	return k
}

func (s *ServerDocuments) fetch(ctx context.Context, path string) (document, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode != http.StatusOK || kind != "application/json" {
		return nil, fmt.Errorf("%s%s answers %s with %q", s.base, path, resp.Status, kind)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s%s: %w", s.base, path, err)
	}
	if len(body) > maxDocument {
		return nil, fmt.Errorf("%s%s is larger than %d bytes", s.base, path, maxDocument)
	}
	var d document
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, fmt.Errorf("reading %s%s: %w", s.base, path, err)
	}
	var issuer string
	if err := json.Unmarshal(d["issuer"], &issuer); err != nil || issuer != s.issuer { // RFC 8414 section 3.3
		return nil, fmt.Errorf("%s%s is the document of %q, not of %q", s.base, path, issuer, s.issuer)
	}
	scopes, err := json.Marshal(Scopes())
	if err != nil {
		return nil, errors.Join(errors.New("encoding scopes"), err)
	}
	d["scopes_supported"] = scopes
	delete(d, "request_id") // Stytch's own marks of the one answer
	delete(d, "status_code")
	return d, nil
}
