package play

import (
	"encoding/json"
	"net/http"

	"filmcan/internal/front/door"
)

// The document of /{PB}/metadata.json (reference page, 5.1): one entry with what is known of the film. Mux's player
// takes the keys of metadata as its own, video_title among them.
type (
	metadataEntry struct {
		Titles   []metadataTitle `json:"titles"`
		Metadata []metadataPair  `json:"metadata"`
	}
	metadataTitle struct {
		Title string `json:"title"`
	}
	metadataPair struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
)

func (d *Door) metadata(w http.ResponseWriter, r *http.Request) {
	_, asset, err := d.resolve(r.Context(), r.PathValue("playback"))
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	entry := metadataEntry{Titles: []metadataTitle{}, Metadata: []metadataPair{}}
	if title := asset.Settings.Meta.Title; title != "" {
		entry.Titles = append(entry.Titles, metadataTitle{title})
		entry.Metadata = append(entry.Metadata, metadataPair{"video_title", title})
	}
	body, err := json.Marshal([]metadataEntry{entry})
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	serve(w, r, text(body, "application/json"))
}
