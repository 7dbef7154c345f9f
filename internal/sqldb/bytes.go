package sqldb

import (
	"database/sql/driver"
	"encoding/base64"
	"fmt"
)

// Bytes is a byte string as a TEXT column has it, in base64: the two databases have no type for bytes in common.
// NULL is a nil slice.
type Bytes []byte

// Value returns the text to store.
func (b Bytes) Value() (driver.Value, error) {
	if b == nil {
		return nil, nil //nolint:nilnil // NULL is what database/sql wants here
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// Scan reads the text back.
func (b *Bytes) Scan(src any) error {
	var text string
	switch v := src.(type) {
	case nil:
		*b = nil
		return nil
	case string:
		text = v
	case []byte:
		text = string(v)
	default:
		return fmt.Errorf("read bytes from a column of %T", src)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("read bytes from a column: %w", err)
	}
	*b = raw
	return nil
}
