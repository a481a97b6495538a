package tools

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
)

const (
	// lookups is how many resources of one wish are looked for at a time.
	lookups = 8
	// cachedResources is of how many resources it is remembered that they were there.
	cachedResources = 8192
)

// Changes are the lists whose changes subscribers are told of: tools and prompts change with what a caller may do.
func (*Set) Changes() engine.ListChanges {
	return engine.ListChanges{Tools: true, Resources: true, Prompts: true}
}

// Subscribe is engine.Config's function of that name. Who may read nothing has nothing to hear of, and is told what it
// would take.
func (s *Set) Subscribe(ctx context.Context, wish engine.Subscription) (engine.Subscription, <-chan engine.Notification, error) {
	if err := s.check(ctx, readAnything()); err != nil {
		return engine.Subscription{}, nil, s.explainResource(ctx, err)
	}
	granted := engine.Subscription{ListChanges: wish.ListChanges}
	var err error
	if granted.URIs, err = s.readable(ctx, wish.URIs); err != nil {
		return engine.Subscription{}, nil, s.explainResource(ctx, err)
	}
	events, err := s.updates.Subscribe(ctx, granted)
	if err != nil {
		return engine.Subscription{}, nil, s.explainResource(ctx, err)
	}
	return granted, events, nil
}

// readable are those of some URIs whose resources are there and may be read by the caller.
func (s *Set) readable(ctx context.Context, uris []string) ([]string, error) {
	found := make([]bool, len(uris))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookups)
	for i, uri := range uris {
		group.Go(func() error {
			var err error
			found[i], err = s.isReadable(ctx, uri)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var readable []string
	for i, uri := range uris {
		if found[i] {
			readable = append(readable, uri)
		}
	}
	return readable, nil
}

// isReadable looks for a resource. That it was there once is enough: who hears of one that was deleted since hears nothing.
func (s *Set) isReadable(ctx context.Context, uri string) (bool, error) {
	var r rule
	var get func(id string) error
	id, isObjective := strings.CutPrefix(uri, objectiveURI)
	if isObjective {
		r = readObjective()
		get = func(id string) error {
			_, err := s.Store.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: id})
			return err
		}
	} else {
		var isKeyResult bool
		if id, isKeyResult = strings.CutPrefix(uri, keyResultURI); !isKeyResult {
			return false, nil
		}
		r = readKeyResult()
		get = func(id string) error {
			_, err := s.Store.GetKeyResult(ctx, &okrv1.GetKeyResultRequest{KeyResultId: id})
			return err
		}
	}
	if !r.permits(ctx) {
		return false, nil
	}
	known := [2]string{access.PrincipalFrom(ctx).GetOrganizationId(), uri}
	if s.seen.Contains(known) {
		return true, nil
	}
	err := get(id)
	switch {
	case err == nil:
		s.seen.Add(known, struct{}{})
		return true, nil
	case isAbsent(err), status.Code(err) == codes.PermissionDenied:
		return false, nil
	}
	return false, err
}

// touched are the resources that a change is about: the resource of an objective holds its key results.
func touched(c *okrv1.Change) (uris []string, listed bool) {
	snapshot := c.GetAfter()
	if snapshot == nil {
		snapshot = c.GetBefore()
	}
	if o := snapshot.GetObjective(); o != nil {
		uris = append(uris, objectiveURI+o.GetId())
		for _, k := range o.GetKeyResults() { // deleted with it
			uris = append(uris, keyResultURI+k.GetId())
		}
	}
	if k := snapshot.GetKeyResult(); k != nil {
		uris = append(uris, keyResultURI+k.GetId(), objectiveURI+k.GetObjectiveId())
	}
	switch c.GetKind() {
	case okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CREATED, okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_DELETED,
		okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_ARCHIVED, okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_RESTORED,
		okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CREATED, okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_DELETED:
		listed = true
	}
	return uris, listed
}
