package stytch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// maxAnswer bounds what is read of an answer, in bytes; the SDK itself would read without end.
const maxAnswer = 4 << 20

// transport carries the SDK's requests. It reads answers whole and bounded, ends requests when the client ends, and lets
// no key set pass that would make the SDK forget the keys it has.
type transport struct {
	base     *http.Transport
	life     context.Context
	jwksPath string
	observer *observer
	// keysInDoubt says that the latest attempt to fetch the key set failed: a key id that is not known might be new.
	keysInDoubt atomic.Bool
}

func newTransport(life context.Context, jwksPath string, observer *observer) *transport {
	base := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		MaxIdleConns:          64,
		MaxIdleConnsPerHost:   64,
		ForceAttemptHTTP2:     true,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   requestTimeout,
		ResponseHeaderTimeout: requestTimeout,
	}
	return &transport{base: base, life: life, jwksPath: jwksPath, observer: observer}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	isKeySet := req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, t.jwksPath)
	resp, err := t.observer.roundTrip(req, func(req *http.Request) (*http.Response, error) { return t.roundTrip(req, isKeySet) })
	if isKeySet {
		t.keysInDoubt.Store(err != nil || resp.StatusCode != http.StatusOK)
	}
	return resp, err
}

func (t *transport) roundTrip(req *http.Request, isKeySet bool) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	defer context.AfterFunc(t.life, cancel)()

	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	err = errors.Join(err, resp.Body.Close())
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the answer: %w", err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	case isKeySet && resp.StatusCode == http.StatusOK:
		if err := checkKeySet(body); err != nil {
			return nil, err
		}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// checkKeySet refuses a key set without a single usable key. The SDK would take it, and from then on call every token
// forged.
func checkKeySet(body []byte) error {
	var set struct {
		Keys []struct {
			Type     string `json:"kty"`
			ID       string `json:"kid"`
			Modulus  string `json:"n"`
			Exponent string `json:"e"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return fmt.Errorf("reading the key set: %w", err)
	}
	for _, k := range set.Keys {
		if k.Type == "RSA" && k.ID != "" && k.Modulus != "" && k.Exponent != "" {
			return nil
		}
	}
	return errors.New("the key set has no RSA key")
}
