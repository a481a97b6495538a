package tools

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// What a delete that was not confirmed answers: an error for the model, which must not take the thing for deleted.
const (
	declined  mistake = "Nothing was deleted: the person said no. Do not try again unless they ask for it."
	cancelled mistake = "Nothing was deleted: the person gave no answer. Ask them before you try again."
	outdated  mistake = "Nothing was deleted: it has changed since the person was asked. Read it again, and ask again."
)

// exhibit is what a person is shown of what would be deleted.
type exhibit struct {
	question string
	// etag is the one with which the store deletes it; state stands for everything that would go with it.
	etag, state string
}

// asked is what a question leaves for the round in which its answer comes. It is sealed for the caller and the arguments.
type asked struct {
	// Key names the question. It cannot be guessed, so that an answer that nobody was asked for is none.
	Key   string `json:"k"`
	Etag  string `json:"e"`
	State string `json:"s"`
}

// confirm has a person confirm a delete if the client can ask one, and answers the etag to delete with: that of what the
// person saw. Nobody is asked about what would not be deleted now. show reads what would be deleted; nil if it is not where the caller says.
//
// A client that cannot ask has its own way to protect people from destructive tools, which is why they are marked.
func confirm(ctx context.Context, x *engine.Exchange, g *guard, show func(context.Context) (*exhibit, error)) (string, error) {
	etag := g.Etag
	switch mode := g.GetMode(); {
	case !x.CanElicit(), mode == accessv1.WriteMode_WRITE_MODE_PROPOSE, mode == accessv1.WriteMode_WRITE_MODE_VALIDATE:
		return etag, nil
	}
	shown, err := show(ctx)
	switch {
	case isAbsent(err), err == nil && shown == nil:
		return etag, nil // the store says so, or what it said the first time to a repeated request
	case err != nil:
		return "", err
	case etag != "" && etag != shown.etag:
		return etag, nil // the store refuses it
	}
	var before asked
	if kept := x.Kept(); kept != nil {
		if err := json.Unmarshal(kept, &before); err != nil {
			return "", fmt.Errorf("reading what was asked: %w", err)
		}
	} else {
		before = asked{Key: "delete-" + rand.Text(), Etag: shown.etag, State: shown.state}
		kept, err := json.Marshal(before)
		if err != nil {
			return "", fmt.Errorf("writing what is asked: %w", err)
		}
		x.Keep(kept)
	}
	answer, err := x.Elicit(ctx, before.Key, engine.Form{Message: shown.question})
	switch {
	case err != nil:
		return "", err
	case answer.Action == "decline":
		return "", declined
	case answer.Action != "accept":
		return "", cancelled
	case before.Etag != shown.etag || before.State != shown.state:
		return "", outdated
	}
	return before.Etag, nil
}

// objectiveToDelete shows an objective. Its etag says nothing of its key results, which would go with it.
func (s *Set) objectiveToDelete(id string) func(context.Context) (*exhibit, error) {
	return func(ctx context.Context) (*exhibit, error) {
		o, err := s.Store.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: id})
		if err != nil {
			return nil, err
		}
		with := ""
		switch n := len(o.GetKeyResults()); n {
		case 0:
		case 1:
			with = " and its key result"
		default:
			with = " and its " + strconv.Itoa(n) + " key results"
		}
		state := sha256.New()
		for _, k := range o.GetKeyResults() {
			state.Write([]byte(k.GetId() + " " + k.GetEtag() + "\n")) // never fails
		}
		return &exhibit{
			question: "Delete the objective " + quote(o.GetTitle(), maxListed) + with + " for good?",
			etag:     o.GetEtag(), state: base64.RawURLEncoding.EncodeToString(state.Sum(nil)),
		}, nil
	}
}

// keyResultToDelete shows a key result of an objective.
func (s *Set) keyResultToDelete(objective, id string) func(context.Context) (*exhibit, error) {
	return func(ctx context.Context) (*exhibit, error) {
		k, err := s.Store.GetKeyResult(ctx, &okrv1.GetKeyResultRequest{KeyResultId: id})
		if err != nil || k.GetObjectiveId() != objective {
			return nil, err
		}
		return &exhibit{
			question: "Delete the key result " + quote(k.GetTitle(), maxListed) + ", " + measured(k) + ", for good?",
			etag:     k.GetEtag(),
		}, nil
	}
}
