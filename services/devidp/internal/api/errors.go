package api

import (
	"fmt"
	"net/http"
)

// Error is a refusal in Stytch's shape. Its type is part of the API: callers branch on it.
type Error struct {
	Status  int
	Type    string
	Message string

	// keep commits what the call did before it was refused: a wrong code has to count, a replayed token to end its family.
	keep bool
}

func (e *Error) Error() string { return e.Type + ": " + e.Message }

func (e *Error) keeps() bool { return e.keep }

func refuse(status int, errorType, format string, args ...any) *Error {
	return &Error{Status: status, Type: errorType, Message: fmt.Sprintf(format, args...)}
}

// keeping returns the refusal such that the call's changes are kept.
func (e *Error) keeping() *Error {
	e.keep = true
	return e
}

func badRequest(errorType, format string, args ...any) *Error {
	return refuse(http.StatusBadRequest, errorType, format, args...)
}

func notFound(errorType, format string, args ...any) *Error {
	return refuse(http.StatusNotFound, errorType, format, args...)
}

func unauthorized(errorType, message string) *Error {
	return refuse(http.StatusUnauthorized, errorType, "%s", message)
}

func forbidden(errorType, message string) *Error {
	return refuse(http.StatusForbidden, errorType, "%s", message)
}

// notEmulated refuses what Stytch would do and this provider does not.
func notEmulated(what string) *Error {
	return refuse(http.StatusNotImplemented, "route_not_supported_in_test", "devidp does not emulate %s", what)
}
