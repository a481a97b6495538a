// Package txntoken signs transaction tokens and publishes the keys that verify them. What is in a token, and how it is
// verified, is in kit/access.
package txntoken

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/go-jose/go-jose/v4"
)

// maxKeyFile bounds a key file, in bytes.
const maxKeyFile = 1 << 20

// Keys are Ed25519 private keys. The first signs, all verify: to change keys, put the new one second, then first, then
// drop the old one, and give every replica time to read the file in between.
type Keys struct {
	set jose.JSONWebKeySet
}

// GenerateKeys makes one key, for a file or for a process that has none.
func GenerateKeys() (*Keys, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	key := jose.JSONWebKey{Key: private, Algorithm: string(jose.EdDSA), Use: "sig"}
	if key.KeyID, err = thumbprint(key); err != nil {
		return nil, err
	}
	return &Keys{jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}}}, nil
}

// LoadKeys reads a key file: a JWK set (RFC 7517) of Ed25519 private keys (RFC 8037) with distinct key ids. It refuses a
// file that others can read. A group may read what belongs to root, because that is how an orchestrator hands a secret to
// a program that is not root.
func LoadKeys(path string) (*Keys, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the key file: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("examining the key file: %w", err)
	}
	owner := os.Geteuid()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		owner = int(stat.Uid)
	}
	if mode := info.Mode().Perm(); tooOpen(mode, owner, os.Geteuid()) {
		return nil, fmt.Errorf("the key file %s has mode %#o: others can read it; chmod 600 it", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	keys, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("the key file %s: %w", path, err)
	}
	return keys, nil
}

// tooOpen says whether others than the process can read a key file, or anybody but its owner can write it.
func tooOpen(mode fs.FileMode, owner, process int) bool {
	const root = 0
	if owner == root && process != root {
		return mode&0o037 != 0
	}
	return mode&0o077 != 0
}

// LoadOrCreateKeys reads a key file, and makes it first if there is none. Of several processes that start together on
// one file, all end up with the same key.
func LoadOrCreateKeys(path string) (*Keys, error) {
	keys, err := LoadKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if keys, err = GenerateKeys(); err != nil {
		return nil, err
	}
	if err := keys.create(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making the key file: %w", err)
	}
	return LoadKeys(path)
}

// File is the text of a key file with these keys.
func (k *Keys) File() ([]byte, error) {
	text, err := json.MarshalIndent(k.set, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the JWK set: %w", err)
	}
	return append(text, '\n'), nil
}

// create writes the keys to a new file in one step: nobody sees half of it, and a file that is there stays.
func (k *Keys) create(path string) (err error) {
	text, err := k.File()
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // CreateTemp gives it mode 0600
	if err != nil {
		return err
	}
	// What stays behind would be a second copy of the private keys.
	defer func() { err = errors.Join(err, os.Remove(temporary.Name())) }()
	_, err = temporary.Write(text)
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Link(temporary.Name(), path)
}

func parseKeys(text []byte) (*Keys, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("reading the JWK set: %w", err)
	}
	if len(set.Keys) == 0 {
		return nil, errors.New("there is no key in it")
	}
	seen := map[string]bool{}
	for i := range set.Keys {
		key := &set.Keys[i]
		if _, ok := key.Key.(ed25519.PrivateKey); !ok {
			return nil, fmt.Errorf("key %d is not an Ed25519 private key", i+1)
		}
		if key.KeyID == "" {
			var err error
			if key.KeyID, err = thumbprint(*key); err != nil {
				return nil, err
			}
		}
		if seen[key.KeyID] {
			return nil, fmt.Errorf("two keys have the id %s", strconv.Quote(key.KeyID))
		}
		seen[key.KeyID] = true
		key.Algorithm, key.Use = string(jose.EdDSA), "sig"
	}
	return &Keys{set}, nil
}

// Derive makes a secret of each key (RFC 5869), in the same order, for purposes beside signing. Replicas that share the
// key file share these secrets as well, and changing keys changes them by the same steps.
func (k *Keys) Derive(purpose string, size int) ([][]byte, error) {
	secrets := make([][]byte, len(k.set.Keys))
	for i, key := range k.set.Keys {
		private, ok := key.Key.(ed25519.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("key %d is not an Ed25519 private key", i+1)
		}
		var err error
		if secrets[i], err = hkdf.Key(sha256.New, private.Seed(), nil, purpose, size); err != nil {
			return nil, fmt.Errorf("deriving a secret: %w", err)
		}
	}
	return secrets, nil
}

// thumbprint is a key id that the key determines (RFC 7638).
func thumbprint(key jose.JSONWebKey) (string, error) {
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("deriving a key id: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// JWKS is the JWK set of the public keys.
func (k *Keys) JWKS() (string, error) {
	var public jose.JSONWebKeySet
	for _, key := range k.set.Keys {
		public.Keys = append(public.Keys, key.Public())
	}
	text, err := json.Marshal(public)
	if err != nil {
		return "", fmt.Errorf("writing the JWK set: %w", err)
	}
	return string(text), nil
}
