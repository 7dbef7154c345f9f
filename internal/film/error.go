package film

import (
	"errors"
	"fmt"
	"time"
)

// Code says what kind of refusal an [Error] is. front/api has the one table from codes to HTTP statuses.
type Code string

const (
	// CodeInvalid: the request has a field that cannot be (400 invalid_parameters).
	CodeInvalid Code = "invalid"
	// CodeUnauthorized: no credentials, or wrong ones (401).
	CodeUnauthorized Code = "unauthorized"
	// CodeForbidden: known, but not allowed in this state or to this caller (403).
	CodeForbidden Code = "forbidden"
	// CodeNotFound: there is no such thing, or it belongs to someone else (404).
	CodeNotFound Code = "not_found"
	// CodeNotReady: the object is not yet in the state that the request needs (412 failed_request).
	CodeNotReady Code = "not_ready"
	// CodeConflict: the request contradicts what is stored (409).
	CodeConflict Code = "conflict"
	// CodeTooLarge: a body or a film above its limit (413).
	CodeTooLarge Code = "too_large"
	// CodeUnavailable: this cannot be done now, but later (503 with Retry-After).
	CodeUnavailable Code = "unavailable"
	// CodeInternal: our own fault; the text never leaves the house (500).
	CodeInternal Code = "internal"
)

// Fault says whose fault an [Error] is, and so what becomes of the work that met it.
type Fault int

const (
	// FaultOurs: a bug or a broken machine. Logged loudly, retried a few times.
	FaultOurs Fault = iota
	// FaultCustomer: the customer's input. Never retried; the message is for the customer.
	FaultCustomer
	// FaultEndpoint: the customer's server (an input URL, a webhook). Retried for a while, then told.
	FaultEndpoint
	// FaultTransient: a passing condition of ours (no room, no database). Retried.
	FaultTransient
)

// Error is an error with a meaning for the outside. Message is written for the customer; the cause, if any, is for
// the log alone. Wrap it freely with %w: [AsError] finds it.
type Error struct {
	Code    Code
	Fault   Fault
	Message string
	Cause   error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Message + ": " + e.Cause.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Cause }

// AsError returns the [Error] inside err, or nil when there is none: then err is an internal error whose text must
// not be shown.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return nil
}

// IsCode reports whether err carries an [Error] with that code.
func IsCode(err error, code Code) bool {
	e := AsError(err)
	return e != nil && e.Code == code
}

// FaultOf returns whose fault err is; an error without a meaning of its own is ours.
func FaultOf(err error) Fault {
	if e := AsError(err); e != nil {
		return e.Fault
	}
	return FaultOurs
}

// Invalid returns the error of a request with a field that cannot be.
func Invalid(format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Fault: FaultCustomer, Message: fmt.Sprintf(format, args...)}
}

// NotFoundMessage is the text of every 404 of the API (reference page, 1.6).
const NotFoundMessage = "The requested resource either doesn't exist or you don't have access to it."

// NotFound returns the error of a thing that does not exist for this caller.
func NotFound() *Error {
	return &Error{Code: CodeNotFound, Fault: FaultCustomer, Message: NotFoundMessage}
}

// NotReady returns the error of an object that is not yet in the state that the request needs.
func NotReady(message string) *Error {
	return &Error{Code: CodeNotReady, Fault: FaultCustomer, Message: message}
}

// Later tells the queue to run a job again after a pause without counting this run as an attempt.
type Later struct {
	After time.Duration
}

func (l *Later) Error() string { return "again in " + l.After.String() }
