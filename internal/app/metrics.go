package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metricsTimeout bounds what a scrape may ask of the database.
const metricsTimeout = 2 * time.Second

// metrics reads the rooms' own counters when it is asked; nothing is counted twice.
func (a *App) metrics() prometheus.Gatherer {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counter := func(name, help string, value func() int64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "filmcan", Name: name, Help: help},
			func() float64 { return float64(value()) }))
	}
	gauge := func(name, help string, value func() int) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "filmcan", Name: name, Help: help},
			func() float64 { return float64(value()) }))
	}
	counter("vault_read_bytes_total", "Bytes of films read from the vault.", func() int64 { return a.store.Vault.Stats().BytesRead })
	counter("vault_written_bytes_total", "Bytes written to the vault, films and manifests.", func() int64 { return a.store.Vault.Stats().BytesWritten })
	counter("vault_syncs_total", "Syncs of growing films.", func() int64 { return a.store.Vault.Stats().Syncs })
	counter("ffmpeg_starts_total", "Starts of ffmpeg and ffprobe on films.", func() int64 { return a.ffmpeg.Stats().Starts() })
	counter("ffmpeg_remuxes_total", "Stream copies into a made master.", func() int64 { return a.ffmpeg.Stats().Remuxes })
	counter("derived_hits_total", "Derived artifacts found in their store.", func() int64 { return a.derived.Stats().Hits })
	counter("derived_made_total", "Derived artifacts that were made.", func() int64 { return a.derived.Stats().Made })
	counter("derived_failed_total", "Runs of makers that failed or were abandoned.", func() int64 { return a.derived.Stats().Failed })
	counter("derived_shared_total", "Callers that joined a run under way.", func() int64 { return a.derived.Stats().Shared })
	counter("derived_misses_total", "Derived artifacts that were not in their store.", func() int64 { return a.derived.Stats().Misses })
	counter("derived_unkept_total", "Derived artifacts that were made and not taken by their store.", func() int64 { return a.derived.Stats().Unkept })
	counter("derived_evicted_total", "Derived artifacts removed to keep to the budget or to make room.", func() int64 { return a.derived.Stats().Evicted })
	counter("derived_evicted_bytes_total", "Their bytes.", func() int64 { return a.derived.Stats().EvictedBytes })
	gauge("derived_objects", "Derived artifacts in their store, as far as this node knows.", func() int { return int(a.derived.Stats().Objects) })
	gauge("derived_bytes", "Their bytes.", func() int { return int(a.derived.Stats().Bytes) })
	gauge("derived_pinned_bytes", "Bytes of those that stay whatever the budget is.", func() int { return int(a.derived.Stats().PinnedBytes) })
	counter("encoded_frames_total", "Pictures encoded of whole films.", func() int64 { return a.export.Stats().Frames })
	counter("encoded_chunks_total", "Chunks of such encodings that were kept.", func() int64 { return a.export.Stats().Chunks })
	counter("encoded_chunks_reused_total", "Chunks of earlier runs that were found and used.", func() int64 { return a.export.Stats().Reused })
	counter("renditions_started_total", "Processes begun to encode a stretch of a rendition.", func() int64 { return a.renditions.Stats().Starts })
	counter("renditions_joined_total", "Requests for segments that joined such a process.", func() int64 { return a.renditions.Stats().Joins })
	counter("renditions_segments_total", "Segments encoded for viewers.", func() int64 { return a.renditions.Stats().Made })
	counter("renditions_discarded_total", "Processes whose output was not what was asked for.", func() int64 { return a.renditions.Stats().Discarded })
	counter("renditions_refused_total", "Requests for segments that were told to come later.", func() int64 { return a.renditions.Stats().Refused })
	gauge("renditions_queued", "Stretches that wait to be encoded.", func() int { return a.renditions.Stats().Queued })
	gauge("renditions_active", "Stretches that are being encoded.", func() int { return a.renditions.Stats().Active })
	gauge("renditions_parked", "Processes that wait for their viewer's next request.", func() int { return a.renditions.Stats().Parked })
	counter("ffmpeg_pool_warm_total", "Processes that were ready when they were asked for.", func() int64 { return a.pool.Stats().Warm })
	counter("ffmpeg_pool_cold_total", "Processes that had to be started then.", func() int64 { return a.pool.Stats().Cold })
	counter("master_downloads_total", "Master downloads that were let through.", func() int64 { return a.masters.Stats().Started })
	counter("master_sent_bytes_total", "Bytes of masters sent.", func() int64 { return a.masters.Stats().Bytes })
	counter("master_downloads_revoked_total", "Master downloads cut by a revocation.", func() int64 { return a.masters.Stats().Revoked })
	counter("master_downloads_over_total", "Master downloads cut at the end of the hour of grace.", func() int64 { return a.masters.Stats().Over })
	counter("master_downloads_lapsed_total", "Master downloads cut because nobody could say that they may go on.", func() int64 { return a.masters.Stats().Lapsed })
	counter("master_downloads_stalled_total", "Master downloads cut because the reader took nothing.", func() int64 { return a.masters.Stats().Stalled })
	gauge("master_downloads_running", "Master downloads running now.", func() int { return a.masters.Stats().Running })
	counter("upload_stored_bytes_total", "Bytes of direct uploads that came and were kept.", func() int64 { return a.uploads.Stats().Stored })
	counter("upload_compared_bytes_total", "Bytes of direct uploads that had been there already.", func() int64 { return a.uploads.Stats().Compared })
	counter("uploads_completed_total", "Direct uploads that became assets.", func() int64 { return a.uploads.Stats().Completed })
	counter("uploads_anew_total", "Direct uploads that began anew with another film.", func() int64 { return a.uploads.Stats().Anew })
	counter("uploads_refused_total", "Direct uploads refused for what they are.", func() int64 { return a.uploads.Stats().Refused })
	gauge("uploads_running", "Upload requests with a body, now.", func() int { return a.uploads.Stats().Running })
	r.MustRegister(jobDepth{a})
	return r
}

// jobDepth tells how many jobs of each kind are in each state, on all nodes.
type jobDepth struct{ app *App }

func (jobDepth) desc() *prometheus.Desc {
	return prometheus.NewDesc("filmcan_jobs", "Background jobs that are not done, and that ended badly of late, on all nodes.", []string{"kind", "state"}, nil)
}

// Describe implements prometheus.Collector.
func (j jobDepth) Describe(ch chan<- *prometheus.Desc) { ch <- j.desc() }

// Collect implements prometheus.Collector. A database that does not answer leaves the metric out; readiness tells of it.
func (j jobDepth) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), metricsTimeout)
	defer cancel()
	depths, err := j.app.store.queue.Stats(ctx)
	if err != nil {
		return
	}
	for _, d := range depths {
		ch <- prometheus.MustNewConstMetric(j.desc(), prometheus.GaugeValue, float64(d.Jobs), d.Kind, d.State)
	}
}
