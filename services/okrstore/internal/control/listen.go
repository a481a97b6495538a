package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// listener is a Unix socket that nobody but its owner could ever connect to.
type listener struct {
	*net.UnixListener
	path string
}

// maxPath is how long the path of a Unix socket may be on every system, in bytes.
const maxPath = 103

// Listen makes a Unix socket, mode 0600, at path. It is made in a directory of its own that nobody else may enter and then
// moved, so that there is no moment at which others could connect; with it goes what an okr-store that died left there.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("%s has %d bytes, and the path of a Unix socket has at most %d: choose another OKR_STORE_SOCKET", path, len(path), maxPath)
	}
	dialer := net.Dialer{}
	if conn, err := dialer.DialContext(ctx, "unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("another okr-store listens on %s: choose another OKR_STORE_SOCKET", path), conn.Close())
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != os.ModeSocket {
		return nil, fmt.Errorf("%s is there and no socket: choose another OKR_STORE_SOCKET", path)
	}
	l, err := listen(path)
	if err != nil {
		return nil, fmt.Errorf("listening on the Unix socket, see OKR_STORE_SOCKET: %w", err)
	}
	return &listener{l, path}, nil
}

func listen(path string) (l *net.UnixListener, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".s") // mode 0700
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	private := filepath.Join(dir, "s")
	l, err = net.ListenUnix("unix", &net.UnixAddr{Name: private, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // by then it has another name
	if err := errors.Join(os.Chmod(private, 0o600), os.Rename(private, path)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Close implements net.Listener.
func (l *listener) Close() error {
	return errors.Join(l.UnixListener.Close(), os.RemoveAll(l.path))
}
