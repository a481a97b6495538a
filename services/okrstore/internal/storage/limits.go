package storage

import "fmt"

// The limits of every engine, so that what works on one works on all. They
// are those of the smallest: etcd takes 128 operations and 1.5 MiB in one
// transaction by default, and the rest is room for what an engine adds.
const (
	// MaxOperations is the most distinct keys one Update may put or delete.
	MaxOperations = 100
	// MaxBytes is the most bytes one Update may write: the keys and values that
	// it puts, as they are at its end, and the keys that it deletes.
	MaxBytes = 1 << 20
	// MaxKeyBytes is the longest key.
	MaxKeyBytes = 512
	// MaxOrganizationBytes is the longest organization id.
	MaxOrganizationBytes = 128
)

// CheckKey returns an [ErrInvalidKey] when key cannot be put.
func CheckKey(key []byte) error {
	switch n := len(key); {
	case n == 0:
		return fmt.Errorf("%w: empty", ErrInvalidKey)
	case n > MaxKeyBytes:
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrInvalidKey, n, MaxKeyBytes)
	}
	return nil
}

// CheckOrganization returns an [ErrInvalidOrganization] when id is empty, too
// long, or has a byte outside the unreserved characters of RFC 3986 section
// 2.3: letters, digits and "-._~". These need no quoting in any engine's keys,
// in a log or in a URL.
func CheckOrganization(id string) error {
	switch n := len(id); {
	case n == 0:
		return fmt.Errorf("%w: empty", ErrInvalidOrganization)
	case n > MaxOrganizationBytes:
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrInvalidOrganization, n, MaxOrganizationBytes)
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~':
		default:
			return fmt.Errorf("%w: byte %#02x at position %d", ErrInvalidOrganization, c, i)
		}
	}
	return nil
}

// CheckSize returns an [ErrTooLarge] when a transaction of this many
// operations and bytes is over a limit.
func CheckSize(operations, bytes int) error {
	if operations > MaxOperations {
		return fmt.Errorf("%w: %d operations, at most %d are allowed", ErrTooLarge, operations, MaxOperations)
	}
	if bytes > MaxBytes {
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, bytes, MaxBytes)
	}
	return nil
}
