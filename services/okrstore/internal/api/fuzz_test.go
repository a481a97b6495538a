package api

import (
	"bytes"
	"testing"
	"time"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/memengine"
)

// A text is a cursor only if it is exactly what the position it names is written as.
func FuzzCursor(f *testing.F) {
	server, _ := newServer(f, memengine.New(), time.Minute)
	const head = 1000
	for _, seq := range []int64{0, 1, 127, 128, head} {
		f.Add(server.cursor(acme, seq))
	}
	f.Add("")
	f.Add("AQ")
	f.Add(server.cursor(acme, 1) + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		seq, err := server.position(acme, text, head)
		if err != nil {
			return
		}
		if seq < 0 || seq > head || server.cursor(acme, seq) != text {
			t.Errorf("%q was read as the position %d", text, seq)
		}
	})
}

// A text is a page token only if it is exactly what its position is written as.
func FuzzPageToken(f *testing.F) {
	server, _ := newServer(f, memengine.New(), time.Minute)
	caller, err := access.CallerFrom(directly(f.Context(), callers()[ceo]))
	if err != nil {
		f.Fatal(err)
	}
	method := okrv1.OkrService_ListObjectives_FullMethodName
	list, err := server.newListing(caller, method, &okrv1.ListObjectivesRequest{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(list.binding.seal("okr_1"))
	f.Add(list.binding.seal("okr_1/kr_1"))
	f.Add("AAAA")
	f.Add(list.binding.seal("okr_1") + "\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			return
		}
		got, err := server.newListing(caller, method, &okrv1.ListObjectivesRequest{PageToken: text})
		if err == nil && list.binding.seal(got.position) != text {
			t.Errorf("%q was read as the position %q", text, got.position)
		}
	})
}

// Whatever bytes stand in the store, they are read or refused as damage, without a panic; and what is read from them
// can be handled by all the rules.
func FuzzStoredValues(f *testing.F) {
	o := bigObjective("okr_1", 2)
	for _, value := range [][]byte{
		must(encode(o))(f),
		must(encode(&okrv1.Change{Seq: 1, Before: snapshotOfObjective(o), After: snapshotOfKeyResult(o.GetKeyResults()[0])}))(f),
		encodeRequest(requestRecord{time: time.UnixMilli(1), answer: []byte("answer")}),
		{},
		{formatMessage},
		{formatRequest},
		{formatChange},
		must(chainedValue(&okrv1.Change{Seq: 1, After: snapshotOfObjective(o)}))(f),
		{99},
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, visible := range []okr.Readable{{}, {Objectives: true}, {KeyResults: true}, {Objectives: true, KeyResults: true}} {
			if o, err := decode(bytes.Clone(value), new(okrv1.Objective)); err == nil {
				visible.Objective(okr.Derive(okr.Complete(o), 20_000))
				okr.FindKeyResult(o, "kr_1")
				okr.WithoutKeyResult(o, "kr_1")
			}
			if c, err := decode(value, new(okrv1.Change)); err == nil {
				visible.Change(okr.CompleteChange(c))
			}
			if c, _, err := decodeChained(value); err == nil {
				visible.Change(c)
			}
		}
		if r, err := decodeRequest(value); err == nil && !bytes.Equal(encodeRequest(r), value) {
			t.Errorf("%x was read as %v", value, r)
		}
		if _, err := decodeChange(storage.KV{Key: value, Value: value}); err == nil {
			t.Errorf("%x is a change and its own key", value)
		}
		if d, err := requestTimeDigest(value); err == nil && !bytes.HasSuffix(value, d[:]) {
			t.Errorf("%x was read as the digest %x", value, d)
		}
	})
}
