package ffmpeg

import (
	"fmt"
	"math"
	"strings"

	"filmcan/internal/media/mp4"
)

// Light is how a film's numbers stand for brightness.
type Light string

// The kinds of light. SDR is what all but HDR films have.
const (
	SDR Light = ""
	PQ  Light = "pq"
	HLG Light = "hlg"
)

// LightOf returns the light of a transfer characteristic by its code in ISO/IEC 23091-2.
func LightOf(transfer int) Light {
	switch transfer {
	case 16:
		return PQ
	case 18:
		return HLG
	}
	return SDR
}

// Matrix is how a film's three planes stand for colours, as swscale names it.
type Matrix string

// The matrices. NoMatrix is for a film that does not say.
const (
	NoMatrix Matrix = ""
	BT709    Matrix = "bt709"
	BT601    Matrix = "bt601"
	BT2020   Matrix = "bt2020"
)

// MatrixOf returns the matrix of a code of ISO/IEC 23091-2.
func MatrixOf(code int) Matrix {
	switch code {
	case 1:
		return BT709
	case 5, 6:
		return BT601
	case 9, 10:
		return BT2020
	}
	return NoMatrix
}

// Turn is how decoded pictures are turned to be shown: first mirrored (left becomes right), then turned clockwise.
type Turn struct {
	Mirror bool
	// Quarters is the number of quarter turns, 0 to 3.
	Quarters int
}

// TurnOf reads a display matrix as tkhd has it (14496-12, 8.3.2): a point moves to (a·x+c·y, b·x+d·y), y pointing down.
// What is no mirrored quarter turn counts as the nearest one.
func TurnOf(matrix [9]int32) Turn {
	a, b, c, d := float64(matrix[0]), float64(matrix[1]), float64(matrix[3]), float64(matrix[4])
	t := Turn{Mirror: a*d-b*c < 0}
	if t.Mirror {
		a, b = -a, -b // what is left is the turn alone
	}
	if a == 0 && b == 0 {
		return t
	}
	t.Quarters = (int(math.Round(math.Atan2(b, a)/(math.Pi/2))) + 4) % 4
	return t
}

// filters turn the pictures.
func (t Turn) filters() []string {
	switch {
	case t.Mirror && t.Quarters == 0:
		return []string{"hflip"}
	case t.Mirror && t.Quarters == 1:
		return []string{"transpose=clock_flip"}
	case t.Mirror && t.Quarters == 2:
		return []string{"vflip"}
	case t.Mirror:
		return []string{"transpose=cclock_flip"}
	case t.Quarters == 1:
		return []string{"transpose=clock"}
	case t.Quarters == 2:
		return []string{"hflip", "vflip"}
	case t.Quarters == 3:
		return []string{"transpose=cclock"}
	}
	return nil
}

// Picture are the facts of decoded pictures that decide how they are brought to a screen. They come from the container
// and the parameter sets, not from the frames, so that the arguments of a process are known before it is fed.
type Picture struct {
	// Width and Height in pixels as decoded.
	Width, Height int
	// PixelAspect is the shape of a pixel; zero is square.
	PixelAspect Ratio
	Turn        Turn
	Interlaced  bool
	Light       Light
	Matrix      Matrix
}

// PictureOf are the facts of an indexed track of pictures.
func PictureOf(t *mp4.Track) Picture {
	p := t.Picture
	return Picture{
		Width: p.CodedWidth, Height: p.CodedHeight, PixelAspect: Ratio{Num: int64(p.ParH), Den: int64(p.ParV)},
		Turn: TurnOf(t.Matrix), Interlaced: p.Interlaced, Light: LightOf(p.Transfer), Matrix: MatrixOf(p.Matrix),
	}
}

// Displayed is the size of the pictures as shown: with square pixels (none is thrown away) and turned.
func (p Picture) Displayed() (width, height int) {
	w, h := p.Width, p.Height
	switch a := p.PixelAspect; {
	case a.Num <= 0 || a.Den <= 0 || a.Num > 64*a.Den || a.Den > 64*a.Num: // what no camera ever had is not believed
	case a.Num > a.Den:
		w = int(math.Round(float64(w) * float64(a.Num) / float64(a.Den)))
	case a.Num < a.Den:
		h = int(math.Round(float64(h) * float64(a.Den) / float64(a.Num)))
	}
	if p.Turn.Quarters%2 != 0 {
		w, h = h, w
	}
	return w, h
}

// matrix is the one to decode with. Who does not say it means what players take it for: that of HD from 720 lines on.
func (p Picture) matrix() Matrix {
	switch {
	case p.Matrix != NoMatrix:
		return p.Matrix
	case p.Light != SDR:
		return BT2020
	case min(p.Width, p.Height) >= 720 || max(p.Width, p.Height) >= 1280:
		return BT709
	}
	return BT601
}

// kept is the matrix that pictures are brought to a screen in: BT.601 stays, since every player knows it, and a conversion
// costs as much time as an encode, and accuracy. All else becomes BT.709.
func (p Picture) kept() Matrix {
	if p.Light == SDR && p.matrix() == BT601 {
		return BT601
	}
	return BT709
}

// filters bring the pictures to width × height as shown, upright, progressive, in 8 bits of the matrix.
func (p Picture) filters(width, height int, matrix Matrix) string {
	name := string(BT709)
	if matrix == BT601 {
		name = "smpte170m"
	}
	if p.Turn.Quarters%2 != 0 {
		width, height = height, width
	}
	var f []string
	if p.Interlaced {
		f = append(f, "bwdif=mode=send_frame:parity=auto:deint=all")
	}
	scale := fmt.Sprintf("scale=%d:%d", width, height)
	if p.Light == SDR {
		scale += ":in_color_matrix=" + string(p.matrix()) + ":out_color_matrix=" + string(matrix) + ":out_range=tv"
		if p.matrix() != BT709 || matrix != BT709 {
			scale += ":flags=bicubic+accurate_rnd+full_chroma_int" // without these the colours are off by 2 or 3 of 255
		}
		f = append(f, scale, "format=yuv420p")
	} else {
		// Smaller first: what follows is dear for each pixel. Then to linear light, to BT.709's primaries, the highlights
		// rolled off, and back.
		transfer := "smpte2084"
		if p.Light == HLG {
			transfer = "arib-std-b67"
		}
		f = append(f, scale, "format=yuv420p10le",
			"setparams=color_primaries=bt2020:color_trc="+transfer+":colorspace=bt2020nc", "zscale=t=linear:npl=100", "format=gbrpf32le",
			"zscale=p=bt709", "tonemap=hable:desat=0", "zscale=t=bt709:m="+name+":r=tv", "format=yuv420p")
	}
	f = append(f, p.Turn.filters()...)
	return strings.Join(append(f, "setsar=1", "setparams=field_mode=prog:range=tv:color_primaries=bt709:color_trc=bt709:colorspace="+name), ",")
}
