package muxapi_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"text/template"

	"filmcan/internal/muxapi"
)

// docs/mux-differences.md is printed from the same tables that the decoders and the door refuse by. This test fails
// when it is stale; -update writes it.
func TestDifferencesPageIsPrintedFromTheTables(t *testing.T) {
	t.Parallel()
	type group struct{ Thing, Routes string }
	var unbuilt []group
	for _, r := range muxapi.Routes() {
		if r.Built {
			continue
		}
		route := "`" + r.Method + " " + r.Path + "`"
		if n := len(unbuilt); n > 0 && unbuilt[n-1].Thing == r.Thing {
			unbuilt[n-1].Routes += ", " + route
		} else {
			unbuilt = append(unbuilt, group{r.Thing, route})
		}
	}
	page, err := template.New("mux-differences.md.tmpl").Funcs(template.FuncMap{
		"verdict": func(v muxapi.Verdict) string {
			if v == muxapi.Refused {
				return "**refused**"
			}
			return string(v)
		},
	}).ParseFiles("testdata/mux-differences.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, map[string]any{"Bodies": muxapi.Bodies(), "Unbuilt": unbuilt, "MaxAttempts": muxapi.MaxAttempts}); err != nil {
		t.Fatal(err)
	}
	const path = "../../docs/mux-differences.md"
	if *update {
		if err := os.MkdirAll("../../docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, b.Bytes()) {
		t.Errorf("%s is stale (%v): run go test ./internal/muxapi -update", path, err)
	}
}

// The numbers are the reference's own count (section 9), so that no route was forgotten.
func TestTableOfRoutes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	count := map[string]int{}
	for _, r := range muxapi.Routes() {
		name := r.Method + " " + r.Path
		if seen[name] {
			t.Errorf("%s stands in the table twice", name)
		}
		seen[name] = true
		if r.Thing != muxapi.Own {
			count[strings.SplitN(strings.TrimPrefix(r.Path, "/"), "/", 4)[2]]++
		}
		if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, r.Method) || !strings.HasPrefix(r.Path, "/") {
			t.Errorf("%q is no route", name)
		}
		if !strings.Contains(r.Refusal(), name) {
			t.Errorf("%q does not name %s", r.Refusal(), name)
		}
	}
	for group, want := range map[string]int{
		"assets": 21, "playback-ids": 1, "live-streams": 19, "uploads": 4, "playback-restrictions": 6, "signing-keys": 8,
		"transcription-vocabularies": 5, "drm-configurations": 2, "delivery-usage": 1, "whoami": 1, "webhooks": 5,
		"webhook-events": 1, "usage": 1, "spaces": 9, "web-inputs": 8,
	} {
		if count[group] != want {
			t.Errorf("%d routes of %s, the reference has %d", count[group], group, want)
		}
	}
}
