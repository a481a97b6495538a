package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/proto/okrclient"
)

// shortLived gives access tokens that are good for a few seconds, as an impatient identity provider would.
type shortLived struct {
	t      *testing.T
	member string
	// given counts the tokens.
	given atomic.Int32
	last  atomic.Pointer[string]
}

func (s *shortLived) Token(_ context.Context, refused string) (string, error) {
	if last := s.last.Load(); last != nil && *last != refused {
		return *last, nil
	}
	s.given.Add(1)
	token := running.provider.letIn(s.t, s.member, "Impatient", 4, everyScope()...).AccessToken
	s.last.Store(&token)
	return token, nil
}

func (s *system) dialClient(t *testing.T, tokens okrclient.TokenSource) *okrclient.Client {
	t.Helper()
	c, err := okrclient.Dial(okrclient.Config{Target: s.StoreAddr, Tokens: tokens})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Tokens end under the watch and under the writes beside it, and nobody notices.
func TestAWatchOutlivesItsTokens(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	tokens := &shortLived{t: t, member: ceo.member}
	c := running.dialClient(t, tokens)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	objectives, cursor, err := c.Snapshot(ctx, nil)
	if err != nil || len(objectives) != 0 {
		t.Fatalf("at the beginning there are %v, %v", objectives, err)
	}
	const least = 20 // changes; it goes on until some tokens have ended
	written := int64(0)
	for m, err := range c.Watch(ctx, cursor) {
		if err != nil {
			t.Fatal(err)
		}
		change := m.GetChange()
		if change == nil && written > 0 {
			continue // the heartbeat of a stream that goes on
		}
		if change != nil && change.GetSeq() != written {
			t.Fatalf("change %d came after %d were written", change.GetSeq(), written)
		}
		if written >= least && tokens.given.Load() >= 3 {
			return
		}
		written++
		if _, err := c.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: fmt.Sprint("Number ", written)}}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoopsGoThroughAllPagesOfTheStore(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	c := running.dialClient(t, okrclient.StaticToken(ceo.letIn(t, "Pager", everyScope()...).AccessToken))
	var want []string
	for n := range 7 {
		o, err := c.CreateObjective(t.Context(), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: fmt.Sprint("Number ", n), OwnerId: "me"}})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, o.GetId())
	}
	k, err := c.CreateKeyResult(t.Context(), &okrv1.CreateKeyResultRequest{ObjectiveId: want[0], KeyResult: &okrv1.KeyResult{Title: "One"}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		if _, err := c.CreateCheckIn(t.Context(), &okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{Value: fmt.Sprint(n + 1)}}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for o, err := range c.Objectives(t.Context(), &okrv1.ListObjectivesRequest{PageSize: 3}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o.GetId())
	}
	if !slices.Equal(got, want) {
		t.Errorf("objectives: %v, want %v", got, want)
	}
	count := func(name string, want int, loop func() (int, error)) {
		t.Helper()
		if got, err := loop(); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", name, got, err, want)
		}
	}
	count("key results", 1, func() (n int, err error) {
		for _, err := range c.KeyResults(t.Context(), nil) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	})
	count("due key results", 1, func() (n int, err error) {
		for _, err := range c.DueKeyResults(t.Context(), nil) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	})
	count("check-ins", 5, func() (n int, err error) {
		for _, err := range c.CheckIns(t.Context(), &okrv1.ListCheckInsRequest{KeyResultId: k.GetId(), PageSize: 2}) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	})
	count("changes", 13, func() (n int, err error) {
		for _, err := range c.Changes(t.Context(), &okrv1.ListChangesRequest{PageSize: 4}) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	})
}

func TestErrorsOfTheStoreAreTyped(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	c := running.dialClient(t, okrclient.StaticToken(ceo.letIn(t, "Careless", everyScope()...).AccessToken))
	_, err := c.CreateObjective(t.Context(), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{}})
	var e *okrclient.Error
	if !errors.As(err, &e) || e.Reason != accessv1.ErrorReason_ERROR_REASON_FIELD_INVALID || len(e.Violations) == 0 || e.Violations[0].Field != "objective.title" {
		t.Errorf("an objective without a title: %#v", err)
	}
	for _, err := range c.Watch(t.Context(), "forged") {
		if okrclient.ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_CURSOR_INVALID {
			t.Errorf("a forged cursor: %v", err)
		}
	}
	if _, err := c.GetObjective(t.Context(), &okrv1.GetObjectiveRequest{ObjectiveId: "okr_0000000000000"}); okrclient.ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND {
		t.Errorf("an objective that is not there: %v", err)
	}
}
