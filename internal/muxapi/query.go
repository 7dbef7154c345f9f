package muxapi

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"filmcan/internal/film"
)

// Limits of lists (reference page, 1.8).
const (
	DefaultLimit = 25
	MaxLimit     = 100
	maxPage      = 1_000_000
	maxQueryText = 255
)

// ListQuery is what every list can be asked for.
type ListQuery struct {
	Limit int
	Page  int // from 1
}

// AssetQuery is what the list of assets can be asked for. A cursor wins over the page.
type AssetQuery struct {
	ListQuery
	Cursor     string
	LiveStream film.LiveStreamID
	Upload     film.UploadID
}

// DecodeListQuery reads limit and page. A limit above the largest counts as the largest: what works against Mux
// must not fail here, and pages are told apart by their emptiness, not by their length.
func DecodeListQuery(raw string) (ListQuery, error) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return ListQuery{}, film.Invalid("The query of the URL cannot be read")
	}
	return listQuery(q)
}

func listQuery(q url.Values) (ListQuery, error) {
	limit, err := count(q, "limit", DefaultLimit)
	if err != nil {
		return ListQuery{}, err
	}
	page, err := count(q, "page", 1)
	if err != nil {
		return ListQuery{}, err
	}
	if page > maxPage {
		return ListQuery{}, film.Invalid("`page` must not be above %d", maxPage)
	}
	return ListQuery{Limit: min(limit, MaxLimit), Page: page}, nil
}

// DecodeAssetQuery reads the query of GET /video/v1/assets.
func DecodeAssetQuery(raw string) (AssetQuery, error) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return AssetQuery{}, film.Invalid("The query of the URL cannot be read")
	}
	out := AssetQuery{
		Cursor: q.Get("cursor"), LiveStream: film.LiveStreamID(q.Get("live_stream_id")), Upload: film.UploadID(q.Get("upload_id")),
	}
	for _, name := range []string{"cursor", "live_stream_id", "upload_id"} {
		if s := q.Get(name); len(s) > maxQueryText || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return AssetQuery{}, film.Invalid("`%s` is not valid", name)
		}
	}
	if out.ListQuery, err = listQuery(q); err != nil {
		return AssetQuery{}, err
	}
	return out, nil
}

// count reads a number of at least 1; absent and empty are the default.
func count(q url.Values, name string, otherwise int) (int, error) {
	s := q.Get(name)
	if s == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 1 {
		return 0, film.Invalid("`%s` must be a whole number of at least 1", name)
	}
	return int(n), nil
}
