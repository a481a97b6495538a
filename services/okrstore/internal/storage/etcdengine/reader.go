package etcdengine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"slices"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// errCompacted says that the cluster has forgotten the revision that is read.
var errCompacted = errors.New("the revision was compacted")

// castagnoli is the polynomial of CRC-32C, which processors compute.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal returns the stored form of a value.
func seal(storedKey string, value []byte) []byte {
	stored := make([]byte, 4, 4+len(value))
	stored = append(stored, value...)
	binary.BigEndian.PutUint32(stored, checksum(storedKey, value))
	return stored
}

// unseal returns the value within its stored form.
func unseal(storedKey string, stored []byte) ([]byte, error) {
	if len(stored) < 4 || binary.BigEndian.Uint32(stored) != checksum(storedKey, stored[4:]) {
		return nil, fmt.Errorf("%w: the record at key %q in etcd fails its checksum", storage.ErrCorrupted, storedKey)
	}
	return stored[4:], nil
}

// checksum covers the key as well: a record that turns up at another place is
// damage too.
func checksum(storedKey string, value []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(storedKey), castagnoli), castagnoli, value)
}

// A page of a range has about so many bytes; how many pairs that is, the page
// before says.
const (
	pageBytes = 1 << 20
	firstPage = 64
	largePage = 1000
)

// A reader is the overlay.Reader of one organization at one position. It is for
// one transaction.
type reader struct {
	engine *Engine
	// ctx ends what waits for the cluster.
	ctx    context.Context
	prefix string
	at     position
	known  *cache
	// failed is the first failure to read, after which nothing is read: the
	// transaction's function may not have noticed.
	failed error
}

func (e *Engine) newReader(ctx context.Context, organization string, at position, known *cache) *reader {
	return &reader{engine: e, ctx: ctx, prefix: e.cluster.recordPrefix(organization), at: at, known: known}
}

// outcome is the error of a transaction whose function returned err.
func (r *reader) outcome(err error) error {
	if r.failed == nil || errors.Is(err, r.failed) {
		return err
	}
	return r.failed
}

// Get implements [overlay.Reader].
func (r *reader) Get(key []byte) ([]byte, error) {
	if known, ok := r.known.get(r.at.written, key); ok {
		return known.answer()
	}
	stored := r.prefix + string(key)
	answer, err := r.ask(stored)
	if err != nil {
		return nil, err
	}
	var what cached
	if len(answer.Kvs) > 0 {
		what.found = true
		if what.value, err = unseal(stored, answer.Kvs[0].Value); err != nil {
			return nil, err
		}
	}
	r.known.put(r.at.written, key, what)
	return what.answer()
}

func (c cached) answer() ([]byte, error) {
	if !c.found {
		return nil, storage.ErrNotFound
	}
	return c.value, nil
}

// ask reads at the position. Any member that has come this far may answer: what
// it says of a revision never changes. One that has not is asked to catch up.
func (r *reader) ask(key string, options ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	if r.failed != nil {
		return nil, r.failed
	}
	options = append(options, clientv3.WithRev(r.at.revision))
	var answer *clientv3.GetResponse
	err := r.engine.cluster.try(r.ctx, func(ctx context.Context) (err error) {
		answer, err = r.engine.cluster.client.Get(ctx, key, append(slices.Clone(options), clientv3.WithSerializable())...)
		if errors.Is(err, rpctypes.ErrFutureRev) {
			answer, err = r.engine.cluster.client.Get(ctx, key, options...)
		}
		return err
	})
	if errors.Is(err, rpctypes.ErrCompacted) {
		err = errCompacted
	}
	if err != nil {
		r.failed = err
		return nil, err
	}
	return answer, nil
}

// Range implements [overlay.Reader].
func (r *reader) Range(q storage.Range) iter.Seq2[storage.KV, error] {
	return func(yield func(storage.KV, error) bool) {
		start, end := q.Bounds()
		interval := interval{from: r.prefix + string(start), to: r.prefix + string(end)}
		if len(end) == 0 {
			interval.to = clientv3.GetPrefixRangeEnd(r.prefix)
		}
		limit := int64(firstPage)
		if q.Limit > 0 {
			limit = min(int64(q.Limit)+1, largePage) // one more, should a write hide one
		}
		for interval.from < interval.to {
			page, err := r.page(&interval, limit, q.Reverse)
			if err != nil {
				yield(storage.KV{}, err)
				return
			}
			size := 1
			for _, kv := range page {
				value, err := unseal(string(kv.Key), kv.Value)
				if err != nil {
					yield(storage.KV{}, err)
					return
				}
				if !yield(storage.KV{Key: kv.Key[len(r.prefix):], Value: value}, nil) {
					return
				}
				size += len(kv.Key) + len(kv.Value)
			}
			limit = min(max(1, int64(pageBytes/(size/max(1, len(page))+1))), largePage)
		}
	}
}

// An interval is what is left of a range: from ≤ key < to.
type interval struct{ from, to string }

// page reads up to limit pairs from one end of what is left and takes them off it.
func (r *reader) page(left *interval, limit int64, reverse bool) ([]*mvccpb.KeyValue, error) {
	if reverse {
		return r.lastPage(left, limit)
	}
	answer, err := r.ask(left.from, clientv3.WithRange(left.to), clientv3.WithLimit(limit))
	if err != nil {
		return nil, err
	}
	if answer.More {
		left.from = string(answer.Kvs[len(answer.Kvs)-1].Key) + "\x00"
	} else {
		left.from = left.to
	}
	return answer.Kvs, nil
}

// lastPage reads the last pairs, the highest key first. To sort them, a member
// goes over all keys of the range: that is little work while it needs no values,
// which it would have to fetch, so it is asked for the keys first.
func (r *reader) lastPage(left *interval, limit int64) ([]*mvccpb.KeyValue, error) {
	keys, err := r.ask(left.from, clientv3.WithRange(left.to), clientv3.WithLimit(limit), clientv3.WithKeysOnly(),
		clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
	if err != nil {
		return nil, err
	}
	if len(keys.Kvs) == 0 {
		left.to = left.from
		return nil, nil
	}
	lowest := string(keys.Kvs[len(keys.Kvs)-1].Key)
	answer, err := r.ask(lowest, clientv3.WithRange(left.to))
	if err != nil {
		return nil, err
	}
	if left.to = lowest; !keys.More {
		left.to = left.from
	}
	slices.Reverse(answer.Kvs)
	return answer.Kvs, nil
}
