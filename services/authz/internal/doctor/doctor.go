// Package doctor compares the settings with what Stytch, or devidp, says of the project, and names what does not fit and
// where to put it right. It changes nothing and signs nobody in.
package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// maxAnswer bounds an answer, in bytes.
	maxAnswer = 4 << 20
	// maxSkew is how far clocks may differ. A transaction token lives for thirty seconds.
	maxSkew = 10 * time.Second
	// renewal says before which part of its life a certificate is to be replaced: the last tenth.
	renewal = 10
)

// Config is what is looked at.
type Config struct {
	// ProjectID, Secret and PublicToken are the project's.
	ProjectID, Secret, PublicToken string
	// BaseURI is where servers reach its API, and StytchURL where browsers do.
	BaseURI, StytchURL string
	// PublicURL is the address of the product.
	PublicURL string
	// Issuer is the authorization server that agents are sent to, and IssuerBase where servers reach it. Empty: not known
	// here.
	Issuer, IssuerBase string
	// Replicas is how many of authz and of the MCP edge there are to be.
	Replicas int
	// SealKey says whether the replicas of the MCP edge share a key.
	SealKey bool
	// Keys is the JWK set of the key file; empty without one.
	Keys string
	// RunningKeys gets the JWK set of the authz that okr-store asks.
	RunningKeys func(context.Context) (string, error)
	// Certificate reads the certificate for connections among the boxes, and says from when to when it is good; nil without
	// one.
	Certificate func() (issued, expires time.Time, err error)
	// HTTP makes the requests, and follows nobody elsewhere.
	HTTP *http.Client
	// Now is the clock that is compared with Stytch's.
	Now func() time.Time
}

// Finding is something that does not fit.
type Finding struct {
	// Wrong says what, and Fix where to put it right.
	Wrong, Fix string
}

// Report is what was found.
type Report struct {
	// Good are the checks that found nothing, Skipped those that could not be made, with the reason.
	Good, Skipped []string
	Findings      []Finding
}

func (r *Report) wrong(fix, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{Wrong: plain(fmt.Sprintf(format, args...)), Fix: fix})
}

func (r *Report) skip(format string, args ...any) {
	r.Skipped = append(r.Skipped, plain(fmt.Sprintf(format, args...)))
}

// Examine makes every check that can be made. Where the project cannot be reached, what depends on it is left out.
func Examine(ctx context.Context, cfg Config) Report {
	var r Report
	checks := []struct {
		name string
		run  func(context.Context, Config, *Report)
	}{
		{"the project's id, secret and token are of one environment", environment},
		{"what replicas share", replicas},
		{"the certificate for connections among the boxes", certificate},
		{"the key of transaction tokens is that of the authz that okr-store asks", transactionKeys},
		{"the authorization server for agents", authorizationServer},
	}
	if reachable(ctx, cfg, &r) {
		checks = append(checks, []struct {
			name string
			run  func(context.Context, Config, *Report)
		}{
			{"the project's id and secret, and its access policy", accessPolicy},
			{"the public token and the redirect URL", redirect},
		}...)
	}
	for _, check := range checks {
		before := len(r.Findings) + len(r.Skipped)
		check.run(ctx, cfg, &r)
		if len(r.Findings)+len(r.Skipped) == before {
			r.Good = append(r.Good, check.name)
		}
	}
	return r
}

// answer is one of HTTP.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// reason is Stytch's word for an error, or "".
func (a answer) reason() string {
	var failure struct {
		Type string `json:"error_type"`
	}
	_ = json.Unmarshal(a.body, &failure) // what is no JSON has no reason
	return failure.Type
}

func (c Config) get(ctx context.Context, address string, secret bool) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	if secret {
		req.SetBasicAuth(c.ProjectID, c.Secret)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return answer{resp.StatusCode, resp.Header, body}, err
}
