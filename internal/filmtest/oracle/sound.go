package oracle

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"slices"

	"filmcan/internal/filmtest/films"
)

// soundRate is at which sound is judged.
const soundRate = 48000

// Sound is decoded sound: one slice of samples per channel. The first sample is at the time 0 of what was decoded.
type Sound struct{ Channels [][]float32 }

// Listen decodes the first track of sound of anything that ffmpeg reads, at its own times. Options stand before the input.
func Listen(ctx context.Context, input string, options ...string) (*Sound, error) {
	args := append([]string{"-nostdin", "-v", "error"}, options...)
	args = append(args, "-copyts", "-i", input, "-map", "0:a:0", "-af", fmt.Sprintf("aresample=%d:async=1:first_pts=0", soundRate),
		"-c:a", "pcm_f32le", "-f", "wav", "-")
	cmd := exec.CommandContext(ctx, "ffmpeg", args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		return nil, fmt.Errorf("decode %s: %w: %s", input, errors.Join(err, errSaid), said.String())
	}
	return readWAV(out)
}

func readWAV(b []byte) (*Sound, error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" {
		return nil, errors.New("not a WAV file")
	}
	channels := 0
	for b = b[12:]; len(b) >= 8; {
		kind, size := string(b[:4]), int(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		if kind == "data" || size > len(b) {
			break // a stream does not know its length
		}
		if kind == "fmt " {
			channels = int(binary.LittleEndian.Uint16(b[2:]))
		}
		b = b[size+size%2:]
	}
	if channels == 0 {
		return nil, errors.New("WAV without a format")
	}
	s := &Sound{Channels: make([][]float32, channels)}
	for i := 0; i+4*channels <= len(b); i += 4 * channels {
		for c := range channels {
			s.Channels[c] = append(s.Channels[c], math.Float32frombits(binary.LittleEndian.Uint32(b[i+4*c:])))
		}
	}
	return s, nil
}

// Seconds is how long the sound is, from the time 0.
func (s *Sound) Seconds() float64 { return float64(len(s.Channels[0])) / soundRate }

// Beeps are the times at which beeps begin, by the first channel.
func (s *Sound) Beeps() []float64 {
	const window = soundRate / 100 // 10 ms
	in := s.Channels[0]
	if len(in) < window {
		return nil
	}
	re, im := make([]float64, len(in)+1), make([]float64, len(in)+1)
	for i, v := range in {
		sin, cos := math.Sincos(2 * math.Pi * films.BeepHertz * float64(i) / soundRate)
		re[i+1], im[i+1] = re[i]+float64(v)*cos, im[i]+float64(v)*sin
	}
	level := make([]float64, len(in)-window)
	for i := range level {
		level[i] = math.Hypot(re[i+window]-re[i], im[i+window]-im[i]) * 2 / window
	}
	// At the edges of a beep the window is half inside of it. Without beeps the hum is not taken for them.
	const quietest = 0.1
	threshold := max(slices.Max(level), quietest) / 2
	// Coders leave dents: what is that near to each other is one beep, and once on, half of the level will do.
	const dent = soundRate / 25
	type span struct{ from, to int }
	var spans []span
	on := false
	for i, l := range level {
		switch {
		case !on && l > threshold:
			on = true
			if n := len(spans); n == 0 || i-spans[n-1].to > dent {
				spans = append(spans, span{from: i})
			}
		case on && l <= threshold/2:
			on = false
		}
		if on {
			spans[len(spans)-1].to = i
		}
	}
	var beeps []float64
	for _, s := range spans {
		if whole := !on || s.to < len(level)-1; whole && s.to-s.from > window {
			middle := float64(s.from+s.to+window) / 2 / soundRate
			beeps = append(beeps, middle-films.BeepLength.Seconds()/2)
		}
	}
	return beeps
}

// PacketTolerance is for sound that was coded more than once, or came with a clock of milliseconds: a packet of AAC.
const PacketTolerance = 0.0214

// BeepTolerance is by how much a beep may be off: half of an AAC packet at 48 kHz, in which its edges are smeared. It is
// a third of a frame at 30 frames per second.
const BeepTolerance = 0.0107

// Beeping wants a beep at each of these times, and no other. A beep that begins in the last 100 ms may be missing.
func Beeping(want []float64, got *Sound, tolerance float64) error {
	beeps := got.Beeps()
	for i, w := range want {
		if i >= len(beeps) {
			if got.Seconds() < w+2*films.BeepLength.Seconds() {
				continue
			}
			return fmt.Errorf("%d beeps, want %d: no beep at %.3f s", len(beeps), len(want), w)
		}
		if math.Abs(beeps[i]-w) > tolerance {
			return fmt.Errorf("beep %d is at %.4f s, want %.4f: %+.1f ms", i, beeps[i], w, 1000*(beeps[i]-w))
		}
	}
	if len(beeps) > len(want) {
		return fmt.Errorf("%d beeps, want %d: one at %.3f s", len(beeps), len(want), beeps[len(want)])
	}
	return nil
}

// Voice is how loud the hum of a channel of the film is in a channel of the sound, as amplitude: the mean over pieces of
// the sound from one time to the other, so that a joint in it does not matter.
func (s *Sound) Voice(channel, voice int, from, to float64) float64 {
	const piece = soundRate / 10
	in := s.Channels[channel]
	sum, n := 0.0, 0
	for a, b := int(from*soundRate), min(len(in), int(to*soundRate)); a+piece <= b; a += piece {
		var re, im, weight float64
		for i := range piece {
			w := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/piece) // Hann
			sin, cos := math.Sincos(2 * math.Pi * films.Voice(voice) * float64(i) / soundRate)
			re, im, weight = re+w*float64(in[a+i])*cos, im+w*float64(in[a+i])*sin, weight+w
		}
		sum += 2 * math.Hypot(re, im) / weight
		n++
	}
	return sum / float64(max(1, n))
}

// Decibels is the ratio of two amplitudes.
func Decibels(a, b float64) float64 { return 20 * math.Log10(max(a, 1e-9)/max(b, 1e-9)) }

// Loudness is the sound's mean power in decibels of full scale, over its channels and all of its time.
func (s *Sound) Loudness() float64 {
	var sum float64
	n := 0
	for _, c := range s.Channels {
		for _, v := range c {
			sum += float64(v) * float64(v)
		}
		n += len(c)
	}
	return 10 * math.Log10(sum/float64(max(1, n))+1e-18)
}

// Peak is the highest sample.
func (s *Sound) Peak() float64 {
	most := float32(0)
	for _, c := range s.Channels {
		most = max(most, slices.Max(c), -slices.Min(c))
	}
	return float64(most)
}

// Tolerances of loudness.
const (
	// LoudnessTolerance is what lossy coders may change a voice by, in decibels.
	LoudnessTolerance = 1.0
	// SeparationDecibels is by how much less a voice must be heard in the channels that are not its own.
	SeparationDecibels = 20.0
)

// Voices wants the sound of a film with so many channels: each voice in its own channel, as loud as it was recorded, and
// not in the others. Sound of more than two channels may be mixed down to two: then left voices on the left, right ones
// on the right, the middle in both, nothing beyond full scale.
func Voices(recorded int, got *Sound, from, to float64) error {
	const amplitude = 0.1
	if len(got.Channels) != recorded {
		if recorded > 2 && len(got.Channels) == 2 {
			return mixed(got, from, to)
		}
		return fmt.Errorf("%d channels of %d", len(got.Channels), recorded)
	}
	for c := range got.Channels {
		for v := range got.Channels {
			is := Decibels(got.Voice(c, v, from, to), amplitude)
			const low = 3 // the channel of low frequencies may lack its voice
			switch {
			case v == low && recorded > 3:
			case c == v && math.Abs(is) > LoudnessTolerance:
				return fmt.Errorf("channel %d: its voice is %+.1f dB off", c, is)
			case c != v && is > -SeparationDecibels:
				return fmt.Errorf("channel %d: the voice of channel %d is in it, at %.1f dB", c, v, is)
			}
		}
	}
	return nil
}

func mixed(got *Sound, from, to float64) error {
	// In the order of FFmpeg and of MP4: left, right, middle, low, back or side left, right, then side left, right.
	for v, side := range []int{0, 1, -1} {
		left, right := got.Voice(0, v, from, to), got.Voice(1, v, from, to)
		const quietest, most = 0.02, 0.15
		lean := Decibels(left, right)
		switch {
		case max(left, right) < quietest || max(left, right) > most:
			return fmt.Errorf("voice %d was mixed to amplitudes %.3f and %.3f of 0.1", v, left, right)
		case side == 0 && lean < SeparationDecibels, side == 1 && lean > -SeparationDecibels, side < 0 && math.Abs(lean) > LoudnessTolerance:
			return fmt.Errorf("voice %d leans to the left by %.1f dB", v, lean)
		}
	}
	// All channels at once have 2.4 times the amplitude of one, and the beep is in all of them.
	const loudest = 1.6
	if p := got.Peak(); p > loudest {
		return fmt.Errorf("the mix goes up to %.2f of full scale", p)
	}
	return nil
}
