package okrstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/api"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/etcdengine"
)

// fileName is the store file in the data directory.
const fileName = "okr.db"

// The values of OKR_STORE_ENGINE. Nothing counts as bolt.
const (
	engineBolt = "bolt"
	engineEtcd = "etcd"
)

// engine is a storage engine that can find that it must not go on.
type engine interface {
	storage.Engine
	// Broken is closed when it does. Ready says why.
	Broken() <-chan struct{}
}

// validateEngine reports what cannot work of the settings that say where the data is.
func (c *Config) validateEngine() error {
	switch c.Engine {
	case "", engineBolt:
		if c.DataDir == "" && c.Path == "" {
			return errors.New("OKR_DATA_DIR or OKR_STORE_PATH must be set")
		}
		return nil
	case engineEtcd:
		return c.validateEtcd()
	}
	return fmt.Errorf("OKR_STORE_ENGINE is %q, must be bolt or etcd", c.Engine)
}

func (c *Config) validateEtcd() error {
	var errs []error
	if len(c.EtcdEndpoints) == 0 {
		errs = append(errs, errors.New("OKR_STORE_ETCD_ENDPOINTS must name the members of the cluster"))
	}
	schemes := map[string]bool{}
	for _, endpoint := range c.EtcdEndpoints {
		u, err := url.Parse(endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			errs = append(errs, fmt.Errorf("OKR_STORE_ETCD_ENDPOINTS has %q, which is no http or https URL", endpoint))
			continue
		}
		schemes[u.Scheme] = true
	}
	if len(schemes) > 1 {
		errs = append(errs, errors.New("OKR_STORE_ETCD_ENDPOINTS must all be http or all https"))
	}
	if schemes["http"] && (c.EtcdCA != "" || c.EtcdCert != "" || c.EtcdKey != "") {
		errs = append(errs, errors.New("OKR_STORE_ETCD_CA, OKR_STORE_ETCD_CERT and OKR_STORE_ETCD_KEY are for https endpoints"))
	}
	if (c.EtcdCert == "") != (c.EtcdKey == "") {
		errs = append(errs, errors.New("OKR_STORE_ETCD_CERT and OKR_STORE_ETCD_KEY must be set together"))
	}
	if (c.EtcdUser == "") != (c.EtcdPassword == "") {
		errs = append(errs, errors.New("OKR_STORE_ETCD_USER and OKR_STORE_ETCD_PASSWORD must be set together"))
	}
	return errors.Join(errs...)
}

// openEngine opens the store. Its errors say what to do.
func openEngine(ctx context.Context, cfg Config) (engine, []prometheus.Collector, error) {
	if cfg.Engine == engineEtcd {
		c, err := cfg.etcd()
		if err != nil {
			return nil, nil, err
		}
		e, err := etcdengine.Open(ctx, c)
		if err != nil {
			return nil, nil, err
		}
		return e, commits(func() (groups, updates uint64) { s := e.Stats(); return s.Groups, s.Updates }), nil
	}
	if cfg.Path == "" {
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return nil, nil, fmt.Errorf("making the data directory, see OKR_DATA_DIR: %w", err)
		}
	}
	metrics, settings := newStoreMetrics(), cfg.bolt(cfg.path())
	settings.Committed = metrics.committed
	e, err := boltengine.Open(ctx, settings)
	if err != nil {
		return nil, nil, err
	}
	return e, metrics.ofFile(e), nil
}

// path is where the store file is.
func (c *Config) path() string {
	if c.Path != "" {
		return c.Path
	}
	return filepath.Join(c.DataDir, fileName)
}

func (c *Config) bolt(path string) boltengine.Config {
	return boltengine.Config{Path: path, Upgrades: api.Upgrades(), Logger: c.Logger}
}

func (c *Config) etcd() (etcdengine.Config, error) {
	settings := etcdengine.Config{
		Endpoints: c.EtcdEndpoints, Prefix: c.EtcdPrefix, User: c.EtcdUser, Password: string(c.EtcdPassword),
		Upgrades: api.Upgrades(), Logger: c.Logger,
	}
	if c.EtcdCA == "" && c.EtcdCert == "" {
		return settings, nil // the client uses TLS for https endpoints by itself
	}
	settings.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.EtcdCA != "" {
		authorities, err := os.ReadFile(c.EtcdCA)
		if err != nil {
			return settings, fmt.Errorf("reading OKR_STORE_ETCD_CA: %w", err)
		}
		settings.TLS.RootCAs = x509.NewCertPool()
		if !settings.TLS.RootCAs.AppendCertsFromPEM(authorities) {
			return settings, fmt.Errorf("OKR_STORE_ETCD_CA: %s has no certificate in PEM", c.EtcdCA)
		}
	}
	if c.EtcdCert != "" {
		// Read anew for each connection, so that a certificate can be replaced while the store runs.
		load := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			certificate, err := tls.LoadX509KeyPair(c.EtcdCert, c.EtcdKey)
			if err != nil {
				return nil, fmt.Errorf("reading OKR_STORE_ETCD_CERT and OKR_STORE_ETCD_KEY: %w", err)
			}
			return &certificate, nil
		}
		if _, err := load(nil); err != nil {
			return settings, err
		}
		settings.TLS.GetClientCertificate = load
	}
	return settings, nil
}
