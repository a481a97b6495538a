package boltengine

import (
	"fmt"
	"os"
	"time"
)

// Waiting is the number of Updates that wait for their turn right now.
func (e *Engine) Waiting() int { return int(e.waiting.Load()) }

// Size is the size of the file in bytes.
func (e *Engine) Size() (int64, error) {
	info, err := os.Stat(e.db.Path())
	if err != nil {
		return 0, fmt.Errorf("looking at the store file: %w", err)
	}
	return info.Size(), nil
}

// timed is commitOrBreak, and tells how long it took.
func (e *Engine) timed(g *group) error {
	start := time.Now()
	err := e.commitOrBreak(g)
	if err == nil && g.updates > 0 && e.committed != nil {
		e.committed(g.updates, time.Since(start))
	}
	return err
}
