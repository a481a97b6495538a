package api

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// The keys of one organization. Numbers are big-endian, so that keys sort as the numbers do.
//
//	h                      head of the change log: the last change with its hash and nothing but seq and create_time
//	d                      when the organization was deleted; then there is nothing else, or soon will be, see deletion.go
//	n                      how many objectives there are
//	o/<objective id>       an objective with its key results, in one document
//	w/<member id>/<objective id>  that a member owns an objective or a key result of it; the value is empty
//	k/<key result id>      the id of the objective that holds the key result
//	i/<key result id>/<check-in id>  a check-in
//	p/<parent id>/<objective id>  that an objective names another as its parent; the value is empty
//	c/<seq, 8 bytes>       an entry of the change log with its hash
//	l/<objective id>/<seq, 8 bytes>  that an entry of the change log is about an objective or a key result of it; the value
//	                       is the key result's id, empty for the objective itself
//	v/<seq, 8 bytes>       the seq of the last change that undid this one
//	s/<member id>/<client id>  what a client did for a member, as a sum
//	r/<SHA-256>            a request id with the answer that it got, see requestRecord
//	t/<ms, 8 bytes><SHA-256>  the time of the entry r/<SHA-256>, in milliseconds since 1970; the value is empty
//	q/<proposal id>        a proposal, see proposals.go
//	u/<proposal id>        that nobody has decided on a proposal; the value has its proposer, client and times
//	g/<resource>           how often proposals about objectives ("objective") or key results ("key_result") were made or
//	                       decided on
//	a                      which agents may only propose, and whether what they report needs a confirmation
//
// A value is a format byte and what that format says, see records.go and chain.go.
//
// An entry k/ outlives its key result: it leads to no objective, or to one that lacks the key result, which means that
// there is no such key result any more. By it the history of what was deleted is found. It is smaller than the key
// result's share of the change that records the deletion, and both are kept for ever. In the same way the check-ins of a
// deleted key result stay and nothing leads to them, and the entries p/ of an objective stay that was the parent of
// others, because those keep its id.
//
// An entry w/ may lead to no objective, too: one that very many members own a part of cannot take all of them along in
// one transaction, see maxUnindexed. But none is ever missing.
const (
	keyHead             = "h"
	keyDeletion         = "d"
	keyObjectives       = "n"
	prefixObjective     = "o/"
	prefixOwned         = "w/"
	prefixKeyResult     = "k/"
	prefixCheckIn       = "i/"
	prefixChild         = "p/"
	prefixChange        = "c/"
	prefixHistory       = "l/"
	prefixUndone        = "v/"
	prefixActivity      = "s/"
	prefixRequest       = "r/"
	prefixRequestByTime = "t/"
	prefixProposal      = "q/"
	prefixUndecided     = "u/"
	prefixProposalTurns = "g/"
	keyAgentSettings    = "a"
)

func objectiveKey(id string) []byte { return []byte(prefixObjective + id) }

func proposalKey(id string) []byte { return []byte(prefixProposal + id) }

func undecidedKey(id string) []byte { return []byte(prefixUndecided + id) }

// proposalTurnsKey is the place of a counter; the resource is one of those of the access rules.
func proposalTurnsKey(resource string) []byte { return []byte(prefixProposalTurns + resource) }

func keyResultKey(id string) []byte { return []byte(prefixKeyResult + id) }

// checkInKey is the prefix of a key result's check-ins where id is empty.
func checkInKey(keyResultID, id string) []byte { return []byte(prefixCheckIn + keyResultID + "/" + id) }

// childKey is the prefix of an objective's children where id is empty.
func childKey(parentID, id string) []byte { return []byte(prefixChild + parentID + "/" + id) }

// ownedKey is the prefix of what a member owns where id is empty. No id of a member has a slash in it.
func ownedKey(memberID, id string) []byte { return []byte(prefixOwned + memberID + "/" + id) }

// historyKey is the place of a change in the history of an objective.
func historyKey(objectiveID string, seq int64) []byte {
	return storage.AppendUint64(historyPrefix(objectiveID), uint64(seq))
}

func historyPrefix(objectiveID string) []byte { return []byte(prefixHistory + objectiveID + "/") }

// undoneKey leads from a change to the one that undid it.
func undoneKey(seq int64) []byte { return storage.AppendUint64([]byte(prefixUndone), uint64(seq)) }

// activityKey is the prefix of what all clients did for a member where clientID is empty. No id of a member has a slash in
// it.
func activityKey(memberID, clientID string) []byte {
	return []byte(prefixActivity + memberID + "/" + clientID)
}

func changeKey(seq int64) []byte { return storage.AppendUint64([]byte(prefixChange), uint64(seq)) }

// changeSeq reads what changeKey wrote.
func changeSeq(key []byte) (int64, error) { return changeSeqUnder(prefixChange, key) }

// changeSeqUnder reads the position of a change at the end of a key with a prefix.
func changeSeqUnder(prefix string, key []byte) (int64, error) {
	before, seq, err := storage.CutUint64(key)
	if err != nil || string(before) != prefix || int64(seq) < 1 {
		return 0, fmt.Errorf("%w: %x is not the key of a change", storage.ErrCorrupted, key)
	}
	return int64(seq), nil
}

// requestDigest stands for a request id within its scope.
type requestDigest [sha256.Size]byte

func requestKey(d requestDigest) []byte { return append([]byte(prefixRequest), d[:]...) }

func requestTimeKey(at time.Time, d requestDigest) []byte {
	return append(requestTimeBound(at), d[:]...)
}

// requestTimeBound sorts before the time keys of this millisecond and after those of all earlier ones.
func requestTimeBound(at time.Time) []byte {
	return binary.BigEndian.AppendUint64([]byte(prefixRequestByTime), uint64(at.UnixMilli()))
}

// requestTimeDigest reads the digest that requestTimeKey wrote.
func requestTimeDigest(key []byte) (requestDigest, error) {
	var d requestDigest
	if at := len(key) - len(d); at == len(prefixRequestByTime)+8 {
		copy(d[:], key[at:])
		return d, nil
	}
	return d, fmt.Errorf("%w: %x is not the time key of a request id", storage.ErrCorrupted, key)
}

// after is the lowest key above a key.
func after(key []byte) []byte { return append(key[:len(key):len(key)], 0) }
