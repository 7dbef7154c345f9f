package door

import (
	"io"
	"net/http"
)

// writer notes status and bytes of an answer.
type writer struct {
	http.ResponseWriter

	status int // 0 until the header is sent
	bytes  int64
}

var (
	_ io.ReaderFrom = (*writer)(nil)
	_ http.Flusher  = (*writer)(nil)
)

// Unwrap lets [http.ResponseController] reach deadlines and hijacking.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(p []byte) (int, error) {
	w.sent()
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom hands the source to the server's own ReadFrom, which uses sendfile where the source is a file.
func (w *writer) ReadFrom(src io.Reader) (int64, error) {
	w.sent()
	n, err := io.Copy(w.ResponseWriter, src)
	w.bytes += n
	return n, err
}

// Flush is for those who ask for an [http.Flusher]; [http.ResponseController] takes FlushError.
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError sends what is buffered and says how that went.
func (w *writer) FlushError() error {
	w.sent()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *writer) sent() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}
