package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/oauth2"
)

const (
	fileMode   = 0o600
	folderMode = 0o700
	// othersMode are the permissions of everybody but the owner.
	othersMode = 0o077

	lockPoll = 20 * time.Millisecond
)

// record is a sign-in as it is kept.
type record struct {
	// Server is whose sign-in it is.
	Server string `json:"server"`
	// Issuer and the endpoints are the authorization server's.
	Issuer             string `json:"issuer"`
	TokenEndpoint      string `json:"token_endpoint"`
	RevocationEndpoint string `json:"revocation_endpoint,omitempty"`
	// ClientID is the program, and RedirectURI the address it is registered with.
	ClientID    string `json:"client_id"`
	RedirectURI string `json:"redirect_uri"`
	// Scopes are what was granted.
	Scopes       []string  `json:"scopes,omitempty"`
	AccessToken  string    `json:"access_token"`
	Expiry       time.Time `json:"expiry"`
	RefreshToken string    `json:"refresh_token,omitempty"`
}

// take keeps the tokens of an answer. The scopes are only in it if they are not those that were asked for (RFC 6749
// section 5.1).
func (r *record) take(token *oauth2.Token) {
	r.AccessToken, r.Expiry = token.AccessToken, token.Expiry
	if token.RefreshToken != "" {
		r.RefreshToken = token.RefreshToken
	}
	if scope, ok := token.Extra("scope").(string); ok && scope != "" {
		r.Scopes = strings.Fields(scope)
	}
}

// file is where the sign-in at one server is kept.
type file struct {
	dir, name, server string
}

func (f file) path() string { return filepath.Join(f.dir, f.name) }

// read answers ErrSignedOut if there is no file, and refuses one that others can read: its tokens are not secret any more.
func (f file) read() (record, error) {
	var r record
	opened, err := os.Open(f.path())
	if errors.Is(err, fs.ErrNotExist) {
		return r, ErrSignedOut
	}
	if err != nil {
		return r, fmt.Errorf("reading the sign-in: %w", err)
	}
	defer func() { _ = opened.Close() }() // it was only read
	info, err := opened.Stat()
	if err != nil {
		return r, fmt.Errorf("reading the sign-in: %w", err)
	}
	if err := private(info, f.path()); err != nil {
		return r, err
	}
	text, err := io.ReadAll(io.LimitReader(opened, maxAnswer))
	if err != nil {
		return r, fmt.Errorf("reading the sign-in: %w", err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return record{}, fmt.Errorf("%s is damaged, remove it and sign in again: %w", f.path(), err)
	}
	if r.Server != f.server {
		return record{}, fmt.Errorf("%s is the sign-in at %s", f.path(), r.Server)
	}
	return r, nil
}

// write puts the sign-in in the place of the one before, whole or not at all, and on the disk before it returns: an
// authorization server takes the refresh token of before only once.
func (f file) write(r record) error {
	text, err := json.MarshalIndent(r, "", "  ") //nolint:gosec // G117: keeping the tokens is what the file is for
	if err != nil {
		return fmt.Errorf("encoding the sign-in: %w", err)
	}
	temporary, err := os.CreateTemp(f.dir, ".new-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("keeping the sign-in: %w", err)
	}
	_, err = temporary.Write(append(text, '\n'))
	err = errors.Join(err, temporary.Chmod(fileMode), temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), f.path())
	}
	if err != nil {
		return fmt.Errorf("keeping the sign-in: %w", errors.Join(err, os.Remove(temporary.Name())))
	}
	return nil
}

func (f file) remove() error {
	if err := os.Remove(f.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the sign-in: %w", err)
	}
	return nil
}

// lock keeps other processes, and other accounts of this one, from changing the sign-in until unlock. It makes the folder
// if it is not there.
func (f file) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(f.dir, folderMode); err != nil {
		return nil, fmt.Errorf("making the folder of sign-ins: %w", err)
	}
	info, err := os.Stat(f.dir)
	if err != nil {
		return nil, fmt.Errorf("looking at the folder of sign-ins: %w", err)
	}
	if err := private(info, f.dir); err != nil {
		return nil, err
	}
	l := flock.New(f.path()+".lock", flock.SetPermissions(fileMode))
	if _, err := l.TryLockContext(ctx, lockPoll); err != nil {
		return nil, fmt.Errorf("waiting for another process that changes the sign-in: %w", err)
	}
	return func() { _ = l.Unlock() }, nil // closing the file unlocks it in any case
}

// private refuses what others may look into. Windows has no such permissions; there the user's folder is private.
func private(info fs.FileInfo, path string) error {
	if runtime.GOOS == "windows" || info.Mode().Perm()&othersMode == 0 {
		return nil
	}
	return fmt.Errorf("%s is open to others (mode %04o): make it private by chmod %04o, and sign in again if somebody may have looked",
		path, info.Mode().Perm(), info.Mode().Perm()&^othersMode)
}
