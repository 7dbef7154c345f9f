package film

// The identifiers are opaque strings of [A-Za-z0-9]; each kind has its own type so that one is never handed over as
// another. They are drawn by keep/catalog and reveal nothing about each other.
type (
	// EnvironmentID names an environment: the wall between one tenant's objects and another's.
	EnvironmentID string
	// AssetID names an asset.
	AssetID string
	// FilmID names what the vault holds of one film: its source and, where it differs, its master. It is drawn
	// when the film's first byte is expected (an asset from a URL, a direct upload, a live session), so the bytes
	// never move when an asset comes to own them.
	FilmID string
	// PlaybackID names a playback id; it is the only thing that a viewer's URL carries. Purely alphanumeric.
	PlaybackID string
	// TrackID names a track of an asset.
	TrackID string
	// UploadID names a direct upload.
	UploadID string
	// LiveStreamID names a live stream.
	LiveStreamID string
	// GrantID names one period of master access. It stands in the master's URL.
	GrantID string
	// EventID is the UUID of a webhook event; receivers recognise repeats by it.
	EventID string
	// WebhookID names a webhook endpoint.
	WebhookID string
	// DeliveryID names the delivery of one event to one webhook.
	DeliveryID string
	// TokenID is the UUID of an access token: the user name of HTTP Basic authentication.
	TokenID string
	// SigningKeyID names a signing key; it is the `kid` of the tokens signed with it.
	SigningKeyID string
)
