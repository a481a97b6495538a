package storage

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// The errors below are compared with errors.Is: an engine may wrap them in
// what it knows about the case.
var (
	// ErrNotFound says that the key has no value.
	ErrNotFound = errors.New("key not found")
	// ErrReadOnly says that a View tried to write.
	ErrReadOnly = errors.New("write in a read-only transaction")
	// ErrTooLarge says that an Update would outgrow MaxOperations or MaxBytes.
	// Nothing of it was applied; the same work in smaller pieces may succeed.
	ErrTooLarge = errors.New("transaction too large")
	// ErrInvalidKey says that a key is empty or longer than MaxKeyBytes.
	ErrInvalidKey = errors.New("invalid key")
	// ErrInvalidOrganization says that an organization id is empty, longer than
	// MaxOrganizationBytes or contains a byte that is not allowed.
	ErrInvalidOrganization = errors.New("invalid organization id")
	// ErrTxDone says that a Tx was used after its function had returned.
	ErrTxDone = errors.New("transaction has ended")
	// ErrClosed says that the engine was closed.
	ErrClosed = errors.New("storage engine is closed")
	// ErrBroken says that a commit failed in a way that leaves open what is on
	// disk. The engine answers nothing else from then on: the process must end,
	// and the next one reads what the disk really holds.
	ErrBroken = errors.New("storage engine is broken")
	// ErrFull says that there was no room for an Update, nor for those that were
	// to be made durable with it. Nothing of it was applied, the engine serves
	// reads as before, and the same Update succeeds once there is room again.
	ErrFull = errors.New("no room to write")
	// ErrUnavailable says that the place where the data is does not answer, and
	// did not for as long as the engine waits. A View or an Update that returns
	// it may succeed later. An Update that does may also have been made: then its
	// text says so, and to try again is safe only for what can be repeated.
	ErrUnavailable = errors.New("storage is unavailable")
	// ErrCorrupted says that stored bytes are not what was written.
	ErrCorrupted = errors.New("stored data is damaged")
	// ErrNewerSchema says that the data was written by a newer program, whose
	// form this one does not know.
	ErrNewerSchema = errors.New("stored data has a newer schema")
)

// PanicError is what the caller of a transaction gets when its function
// panicked. The other callers are not concerned. It unwraps to nothing, so
// that no panic is mistaken for an ordinary answer such as [ErrNotFound].
type PanicError struct {
	// Value is what was passed to panic.
	Value any
	// Stack is the stack of the panic, for the log only.
	Stack []byte
}

// Error returns the panic's value without the stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("panic in a transaction: %v", e.Value)
}

// Call runs fn(tx) for an engine: a panic in fn becomes a [*PanicError].
// A runtime.Goexit in fn passes through, so an engine must release what it
// holds in a deferred call.
func Call(fn func(Tx) error, tx Tx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return fn(tx)
}
