package film

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// Artifact names one derived thing: what is made of one part of a film, by which recipe, with which parameters. Two
// artifacts with the same name are interchangeable, whoever made them and when; nothing else may influence what is
// made. Change how something is made, and its recipe version changes, so that nothing ever has to be invalidated.
type Artifact struct {
	Film FilmID
	// Part is the part of the film that it is made from, as the vault names it.
	Part string
	// Kind says what it is, such as "index".
	Kind string
	// Parameters are the maker's own, in one canonical spelling; empty where there are none.
	Parameters string
	// Recipe is the version of the way it is made.
	Recipe int
}

// Key is the artifact's key in the store of derived things: below [ArtifactPrefix] of its film, unique to these
// fields, and safe as a path whatever the parameters are.
func (a Artifact) Key() string {
	name := a.Part + "/" + a.Kind + "-" + strconv.Itoa(a.Recipe)
	if a.Parameters != "" {
		name += spelled(a.Parameters)
	}
	return ArtifactPrefix(a.Film) + name
}

// ArtifactPrefix is what the keys of everything derived from one film begin with.
func ArtifactPrefix(id FilmID) string {
	fan := "--"
	if len(id) >= 2 {
		fan = string(id[:2])
	}
	return fan + "/" + string(id) + "/"
}

// ArtifactOf tells from a key of [Artifact.Key] which film the artifact is derived from, and its kind.
func ArtifactOf(key string) (id FilmID, kind string, ok bool) {
	segments := strings.Split(key, "/")
	if len(segments) != 4 {
		return "", "", false
	}
	id = FilmID(segments[1])
	kind, _, ok = strings.Cut(segments[3], "-")
	return id, kind, ok && kind != "" && strings.HasPrefix(key, ArtifactPrefix(id))
}

// spelled returns parameters as they stand in a key: behind a dash where they are short and plain, else their digest
// behind a dot.
func spelled(parameters string) string {
	const plain = "abcdefghijklmnopqrstuvwxyz0123456789_"
	if len(parameters) <= 64 && strings.Trim(parameters, plain) == "" {
		return "-" + parameters
	}
	sum := sha256.Sum256([]byte(parameters))
	return "." + hex.EncodeToString(sum[:16])
}
