package films

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"strings"
)

// The geometry of the counter; the package comment describes it.
const (
	CounterCells = 24
	counterBits  = 20
	// MinWidth is the least width of a picture with a counter, in pixels.
	MinWidth = 6 * CounterCells
)

// CounterHeight is the height of the counter's row in a picture that is width pixels wide: an even number of pixels,
// about the width of a cell.
func CounterHeight(width int) int { return (width/CounterCells + 1) / 2 * 2 }

// errCounter says that the pixels hold no whole counter.
var errCounter = errors.New("no frame counter")

// FrameNumber reads the counter of a displayed picture, scaled or not. The error says which check failed.
func FrameNumber(img image.Image) (int, error) {
	b := img.Bounds()
	y := b.Min.Y + b.Dx()/(2*CounterCells)
	return counter(func(cell int) byte {
		x := b.Min.X + (2*cell+1)*b.Dx()/(2*CounterCells)
		return color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y
	})
}

// frameNumber reads the counter of a picture of 8-bit brightness.
func frameNumber(pixels []byte, width int) (int, error) {
	y := width / (2 * CounterCells)
	return counter(func(cell int) byte { return pixels[y*width+(2*cell+1)*width/(2*CounterCells)] })
}

func counter(cell func(int) byte) (int, error) {
	bit := func(i int) int {
		if cell(i) > 127 {
			return 1
		}
		return 0
	}
	if bit(0) != 1 || bit(1) != 0 {
		return 0, fmt.Errorf("%w: guards are %d, %d", errCounter, cell(0), cell(1))
	}
	n := 0
	for i := 2; i < 2+counterBits; i++ {
		n = n<<1 | bit(i)
	}
	if check := bit(22)<<1 | bit(23); check != n%3 {
		return 0, fmt.Errorf("%w: number %d with check %d", errCounter, n, check)
	}
	return n, nil
}

// counterGraph is the filter graph that draws the counter of the frame with that number, an expression of N: two rows of
// 24 pixels, scaled up without smoothing.
func counterGraph(rate string, width int, number string) string {
	draw := "if(eq(X,0),235,if(eq(X,1),16,16+219*if(lt(X,22)," +
		"mod(floor(N/pow(2,21-X)),2),mod(floor(mod(N,3)/pow(2,23-X)),2))))"
	return fmt.Sprintf("color=c=black:s=%dx2:r=%s,format=gray,geq=lum='%s',scale=%d:%d:flags=neighbor,setsar=1",
		CounterCells, rate, strings.ReplaceAll(draw, "N", number), width, CounterHeight(width))
}
