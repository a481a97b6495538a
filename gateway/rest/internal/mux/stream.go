package mux

import (
	"net/http"
	"time"
)

// streamWriteTimeout bounds the writing of one message; a stream as a whole has no bound.
const streamWriteTimeout = 15 * time.Second

// streamWriter gives every message the time that the server's timeouts give to a whole answer.
type streamWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// startStream lifts the server's timeouts, which are made for short answers, and tells proxies not to hold messages back.
func startStream(w http.ResponseWriter) http.ResponseWriter {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // where deadlines are not supported there are none to lift
	w.Header().Set("X-Accel-Buffering", "no")
	return &streamWriter{w, control}
}

// Write implements http.ResponseWriter.
func (w *streamWriter) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(streamWriteTimeout))
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find the writer that flushes.
func (w *streamWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
