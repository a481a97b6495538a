package api

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

func TestADocumentIsDecodedOnceForTheSameBytesAndAnewForOthers(t *testing.T) {
	var c documents
	value := must(encode(bigObjective("okr_1", 2)))(t)
	first := must(c.decode(value))(t)
	if again := must(c.decode(bytes.Clone(value)))(t); again != first {
		t.Error("the same bytes were decoded twice")
	}
	changed := bigObjective("okr_1", 2)
	changed.Title = "Another"
	other := must(c.decode(must(encode(changed))(t)))(t)
	if other.stored.GetTitle() != "Another" || first.stored.GetTitle() == "Another" {
		t.Errorf("the titles are %q and %q", first.stored.GetTitle(), other.stored.GetTitle())
	}
	for i := range value {
		value[i] = 0 // the bytes belong to the caller, who may use them again
	}
	checkDocuments(t, &c)
}

func TestADocumentThatWasWrittenNeedsNoDecoding(t *testing.T) {
	f := newFixture(t)
	o := must(f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Written"}}))(t)
	err := f.engine.View(t.Context(), acme, func(tx storage.Tx) error {
		value, err := tx.Get(objectiveKey(o.GetId()))
		if err == nil && f.server.documents.find(maphash.Bytes(documentSeed, value), value) == nil {
			t.Error("what was written is not at hand for the next who reads it")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A transaction that fails has left its document in the cache: nobody may ever get it in place of what is stored, and
// neither may another organization.
func TestADocumentOfAFailedTransactionServesNobody(t *testing.T) {
	f := newFixture(t)
	o := must(f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Stored"}}))(t)
	f.server.newID = func(string, time.Time) string { return o.GetId() }
	must(f.CreateObjective(f.as(globexCEO), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Globex's"}}))(t)
	refused := errors.New("refused")
	for _, organization := range []string{acme, globex} {
		err := f.engine.Update(t.Context(), organization, func(tx storage.Tx) error {
			r := records{tx, &f.server.documents}
			if err := r.putObjective(&okrv1.Objective{Id: o.GetId(), Title: "Never"}); err != nil {
				return err
			}
			if within, err := r.objective(o.GetId()); err != nil || within.GetTitle() != "Never" {
				t.Errorf("the transaction itself reads %v, %v", within, err)
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Fatal(err)
		}
	}
	for caller, want := range map[string]string{ceo: "Stored", globexCEO: "Globex's"} {
		request := &okrv1.GetObjectiveRequest{ObjectiveId: o.GetId()}
		if got := must(f.GetObjective(f.as(caller), request))(t).GetTitle(); got != want {
			t.Errorf("the %s reads %q, want %q", caller, got, want)
		}
	}
}

func TestADocumentShowsEachCallerWhatTheRulesSay(t *testing.T) {
	var c documents
	o := okr.Complete(bigObjective("okr_1", 3))
	o.StartDate, o.DueDate = "2026-11-01", "2026-11-30"
	d := must(c.decode(must(encode(o))(t)))(t)
	first, _ := okr.ParseDay("2026-11-23")
	for _, day := range []okr.Day{first, first + 1, first} {
		for _, r := range []okr.Readable{{}, {Objectives: true}, {KeyResults: true}, okr.Everything()} {
			got, size := d.visible(r, day)
			if want := r.Objective(okr.Derive(o, day)); !proto.Equal(got, want) || size != proto.Size(want) {
				t.Errorf("%+v on %s: %v of %d bytes, want %v", r, day, got, size, want)
			}
		}
		if d.on(day) != d.on(day) {
			t.Errorf("what follows from %s was derived twice", day)
		}
	}
}

func TestDamagedDocumentsAreRefusedEachTime(t *testing.T) {
	var c documents
	for range 2 {
		if d, err := c.decode([]byte{formatMessage, 0xff}); !errors.Is(err, storage.ErrCorrupted) {
			t.Errorf("answered %v, %v", d, err)
		}
	}
}

func TestDocumentsStayWithinTheirBoundAndKeepWhatIsInUse(t *testing.T) {
	c := documents{limit: 1 << 20}
	used := must(encode(&okrv1.Objective{Id: "okr_used", Title: "In use all the time"}))(t)
	first := must(c.decode(used))(t)
	filler := bigObjective("okr_1", 50)
	for i, written := 0, 0; written < 5*c.maxBytes(); i++ {
		filler.Title = fmt.Sprint("Filler ", i)
		value := must(encode(filler))(t)
		must(c.decode(value))(t)
		written += len(value)
		if must(c.decode(used))(t) != first {
			t.Fatal("a document in use was forgotten")
		}
		bytes := 0
		for _, d := range c.recent.documents {
			bytes += len(d.value)
		}
		if bytes != c.recent.bytes || bytes > c.maxBytes() {
			t.Fatalf("the recent generation has %d bytes, %d are counted", bytes, c.recent.bytes)
		}
	}
}

// Two values with one hash take each other's place, and neither is taken for the other.
func TestDocumentsWhoseHashesAreTheSame(t *testing.T) {
	c := documents{limit: 1 << 20}
	one, two := &document{value: []byte("one, and longer")}, &document{value: []byte("two")}
	for _, d := range []*document{one, two, one} {
		c.add(7, d)
		if c.find(7, d.value) != d || c.recent.bytes != len(d.value) {
			t.Fatalf("%s is not found where it was put; %d bytes are counted", d.value, c.recent.bytes)
		}
	}
	if c.find(7, two.value) != nil {
		t.Error("a document is found that was displaced")
	}
}
