package mcp

import (
	"context"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const (
	knownObjective = "okr_0123456789abc"
	knownKeyResult = "kr_0123456789abc"
)

// fakeStore has one objective with one key result, unless it fails. It remembers the last request.
type fakeStore struct {
	okrv1.UnimplementedOkrServiceServer

	mu      sync.Mutex
	title   string // of both; "Grow" if empty
	failure error
	hold    func()
	asked   proto.Message
	// alter changes the objective before it is answered.
	alter func(*okrv1.Objective)
	// changes is the log, oldest first.
	changes []*okrv1.Change
	// plan is what is listed, where there is one, in the order of its ids; asking is called before each list.
	plan   []*okrv1.Objective
	asking func()
	// has says whether an organization has the objective or key result with an id; nil: it has every one.
	has func(organization, id string) bool
	// watched is what those who watch are sent; watchers counts them, and watches how many there have been.
	watched           []watchedChange
	grown             chan struct{}
	watchers, watches int
	watchFailure      error
	proposeOnly       bool
}

// watchedChange is an entry of an organization's log.
type watchedChange struct {
	organization string
	*okrv1.Change
}

// append adds changes to an organization's log and wakes those who watch.
func (f *fakeStore) append(organization string, changes ...*okrv1.Change) {
	f.change(func(f *fakeStore) {
		for _, c := range changes {
			f.watched = append(f.watched, watchedChange{organization, c})
		}
		f.wake()
	})
}

// failWatching makes all streams end with an error, and new ones too; nil lets them be.
func (f *fakeStore) failWatching(err error) {
	f.change(func(f *fakeStore) {
		f.watchFailure = err
		f.wake()
	})
}

// wake wakes those who watch. The caller holds mu.
func (f *fakeStore) wake() {
	if f.grown != nil {
		close(f.grown)
	}
	f.grown = make(chan struct{})
}

// WatchChanges sends what the caller may read, as the real one does. Cursors count the whole log.
func (f *fakeStore) WatchChanges(req *okrv1.WatchChangesRequest, stream grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error {
	p := access.PrincipalFrom(stream.Context())
	f.mu.Lock()
	f.watchers++
	f.watches++
	at := len(f.watched)
	f.mu.Unlock()
	defer f.change(func(f *fakeStore) { f.watchers-- })
	if c := req.GetAfterCursor(); c != "" {
		at, _ = strconv.Atoi(c)
	}
	for first := true; ; first = false {
		f.mu.Lock()
		if f.grown == nil {
			f.grown = make(chan struct{})
		}
		fresh, grown, failure := f.watched[at:], f.grown, f.watchFailure
		f.mu.Unlock()
		if failure != nil {
			return failure
		}
		if first {
			if err := stream.Send(&okrv1.WatchChangesResponse{Cursor: strconv.Itoa(at)}); err != nil {
				return err
			}
		}
		for _, c := range fresh {
			at++
			resource := access.ResourceObjective
			if c.GetAfter().GetKeyResult() != nil {
				resource = access.ResourceKeyResult
			}
			if c.organization != p.GetOrganizationId() || !access.Permits(p, resource, accessv1.Action_ACTION_READ) {
				continue
			}
			if err := stream.Send(&okrv1.WatchChangesResponse{Change: c.Change, Cursor: strconv.Itoa(at)}); err != nil {
				return err
			}
		}
		select {
		case <-stream.Context().Done():
			return context.Cause(stream.Context())
		case <-grown:
		}
	}
}

// find is state, or that there is no such thing in the caller's organization.
func (f *fakeStore) find(ctx context.Context, id string, request proto.Message) (*okrv1.Objective, error) {
	f.mu.Lock()
	has := f.has
	f.mu.Unlock()
	o, err := f.state(request)
	if err == nil && has != nil && !has(access.PrincipalFrom(ctx).GetOrganizationId(), id) {
		err = rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND, "no objective")
	}
	return o, err
}

func (f *fakeStore) change(alter func(*fakeStore)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	alter(f)
}

// last is the last request.
func (f *fakeStore) last() proto.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func (f *fakeStore) state(request proto.Message) (*okrv1.Objective, error) {
	f.mu.Lock()
	title, failure, hold, alter := f.title, f.failure, f.hold, f.alter
	f.asked = request
	f.mu.Unlock()
	if hold != nil {
		hold()
	}
	if title == "" {
		title = "Grow"
	}
	now := timestamppb.New(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	who := &okrv1.Member{MemberId: "member-1", DisplayName: "Ada"}
	o := &okrv1.Objective{
		Id: knownObjective, Title: title, Progress: proto.Int32(40), Etag: "etag-1", State: okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE,
		CreateTime: now, UpdateTime: now, Creator: who, Updater: who,
		KeyResults: []*okrv1.KeyResult{{
			Id: knownKeyResult, ObjectiveId: knownObjective, Title: title, Attainment: proto.Int32(40), Etag: "etag-2",
			Kind: okrv1.KeyResultKind_KEY_RESULT_KIND_METRIC, Format: okrv1.ValueFormat_VALUE_FORMAT_PERCENT,
			StartValue: "0", TargetValue: "100", CurrentValue: "40",
			CreateTime: now, UpdateTime: now, Creator: who, Updater: who,
		}},
	}
	if alter != nil {
		alter(o)
	}
	return o, failure
}

func (f *fakeStore) keyResult(request proto.Message) (*okrv1.KeyResult, error) {
	o, err := f.state(request)
	return o.GetKeyResults()[0], err
}

func (f *fakeStore) CreateObjective(_ context.Context, r *okrv1.CreateObjectiveRequest) (*okrv1.Objective, error) {
	return f.state(r)
}

func (f *fakeStore) GetObjective(ctx context.Context, r *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
	return f.find(ctx, r.GetObjectiveId(), r)
}

func (f *fakeStore) ListObjectives(_ context.Context, r *okrv1.ListObjectivesRequest) (*okrv1.ListObjectivesResponse, error) {
	o, err := f.state(r)
	if f.planned() {
		return f.listObjectives(r), err
	}
	return &okrv1.ListObjectivesResponse{Objectives: []*okrv1.Objective{o}, PageTokens: []string{"token-1"}}, err
}

func (f *fakeStore) UpdateObjective(_ context.Context, r *okrv1.UpdateObjectiveRequest) (*okrv1.Objective, error) {
	return f.state(r)
}

func (f *fakeStore) CloseObjective(_ context.Context, r *okrv1.CloseObjectiveRequest) (*okrv1.Objective, error) {
	return f.state(r)
}

func (f *fakeStore) ReopenObjective(_ context.Context, r *okrv1.ReopenObjectiveRequest) (*okrv1.Objective, error) {
	return f.state(r)
}

func (f *fakeStore) ArchiveObjective(_ context.Context, r *okrv1.ArchiveObjectiveRequest) (*okrv1.Objective, error) {
	return f.state(r)
}

func (f *fakeStore) RestoreObjective(_ context.Context, r *okrv1.RestoreObjectiveRequest) (*okrv1.Objective, error) {
	return f.state(r)
}

func (f *fakeStore) DeleteObjective(_ context.Context, r *okrv1.DeleteObjectiveRequest) (*emptypb.Empty, error) {
	_, err := f.state(r)
	return &emptypb.Empty{}, err
}

func (f *fakeStore) CreateKeyResult(_ context.Context, r *okrv1.CreateKeyResultRequest) (*okrv1.KeyResult, error) {
	return f.keyResult(r)
}

func (f *fakeStore) GetKeyResult(ctx context.Context, r *okrv1.GetKeyResultRequest) (*okrv1.KeyResult, error) {
	o, err := f.find(ctx, r.GetKeyResultId(), r)
	return o.GetKeyResults()[0], err
}

func (f *fakeStore) ListDueKeyResults(_ context.Context, r *okrv1.ListDueKeyResultsRequest) (*okrv1.ListDueKeyResultsResponse, error) {
	o, err := f.state(r)
	return &okrv1.ListDueKeyResultsResponse{KeyResults: []*okrv1.DueKeyResult{{
		KeyResult: o.GetKeyResults()[0], ObjectiveTitle: o.GetTitle(),
	}}, PageTokens: []string{"token-1"}}, err
}

func (f *fakeStore) UpdateKeyResult(_ context.Context, r *okrv1.UpdateKeyResultRequest) (*okrv1.KeyResult, error) {
	return f.keyResult(r)
}

func (f *fakeStore) SetKeyResultAttainment(_ context.Context, r *okrv1.SetKeyResultAttainmentRequest) (*okrv1.KeyResult, error) {
	return f.keyResult(r)
}

func (f *fakeStore) CreateCheckIn(_ context.Context, r *okrv1.CreateCheckInRequest) (*okrv1.CheckIn, error) {
	k, err := f.keyResult(r)
	return &okrv1.CheckIn{
		Id: "chk_0123456789abc", KeyResultId: k.GetId(), ObjectiveId: k.GetObjectiveId(),
		PreviousValue: "10", Value: "12.50", Attainment: proto.Int32(31), Confidence: r.GetCheckIn().GetConfidence(),
	}, err
}

func (f *fakeStore) DeleteKeyResult(_ context.Context, r *okrv1.DeleteKeyResultRequest) (*emptypb.Empty, error) {
	_, err := f.state(r)
	return &emptypb.Empty{}, err
}

// proposals is one proposal: to give the objective its title.
func (f *fakeStore) proposal(request proto.Message) (*okrv1.Proposal, error) {
	o, err := f.state(request)
	before := proto.CloneOf(o)
	before.Title, before.KeyResults = "Before", nil
	return &okrv1.Proposal{
		Id: "prp_0123456789abc", State: okrv1.ProposalState_PROPOSAL_STATE_REJECTED, Kind: okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_UPDATED,
		Before:      &okrv1.Snapshot{Resource: &okrv1.Snapshot_Objective{Objective: before}},
		After:       &okrv1.Snapshot{Resource: &okrv1.Snapshot_Objective{Objective: o}},
		ObjectiveId: o.GetId(), Proposer: o.GetCreator(), Via: &okrv1.Via{Surface: accessv1.Surface_SURFACE_MCP, ClientName: o.GetTitle()},
		CreateTime: o.GetCreateTime(), Decider: o.GetUpdater(), Reason: o.GetTitle(),
	}, err
}

func (f *fakeStore) ListProposals(_ context.Context, r *okrv1.ListProposalsRequest) (*okrv1.ListProposalsResponse, error) {
	p, err := f.proposal(r)
	return &okrv1.ListProposalsResponse{Proposals: []*okrv1.Proposal{p}}, err
}

func (f *fakeStore) GetProposal(_ context.Context, r *okrv1.GetProposalRequest) (*okrv1.Proposal, error) {
	return f.proposal(r)
}

func (f *fakeStore) GetAgentSettings(context.Context, *okrv1.GetAgentSettingsRequest) (*okrv1.AgentSettings, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &okrv1.AgentSettings{ProposeOnly: f.proposeOnly}, nil
}

// ListChanges answers the log from the position that the cursor names, at most as much as was asked for. Without a log of
// its own it has one change, a check-in.
func (f *fakeStore) ListChanges(_ context.Context, r *okrv1.ListChangesRequest) (*okrv1.ListChangesResponse, error) {
	k, err := f.keyResult(r)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	log := f.changes
	f.mu.Unlock()
	if log == nil {
		before := proto.CloneOf(k)
		before.CurrentValue, before.Attainment = "10", proto.Int32(10)
		log = []*okrv1.Change{{
			Seq: 1, Cursor: "cursor-1", CreateTime: k.GetCreateTime(), Actor: k.GetUpdater(),
			Kind:    okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CHECKED_IN,
			Via:     &okrv1.Via{Surface: accessv1.Surface_SURFACE_MCP, ClientId: "client-1", ClientName: k.GetTitle()},
			Before:  &okrv1.Snapshot{Resource: &okrv1.Snapshot_KeyResult{KeyResult: before}},
			After:   &okrv1.Snapshot{Resource: &okrv1.Snapshot_KeyResult{KeyResult: k}},
			CheckIn: &okrv1.CheckIn{Note: k.GetTitle()},
		}}
	}
	answer := &okrv1.ListChangesResponse{Cursor: log[len(log)-1].GetCursor()}
	for i, c := range log {
		if c.GetCursor() == r.GetAfterCursor() {
			log = log[i+1:]
			break
		}
	}
	if r.GetOrderBy() == "seq desc" {
		log = reversed(log)
	}
	if size := int(r.GetPageSize()); len(log) > size {
		log, answer.NextPageToken = log[:size], "more"
	}
	answer.Changes = log
	return answer, nil
}

func reversed(log []*okrv1.Change) []*okrv1.Change {
	var out []*okrv1.Change
	for i := range log {
		out = append(out, log[len(log)-1-i])
	}
	return out
}
