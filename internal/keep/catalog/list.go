package catalog

import (
	"context"
	"encoding/base64"
	"math"
	"strconv"
	"strings"

	"filmcan/internal/film"
)

// The lists are newest first and paged by key: a page begins after the last row of the one before, whatever was
// created or deleted meanwhile. OFFSET serves those who ask for a page by its number. Each filter has a statement of
// its own so that each has its index.
const (
	selectAssets query = `SELECT document FROM assets
		WHERE environment_id = $1 AND (created_at, id) < ($2, $3)
		ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5`
	selectAssetsOfUpload query = `SELECT document FROM assets
		WHERE environment_id = $1 AND (created_at, id) < ($2, $3) AND upload_id = $6
		ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5`
	selectAssetsOfLiveStream query = `SELECT document FROM assets
		WHERE environment_id = $1 AND (created_at, id) < ($2, $3) AND live_stream_id = $6
		ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5`
)

const (
	defaultLimit = 25
	maxLimit     = 1000
	maxPage      = 1 << 32 // of at most maxLimit: the product fits
)

// AssetFilter chooses a page of a list of assets. Upload and LiveStream narrow it; with both, nothing is found, for no
// asset has both.
type AssetFilter struct {
	// Limit is the length of a page; 0 is the API's default.
	Limit int
	// Page counts from 1; 0 is the first. A Cursor wins over it.
	Page int
	// Cursor is what the page before returned as next.
	Cursor     string
	LiveStream film.LiveStreamID
	Upload     film.UploadID
}

// Assets returns a page of the environment's assets, newest first, and the cursor of the page after it; the cursor is
// empty at the end.
func (c *Catalog) Assets(ctx context.Context, env film.EnvironmentID, f AssetFilter) (assets []film.Asset, next string, err error) {
	limit, offset := pageOf(f.Limit, f.Page)
	after := key{at: math.MaxInt64}
	if f.Cursor != "" {
		if after, err = parseCursor(f.Cursor); err != nil {
			return nil, "", err
		}
		offset = 0
	}
	q, args := selectAssets, []any{env, after.at, after.id, limit + 1, offset}
	switch {
	case f.Upload != "" && f.LiveStream != "":
		return nil, "", nil
	case f.Upload != "":
		q, args = selectAssetsOfUpload, append(args, f.Upload)
	case f.LiveStream != "":
		q, args = selectAssetsOfLiveStream, append(args, f.LiveStream)
	}
	now := c.now()
	err = c.rows(ctx, q, args, func(scan func(...any) error) error {
		a, err := decodeAsset(scan)
		assets = append(assets, a.At(now))
		return err
	})
	if err != nil {
		return nil, "", notFound("list assets", err)
	}
	if len(assets) > limit {
		assets = assets[:limit]
		next = key{at: micros(assets[limit-1].CreatedAt), id: string(assets[limit-1].ID)}.cursor()
	}
	return assets, next, nil
}

// pageOf returns the numbers of rows to return and to skip.
func pageOf(limit, page int) (rows, offset int) {
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	return limit, limit * (min(max(page, 1), maxPage) - 1)
}

// key is the place of a row in a list.
type key struct {
	at int64
	id string
}

// cursor returns the key as an opaque word.
func (k key) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(k.at, 36) + "." + k.id))
}

func parseCursor(cursor string) (key, error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	at, id, ok := strings.Cut(string(text), ".")
	µs, perr := strconv.ParseInt(at, 36, 64)
	if err != nil || perr != nil || !ok || !storable([]any{id}) {
		return key{}, film.Invalid("Invalid cursor")
	}
	return key{at: µs, id: id}, nil
}
