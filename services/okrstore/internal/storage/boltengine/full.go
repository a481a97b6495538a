package boltengine

import (
	"fmt"
	"log/slog"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/disk"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// A full disk.
//
// bbolt writes the pages of a transaction to places that the state before it
// does not use, and then a meta page that makes them the newest state. If a
// page finds no room, the meta page was not written: the state before is what
// is on disk and in memory, and the pages that may have been written are free
// in it. So nothing is unknown, nobody was told anything that is not so, and
// the next commit can be tried. That also holds if it was the sync of these
// pages that found no room: what the kernel dropped is what nobody refers to.
//
// Whether the meta page was written is looked at and not concluded from where
// the error came from. The map of the file shows it, because it shows what
// was written. Any other error, and also this one if the meta page may be
// there, breaks the engine.

// afterFailure returns what a failed commit of a transaction means: an
// [storage.ErrFull] if there was no room for it and it left nothing behind.
func (e *Engine) afterFailure(transaction int, err error) error {
	if !disk.IsFull(err) {
		return err
	}
	tx, beginErr := e.begin()
	if beginErr != nil {
		return err
	}
	newest := tx.ID()
	if tx.Rollback() != nil || newest >= transaction {
		return err
	}
	return fmt.Errorf("%w: %w", storage.ErrFull, err)
}

// noteRoom counts what is refused for want of room, and logs when that begins
// and when it ends.
func (e *Engine) noteRoom(err error) {
	switch {
	case err != nil:
		e.refused.Add(1)
		if !e.noRoom {
			e.logger.Error("no room on the disk: writes are refused until there is, reads go on",
				slog.String("path", e.db.Path()), slog.String("error", err.Error()))
		}
	case e.noRoom:
		e.logger.Info("there is room on the disk again: writes go on", slog.String("path", e.db.Path()))
	}
	e.noRoom = err != nil
}
