package tools

import (
	"context"
	"encoding/json"
	"fmt"
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

// objectiveResource is what the resource of an objective holds.
type objectiveResource struct {
	ID            string              `json:"id"`
	ObjectiveText string              `json:"objectiveText"`
	Progress      *int32              `json:"progress,omitempty"`
	KeyResults    []keyResultResource `json:"keyResults"`
	stamps
}

// keyResultResource is what the resource of a key result holds.
type keyResultResource struct {
	ID          string `json:"id"`
	ObjectiveID string `json:"objectiveID"`
	Text        string `json:"text"`
	Attainment  int32  `json:"attainment"`
	stamps
}

// stamps say who did what last. Fields of an embedded structure stand among the others.
type stamps struct {
	Etag    string `json:"etag"`
	Created string `json:"created"`
	Creator string `json:"creator"`
	Updated string `json:"updated"`
	Updater string `json:"updater"`
}

type stamped interface {
	GetEtag() string
	GetCreator() *okrv1.Member
	GetUpdater() *okrv1.Member
}

func stampsOf(r stamped, created, updated time.Time) stamps {
	name := func(m *okrv1.Member) string {
		if m.GetDisplayName() != "" {
			return m.GetDisplayName()
		}
		return m.GetMemberId()
	}
	return stamps{
		Etag:    r.GetEtag(),
		Created: created.Format(time.RFC3339), Creator: name(r.GetCreator()),
		Updated: updated.Format(time.RFC3339), Updater: name(r.GetUpdater()),
	}
}

func describeObjective(o *okrv1.Objective) objectiveResource {
	d := objectiveResource{
		ID: o.GetId(), ObjectiveText: o.GetTitle(), Progress: o.Progress, KeyResults: []keyResultResource{},
		stamps: stampsOf(o, o.GetCreateTime().AsTime(), o.GetUpdateTime().AsTime()),
	}
	for _, k := range o.GetKeyResults() {
		d.KeyResults = append(d.KeyResults, describeKeyResult(k))
	}
	return d
}

func describeKeyResult(k *okrv1.KeyResult) keyResultResource {
	return keyResultResource{
		ID: k.GetId(), ObjectiveID: k.GetObjectiveId(), Text: k.GetTitle(), Attainment: k.GetAttainment(),
		stamps: stampsOf(k, k.GetCreateTime().AsTime(), k.GetUpdateTime().AsTime()),
	}
}

// Templates are the two families of resources, in the order in which their members are listed.
func (s *Set) Templates() []engine.Template {
	return []engine.Template{
		s.family(readObjective(), engine.Template{
			URITemplate: objectiveURI + "{id}",
			Name:        "Objectives",
			Title:       "Objectives",
			Description: "An objective with its key results. Needs the scope read:okrs or manage:objectives.",
		}, s.pageOfObjectives, func(ctx context.Context, id string) (any, error) {
			o, err := s.Store.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: id})
			if err != nil {
				return nil, err
			}
			return describeObjective(o), nil
		}),
		s.family(readKeyResult(), engine.Template{
			URITemplate: keyResultURI + "{id}",
			Name:        "Key Result",
			Title:       "Key results",
			Description: "A key result. Needs the scope read:okrs, manage:krs or report_kr_status.",
		}, s.pageOfKeyResults, func(ctx context.Context, id string) (any, error) {
			k, err := s.Store.GetKeyResult(ctx, &okrv1.GetKeyResultRequest{KeyResultId: id})
			if err != nil {
				return nil, err
			}
			return describeKeyResult(k), nil
		}),
	}
}

// entry is one resource of a family.
type entry struct{ id, text string }

// family completes a template: who is shown it, and how its members are listed, completed and read.
func (s *Set) family(
	r rule, t engine.Template,
	list func(ctx context.Context, size int, token string) ([]entry, string, error),
	get func(ctx context.Context, id string) (any, error),
) engine.Template {
	prefix := strings.TrimSuffix(t.URITemplate, "{id}")
	t.MIMEType = jsonType
	t.Visible = r.permits
	t.List = func(ctx context.Context, cursor string) ([]engine.Resource, string, error) {
		if !r.permits(ctx) { // then the list is shorter, and not an error: the other family may be permitted
			return nil, "", nil
		}
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
		if !r.permits(ctx) {
			return nil, false, nil
		}
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
		text, err := json.Marshal(resource)
		if err != nil {
			return nil, fmt.Errorf("encoding a resource: %w", err)
		}
		return []engine.Contents{{URI: reading.URI, MIMEType: jsonType, Text: string(text)}}, nil
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

func (s *Set) pageOfObjectives(ctx context.Context, size int, token string) ([]entry, string, error) {
	answer, err := s.Store.ListObjectives(ctx, &okrv1.ListObjectivesRequest{PageSize: int32(size), PageToken: token})
	var entries []entry
	for _, o := range answer.GetObjectives() {
		entries = append(entries, entry{o.GetId(), o.GetTitle()})
	}
	return entries, answer.GetNextPageToken(), err
}

func (s *Set) pageOfKeyResults(ctx context.Context, size int, token string) ([]entry, string, error) {
	answer, err := s.Store.ListKeyResults(ctx, &okrv1.ListKeyResultsRequest{PageSize: int32(size), PageToken: token})
	var entries []entry
	for _, k := range answer.GetKeyResults() {
		entries = append(entries, entry{k.GetId(), k.GetTitle()})
	}
	return entries, answer.GetNextPageToken(), err
}

// explainResource is explain for resources, whose failures are errors of JSON-RPC: there is no result to say them in.
func (s *Set) explainResource(ctx context.Context, err error) error {
	switch rpcerr.ReasonOf(err) {
	case accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND, accessv1.ErrorReason_ERROR_REASON_KEY_RESULT_NOT_FOUND,
		accessv1.ErrorReason_ERROR_REASON_FIELD_INVALID: // an id that can be nobody's
		return engine.ErrNotFound
	case accessv1.ErrorReason_ERROR_REASON_PAGE_TOKEN_INVALID:
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
