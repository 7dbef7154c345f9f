package film

import (
	"slices"
	"time"
)

// Permission is one right of an access token.
type Permission string

// The permissions of access tokens.
const (
	VideoRead   Permission = "video:read"
	VideoWrite  Permission = "video:write"
	SystemRead  Permission = "system:read"
	SystemWrite Permission = "system:write"
)

// AllPermissions is every right there is, in the order in which they are shown.
func AllPermissions() []Permission {
	return []Permission{VideoRead, VideoWrite, SystemRead, SystemWrite}
}

// Environment is a tenant's space; every object belongs to exactly one.
type Environment struct {
	ID        EnvironmentID
	Name      string
	Type      string // "development" or "production"
	CreatedAt time.Time
}

// AccessToken is what an API client authenticates with; its secret is stored only as a hash.
type AccessToken struct {
	ID          TokenID
	Environment EnvironmentID
	Name        string
	Permissions []Permission
	CreatedAt   time.Time
}

// Principal is an authenticated caller of the API.
type Principal struct {
	Token       AccessToken
	Environment Environment
}

// May reports whether the caller has the permission.
func (p Principal) May(permission Permission) bool {
	return slices.Contains(p.Token.Permissions, permission)
}

// SigningKey is the public half of a key pair that signs playback tokens; the private half is shown once, at
// creation, and never stored.
type SigningKey struct {
	ID          SigningKeyID
	Environment EnvironmentID
	PublicKey   []byte // PEM, PKIX
	CreatedAt   time.Time
}
