package play

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"filmcan/internal/film"
)

// modifier is a query parameter of the multivariant playlist that changes what is in it (reference page, 5.2).
type modifier struct {
	name string
	// check refuses values that cannot be, and those that would have to change the content in a way that does not
	// exist yet. height is that of the film's pictures as Mux counts resolutions; 0 without pictures.
	check func(name, value string, height int) error
}

// modifiers returns the table. Parameters that are not in it mean nothing to us: tokens on public ids, CMCD keys,
// cache busters.
func modifiers() []modifier {
	return []modifier{
		{"max_resolution", atMost},
		{"min_resolution", atLeast},
		// One rendition is in any order.
		{"rendition_order", oneOf("desc")},
		// There is one place where a film is served from; players ask for redundancy by default and live without.
		{"redundant_streams", oneOf("true", "false")},
		// No playlist of a film has program times, and no film has subtitles yet.
		{"exclude_pdt", oneOf("true", "false")},
		{"default_subtitles_lang", anything},
		{"roku_trick_play", notYet},
		{"add_audio_only", notYet},
		{"program_start_time", notYet},
		{"program_end_time", notYet},
		{"asset_start_time", notYet},
		{"asset_end_time", notYet},
	}
}

// checkModifiers refuses a query that asks for a playlist other than the one there is.
func checkModifiers(query url.Values, width, height int) error {
	for _, m := range modifiers() {
		for _, value := range query[m.name] {
			if err := m.check(m.name, value, min(width, height)); err != nil {
				return err
			}
		}
	}
	low, high := query.Get("min_resolution"), query.Get("max_resolution")
	if low != "" && high != "" && lines(low) > lines(high) {
		return film.Invalid("Invalid parameter: min_resolution is above max_resolution")
	}
	return nil
}

func anything(string, string, int) error { return nil }

func notYet(name, value string, _ int) error {
	if value == "" || value == "false" {
		return nil
	}
	return film.Invalid("%s is not supported yet", name)
}

func oneOf(values ...string) func(string, string, int) error {
	return func(name, value string, _ int) error {
		if slices.Contains(values, value) {
			return nil
		}
		return film.Invalid("Invalid parameter: %s", name)
	}
}

func atMost(name, value string, height int) error {
	limit := lines(value)
	if limit == 0 {
		return film.Invalid("Invalid parameter: %s", name)
	}
	if height > limit {
		return film.Invalid("%s=%s is not supported yet for a film of %d lines", name, value, height)
	}
	return nil
}

func atLeast(name, value string, height int) error {
	limit := lines(value)
	if limit == 0 {
		return film.Invalid("Invalid parameter: %s", name)
	}
	if height > 0 && height < limit {
		return film.Invalid("%s=%s is above this film's own resolution of %d lines", name, value, height)
	}
	return nil
}

// lines returns the number of a resolution's name, 0 where there is no such resolution.
func lines(value string) int {
	switch value {
	case "270p", "360p", "480p", "540p", "720p", "1080p", "1440p", "2160p":
		n, err := strconv.Atoi(strings.TrimSuffix(value, "p"))
		if err == nil {
			return n
		}
	}
	return 0
}
