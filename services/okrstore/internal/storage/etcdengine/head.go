package etcdengine

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// The head of an organization names the last commit of each replica that
// committed to it lately, the newest first. So a replica that got no answer to
// a commit can ask whether it was made, also after others have committed since.
//
// maxReplicas is how many the head remembers. For a replica to fall out while it
// waits for an answer, as many others have to come and commit to the same
// organization within that time; it then says that it does not know.
const maxReplicas = 16

const (
	formatHead  = 1
	replicaSize = 8
	commitSize  = replicaSize + 8
)

// A replica is the name of an engine, drawn at its start.
type replica [replicaSize]byte

// A commit is the name of one commit.
type commit struct {
	replica replica
	number  uint64
}

// head is the value of a head, decoded. It is not changed once it is made.
type head []commit

// with returns the head that a commit leaves behind.
func (h head) with(c commit) head {
	next := append(make(head, 0, maxReplicas), c)
	for _, other := range h {
		if other.replica != c.replica && len(next) < maxReplicas {
			next = append(next, other)
		}
	}
	return next
}

// made says whether a commit was made; known is false when the head has
// forgotten.
func (h head) made(c commit) (made, known bool) {
	for _, other := range h {
		if other.replica == c.replica {
			return other.number >= c.number, true
		}
	}
	return false, len(h) < maxReplicas
}

func (h head) encode(key string) []byte {
	value := make([]byte, 1, 1+len(h)*commitSize)
	value[0] = formatHead
	for _, c := range h {
		value = append(value, c.replica[:]...)
		value = binary.BigEndian.AppendUint64(value, c.number)
	}
	return seal(key, value)
}

func decodeHead(kv *mvccpb.KeyValue) (head, error) {
	value, err := unseal(string(kv.Key), kv.Value)
	if err != nil {
		return nil, err
	}
	if len(value)%commitSize != 1 || value[0] != formatHead {
		return nil, fmt.Errorf("%w: %q is not the head of an organization", storage.ErrCorrupted, kv.Key)
	}
	var h head
	for rest := value[1:]; len(rest) > 0; rest = rest[commitSize:] {
		h = append(h, commit{replica(rest[:replicaSize]), binary.BigEndian.Uint64(rest[replicaSize:])})
	}
	return h, nil
}

// A position is a state of an organization, and where to read it.
type position struct {
	// revision of the cluster, at which this is the state.
	revision int64
	// written is the revision at which the head was written; 0 for never. It
	// names the state: what else the cluster does leaves it as it is.
	written int64
	head    head
	// read is when this was known to be the newest state.
	read time.Time
}

// read asks a majority for the newest state.
func (e *Engine) read(ctx context.Context, organization string) (position, error) {
	var answer *clientv3.GetResponse
	now := time.Now()
	err := e.cluster.try(ctx, func(ctx context.Context) (err error) {
		now = time.Now()
		answer, err = e.cluster.client.Get(ctx, e.cluster.headKey(organization))
		return err
	})
	if err != nil {
		return position{}, err
	}
	return newPosition(answer.Header.GetRevision(), answer.Kvs, now)
}

// newPosition is the position of an answer that has the head, if there is one.
func newPosition(revision int64, kvs []*mvccpb.KeyValue, now time.Time) (position, error) {
	p := position{revision: revision, read: now}
	if len(kvs) == 0 {
		return p, nil
	}
	var err error
	p.written = kvs[0].ModRevision
	p.head, err = decodeHead(kvs[0])
	return p, err
}
