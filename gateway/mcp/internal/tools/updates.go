package tools

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/updates"
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
	var within map[string]string
	var err error
	if granted.URIs, within, err = s.readable(ctx, wish.URIs); err != nil {
		return engine.Subscription{}, nil, s.explainResource(ctx, err)
	}
	events, err := s.updates.Subscribe(ctx, granted, within)
	if err != nil {
		return engine.Subscription{}, nil, s.explainResource(ctx, err)
	}
	return granted, events, nil
}

// readable are those of some URIs whose resources are there and may be read by the caller, and the URIs of the resources
// that they are in.
func (s *Set) readable(ctx context.Context, uris []string) (readable []string, within map[string]string, err error) {
	found, outer := make([]bool, len(uris)), make([]string, len(uris))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookups)
	for i, uri := range uris {
		group.Go(func() error {
			var err error
			outer[i], found[i], err = s.isReadable(ctx, uri)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	within = make(map[string]string)
	for i, uri := range uris {
		if found[i] {
			readable, within[uri] = append(readable, uri), outer[i]
		}
	}
	return readable, within, nil
}

// isReadable looks for a resource, and says which it is in. That it was there once is enough: who hears of one that was
// deleted since hears nothing.
func (s *Set) isReadable(ctx context.Context, uri string) (within string, found bool, err error) {
	var r rule
	var get func(id string) (within string, err error)
	id, isObjective := strings.CutPrefix(uri, objectiveURI)
	if isObjective {
		r = readObjective()
		get = func(id string) (string, error) {
			_, err := s.Store.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: id})
			return "", err
		}
	} else {
		var isKeyResult bool
		if id, isKeyResult = strings.CutPrefix(uri, keyResultURI); !isKeyResult {
			return "", false, nil
		}
		r = readKeyResult()
		get = func(id string) (string, error) {
			k, err := s.Store.GetKeyResult(ctx, &okrv1.GetKeyResultRequest{KeyResultId: id})
			return objectiveURI + k.GetObjectiveId(), err
		}
	}
	if !r.permits(ctx) {
		return "", false, nil
	}
	known := [2]string{access.PrincipalFrom(ctx).GetOrganizationId(), uri}
	if within, found := s.seen.Get(known); found {
		return within, true, nil
	}
	within, err = get(id)
	switch {
	case err == nil:
		s.seen.Add(known, within)
		return within, true, nil
	case isAbsent(err), status.Code(err) == codes.PermissionDenied:
		return "", false, nil
	}
	return "", false, err
}

// touched are the resources that a change is about: the resource of an objective holds its key results, and what is expected
// of them by today follows from its period and its state.
func touched(c *okrv1.Change) (touch updates.Touch) {
	snapshot := c.GetAfter()
	if snapshot == nil {
		snapshot = c.GetBefore()
	}
	if o := snapshot.GetObjective(); o != nil {
		touch.URIs = append(touch.URIs, objectiveURI+o.GetId())
		for _, k := range o.GetKeyResults() { // deleted with it
			touch.URIs = append(touch.URIs, keyResultURI+k.GetId())
		}
		if before := c.GetBefore().GetObjective(); before.GetState() != o.GetState() || before.GetCycle() != o.GetCycle() ||
			before.GetStartDate() != o.GetStartDate() || before.GetDueDate() != o.GetDueDate() {
			touch.Within = objectiveURI + o.GetId()
		}
	}
	if k := snapshot.GetKeyResult(); k != nil {
		touch.URIs = append(touch.URIs, keyResultURI+k.GetId(), objectiveURI+k.GetObjectiveId())
	}
	switch c.GetKind() {
	case okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CREATED, okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_DELETED,
		okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_ARCHIVED, okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_RESTORED,
		okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CREATED, okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_DELETED:
		touch.Listed = true
	}
	return touch
}
