package transfer

import (
	"iter"
	"sync"
)

// maxWindow is how much of a file is kept that the store may ask for again. An objective that has more than that in a file
// can be imported, but not if the stream ends in the middle of it.
const maxWindow = 8 << 20

// window is the part of a file that was sent last. One goroutine adds to it and another takes from it.
type window struct {
	mu     sync.Mutex
	pieces [][]byte
	start  int64 // the offset of the first piece
	bytes  int
}

func (w *window) add(piece []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pieces = append(w.pieces, piece)
	w.bytes += len(piece)
	for w.bytes > maxWindow {
		w.drop()
	}
}

// forget drops what lies before an offset as a whole.
func (w *window) forget(offset int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.pieces) > 0 && w.start+int64(len(w.pieces[0])) <= offset {
		w.drop()
	}
}

// drop drops the first piece. The caller holds mu.
func (w *window) drop() {
	w.start += int64(len(w.pieces[0]))
	w.bytes -= len(w.pieces[0])
	w.pieces = w.pieces[1:]
}

// has says whether everything from an offset on is there.
func (w *window) has(offset int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return offset >= w.start
}

// from yields what follows an offset. Nothing may be added meanwhile.
func (w *window) from(offset int64) iter.Seq[[]byte] {
	w.mu.Lock()
	defer w.mu.Unlock()
	pieces, at := w.pieces, w.start
	return func(yield func([]byte) bool) {
		for _, piece := range pieces {
			if end := at + int64(len(piece)); end > offset {
				if !yield(piece[max(0, offset-at):]) {
					return
				}
			}
			at += int64(len(piece))
		}
	}
}
