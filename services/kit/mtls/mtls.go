// Package mtls encrypts what the boxes say to each other, and has both ends prove who they are: each has a certificate
// of one authority, and each service says which names it lets in. Certificates are files, which are read again when they
// change, so that short-lived ones need no restart.
package mtls

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// The files of a directory, named as in a Kubernetes secret of the type kubernetes.io/tls that cert-manager wrote.
const (
	certFile = "tls.crt" // the certificate, and after it those up to the authority's
	keyFile  = "tls.key"
	caFile   = "ca.crt" // the authorities whose certificates are taken; two of them while one replaces the other
)

// rereadInterval bounds how often the files are read: a new certificate is in use within this time.
const rereadInterval = time.Second

// Config says where a box's certificate is.
type Config struct {
	// Dir holds tls.crt, tls.key and ca.crt. Symbolic links are followed each time.
	Dir string
	// Logger gets what is read, what cannot be, and which clients are refused.
	Logger *slog.Logger
	// Now is used instead of the system's clock.
	Now func() time.Time
}

// Identity is a box's certificate and the authority that it trusts. It is safe for concurrent use. Nil stands for a box
// that speaks without encryption.
type Identity struct {
	cfg Config

	mu      sync.Mutex
	next    time.Time // when to look at the files again
	read    material  // as it was when the files were last looked at, good or not
	current *state
}

// material is what the files hold.
type material struct{ cert, key, ca []byte }

func (m material) equal(o material) bool {
	return bytes.Equal(m.cert, o.cert) && bytes.Equal(m.key, o.key) && bytes.Equal(m.ca, o.ca)
}

// state is material that was found good.
type state struct {
	certificate tls.Certificate
	authorities *x509.CertPool
}

// Load reads a box's certificate. Without a directory it answers nil. It fails when the files do not belong together, or
// when the certificate would be refused by the other boxes.
func Load(cfg Config) (*Identity, error) {
	if cfg.Dir == "" {
		return nil, nil //nolint:nilnil // nil is an Identity, too
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	i := &Identity{cfg: cfg, next: cfg.Now().Add(rereadInterval)}
	var err error
	if i.read, err = readFiles(cfg.Dir); err != nil {
		return nil, fmt.Errorf("reading the certificate, see OKR_TLS_DIR: %w", err)
	}
	if i.current, err = i.read.parse(cfg.Now()); err != nil {
		return nil, fmt.Errorf("the certificate in %s, see OKR_TLS_DIR: %w", cfg.Dir, err)
	}
	return i, nil
}

// Expires is when the certificate in use expires.
func (i *Identity) Expires() time.Time { return i.state().certificate.Leaf.NotAfter }

// Issued is from when the certificate in use is good.
func (i *Identity) Issued() time.Time { return i.state().certificate.Leaf.NotBefore }

// state is what the files hold now. What cannot be used is left alone: a certificate and its key are two files, which
// nobody replaces in one moment.
func (i *Identity) state() *state {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.cfg.Now()
	if now.Before(i.next) {
		return i.current
	}
	i.next = now.Add(rereadInterval)
	found, err := readFiles(i.cfg.Dir)
	if err == nil && found.equal(i.read) {
		return i.current
	}
	var fresh *state
	if err == nil {
		i.read = found // said once, whatever is wrong with it
		fresh, err = found.parse(now)
	}
	if err != nil {
		i.cfg.Logger.Warn("the certificate in OKR_TLS_DIR cannot be used; the one before stays",
			slog.Any("error", err), slog.Time("expires", i.current.certificate.Leaf.NotAfter))
		return i.current
	}
	i.current = fresh
	i.cfg.Logger.Info("the certificate was replaced", slog.Any("names", Names(fresh.certificate.Leaf)),
		slog.Time("expires", fresh.certificate.Leaf.NotAfter))
	return fresh
}

func readFiles(dir string) (m material, err error) {
	var errs []error
	for _, file := range []struct {
		name string
		into *[]byte
	}{{certFile, &m.cert}, {keyFile, &m.key}, {caFile, &m.ca}} {
		if *file.into, err = os.ReadFile(filepath.Join(dir, file.name)); err != nil {
			errs = append(errs, err)
		}
	}
	return m, errors.Join(errs...)
}

func (m material) parse(now time.Time) (*state, error) {
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(m.ca) {
		return nil, fmt.Errorf("%s holds no certificate of an authority in PEM", caFile)
	}
	pair, err := tls.X509KeyPair(m.cert, m.key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", certFile, keyFile, err)
	}
	intermediates := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		between, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("reading %s after its first certificate: %w", certFile, err)
		}
		intermediates.AddCert(between)
	}
	// A box answers some and calls others, and asks after its own health: one certificate is for both.
	for usage, name := range map[x509.ExtKeyUsage]string{
		x509.ExtKeyUsageServerAuth: "server auth", x509.ExtKeyUsageClientAuth: "client auth",
	} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{
			Roots: authorities, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage},
		}); err != nil {
			return nil, fmt.Errorf("%s does not hold against %s for the usage %q: %w", certFile, caFile, name, err)
		}
	}
	if len(Names(pair.Leaf)) == 0 {
		return nil, fmt.Errorf("%s has no subject alternative name (DNS or URI), by which others would know it", certFile)
	}
	return &state{certificate: pair, authorities: authorities}, nil
}

// Names are those by which a certificate's holder is let in: its subject alternative names of the kinds DNS and URI, as
// they are written there. The common name is none of them (RFC 9525 section 2).
func Names(certificate *x509.Certificate) []string {
	names := append([]string(nil), certificate.DNSNames...)
	for _, uri := range certificate.URIs {
		names = append(names, uri.String())
	}
	return names
}

// refusal says why a client is not let in.
func refusal(names []string) error {
	return fmt.Errorf("the client with the certificate for %s may not call this service", strings.Join(names, ", "))
}
