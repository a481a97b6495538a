package okrstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/api"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// errDiffers says that a copy is not what was copied.
var errDiffers = errors.New("the copy is not what was copied")

// copying copies all records of a store into an engine that holds nothing else, organization by organization and in the
// order of the keys. So the last key that an organization has there says how far the copy has come, also after the process
// that made it has died.
type copying struct {
	source source
	target storage.Engine
	out    io.Writer

	// What was read or found to be there, for the lines of progress.
	organizations, records int
	bytes                  int64
	printed                time.Time
	// sums are those of the organizations of the source, once they are known.
	sums map[string]sum
}

// sum is what an organization has.
type sum struct {
	records int
	bytes   int64
	digest  [sha256.Size]byte
}

func (c *copying) run(ctx context.Context) error {
	c.printed = time.Now()
	return c.source(ctx, func(organization string, tx storage.Tx) error {
		if err := c.organization(ctx, organization, tx); err != nil {
			return fmt.Errorf("copying %s: %w", organization, err)
		}
		c.organizations++
		return nil
	})
}

func (c *copying) organization(ctx context.Context, organization string, tx storage.Tx) error {
	last, err := c.last(ctx, organization)
	if err != nil {
		return err
	}
	rest := storage.Range{}
	if last != nil {
		rest.Start = append(last, 0)
	}
	var batch []storage.KV
	size := 0
	for kv, err := range tx.Range(rest) {
		if err != nil {
			return err
		}
		added := len(kv.Key) + len(kv.Value)
		if storage.CheckSize(len(batch)+1, size+added) != nil {
			if err := c.write(ctx, organization, batch); err != nil {
				return err
			}
			batch, size = batch[:0], 0
		}
		batch, size = append(batch, kv), size+added
		c.progress("copied", added)
	}
	return c.write(ctx, organization, batch)
}

// last is the last key that the target has of an organization, or nil.
func (c *copying) last(ctx context.Context, organization string) (last []byte, err error) {
	err = c.target.View(ctx, organization, func(tx storage.Tx) error {
		last = nil
		for kv, err := range tx.Range(storage.Range{Reverse: true, Limit: 1}) {
			if err != nil {
				return err
			}
			last = bytes.Clone(kv.Key)
		}
		return nil
	})
	return last, err
}

func (c *copying) write(ctx context.Context, organization string, batch []storage.KV) error {
	if len(batch) == 0 {
		return nil
	}
	return c.target.Update(ctx, organization, func(tx storage.Tx) error {
		for _, kv := range batch {
			if err := tx.Put(kv.Key, bytes.Clone(kv.Value)); err != nil {
				return err
			}
		}
		return nil
	})
}

// compare reads both once more, and checks the change logs of the copy.
func (c *copying) compare(ctx context.Context, target source) error {
	want, err := c.sumsOf(ctx, c.source, func(string, storage.Tx) error { return nil })
	if err != nil {
		return fmt.Errorf("reading what was copied: %w", err)
	}
	got, err := c.sumsOf(ctx, target, func(organization string, tx storage.Tx) error {
		v, err := api.Verify(tx, nil)
		if err == nil && v.Broken != nil {
			err = v.Broken
		}
		if err != nil {
			return fmt.Errorf("the change log of %s: %w", organization, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the copy: %w", err)
	}
	for organization, sum := range want {
		if got[organization] != sum {
			return fmt.Errorf("%w: %s had %d records of %d bytes, and has %d of %d, or others",
				errDiffers, organization, sum.records, sum.bytes, got[organization].records, got[organization].bytes)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%w: there were %d organizations, and there are %d", errDiffers, len(want), len(got))
	}
	c.sums = want
	return nil
}

// sumsOf goes over a store. It calls also with each organization.
func (c *copying) sumsOf(ctx context.Context, from source, also func(string, storage.Tx) error) (map[string]sum, error) {
	sums := map[string]sum{}
	err := from(ctx, func(organization string, tx storage.Tx) error {
		var s sum
		digest := storage.NewDigest()
		for kv, err := range tx.Range(storage.Range{}) {
			if err != nil {
				return err
			}
			digest.Add(kv)
			s.records++
			s.bytes += int64(len(kv.Key) + len(kv.Value))
			c.progress("compared", len(kv.Key)+len(kv.Value))
		}
		s.digest = digest.Sum()
		sums[organization] = s
		return also(organization, tx)
	})
	return sums, err
}

// progress counts a record, and prints a line now and then.
func (c *copying) progress(done string, bytes int) {
	c.records++
	c.bytes += int64(bytes)
	if now := time.Now(); now.Sub(c.printed) >= progressInterval {
		c.printed = now
		fmt.Fprintf(c.out, "%s: %d records, %.1f MB so far, of %d organizations and the one at hand\n",
			done, c.records, float64(c.bytes)/1e6, c.organizations)
	}
}

// total says what was copied and compared.
func (c *copying) total() string {
	records, bytes := 0, int64(0)
	for _, s := range c.sums {
		records += s.records
		bytes += s.bytes
	}
	return fmt.Sprintf("with %d records and %.1f MB of %d organizations, compared and their change logs verified",
		records, float64(bytes)/1e6, len(c.sums))
}
