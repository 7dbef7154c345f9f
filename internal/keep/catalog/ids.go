package catalog

import (
	"crypto/rand"

	"github.com/google/uuid"
)

const (
	lowerAndDigits = "abcdefghijklmnopqrstuvwxyz0123456789"
	alphanumeric   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + lowerAndDigits

	// longID has 256 bits: ids that stand in URLs, and secrets.
	longID = 43
	// shortID has 131 bits: ids that only we see.
	shortID = 22
	// environmentID is short because people read it; it is no secret.
	environmentID = 6
)

// draw returns n random characters of the alphabet, each equally likely. The id types of film are strings, so any of
// them can be asked for.
func draw[ID ~string](n int, alphabet string) ID {
	id := make([]byte, 0, n)
	fair := byte(256 / len(alphabet) * len(alphabet)) // 252 or 248: bytes from here on would favour some characters
	for chunk := make([]byte, 2*n); ; {
		_, _ = rand.Read(chunk) // never fails: it ends the program instead
		for _, b := range chunk {
			if b >= fair {
				continue
			}
			if id = append(id, alphabet[int(b)%len(alphabet)]); len(id) == n {
				return ID(id)
			}
		}
	}
}

func drawLong[ID ~string]() ID { return draw[ID](longID, alphanumeric) }

func drawShort[ID ~string]() ID { return draw[ID](shortID, alphanumeric) }

func drawUUID[ID ~string]() ID { return ID(uuid.NewString()) }
