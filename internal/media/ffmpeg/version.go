package ffmpeg

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Version is that of an ffmpeg.
type Version struct {
	Major, Minor int
	// Text is the whole of what it calls itself, such as "5.1.9-0+deb12u1".
	Text string
}

// The oldest version that has what is used here.
const oldestMajor, oldestMinor = 5, 1

// Version asks both programs for their version, as a check at the start of the program. The error's text is for the
// operator: it says what to do.
func (r *Runner) Version(ctx context.Context) (Version, error) {
	var v Version
	for _, p := range []struct{ name, program string }{{"ffprobe", r.cfg.FFprobe}, {"ffmpeg", r.cfg.FFmpeg}} {
		if _, err := find(p.program); err != nil {
			return Version{}, fmt.Errorf("%s was not found: install ffmpeg %d.%d or newer (on Debian: apt-get install ffmpeg): %w",
				p.program, oldestMajor, oldestMinor, err)
		}
		out := &bounded{limit: 64 << 10}
		err := r.run(ctx, job{
			program: p.program, name: p.name, args: []string{"-hide_banner", "-version"}, limits: r.cfg.Probe, stdout: out,
			started: &r.stats.versions,
		})
		if err != nil {
			return Version{}, fmt.Errorf("ask %s for its version: %w", p.program, err)
		}
		if v, err = parseVersion(out.buf.String()); err != nil {
			return Version{}, fmt.Errorf("%s: %w", p.program, err)
		}
		if v.Major < oldestMajor || v.Major == oldestMajor && v.Minor < oldestMinor {
			return Version{}, fmt.Errorf("%s is version %s: ffmpeg %d.%d or newer is needed", p.program, v.Text, oldestMajor, oldestMinor)
		}
	}
	return v, nil
}

// parseVersion reads the first line that -version prints. A build of a development tree ("N-109542-g…") has no
// number; it is taken to be newer than any release.
func parseVersion(text string) (Version, error) {
	line, _, _ := strings.Cut(text, "\n")
	words := strings.Fields(line)
	if len(words) < 3 || words[1] != "version" {
		return Version{}, fmt.Errorf("no version in %.80q", line)
	}
	v := Version{Text: words[2]}
	if strings.HasPrefix(v.Text, "N-") || strings.HasPrefix(v.Text, "git-") {
		v.Major = 1 << 20
		return v, nil
	}
	m := regexp.MustCompile(`^n?(\d{1,4})(?:\.(\d{1,4}))?`).FindStringSubmatch(v.Text)
	if m == nil {
		return Version{}, fmt.Errorf("no version in %.80q", line)
	}
	v.Major, _ = strconv.Atoi(m[1]) // digits, by the expression
	if m[2] != "" {
		v.Minor, _ = strconv.Atoi(m[2])
	}
	return v, nil
}
