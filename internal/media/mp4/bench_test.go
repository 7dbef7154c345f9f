package mp4_test

import (
	"bytes"
	"testing"

	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/mp4"
)

// hour is a film of 60 minutes: 108,000 pictures and 168,750 packets.
func hour() []byte {
	return mp4.Spec{Frames: 108_000, GOP: 250, Reorder: true, Packets: 168_750}.Film()
}

func BenchmarkParseHour(b *testing.B) {
	film := hour()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(b, film); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckHour(b *testing.B) {
	film := hour()
	x := mustParse(b, film)
	b.ReportAllocs()
	for b.Loop() {
		if v, err := mp4.Check(b.Context(), x, bytes.NewReader(film), ""); err != nil || !v.Standard() {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkStoreHour(b *testing.B) {
	x := mustParse(b, hour())
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		stored, err := x.MarshalBinary()
		if err != nil {
			b.Fatal(err)
		}
		size = len(stored)
	}
	b.ReportMetric(float64(size), "bytes")
}

func BenchmarkLoadHour(b *testing.B) {
	x := mustParse(b, hour())
	stored, err := x.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var y mp4.Index
		if err := y.UnmarshalBinary(stored); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(x.MemSize()), "resident-bytes")
}

func BenchmarkPlanHour(b *testing.B) {
	x := mustParse(b, hour())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cmaf.Plan(x); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSegmentHead(b *testing.B) {
	p, err := cmaf.Plan(mustParse(b, hour()))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, _, _, err := p.Video.Segment(i % len(p.Video.Segments)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkComposeHour(b *testing.B) {
	x := mustParse(b, hour())
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := mp4.ComposeHead(x); err != nil {
			b.Fatal(err)
		}
	}
}
