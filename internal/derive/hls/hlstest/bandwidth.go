package hlstest

import (
	"fmt"
	"strconv"
)

// bandwidth holds BANDWIDTH against the peak segment bit rate (4.1): the highest rate of any run of segments that
// lasts between 0.5 and 1.5 times the target duration, summed over the variant and the dearest of its renditions.
func bandwidth(p Presentation) []string {
	if p.Size == nil {
		return nil
	}
	var all []string
	groups := map[string]float64{}
	for _, v := range p.Multivariant.values("#EXT-X-MEDIA") {
		a, _ := attributes(v)
		groups[a["GROUP-ID"]] = max(groups[a["GROUP-ID"]], peak(p, unquote(a["URI"])))
	}
	for i, l := range p.Multivariant.lines {
		if l.tag != "#EXT-X-STREAM-INF" || i+1 == len(p.Multivariant.lines) {
			continue
		}
		a, _ := attributes(l.value)
		said, _ := strconv.ParseFloat(a["BANDWIDTH"], 64)
		is := peak(p, p.Multivariant.lines[i+1].uri) + groups[a["AUDIO"]]
		// Rounding of the durations and of the rate itself may take one part in a thousand.
		if said < is*0.999 {
			all = append(all, fmt.Sprintf("BANDWIDTH=%.0f, but the peak is %.0f", said, is))
		}
		// A rendition without an average is encoded when it is watched: what is said of it is what the encoder was
		// allowed, and easy pictures take far less.
		if a["AVERAGE-BANDWIDTH"] != "" && said > is*3+100_000 {
			all = append(all, fmt.Sprintf("BANDWIDTH=%.0f is far above the peak of %.0f", said, is))
		}
	}
	return all
}

func peak(p Presentation, media string) float64 {
	list := p.Media[media]
	target, err := list.integer("#EXT-X-TARGETDURATION")
	if err != nil {
		return 0
	}
	durations, uris := list.Durations(), list.URIs()
	highest := 0.0
	for from := range uris {
		seconds, bits := 0.0, 0.0
		for i := from; i < len(uris) && i < len(durations); i++ {
			seconds += durations[i]
			bits += float64(p.Size(media, uris[i])) * 8
			if seconds > 1.5*float64(target) {
				break
			}
			if seconds >= 0.5*float64(target) {
				highest = max(highest, bits/seconds)
			}
		}
	}
	return highest
}
