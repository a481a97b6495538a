package telemetry

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// How long a line may wait for others that are written with it, and how many bytes wait at most.
const (
	maxWait    = 10 * time.Millisecond
	maxWaiting = 64 << 10
)

// batch writes lines that come fast after each other together: under load, each write of a line of its own would cost as
// much as everything else about the line. A line that comes alone is written at once, one that follows waits for what is
// left of maxWait. A process that is killed loses what waits. Its methods may be called concurrently.
type batch struct {
	to io.Writer

	mu    sync.Mutex
	lines []byte
	wrote time.Time   // when something was written last
	timer *time.Timer // runs while lines wait; nil before the first did
}

// Write implements io.Writer for whole lines. An error may be one of lines before.
func (b *batch) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	waiting := len(b.lines) > 0
	b.lines = append(b.lines, line...)
	since := time.Since(b.wrote)
	switch {
	case since >= maxWait || len(b.lines) >= maxWaiting:
		return len(line), b.write()
	case waiting:
	case b.timer == nil:
		b.timer = time.AfterFunc(maxWait-since, func() { _ = b.flush() }) // there is nowhere to say that a log cannot be written
	default:
		b.timer.Reset(maxWait - since)
	}
	return len(line), nil
}

// flush writes what waits.
func (b *batch) flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.write()
}

// write writes what waits. The caller holds mu.
func (b *batch) write() error {
	if len(b.lines) == 0 {
		return nil
	}
	if b.timer != nil {
		b.timer.Stop()
	}
	_, err := b.to.Write(b.lines)
	b.lines, b.wrote = b.lines[:0], time.Now()
	return err
}

// batches are those of all files, one each.
var batches struct {
	mu  sync.Mutex
	all map[*os.File]*batch
}

// batched is the batch of a file.
func batched(file *os.File) *batch {
	batches.mu.Lock()
	defer batches.mu.Unlock()
	b := batches.all[file]
	if b == nil {
		if batches.all == nil {
			batches.all = make(map[*os.File]*batch)
		}
		b = &batch{to: file}
		batches.all[file] = b
	}
	return b
}

// Flush writes what the loggers of all files have not written yet. A program calls it before it ends.
func Flush() error {
	batches.mu.Lock()
	defer batches.mu.Unlock()
	var err error
	for _, b := range batches.all {
		err = errors.Join(err, b.flush())
	}
	return err
}
