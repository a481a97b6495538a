package stack

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// sealKey is the key under which agents keep their sessions, from a file beside the data: a session lasts over a restart of
// the system, like the tokens that it belongs to. The file is made where there is none.
func sealKey(dir string) (string, error) {
	path := filepath.Join(dir, "mcp-seal-key")
	key, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return string(key), err
	}
	made := rand.Text() + rand.Text() // 260 bits
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return made, os.WriteFile(path, []byte(made), 0o600)
}
