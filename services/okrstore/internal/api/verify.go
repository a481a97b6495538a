package api

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// Head is an end that an organization's change log had at some time, as GetChangeLogHead and exports give it out.
type Head struct {
	seq  int64
	hash chainHash
}

// ParseHead reads a head as String writes it.
func ParseHead(text string) (Head, error) {
	position, digits, found := strings.Cut(text, ":")
	if !found {
		return Head{}, fmt.Errorf("%q is not a sequence number and a hash with a colon between them", text)
	}
	seq, err := strconv.ParseInt(position, 10, 64)
	if err != nil || seq < 0 {
		return Head{}, fmt.Errorf("%q is not a sequence number", position)
	}
	hash, err := parseChainHash(digits)
	return Head{seq, hash}, err
}

// String is the sequence number and the hash with a colon between them.
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.seq, h.hash) }

// BrokenError says where a change log is not what was written.
type BrokenError struct {
	// Seq is the first entry that is wrong or missing.
	Seq    int64
	reason string
	cause  error
}

func (e *BrokenError) Error() string {
	text := fmt.Sprintf("broken at change %d: %s", e.Seq, e.reason)
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap returns the damage that was met, if that is what is wrong.
func (e *BrokenError) Unwrap() error { return e.cause }

// Verification is what was found of one change log.
type Verification struct {
	// Checked is how many entries were read, the broken one not included.
	Checked int64
	// Head is the end of the log as far as it was checked.
	Head Head
	// Broken is what is wrong, or nil.
	Broken *BrokenError
}

// Verify reads an organization's change log from the first entry on and checks that it is one chain without a gap, which
// ends where the head says, and which went through each of the heads that are expected of it. It stops at the first entry
// that is wrong. An error is one of reading on, and says nothing about the log.
func Verify(tx storage.Tx, expected []Head) (Verification, error) {
	v := verifier{expected: expected}
	err := v.log(records{tx: tx})
	if errors.As(err, &v.found.Broken) {
		err = nil
	}
	return v.found, err
}

// VerifyNothing is Verify for an organization of which the store has nothing at all.
func VerifyNothing(expected []Head) (v Verification) {
	for _, head := range expected {
		if head.seq > 0 {
			v.Broken = &BrokenError{Seq: 1, reason: fmt.Sprintf(
				"it is missing, the log is expected to go on to change %d, and there is nothing of this organization", head.seq)}
		}
	}
	return v
}

type verifier struct {
	expected []Head
	found    Verification
	// last is what the head has to say of the entry that was checked last.
	last *okrv1.Change
}

// broken is the error for the entry that is next.
func (v *verifier) broken(cause error, format string, args ...any) error {
	return &BrokenError{Seq: v.found.Head.seq + 1, reason: fmt.Sprintf(format, args...), cause: cause}
}

func (v *verifier) log(r records) error {
	if err := v.expect(); err != nil {
		return err
	}
	for kv, err := range r.tx.Range(storage.Range{Prefix: []byte(prefixChange)}) {
		switch {
		case errors.Is(err, storage.ErrCorrupted):
			return v.broken(err, "it cannot be read")
		case err != nil:
			return fmt.Errorf("reading the change log: %w", err)
		}
		if err := v.entry(kv); err != nil {
			return err
		}
		if err := v.expect(); err != nil {
			return err
		}
	}
	for _, head := range v.expected {
		if head.seq > v.found.Head.seq {
			return v.broken(nil, "it is missing, the log is expected to go on to change %d", head.seq)
		}
	}
	return v.end(r)
}

// entry checks the next entry.
func (v *verifier) entry(kv storage.KV) error {
	last := v.found.Head
	seq, err := changeSeq(kv.Key)
	if err != nil {
		return v.broken(err, "an entry that follows change %d has no place in the log", last.seq)
	}
	if seq != last.seq+1 {
		return v.broken(nil, "it is missing, change %d is followed by change %d", last.seq, seq)
	}
	c, hash, err := decodeChained(kv.Value)
	if err != nil {
		return v.broken(err, "it cannot be read")
	}
	if c.GetSeq() != seq {
		return v.broken(nil, "change %d stands in its place", c.GetSeq())
	}
	value := bytes.Clone(kv.Value)
	copy(value[1:], last.hash[:])
	if follows := linkChange(value); follows != hash {
		return v.broken(nil, "it is not what was written after change %d: it has the hash %s, and %s follows from it", last.seq, hash, follows)
	}
	v.found.Checked++
	v.found.Head = Head{seq, hash}
	v.last = &okrv1.Change{Seq: seq, CreateTime: c.GetCreateTime()}
	return nil
}

// expect compares the entry that was checked last with the heads that name it.
func (v *verifier) expect() error {
	for _, head := range v.expected {
		if last := v.found.Head; head.seq == last.seq && head.hash != last.hash {
			return &BrokenError{Seq: last.seq, reason: fmt.Sprintf(
				"its hash is %s, expected is %s: it or a change before it was written anew", last.hash, head.hash)}
		}
	}
	return nil
}

// end checks that the head is the entry that was checked last.
func (v *verifier) end(r records) error {
	head, err := r.head()
	last := v.found.Head
	switch {
	case errors.Is(err, storage.ErrCorrupted):
		return v.broken(err, "the head of the log cannot be read")
	case err != nil:
		return err
	case head.GetSeq() > last.seq:
		return v.broken(nil, "it is missing, the head of the log is change %d", head.GetSeq())
	case head.GetSeq() < last.seq:
		return &BrokenError{Seq: head.GetSeq() + 1, reason: fmt.Sprintf("it was added, the head of the log is change %d", head.GetSeq())}
	case head.hash != last.hash:
		return &BrokenError{Seq: last.seq, reason: fmt.Sprintf("its hash is %s, and %s by the head of the log", last.hash, head.hash)}
	case last.seq > 0 && !proto.Equal(head.Change, v.last):
		return &BrokenError{Seq: last.seq, reason: "the head of the log has another time"}
	}
	return nil
}
