package tools

import (
	"context"
	"strings"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const (
	objectiveURI = "okrmanager://objectives/"
	keyResultURI = "okrmanager://key_result/"
	jsonType     = "application/json"

	// resourcesPerPage bounds a page of resources.
	resourcesPerPage = 50
	// completions is how many values of a completion a client gets, and scanned how many ids are looked through for them.
	completions, scanned = 100, 1000
	idsPerCall           = 200
)

// nameOf is the name that a member had when something was written down, or the id where there was none.
func nameOf(m *okrv1.Member) string {
	if m.GetDisplayName() != "" {
		return m.GetDisplayName()
	}
	return m.GetMemberId()
}

// objectiveResource writes what the resource of an objective holds.
func (w *writer) objectiveResource(o *okrv1.Objective, name func(string) string) {
	w.begin()
	w.text("id", o.GetId())
	w.objective(o, name)
	w.array("keyResults")
	for _, k := range o.GetKeyResults() {
		w.separate()
		w.keyResultResource(k, name)
	}
	*w = append(*w, ']')
	w.stamps(o, o.GetCreateTime().AsTime(), o.GetUpdateTime().AsTime())
	w.end()
}

// keyResultResource writes what the resource of a key result holds.
func (w *writer) keyResultResource(k *okrv1.KeyResult, name func(string) string) {
	w.begin()
	w.text("id", k.GetId())
	w.text("objectiveID", k.GetObjectiveId())
	w.text("text", k.GetTitle())
	w.keyResult(k, name)
	w.stamps(k, k.GetCreateTime().AsTime(), k.GetUpdateTime().AsTime())
	w.end()
}

type stamped interface {
	GetEtag() string
	GetCreator() *okrv1.Member
	GetUpdater() *okrv1.Member
}

// stamps writes who did what last.
func (w *writer) stamps(r stamped, created, updated time.Time) {
	w.text("etag", r.GetEtag())
	w.text("created", created.Format(time.RFC3339))
	w.text("creator", nameOf(r.GetCreator()))
	w.text("updated", updated.Format(time.RFC3339))
	w.text("updater", nameOf(r.GetUpdater()))
}

// Templates are the two families of resources, in the order in which their members are listed.
func (s *Set) Templates() []engine.Template {
	return []engine.Template{
		s.family(readObjective(), engine.Template{
			URITemplate: objectiveURI + "{id}",
			Name:        "Objectives",
			Title:       "Objectives",
			Description: "An objective with its key results. Needs the scope read:okrs or manage:objectives.",
		}, s.listOfObjectives, func(ctx context.Context, id string) (writer, error) {
			o, err := s.Store.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: id})
			if err != nil {
				return nil, err
			}
			var out writer
			out.objectiveResource(o, s.members.namer(ctx))
			return out, nil
		}),
		s.family(readKeyResult(), engine.Template{
			URITemplate: keyResultURI + "{id}",
			Name:        "Key Result",
			Title:       "Key results",
			Description: "A key result. Needs the scope read:okrs, manage:krs or report_kr_status.",
		}, s.listOfKeyResults, func(ctx context.Context, id string) (writer, error) {
			k, err := s.Store.GetKeyResult(ctx, &okrv1.GetKeyResultRequest{KeyResultId: id})
			if err != nil {
				return nil, err
			}
			var out writer
			out.keyResultResource(k, s.members.namer(ctx))
			return out, nil
		}),
	}
}

// entry is one resource of a family.
type entry struct{ id, text string }

// family completes a template: who is shown it, and how its members are listed, completed and read. The engine lists and
// completes what is shown alone, so that who may read one family gets a shorter list and no error.
func (s *Set) family(
	r rule, t engine.Template,
	list func(ctx context.Context, size int, token string) ([]entry, string, error),
	get func(ctx context.Context, id string) (writer, error),
) engine.Template {
	prefix := strings.TrimSuffix(t.URITemplate, "{id}")
	t.MIMEType = jsonType
	t.Visible = r.permits
	t.List = func(ctx context.Context, cursor string) ([]engine.Resource, string, error) {
		entries, next, err := list(ctx, resourcesPerPage, cursor)
		if err != nil {
			return nil, "", s.explainResource(ctx, err)
		}
		page := make([]engine.Resource, 0, len(entries))
		for _, e := range entries {
			page = append(page, engine.Resource{URI: prefix + e.id, Name: clean(e.text, maxListed), MIMEType: jsonType})
		}
		return page, next, nil
	}
	t.Complete = func(ctx context.Context, _, start string) ([]string, bool, error) {
		values, more, err := complete(ctx, list, start)
		if err != nil {
			return nil, false, s.explainResource(ctx, err)
		}
		return values, more, nil
	}
	t.Read = func(ctx context.Context, reading *engine.Reading) ([]engine.Contents, error) {
		if err := s.check(ctx, r); err != nil {
			return nil, s.explainResource(ctx, err)
		}
		resource, err := get(ctx, reading.Vars["id"])
		if err != nil {
			return nil, s.explainResource(ctx, err)
		}
		return []engine.Contents{{URI: reading.URI, MIMEType: jsonType, Text: string(resource)}}, nil
	}
	return t
}

// complete looks through the ids for those that begin with start. It gives up, and says that there may be more, where
// there are too many to look through.
func complete(
	ctx context.Context, list func(ctx context.Context, size int, token string) ([]entry, string, error), start string,
) (values []string, more bool, err error) {
	token := ""
	for seen := 0; seen < scanned; seen += idsPerCall {
		entries, next, err := list(ctx, idsPerCall, token)
		if err != nil {
			return nil, false, err
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.id, start) {
				continue
			}
			if len(values) == completions {
				return values, true, nil
			}
			values = append(values, e.id)
		}
		if token = next; token == "" {
			return values, false, nil
		}
	}
	return values, true, nil
}

func (s *Set) listOfObjectives(ctx context.Context, size int, token string) ([]entry, string, error) {
	answer, err := s.Store.ListObjectives(ctx, &okrv1.ListObjectivesRequest{PageSize: int32(size), PageToken: token})
	var entries []entry
	for _, o := range answer.GetObjectives() {
		entries = append(entries, entry{o.GetId(), o.GetTitle()})
	}
	return entries, answer.GetNextPageToken(), err
}

func (s *Set) listOfKeyResults(ctx context.Context, size int, token string) ([]entry, string, error) {
	answer, err := s.Store.ListKeyResults(ctx, &okrv1.ListKeyResultsRequest{PageSize: int32(size), PageToken: token})
	var entries []entry
	for _, k := range answer.GetKeyResults() {
		entries = append(entries, entry{k.GetId(), k.GetTitle()})
	}
	return entries, answer.GetNextPageToken(), err
}

// explainResource is explain for resources, whose failures are errors of JSON-RPC: there is no result to say them in.
func (s *Set) explainResource(ctx context.Context, err error) error {
	switch {
	case isAbsent(err):
		return engine.ErrNotFound
	case rpcerr.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_PAGE_TOKEN_INVALID:
		return &engine.Error{Code: engine.CodeInvalidParams, Message: "the cursor is not usable: begin again without one"}
	}
	result, _, explained := s.explain(ctx, err)
	if result == nil {
		return explained
	}
	return &engine.Error{
		Code: engine.CodeInvalidRequest, Message: result.Text,
		Data: map[string]string{"reason": rpcerr.InfoOf(err).GetReason()},
	}
}
