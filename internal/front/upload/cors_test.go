package upload

import "testing"

func TestAllowOrigin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ cors, origin, want string }{
		{"", "https://a.example", "*"},
		{"*", "https://a.example", "*"},
		{"*", "", "*"},
		{"https://a.example", "https://a.example", "https://a.example"},
		{"https://a.example/", "https://a.example", "https://a.example"},
		{"HTTPS://A.Example", "https://a.example", "https://a.example"},
		{"https://a.example", "https://b.example", "https://a.example"},
		{"https://a.example", "http://a.example", "https://a.example"},
		{"https://a.example", "", "https://a.example"},
		{"http://localhost:3000", "http://localhost:3000", "http://localhost:3000"},
		{"a.example", "https://a.example", "https://a.example"},
		{"a.example", "http://a.example", "http://a.example"},
		{"A.example", "https://a.example:8443", "https://a.example:8443"},
		{"localhost:3000", "http://localhost:3000", "http://localhost:3000"},
		{"localhost:3000", "http://localhost:4000", "https://localhost:3000"},
		{"a.example", "https://b.a.example", "https://a.example"},
		{"a.example", "https://a.example.evil", "https://a.example"},
		{"a.example", "null", "https://a.example"},
		{"a.example", "", "https://a.example"},
		{"a.example", "::", "https://a.example"},
	} {
		if got := allowOrigin(c.cors, c.origin); got != c.want {
			t.Errorf("cors_origin %q, page at %q: %q, want %q", c.cors, c.origin, got, c.want)
		}
	}
}
