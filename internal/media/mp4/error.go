package mp4

import "fmt"

// ErrorKind tells apart why a file was refused.
type ErrorKind int

const (
	// NotFilm: not an MP4 or QuickTime file, or one without any film in it.
	NotFilm ErrorKind = iota + 1
	// Truncated: the file ends before what it announces.
	Truncated
	// Damaged: the file contradicts itself.
	Damaged
	// Empty: a film without a single picture or sound.
	Empty
	// TooBig: beyond a limit of [Limits].
	TooBig
	// Protected: encrypted, or with its media in another file.
	Protected
)

func (k ErrorKind) String() string {
	names := [...]string{"unknown", "not a film", "truncated", "damaged", "empty", "too big", "protected"}
	if k < 0 || int(k) >= len(names) {
		return names[0]
	}
	return names[k]
}

// Error is a refusal of a file. Message is one sentence for the customer; Detail is for the log. What is not an *Error
// is a failure to read, not the file's fault.
type Error struct {
	Kind    ErrorKind
	Message string
	Detail  string
	// Samples and Whole count, for Truncated, the samples announced and those that the file holds entirely; Samples is 0
	// where the tables themselves are cut off.
	Samples, Whole int
	// End is, for Truncated, where the head of a fragment begins that is cut off: nothing behind it can be read. 0 where
	// there is none.
	End int64
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("mp4: %s: %s", e.Kind, e.Message)
	}
	return fmt.Sprintf("mp4: %s: %s (%s)", e.Kind, e.Message, e.Detail)
}

func damaged(format string, args ...any) *Error {
	return &Error{
		Kind:    Damaged,
		Message: "The file is damaged: its index contradicts itself.",
		Detail:  fmt.Sprintf(format, args...),
	}
}

func tooBig(message, format string, args ...any) *Error {
	return &Error{Kind: TooBig, Message: message, Detail: fmt.Sprintf(format, args...)}
}

func missingIndex(format string, args ...any) *Error {
	return &Error{
		Kind:    Truncated,
		Message: "The file is incomplete: its index (the moov box) is missing or cut off. Was the recording or the transfer interrupted?",
		Detail:  fmt.Sprintf(format, args...),
	}
}
