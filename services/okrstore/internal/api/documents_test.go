package api

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

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

func TestADocumentShowsEachCallerWhatTheRulesSay(t *testing.T) {
	var c documents
	o := bigObjective("okr_1", 3)
	d := must(c.decode(must(encode(o))(t)))(t)
	for _, r := range []okr.Readable{{}, {Objectives: true}, {KeyResults: true}, okr.Everything()} {
		got, size := d.visible(r)
		if want := r.Objective(o); !proto.Equal(got, want) || size != proto.Size(want) {
			t.Errorf("%+v: %v of %d bytes, want %v", r, got, size, want)
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
	var c documents
	used := must(encode(&okrv1.Objective{Id: "okr_used", Title: "In use all the time"}))(t)
	first := must(c.decode(used))(t)
	filler := bigObjective("okr_1", 50)
	for i, written := 0, 0; written < 5*maxGenerationBytes; i++ {
		filler.Title = fmt.Sprint("Filler ", i)
		value := must(encode(filler))(t)
		must(c.decode(value))(t)
		written += len(value)
		if must(c.decode(used))(t) != first {
			t.Fatal("a document in use was forgotten")
		}
		bytes := 0
		for value := range c.recent {
			bytes += len(value)
		}
		if bytes != c.bytes || bytes > maxGenerationBytes {
			t.Fatalf("the recent generation has %d bytes, %d are counted", bytes, c.bytes)
		}
	}
}
