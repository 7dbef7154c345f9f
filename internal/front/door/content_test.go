package door_test

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"filmcan/internal/front/door"
)

const text = "0123456789abcdef"

func serve(t *testing.T, method string, header http.Header) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
	r.Header = header
	w := httptest.NewRecorder()
	if err := door.Serve(w, r, door.Bytes([]byte(text), "text/x", "tag", "max-age=1")); err != nil {
		t.Fatal(err)
	}
	return w.Result()
}

// body reads an answer; of a multipart one it gives "Content-Range: bytes" lines. Content-Length must be true.
func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Header.Get("Content-Length"); got != "" && got != strconv.Itoa(len(all)) && len(all) > 0 {
		t.Errorf("Content-Length is %s, body has %d bytes", got, len(all))
	}
	kind, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/byteranges" {
		return string(all)
	}
	var lines []string
	for parts := multipart.NewReader(strings.NewReader(string(all)), params["boundary"]); ; {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return strings.Join(lines, "|")
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, part.Header.Get("Content-Type")+" "+part.Header.Get("Content-Range")+" "+string(content))
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	type h = map[string]string
	many := "bytes=" + strings.TrimSuffix(strings.Repeat("1-1,", 33), ",")
	for name, c := range map[string]struct {
		method  string
		header  h
		status  int
		content string // Content-Range
		body    string
	}{
		"whole":                     {"GET", nil, 200, "", text},
		"head":                      {"HEAD", nil, 200, "", ""},
		"head has no ranges":        {"HEAD", h{"Range": "bytes=1-2"}, 200, "", ""},
		"from to":                   {"GET", h{"Range": "bytes=2-5"}, 206, "bytes 2-5/16", "2345"},
		"first byte":                {"GET", h{"Range": "bytes=0-0"}, 206, "bytes 0-0/16", "0"},
		"from":                      {"GET", h{"Range": "bytes=14-"}, 206, "bytes 14-15/16", "ef"},
		"all of it":                 {"GET", h{"Range": "bytes=0-"}, 206, "bytes 0-15/16", text},
		"suffix":                    {"GET", h{"Range": "bytes=-3"}, 206, "bytes 13-15/16", "def"},
		"suffix longer than all":    {"GET", h{"Range": "bytes=-99"}, 206, "bytes 0-15/16", text},
		"end beyond the end":        {"GET", h{"Range": "bytes=10-99999999999999999999999"}, 206, "bytes 10-15/16", "abcdef"},
		"unit in capitals":          {"GET", h{"Range": "BYTES=1-1"}, 206, "bytes 1-1/16", "1"},
		"beyond":                    {"GET", h{"Range": "bytes=16-"}, 416, "bytes */16", ""},
		"far beyond":                {"GET", h{"Range": "bytes=99999999999999999999999-"}, 416, "bytes */16", ""},
		"suffix of nothing":         {"GET", h{"Range": "bytes=-0"}, 416, "bytes */16", ""},
		"backwards":                 {"GET", h{"Range": "bytes=5-2"}, 200, "", text},
		"negative":                  {"GET", h{"Range": "bytes=--2"}, 200, "", text},
		"signed":                    {"GET", h{"Range": "bytes=+1-2"}, 200, "", text},
		"no numbers":                {"GET", h{"Range": "bytes=a-b"}, 200, "", text},
		"nothing":                   {"GET", h{"Range": "bytes="}, 200, "", text},
		"only a dash":               {"GET", h{"Range": "bytes=-"}, 200, "", text},
		"another unit":              {"GET", h{"Range": "frames=1-2"}, 200, "", text},
		"two":                       {"GET", h{"Range": "bytes=0-1, 4-5"}, 206, "", "text/x bytes 0-1/16 01|text/x bytes 4-5/16 45"},
		"two and one beyond":        {"GET", h{"Range": "bytes=0-1,99-,-1"}, 206, "", "text/x bytes 0-1/16 01|text/x bytes 15-15/16 f"},
		"empty elements":            {"GET", h{"Range": "bytes=,1-1,,"}, 206, "bytes 1-1/16", "1"},
		"overlapping to more":       {"GET", h{"Range": "bytes=0-,0-"}, 200, "", text},
		"too many":                  {"GET", h{"Range": many}, 200, "", text},
		"if-range holds":            {"GET", h{"Range": "bytes=2-3", "If-Range": `"tag"`}, 206, "bytes 2-3/16", "23"},
		"if-range differs":          {"GET", h{"Range": "bytes=2-3", "If-Range": `"old"`}, 200, "", text},
		"if-range weak":             {"GET", h{"Range": "bytes=2-3", "If-Range": `W/"tag"`}, 200, "", text},
		"if-range date":             {"GET", h{"Range": "bytes=2-3", "If-Range": "Sat, 29 Oct 1994 19:43:31 GMT"}, 200, "", text},
		"if-range differs, beyond":  {"GET", h{"Range": "bytes=99-", "If-Range": `"old"`}, 200, "", text},
		"if-none-match":             {"GET", h{"If-None-Match": `"x", W/"tag"`}, 304, "", ""},
		"if-none-match on head":     {"HEAD", h{"If-None-Match": `"tag"`}, 304, "", ""},
		"if-none-match before that": {"GET", h{"If-None-Match": `"tag"`, "Range": "bytes=2-3"}, 304, "", ""},
		"if-none-match any":         {"GET", h{"If-None-Match": "*"}, 304, "", ""},
		"if-none-match differs":     {"GET", h{"If-None-Match": `"tags", tag`}, 200, "", text},
		"if-match":                  {"GET", h{"If-Match": `"tag"`}, 200, "", text},
		"if-match weak":             {"GET", h{"If-Match": `W/"tag"`}, 412, "", ""},
		"if-match differs":          {"GET", h{"If-Match": `"old"`}, 412, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			for k, v := range c.header {
				header.Set(k, v)
			}
			resp := serve(t, c.method, header)
			got := body(t, resp)
			if resp.StatusCode != c.status || resp.Header.Get("Content-Range") != c.content {
				t.Fatalf("%s %v: status %d, Content-Range %q; want %d, %q",
					c.method, c.header, resp.StatusCode, resp.Header.Get("Content-Range"), c.status, c.content)
			}
			if c.status >= 400 {
				if !strings.Contains(got, `"messages":[`) || resp.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("error answer %q with Cache-Control %q", got, resp.Header.Get("Cache-Control"))
				}
				return
			}
			if got != c.body {
				t.Errorf("body %q, want %q", got, c.body)
			}
			if resp.Header.Get("ETag") != `"tag"` || resp.Header.Get("Cache-Control") != "max-age=1" {
				t.Errorf("ETag %q, Cache-Control %q", resp.Header.Get("ETag"), resp.Header.Get("Cache-Control"))
			}
			if c.method == http.MethodHead && c.status == 200 && resp.Header.Get("Content-Length") != "16" {
				t.Errorf("HEAD says %s bytes, want 16", resp.Header.Get("Content-Length"))
			}
		})
	}
}

func TestServeTellsOfBrokenContent(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := door.Serve(w, r, door.Content{Type: "text/x", ETag: "e", Size: 10, Copy: func(dst io.Writer, _, _ int64) error {
			_, _ = io.WriteString(dst, "01234")
			return broken
		}})
		if !errors.Is(err, broken) {
			t.Errorf("error %v, want the content's own", err)
		}
	}))
	defer srv.Close()
	for _, header := range []string{"", "bytes=0-1,3-4"} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
		req.Header.Set("Range", header)
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("range %q: a broken answer reads as %v, want an unexpected end", header, err)
		}
		_ = resp.Body.Close()
	}
}

func TestResumes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, ranges, condition string
		want                      bool
	}{
		{"GET", "", "", false},
		{"GET", "bytes=0-", "", false},
		{"GET", "bytes=1-", "", true},
		{"GET", "bytes=-5", "", true},
		{"GET", "bytes=-99", "", false},
		{"GET", "bytes=0-0,5-6", "", false},
		{"GET", "bytes=2-3,5-6", "", true},
		{"GET", "bytes=0-", `"tag"`, true},
		{"GET", "bytes=5-", `"old"`, false},
		{"GET", "bytes=99-", "", false},
		{"GET", "nonsense", `"tag"`, false},
		{"HEAD", "bytes=5-", "", false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, "/", nil)
		r.Header.Set("Range", c.ranges)
		r.Header.Set("If-Range", c.condition)
		if got := door.Resumes(r, "tag", 16); got != c.want {
			t.Errorf("%s, Range %q, If-Range %q: resumes is %t", c.method, c.ranges, c.condition, got)
		}
	}
}

// FuzzRange holds Serve against the standard library's server of content: what both call a partial answer must be
// the same one.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-1", "bytes=-3", "bytes=1-,2-3", "bytes=5-2", "bytes=99-", "bytes= 1-2 , 4-4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		ours, theirs := httptest.NewRecorder(), httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header["Range"] = []string{header}
		if err := door.Serve(ours, r, door.Bytes([]byte(text), "text/x", "tag", "")); err != nil {
			t.Fatal(err)
		}
		got := ours.Result()
		sent := body(t, got)
		switch got.StatusCode {
		case http.StatusOK:
			if sent != text {
				t.Errorf("whole answer to %q is %q", header, sent)
			}
		case http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
			if !strings.HasPrefix(header, "bytes=") {
				return // units are case-insensitive here (RFC 9110, 14.1), not there
			}
			theirs.Header().Set("Content-Type", "text/x")
			http.ServeContent(theirs, r, "", timeZero, strings.NewReader(text))
			want := theirs.Result()
			if got.StatusCode != want.StatusCode || got.Header.Get("Content-Range") != want.Header.Get("Content-Range") {
				t.Errorf("%q: %d %q, standard library %d %q", header, got.StatusCode, got.Header.Get("Content-Range"),
					want.StatusCode, want.Header.Get("Content-Range"))
			} else if other := body(t, want); got.StatusCode == http.StatusPartialContent && sent != other {
				t.Errorf("%q: %q, standard library %q", header, sent, other)
			}
		default:
			t.Errorf("%q: status %d", header, got.StatusCode)
		}
	})
}

func TestAttachment(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 300)
	for asked, want := range map[string]string{
		"film.mp4":              `attachment; filename="film.mp4"`,
		"Film.MP4":              `attachment; filename="Film.MP4"`,
		"film.m4v":              `attachment; filename="film.m4v"`,
		"film":                  `attachment; filename="film.mp4"`,
		"a b;c,d.mp4":           `attachment; filename="a b;c,d.mp4"`,
		"":                      `attachment; filename="master.mp4"`,
		".mp4":                  `attachment; filename="mp4.mp4"`,
		"...":                   `attachment; filename="master.mp4"`,
		"../../etc/passwd":      `attachment; filename="_.._etc_passwd.mp4"`,
		`C:\evil.exe`:           `attachment; filename="C__evil.exe.mp4"`,
		`x".mp4`:                `attachment; filename="x_.mp4"; filename*=UTF-8''x%22.mp4`,
		"100%.mp4":              `attachment; filename="100_.mp4"; filename*=UTF-8''100%25.mp4`,
		"a\r\nSet-Cookie: x":    `attachment; filename="aSet-Cookie_ x.mp4"`,
		"a\x00b\x7f.mp4":        `attachment; filename="ab.mp4"`,
		"gpj\u202e4pm.exe":      `attachment; filename="gpj4pm.exe.mp4"`,
		"Kürbis.mp4":            `attachment; filename="K_rbis.mp4"; filename*=UTF-8''K%C3%BCrbis.mp4`,
		"映画.mp4":                `attachment; filename="__.mp4"; filename*=UTF-8''%E6%98%A0%E7%94%BB.mp4`,
		"bad\xff\xfeutf.mp4":    `attachment; filename="badutf.mp4"`,
		"film.mp4.exe":          `attachment; filename="film.mp4.exe.mp4"`,
		"film .mp4":             `attachment; filename="film.mp4"`,
		"a\u00a0b\u2003c.mp4":   `attachment; filename="a b c.mp4"`,
		"it's (1)*.mp4":         `attachment; filename="it's (1)_.mp4"`,
		long:                    fmt.Sprintf(`attachment; filename="%s.mp4"; filename*=UTF-8''%s.mp4`, strings.Repeat("_", 116), strings.Repeat("%C3%BC", 116)),
		"\u202e\u200b\u2066":    `attachment; filename="master.mp4"`,
		"tab\tand\nnewline.mp4": `attachment; filename="tabandnewline.mp4"`,
	} {
		got := door.Attachment(asked, "master.mp4", ".mp4", ".m4v")
		if got != want {
			t.Errorf("%q: %s\nwant %s", asked, got, want)
		}
		if kind, params, err := mime.ParseMediaType(got); err != nil || kind != "attachment" || params["filename"] == "" {
			t.Errorf("%q: does not parse: %s: %v", asked, got, err)
		}
	}
}

func FuzzAttachment(f *testing.F) {
	f.Add("film.mp4")
	f.Add("\"\r\n;\\")
	f.Fuzz(func(t *testing.T, asked string) {
		got := door.Attachment(asked, "master.mp4", ".mp4")
		_, params, err := mime.ParseMediaType(got)
		if err != nil {
			t.Fatalf("%q gives %q: %v", asked, got, err)
		}
		name := params["filename"]
		if !strings.EqualFold(name[max(0, len(name)-4):], ".mp4") || strings.ContainsAny(name, "/\\\r\n\x00") || len([]rune(name)) > 120 {
			t.Errorf("%q gives the name %q", asked, name)
		}
		for _, c := range []byte(got) {
			if c < ' ' || c > '~' {
				t.Errorf("%q gives the header %q", asked, got)
			}
		}
	})
}
