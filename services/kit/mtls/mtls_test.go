package mtls_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/mtls"
)

func TestACertificateThatOthersWouldRefuseIsRefusedAtTheStart(t *testing.T) {
	authority, other := kittest.NewAuthority(t), kittest.NewAuthority(t)
	cert, key := authority.Issue(t, kittest.Order{Names: []string{"rest"}})
	_, otherKey := authority.Issue(t, kittest.Order{Names: []string{"rest"}})
	expired, expiredKey := authority.Issue(t, kittest.Order{Names: []string{"rest"}, NotAfter: time.Now().Add(-time.Minute)})
	serverOnly, serverKey := authority.Issue(t, kittest.Order{
		Names: []string{"rest"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	nameless, namelessKey := authority.Issue(t, kittest.Order{})
	for name, c := range map[string]struct {
		cert, key, ca []byte
		want          string // part of the error; empty for none
	}{
		"good": {cert, key, authority.PEM, ""},
		"good while one authority replaces another": {cert, key, append(other.PEM, authority.PEM...), ""},
		"of another authority":                      {cert, key, other.PEM, "unknown authority"},
		"with another's key":                        {cert, otherKey, authority.PEM, "does not match"},
		"expired":                                   {expired, expiredKey, authority.PEM, "expired"},
		"for servers alone":                         {serverOnly, serverKey, authority.PEM, "client auth"},
		"without a name":                            {nameless, namelessKey, authority.PEM, "subject alternative name"},
		"without an authority":                      {cert, key, []byte("none"), "ca.crt"},
		"not a certificate":                         {[]byte("none"), key, authority.PEM, "tls.crt"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			kittest.WriteCertificate(t, dir, c.cert, c.key, c.ca)
			_, err := mtls.Load(mtls.Config{Dir: dir})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestEveryMissingFileIsNamed(t *testing.T) {
	_, err := mtls.Load(mtls.Config{Dir: t.TempDir()})
	for _, want := range []string{"OKR_TLS_DIR", "tls.crt", "tls.key", "ca.crt"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

func TestACertificateIsReplacedAsKubernetesDoesIt(t *testing.T) {
	// A mounted secret is three links to …/..data/, which is a link to a folder of the moment.
	authority, mount := kittest.NewAuthority(t), t.TempDir()
	swap := func(folder string, write func(dir string)) {
		write(filepath.Join(mount, folder))
		next := filepath.Join(mount, "..data_tmp")
		if err := os.Symlink(folder, next); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, filepath.Join(mount, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	until := func(d time.Duration) time.Time { return time.Now().Add(d).Truncate(time.Second).UTC() }
	first, second := until(time.Hour), until(2*time.Hour)
	swap("..first", func(dir string) {
		authority.Write(t, dir, kittest.Order{Names: []string{"rest"}, NotAfter: first})
	})
	for _, name := range []string{"tls.crt", "tls.key", "ca.crt"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(mount, name)); err != nil {
			t.Fatal(err)
		}
	}
	now, log := time.Now(), &kittest.Log{}
	identity, err := mtls.Load(mtls.Config{Dir: mount, Now: func() time.Time { return now }, Logger: kittest.Logger(log)})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(when string, want time.Time) {
		t.Helper()
		now = now.Add(2 * time.Second)
		if got := identity.Expires(); !got.Equal(want) {
			t.Errorf("%s: the certificate expires at %v, want %v", when, got, want)
		}
	}
	expect("before anything changed", first)
	if log.String() != "" {
		t.Errorf("what did not change was announced: %s", log)
	}

	stranger := kittest.NewAuthority(t)
	swap("..broken", func(dir string) {
		cert, key := stranger.Issue(t, kittest.Order{Names: []string{"rest"}})
		kittest.WriteCertificate(t, dir, cert, key, authority.PEM)
	})
	expect("with one that cannot be used", first)
	expect("still with one that cannot be used", first)
	if complaints := strings.Count(log.String(), "cannot be used"); complaints != 1 {
		t.Errorf("%d complaints, want 1: %s", complaints, log)
	}

	swap("..second", func(dir string) {
		authority.Write(t, dir, kittest.Order{Names: []string{"rest"}, NotAfter: second})
	})
	expect("replaced", second)
	if err := os.Remove(filepath.Join(mount, "..data")); err != nil {
		t.Fatal(err)
	}
	expect("with the files gone", second)
}

func TestUnencryptedConnectionsStayOnTheMachineUnlessPermitted(t *testing.T) {
	for addr, want := range map[string]struct{ plain, permitted bool }{
		"127.0.0.1:9001":         {true, true},
		"[::1]:9001":             {true, true},
		"localhost:9001":         {true, true},
		"dns:///127.0.0.1:9001":  {true, true},
		"unix:///run/authz.sock": {true, true},
		":9001":                  {false, true},
		"0.0.0.0:9001":           {false, true},
		"authz:9002":             {false, true},
		"dns:///authz:9002":      {false, true},
		"localhost.evil.com:1":   {false, true},
		"10.1.2.3:9002":          {false, true},
		"100.64.0.9:9002":        {false, true},
		"[fd00::1]:9002":         {false, true},
		"8.8.8.8:9002":           {false, false},
		"100.128.0.1:9002":       {false, false},
		"[::ffff:8.8.8.8]:9002":  {false, false},
		"[2001:db8::1]:9002":     {false, false},
	} {
		check := func(dir string, permitted bool) bool {
			return mtls.CheckPlain(dir, permitted, mtls.Address{Name: "OKR_AUTHZ_ADDR", Value: addr}) == nil
		}
		if check("", false) != want.plain || check("", true) != want.permitted || !check("/certificates", false) {
			t.Errorf("%s: plain %t, permitted %t, encrypted %t", addr, check("", false), check("", true), check("/certificates", false))
		}
	}
}

func TestAServiceThatNobodyCouldCallIsAMistake(t *testing.T) {
	for name, c := range map[string]struct {
		dir     string
		clients []string
		ok      bool
	}{
		"names":                      {"/certificates", []string{"rest", "spiffe://acme/mcp"}, true},
		"anyone":                     {"/certificates", []string{"*"}, true},
		"nobody":                     {"/certificates", nil, false},
		"a name with a space":        {"/certificates", []string{"rest", " mcp"}, false},
		"nobody, without encryption": {"", nil, true},
	} {
		if err := mtls.CheckClients(c.dir, "OKR_STORE_TLS_CLIENTS", c.clients); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
