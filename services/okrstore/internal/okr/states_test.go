package okr_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

func TestEveryStateUnderEveryStep(t *testing.T) {
	earlier, at := timestamppb.New(now.Add(-time.Hour)), timestamppb.New(now)
	is := func(edit func(*okrv1.Objective)) *okrv1.Objective {
		o := &okrv1.Objective{Id: "okr_1", Title: "Grow"}
		edit(o)
		return o
	}
	isActive := is(func(o *okrv1.Objective) { o.State = active })
	isClosed := is(func(o *okrv1.Objective) {
		o.State, o.Score, o.ClosingNote, o.CloseTime = closed, "0.7", "Nearly", earlier
	})
	archivedActive := is(func(o *okrv1.Objective) { o.State, o.ArchiveTime = archived, earlier })
	archivedClosed := okr.Copy(isClosed)
	archivedClosed.State, archivedClosed.ArchiveTime = archived, earlier

	with := func(o *okrv1.Objective, edit func(*okrv1.Objective)) *okrv1.Objective {
		o = okr.Copy(o)
		edit(o)
		return o
	}
	closing := func(o *okrv1.Objective) (*okrv1.Objective, error) { return okr.Close(o, "1", "Done", at) }
	archiving := func(o *okrv1.Objective) (*okrv1.Objective, error) { return okr.Archive(o, at), nil }
	restoring := func(o *okrv1.Objective) (*okrv1.Objective, error) { return okr.Restore(o), nil }
	tests := map[string]struct {
		from *okrv1.Objective
		step func(*okrv1.Objective) (*okrv1.Objective, error)
		want *okrv1.Objective // nil: refused
	}{
		"an active one is closed": {isActive, closing, with(isActive, func(o *okrv1.Objective) {
			o.State, o.Score, o.ClosingNote, o.CloseTime = closed, "1", "Done", at
		})},
		"a closed one gets another score and stays closed since when it is": {isClosed, closing, with(isClosed, func(o *okrv1.Objective) {
			o.Score, o.ClosingNote = "1", "Done"
		})},
		"an archived one is not closed":            {archivedActive, closing, nil},
		"an archived one gets no other score":      {archivedClosed, closing, nil},
		"an active one is not reopened further":    {isActive, okr.Reopen, isActive},
		"a closed one is reopened without a score": {isClosed, okr.Reopen, isActive},
		"an archived one is not reopened":          {archivedActive, okr.Reopen, nil},
		"an archived closed one is not reopened":   {archivedClosed, okr.Reopen, nil},
		"an active one is archived":                {isActive, archiving, with(archivedActive, func(o *okrv1.Objective) { o.ArchiveTime = at })},
		"a closed one is archived with its score":  {isClosed, archiving, with(archivedClosed, func(o *okrv1.Objective) { o.ArchiveTime = at })},
		"an archived one is not archived anew":     {archivedActive, archiving, archivedActive},
		"an active one needs no restoring":         {isActive, restoring, isActive},
		"a closed one needs no restoring":          {isClosed, restoring, isClosed},
		"what was active is active again":          {archivedActive, restoring, isActive},
		"what was closed is closed again":          {archivedClosed, restoring, isClosed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before := proto.Clone(test.from)
			got, err := test.step(test.from)
			if !proto.Equal(test.from, before) {
				t.Errorf("the argument was changed to %v", test.from)
			}
			if test.want == nil {
				var state *okr.StateError
				if !errors.As(err, &state) || state.State != archived || err.Error() != "the objective is ARCHIVED: restore it first" {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			if err != nil || !proto.Equal(got, test.want) {
				t.Errorf("got  %v, %v\nwant %v", got, err, test.want)
			}
		})
	}
}

// Whatever happens to an objective: its times and its score say which state it is in, and archiving comes undone.
func TestStatesAndWhatGoesWithThemStayTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &okrv1.Objective{State: active}
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			next, err := o, error(nil)
			switch rapid.SampledFrom([]string{"close", "reopen", "archive", "restore"}).Draw(t, "step") {
			case "close":
				next, err = okr.Close(o, "0.5", "", timestamppb.New(now))
			case "reopen":
				next, err = okr.Reopen(o)
			case "archive":
				next = okr.Archive(o, timestamppb.New(now))
				if o.GetState() != archived && !proto.Equal(okr.Restore(next), o) {
					t.Fatalf("archived and restored %v becomes %v", o, okr.Restore(next))
				}
			case "restore":
				next = okr.Restore(o)
			}
			if (err != nil) != (o.GetState() == archived && next == nil) {
				t.Fatalf("%v: %v", o, err)
			}
			if err == nil {
				o = next
			}
			if (o.GetState() == archived) != (o.GetArchiveTime() != nil) || (o.GetScore() != "") != (o.GetCloseTime() != nil) ||
				o.GetState() == closed && o.GetScore() == "" || o.GetState() == active && o.GetScore() != "" {
				t.Fatalf("became %v", o)
			}
		}
	})
}
