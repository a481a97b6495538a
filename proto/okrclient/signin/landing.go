package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	landingPath = "/callback"
	// landingFarewell is how long the last page may take to reach the browser.
	landingFarewell = 2 * time.Second
)

// portChoice is where to listen: at a port and nowhere else, or at one if it is free.
type portChoice struct {
	port  int
	fixed bool
	wish  string
}

// landing is where the browser brings the answer: a server on 127.0.0.1 (RFC 8252 section 7.3) that takes one answer, the one
// with the state that only this sign-in knows.
type landing struct {
	// address is the redirect address.
	address string
	state   string

	server *http.Server
	issuer serverMetadata
	once   sync.Once
	answer chan outcome
}

type outcome struct {
	code string
	err  error
}

func listen(ctx context.Context, choice portChoice) (*landing, error) {
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", choice.first()))
	if err != nil && !choice.fixed {
		listener, err = listening.Listen(ctx, "tcp4", "127.0.0.1:0")
	}
	if err != nil {
		return nil, fmt.Errorf("listening for the browser's answer: %w", err)
	}
	l := &landing{address: "http://" + listener.Addr().String() + landingPath, state: rand.Text(), answer: make(chan outcome, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+landingPath, l.land)
	l.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	go func() { _ = l.server.Serve(listener) }() // ends with close, and before that only by a failure that wait outlives
	return l, nil
}

func (c portChoice) first() string {
	if c.wish != "" {
		return c.wish
	}
	return strconv.Itoa(c.port)
}

// expect says which server the answer has to come from. Before that nothing is taken.
func (l *landing) expect(issuer serverMetadata) { l.issuer = issuer }

// wait waits for the answer.
func (l *landing) wait(ctx context.Context) (string, error) {
	select {
	case got := <-l.answer:
		return got.code, got.err
	case <-ctx.Done():
		return "", fmt.Errorf("waiting for the sign-in in the browser: %w", ctx.Err())
	}
}

// close ends the server when the last page was sent.
func (l *landing) close() {
	ctx, cancel := context.WithTimeout(context.Background(), landingFarewell)
	defer cancel()
	if l.server.Shutdown(ctx) != nil {
		_ = l.server.Close() // whoever still reads has had their time
	}
}

// land takes the answer. What does not know the state is a stranger, and ends nothing.
func (l *landing) land(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	header.Set("Connection", "close")
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(l.state)) != 1 {
		w.WriteHeader(http.StatusBadRequest)
		page(w, "This is not the answer to a sign-in that is going on", "Start again in the terminal.")
		return
	}
	got := outcome{}
	got.code, got.err = l.examine(query.Get("iss"), query.Get("code"), query.Get("error"), query.Get("error_description"))
	if got.err != nil {
		w.WriteHeader(http.StatusBadRequest)
		page(w, "Not signed in", "The terminal says why.")
	} else {
		page(w, "Signed in", "You can close this page and go back to the terminal.")
	}
	l.once.Do(func() { l.answer <- got })
}

// examine decides what an answer is worth. Where it comes from is looked at first (RFC 9207 section 2.4): neither a code nor
// an error of another server is this one's.
func (l *landing) examine(issuer, code, failure, description string) (string, error) {
	switch {
	case issuer == "" && l.issuer.SendsIssuer:
		return "", errors.New("the answer does not say which authorization server it comes from")
	case issuer != "" && issuer != l.issuer.Issuer:
		return "", fmt.Errorf("the answer comes from another authorization server: %q", issuer)
	case failure == "access_denied":
		return "", errors.New("the sign-in was declined on the consent page")
	case failure != "":
		return "", fmt.Errorf("the authorization server answers %q: %q", failure, description)
	case code == "":
		return "", errors.New("the answer has no code")
	}
	return code, nil
}

// page writes a page of fixed texts.
func page(w http.ResponseWriter, title, text string) {
	_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><meta charset="utf-8"><title>%s</title>`+ // a browser that is gone cannot be told
		`<meta name="viewport" content="width=device-width"><style>:root{color-scheme:light dark}`+
		`body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem}</style><h1>%s</h1><p>%s</p>`, title, title, text)
}
