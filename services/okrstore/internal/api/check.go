package api

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// maxProblems is how many problems of an organization are told; the others are counted.
const maxProblems = 20

// Checked is what was found in the records of an organization.
type Checked struct {
	// Records is how many there are of any kind, and of what kind some of them are.
	Records, Objectives, KeyResults, CheckIns, Changes int64
	// Head is the end of the change log as far as it is good.
	Head Head
	// Digest is the storage.Digest of all records.
	Digest [sha256.Size]byte
	// DeleteTime is when the organization was deleted, or began to be; zero for one that was not.
	DeleteTime time.Time
	// Problems are what is wrong, the first ones in words. Found is how many there are.
	Problems []string
	Found    int64
}

// Check decodes every record of an organization and holds it against those that lead to it and that it leads to: the
// counter, the indexes, the sums and the chain of the change log. It reads record after record and keeps but the sums. What is wrong is in
// the answer; an error is one of reading on, and says nothing about the records.
func Check(tx storage.Tx) (Checked, error) {
	c := checker{records: records{tx, new(documents)}, digest: storage.NewDigest(), did: make(map[string]*okrv1.ClientActivity)}
	if err := c.all(); err != nil {
		return c.found, err
	}
	c.found.Digest = c.digest.Sum()
	log, err := Verify(tx, nil)
	if err != nil {
		return c.found, err
	}
	c.found.Head = log.Head
	if log.Broken != nil && c.found.DeleteTime.IsZero() {
		c.problem("the change log: %v", log.Broken)
	}
	return c.found, nil
}

type checker struct {
	records
	found   Checked
	digest  storage.Digest
	counted int64
	// did is what the log says that clients did for members, by the key of the sum, until the sum is met.
	did map[string]*okrv1.ClientActivity
}

// count makes a record part of what was found, whatever it is.
func (c *checker) count(kv storage.KV) {
	c.found.Records++
	c.digest.Add(kv)
}

func (c *checker) problem(format string, args ...any) {
	c.found.Found++
	if len(c.found.Problems) < maxProblems {
		c.found.Problems = append(c.found.Problems, fmt.Sprintf(format, args...))
	}
}

func (c *checker) all() error {
	deleted, err := c.deletion()
	if err != nil && !errors.Is(err, storage.ErrCorrupted) {
		return err
	}
	c.found.DeleteTime = deleted
	for kv, err := range c.tx.Range(storage.Range{}) {
		if err == nil {
			c.count(kv)
			// What is being deleted leads nowhere, and nobody follows it.
			if deleted.IsZero() {
				err = c.record(kv)
			}
		}
		switch {
		case errors.Is(err, storage.ErrCorrupted) && kv.Key == nil:
			c.problem("%v; the records behind it were not checked", err)
			return nil
		case errors.Is(err, storage.ErrCorrupted):
			c.problem("the record %q: %v", kv.Key, err)
		case err != nil:
			return fmt.Errorf("reading the records: %w", err)
		}
	}
	for key := range c.did {
		c.problem("there is no sum %q of what the change log has", key)
	}
	if c.counted != c.found.Objectives {
		c.problem("there are %d objectives, and %d are counted", c.found.Objectives, c.counted)
	}
	return nil
}

// record checks one record. An error is one of its bytes, or of reading others.
func (c *checker) record(kv storage.KV) error {
	key := string(kv.Key)
	prefix, rest := key, ""
	if len(key) > 2 && key[1] == '/' {
		prefix, rest = key[:2], key[2:]
	}
	switch prefix {
	case keyHead: // with the log
		_, _, err := decodeChained(kv.Value)
		return err
	case keyDeletion: // read above, unless it cannot be
		_, err := c.deletion()
		return err
	case keyObjectives:
		n, err := decode(kv.Value, new(wrapperspb.Int64Value))
		c.counted = n.GetValue()
		return err
	case prefixObjective:
		return c.objective(rest, kv.Value)
	case prefixOwned:
		return c.owned(key, rest)
	case prefixKeyResult:
		_, err := decode(kv.Value, new(wrapperspb.StringValue))
		return err
	case prefixCheckIn:
		return c.checkIn(rest, kv.Value)
	case prefixChild:
		return c.child(key, rest)
	case prefixChange:
		return c.change(kv)
	case prefixHistory:
		return c.history(kv)
	case prefixUndone:
		return c.undone(kv)
	case prefixActivity:
		return c.activitySum(key, kv.Value)
	case prefixProposal:
		p, err := decode(kv.Value, new(okrv1.Proposal))
		if err == nil && p.GetId() != rest {
			c.problem("the proposal %s stands in the place of %s", p.GetId(), rest)
		}
		return err
	case prefixUndecided:
		if _, err := decode(kv.Value, new(okrv1.Proposal)); err != nil {
			return err
		}
		return c.leadsHere(proposalKey(rest), "an open proposal")
	case prefixProposalTurns:
		if rest != access.ResourceObjective && rest != access.ResourceKeyResult {
			c.problem("the record %q counts proposals about nothing that there is", key)
		}
		_, err := decode(kv.Value, new(wrapperspb.Int64Value))
		return err
	case keyAgentSettings:
		_, err := decode(kv.Value, new(okrv1.AgentSettings))
		return err
	case prefixRequest:
		return c.request(rest, kv.Value)
	case prefixRequestByTime:
		return c.requestByTime(kv.Key)
	}
	c.problem("the record %q is of no kind that is known", key)
	return nil
}

// leadsHere reports a problem unless a record is there that has to lead to another.
func (c *checker) leadsHere(key []byte, to string) error {
	there, err := c.exists(key)
	if err == nil && !there {
		c.problem("%s is not found by way of %q", to, key)
	}
	return err
}

func (c *checker) objective(id string, value []byte) error {
	c.found.Objectives++
	o, err := decode(value, new(okrv1.Objective))
	if err != nil {
		return err
	}
	if o.GetId() != id {
		c.problem("the objective %s stands in the place of %s", o.GetId(), id)
		return nil
	}
	for _, member := range okr.Owners(o) {
		if err := c.leadsHere(ownedKey(member, id), "the objective "+id); err != nil {
			return err
		}
	}
	if parent := o.GetParentId(); parent != "" {
		if err := c.leadsHere(childKey(parent, id), "the objective "+id); err != nil {
			return err
		}
	}
	c.found.KeyResults += int64(len(o.GetKeyResults()))
	for _, k := range o.GetKeyResults() {
		parent, err := c.keyResultParent(k.GetId())
		if err != nil {
			return err
		}
		if parent != id || k.GetObjectiveId() != id {
			c.problem("the key result %s of the objective %s says that it is one of %q, and is to be found at %q",
				k.GetId(), id, k.GetObjectiveId(), parent)
		}
	}
	return nil
}

// there is an objective that an index leads to, or nil where there is none.
func (c *checker) there(id string) (*okrv1.Objective, error) {
	value, err := c.tx.Get(objectiveKey(id))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := c.documents.decode(value)
	if err != nil {
		return nil, nil //nolint:nilerr // it is reported where it stands
	}
	return d.stored, nil
}

func (c *checker) owned(key, rest string) error {
	member, id, _ := strings.Cut(rest, "/")
	o, err := c.there(id)
	if err != nil || o == nil { // one that is gone may have left it behind, see maxUnindexed
		return err
	}
	for _, owner := range okr.Owners(o) {
		if owner == member {
			return nil
		}
	}
	c.problem("%q leads to an objective that the member owns nothing of", key)
	return nil
}

func (c *checker) child(key, rest string) error {
	parent, id, _ := strings.Cut(rest, "/")
	o, err := c.there(id)
	if err == nil && o.GetParentId() != parent {
		c.problem("%q leads to an objective that does not stand there", key)
	}
	return err
}

func (c *checker) checkIn(rest string, value []byte) error {
	c.found.CheckIns++
	keyResult, id, _ := strings.Cut(rest, "/")
	in, err := decode(value, new(okrv1.CheckIn))
	if err != nil {
		return err
	}
	if in.GetId() != id || in.GetKeyResultId() != keyResult {
		c.problem("the check-in %s of %s stands in the place of %s of %s", in.GetId(), in.GetKeyResultId(), id, keyResult)
	}
	return c.leadsHere(keyResultKey(keyResult), "the check-in "+id)
}

func (c *checker) change(kv storage.KV) error {
	c.found.Changes++
	change, err := decodeChange(kv)
	if err != nil {
		return err
	}
	objectiveID, _ := subject(change)
	if objectiveID == "" {
		c.problem("change %d is about nothing", change.GetSeq())
		return nil
	}
	if member, via := doer(change); via.GetClientId() != "" {
		key := string(activityKey(member.GetMemberId(), via.GetClientId()))
		if c.did[key] == nil {
			c.did[key] = new(okrv1.ClientActivity)
		}
		countIn(c.did[key], change)
	}
	if undone := change.GetUndoes(); undone != 0 {
		if err := c.leadsHere(undoneKey(undone), fmt.Sprintf("change %d, which undoes change %d,", change.GetSeq(), undone)); err != nil {
			return err
		}
	}
	return c.leadsHere(historyKey(objectiveID, change.GetSeq()), fmt.Sprintf("change %d", change.GetSeq()))
}

func (c *checker) history(kv storage.KV) error {
	about, err := decode(kv.Value, new(wrapperspb.StringValue))
	if err != nil {
		return err
	}
	prefix, seq, err := storage.CutUint64(kv.Key)
	if err != nil {
		return fmt.Errorf("%w: %w", storage.ErrCorrupted, err)
	}
	value, err := c.tx.Get(changeKey(int64(seq)))
	if errors.Is(err, storage.ErrNotFound) {
		c.problem("%q leads to change %d, which is not there", kv.Key, seq)
		return nil
	}
	if err != nil {
		return err
	}
	change, _, err := decodeChained(value)
	if err != nil {
		return nil //nolint:nilerr // it is reported where it stands
	}
	objectiveID, keyResultID := subject(change)
	if string(historyPrefix(objectiveID)) != string(prefix) || keyResultID != about.GetValue() {
		c.problem("%q leads to change %d, which is about something else", kv.Key, seq)
	}
	return nil
}

func (c *checker) undone(kv storage.KV) error {
	seq, err := changeSeqUnder(prefixUndone, kv.Key)
	if err != nil {
		return err
	}
	by, err := decode(kv.Value, new(wrapperspb.Int64Value))
	if err != nil {
		return err
	}
	value, err := c.tx.Get(changeKey(by.GetValue()))
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	if err == nil {
		change, _, err := decodeChained(value)
		if err != nil {
			return nil //nolint:nilerr // it is reported where it stands
		}
		if change.GetUndoes() == seq {
			return nil
		}
	}
	c.problem("change %d is said to be undone by change %d, which does not say so", seq, by.GetValue())
	return nil
}

func (c *checker) activitySum(key string, value []byte) error {
	sum, err := decode(value, new(okrv1.ClientActivity))
	if err != nil {
		return err
	}
	log := c.did[key]
	delete(c.did, key)
	for _, of := range []struct{ sum, log *okrv1.ActivityCount }{
		{sum.GetObjectives(), log.GetObjectives()}, {sum.GetKeyResults(), log.GetKeyResults()},
	} {
		if of.sum.GetChanges() != of.log.GetChanges() || of.sum.GetFirstSeq() != of.log.GetFirstSeq() || of.sum.GetLastSeq() != of.log.GetLastSeq() {
			c.problem("%q sums up %d changes from %d to %d, and the log has %d from %d to %d", key, of.sum.GetChanges(),
				of.sum.GetFirstSeq(), of.sum.GetLastSeq(), of.log.GetChanges(), of.log.GetFirstSeq(), of.log.GetLastSeq())
		}
	}
	return nil
}

func (c *checker) request(digest string, value []byte) error {
	request, err := decodeRequest(value)
	if err != nil {
		return err
	}
	var d requestDigest
	if copy(d[:], digest) != len(digest) || len(digest) != len(d) {
		c.problem("a request id has the key %x", digest)
		return nil
	}
	return c.leadsHere(requestTimeKey(request.time, d), "a request id")
}

func (c *checker) requestByTime(key []byte) error {
	digest, err := requestTimeDigest(key)
	if err != nil {
		return err
	}
	there, err := c.exists(requestKey(digest))
	if err == nil && !there {
		c.problem("%q leads to a request id that is not there", key)
	}
	return err
}
