package api

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/memengine"
)

// world is what an organization holds in which several members and agents work, said as simply as it can be: things with a
// version that every change of theirs raises, what was changed, and what was proposed. It never sees an etag or a key.
type world struct {
	objectives map[string]thing
	keyResults map[string]thing
	log        []event // of seq 1 on
	proposals  map[string]*proposal
	only       map[string]bool // clients that only propose; "" for every agent
	worker     string          // the role of the worker
	clock      time.Duration   // since the beginning
	versions   int
	gone       []string
}

type thing struct {
	objective string // of a key result
	title     string
	value     int // of a key result
	version   int
}

// deed is a write without the one who does it.
type deed struct {
	name  string // of the method
	id    string // of what it is about, or under which it puts something
	title string
	value int
}

// event is an entry of the log.
type event struct {
	objective, keyResult  string
	before, after         *thing
	lost                  map[string]thing // the key results that went or came with the objective
	undoes                int64
	member, client        string
	proposer, proposedVia string
}

type proposal struct {
	deed
	member, client string
	base           string // what it was made on
	state          okrv1.ProposalState
	expire         time.Duration
}

// permission is what a deed takes.
func (d deed) permission() (resource string, action accessv1.Action) {
	switch d.name {
	case "CreateObjective":
		return access.ResourceObjective, accessv1.Action_ACTION_CREATE
	case "UpdateObjective":
		return access.ResourceObjective, accessv1.Action_ACTION_UPDATE
	case "DeleteObjective":
		return access.ResourceObjective, accessv1.Action_ACTION_DELETE
	case "CreateKeyResult":
		return access.ResourceKeyResult, accessv1.Action_ACTION_CREATE
	case "DeleteKeyResult":
		return access.ResourceKeyResult, accessv1.Action_ACTION_DELETE
	}
	return access.ResourceKeyResult, accessv1.Action_ACTION_UPDATE
}

func (d deed) request(mode accessv1.WriteMode) proto.Message {
	switch d.name {
	case "CreateObjective":
		return &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: d.title}, Mode: mode}
	case "UpdateObjective":
		return &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: d.id, Title: d.title}, Mode: mode}
	case "DeleteObjective":
		return &okrv1.DeleteObjectiveRequest{ObjectiveId: d.id, Mode: mode}
	case "CreateKeyResult":
		return &okrv1.CreateKeyResultRequest{ObjectiveId: d.id, KeyResult: &okrv1.KeyResult{Title: d.title}, Mode: mode}
	case "UpdateKeyResult":
		return &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: d.id, Title: d.title}, Mode: mode}
	case "DeleteKeyResult":
		return &okrv1.DeleteKeyResultRequest{KeyResultId: d.id, Mode: mode}
	}
	return &okrv1.SetKeyResultAttainmentRequest{KeyResultId: d.id, Attainment: new(int32(d.value)), Mode: mode}
}

// missing is the reason not to do a deed to what there is; "-" where it would change nothing.
func (w *world) missing(d deed) string {
	o, isObjective := w.objectives[d.id]
	k, isKeyResult := w.keyResults[d.id]
	switch d.name {
	case "CreateObjective":
		return ""
	case "UpdateObjective", "DeleteObjective", "CreateKeyResult":
		if !isObjective {
			return "OBJECTIVE_NOT_FOUND"
		}
	default:
		if !isKeyResult {
			return "KEY_RESULT_NOT_FOUND"
		}
	}
	if d.name == "UpdateObjective" && o.title == d.title || d.name == "UpdateKeyResult" && k.title == d.title ||
		d.name == "SetKeyResultAttainment" && k.value == d.value {
		return "-"
	}
	return ""
}

// base is what a deed is done on, in a word.
func (w *world) base(d deed) string {
	switch d.name {
	case "CreateObjective":
		return ""
	case "DeleteObjective":
		text := fmt.Sprint(w.objectives[d.id].version)
		for _, id := range w.under(d.id) {
			text += fmt.Sprint(" ", id, w.keyResults[id].version)
		}
		return text
	case "UpdateObjective", "CreateKeyResult":
		return fmt.Sprint(w.objectives[d.id].version)
	}
	return fmt.Sprint(w.keyResults[d.id].version)
}

func (w *world) under(objective string) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(w.keyResults)) {
		if w.keyResults[id].objective == objective {
			ids = append(ids, id)
		}
	}
	return ids
}

func (w *world) next() int {
	w.versions++
	return w.versions
}

// do does a deed; id is that of what it creates.
func (w *world) do(d deed, id string) event {
	var e event
	switch d.name {
	case "CreateObjective":
		e = event{objective: id, after: &thing{title: d.title}}
	case "UpdateObjective":
		before := w.objectives[d.id]
		e = event{objective: d.id, before: &before, after: &thing{title: d.title}}
	case "DeleteObjective":
		before := w.objectives[d.id]
		e = event{objective: d.id, before: &before, lost: map[string]thing{}}
		for _, k := range w.under(d.id) {
			e.lost[k] = w.keyResults[k]
		}
	case "CreateKeyResult":
		e = event{objective: d.id, keyResult: id, after: &thing{objective: d.id, title: d.title}}
	default:
		before := w.keyResults[d.id]
		after := before
		e = event{objective: before.objective, keyResult: d.id, before: &before, after: &after}
		switch d.name {
		case "UpdateKeyResult":
			after.title = d.title
		case "DeleteKeyResult":
			e.after = nil
		default:
			after.value = d.value
		}
	}
	w.put(e)
	return e
}

// put makes what an event says.
func (w *world) put(e event) {
	place, id := w.objectives, e.objective
	if e.keyResult != "" {
		place, id = w.keyResults, e.keyResult
	}
	if e.after != nil {
		e.after.version = w.next()
		place[id] = *e.after
	} else {
		delete(place, id)
		w.gone = append(w.gone, id)
	}
	if e.keyResult != "" || e.lost == nil {
		return
	}
	for _, k := range slices.Sorted(maps.Keys(e.lost)) {
		if e.after == nil {
			delete(w.keyResults, k)
			w.gone = append(w.gone, k)
		} else {
			w.keyResults[k] = e.lost[k]
		}
	}
}

// undoing is the reason not to undo an event, or "-" when it is undone already.
func (w *world) undoing(seq int64) string {
	c := w.log[seq-1]
	creates := c.keyResult == "" && c.before == nil
	undone := map[int64]bool{}
	reason := ""
	for s := int64(len(w.log)); s > seq; s-- {
		e := w.log[s-1]
		switch {
		case e.objective != c.objective, e.keyResult != "" && e.keyResult != c.keyResult && !creates, undone[s]:
		case e.undoes == seq:
			return "-"
		case e.undoes > seq:
			undone[e.undoes] = true
		case c.keyResult != "" && e.keyResult == "" && e.after != nil:
		default:
			reason = "UNDO_CONFLICT"
		}
	}
	return reason
}

// inverse is the event that undoes one.
func (w *world) inverse(seq int64) event {
	c := w.log[seq-1]
	e := event{objective: c.objective, keyResult: c.keyResult, before: c.after, lost: c.lost, undoes: seq}
	if c.before != nil {
		after := *c.before
		e.after = &after
	} else if c.keyResult == "" && e.lost == nil { // one that was brought back goes with what came along
		e.lost = map[string]thing{}
	}
	return e
}

// present is what became of a proposal by now.
func (w *world) present(p *proposal) okrv1.ProposalState {
	switch {
	case p.state != isOpen:
		return p.state
	case w.clock >= p.expire:
		return expired
	case w.missing(p.deed) == "OBJECTIVE_NOT_FOUND", w.missing(p.deed) == "KEY_RESULT_NOT_FOUND", w.base(p.deed) != p.base:
		return superseded
	}
	return isOpen
}

// crowd runs random operations of several people and agents on the service and on the world.
type crowd struct {
	server *Server
	clock  *clock
	ctx    context.Context
	rules  map[string]*accessv1.Rule
	world
}

// people are those who work: members in person, and agents of theirs. The worker's role changes.
func (c *crowd) people() map[string]*authzv1.Principal {
	chief, worker := kittest.CEO(acme), kittest.Member(acme, "worker", c.worker)
	agent := func(of *authzv1.Principal, client string, scopes ...string) *authzv1.Principal {
		p := kittest.Agent(of, scopes...)
		p.ClientId = client
		return p
	}
	return map[string]*authzv1.Principal{
		"chief": chief, "manager": kittest.Manager(acme), "worker": worker,
		"chief's agent":                  agent(chief, "client-1", "manage:objectives", "manage:krs"),
		"worker's agent":                 agent(worker, "client-2", "manage:objectives", "manage:krs"),
		"chief's reporter":               agent(chief, "client-3", "read:okrs", "report_kr_status"),
		"worker through the first":       agent(worker, "client-1", "manage:objectives", "manage:krs"),
		"worker's agent for key results": agent(worker, "client-2", "read:okrs", "manage:krs"),
	}
}

func (c *crowd) someone(t *rapid.T) *authzv1.Principal {
	people := c.people()
	return people[rapid.SampledFrom(slices.Sorted(maps.Keys(people))).Draw(t, "who")]
}

// call calls a method as a server with the production rules would.
func (c *crowd) call(p *authzv1.Principal, name string, req proto.Message) (proto.Message, error) {
	for _, m := range okrv1.OkrService_ServiceDesc.Methods {
		if m.MethodName != name {
			continue
		}
		answer, err := m.Handler(c.server, directly(c.ctx, p), func(in any) error {
			proto.Merge(in.(proto.Message), req)
			return nil
		}, func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if err := access.CheckRequest(ctx, c.rules[info.FullMethod], req, p, callers()); err != nil {
				return nil, err
			}
			return next(ctx, req)
		})
		if err != nil {
			return nil, err
		}
		return answer.(proto.Message), nil
	}
	panic("no method " + name)
}

// denied is the reason why somebody may not do what takes a permission.
func denied(p *authzv1.Principal, resource string, action accessv1.Action) string {
	switch {
	case access.Permits(p, resource, action):
		return ""
	case slices.ContainsFunc(p.GetRolePermissions(), func(has *accessv1.Permission) bool {
		return has.GetResource() == resource && has.GetAction() == action
	}):
		return "SCOPE_MISSING"
	}
	return "ROLE_MISSING"
}

func (c *crowd) limited(p *authzv1.Principal) bool {
	return p.GetClientId() != "" && (c.only[""] || c.only[p.GetClientId()])
}

func want(t *rapid.T, what string, err error, reason string) {
	got := ""
	if err != nil {
		got = rpcerr.ReasonName(rpcerr.ReasonOf(err))
	}
	if got != reason {
		t.Fatalf("%s: got %q (%v), want %q", what, got, err, reason)
	}
}

// Write is any write by anybody in any mode.
func (c *crowd) Write(t *rapid.T) {
	p := c.someone(t)
	mode := rapid.SampledFrom([]accessv1.WriteMode{0, 0, 1, validating, proposing, proposing}).Draw(t, "mode")
	d := deed{
		name: rapid.SampledFrom([]string{
			"CreateObjective", "UpdateObjective", "DeleteObjective", "CreateKeyResult", "UpdateKeyResult", "SetKeyResultAttainment", "DeleteKeyResult",
		}).Draw(t, "what"),
		title: title().Draw(t, "title"), value: rapid.IntRange(0, 4).Draw(t, "value"),
	}
	from := slices.Sorted(maps.Keys(c.objectives))
	if resource, action := d.permission(); resource == access.ResourceKeyResult && action != accessv1.Action_ACTION_CREATE {
		from = slices.Sorted(maps.Keys(c.keyResults))
	}
	d.id = rapid.SampledFrom(append(append(from, unknownObjective), c.gone...)).Draw(t, "id")

	resource, action := d.permission()
	reason := denied(p, resource, action)
	if mode == proposing {
		reason = ""
		if p.GetKind() == authzv1.PrincipalKind_PRINCIPAL_KIND_AGENT && !hasPermission(p.GetScopePermissions(), resource, action) {
			reason = "SCOPE_MISSING"
		}
	}
	if reason == "" {
		reason = c.missing(d)
	}
	parks := reason == "" && (mode == proposing || mode != validating && c.limited(p))
	if parks {
		if reason = "PROPOSE_ONLY"; mode == proposing {
			reason = "PROPOSED"
		}
	}
	nothing := reason == "-"
	if nothing {
		reason = ""
	}
	answer, err := c.call(p, d.name, d.request(mode))
	want(t, d.name, err, reason)
	switch {
	case parks:
		id := rpcerr.InfoOf(err).GetMetadata()["proposal_id"]
		c.proposals[id] = &proposal{
			deed: d, member: p.GetMemberId(), client: p.GetClientId(), base: c.base(d), state: isOpen, expire: c.world.clock + 14*24*time.Hour,
		}
	case reason == "" && !nothing && mode != validating:
		e := c.do(d, idOf(answer))
		e.member, e.client = p.GetMemberId(), p.GetClientId()
		c.log = append(c.log, e)
	}
}

func hasPermission(all []*accessv1.Permission, resource string, action accessv1.Action) bool {
	return slices.ContainsFunc(all, func(p *accessv1.Permission) bool { return p.GetResource() == resource && p.GetAction() == action })
}

func idOf(m proto.Message) string {
	if with, ok := m.(interface{ GetId() string }); ok {
		return with.GetId()
	}
	return ""
}

// Decide approves, rejects or withdraws any proposal, as anybody.
func (c *crowd) Decide(t *rapid.T) {
	ids := slices.Sorted(maps.Keys(c.proposals))
	if len(ids) == 0 {
		t.Skip("there is nothing to decide on")
	}
	p, id := c.someone(t), rapid.SampledFrom(ids).Draw(t, "proposal")
	pending := c.proposals[id]
	state := c.present(pending)
	closed := map[okrv1.ProposalState]string{
		isOpen: "", superseded: "PROPOSAL_SUPERSEDED", approved: "PROPOSAL_NOT_OPEN", rejected: "PROPOSAL_NOT_OPEN",
		expired: "PROPOSAL_NOT_OPEN", withdrawn: "PROPOSAL_NOT_OPEN",
	}[state]
	how := rapid.SampledFrom([]string{"approve", "approve", "approve", "reject", "withdraw"}).Draw(t, "how")
	if how == "withdraw" {
		reason := closed
		if p.GetMemberId() != pending.member || p.GetClientId() != "" && p.GetClientId() != pending.client {
			reason = "PROPOSAL_NOT_FOUND"
		}
		_, err := c.call(p, "WithdrawProposal", &okrv1.WithdrawProposalRequest{ProposalId: id})
		if want(t, how, err, reason); reason == "" {
			pending.state = withdrawn
		}
		return
	}
	resource, action := pending.permission()
	reason := denied(p, resource, action)
	if reason == "" {
		if reason = closed; state == superseded && p.GetKind() == authzv1.PrincipalKind_PRINCIPAL_KIND_MEMBER {
			pending.state = superseded
		}
	}
	if p.GetKind() == authzv1.PrincipalKind_PRINCIPAL_KIND_AGENT {
		reason = "SESSION_REQUIRED"
	}
	if how == "reject" {
		_, err := c.call(p, "RejectProposal", &okrv1.RejectProposalRequest{ProposalId: id})
		if want(t, how, err, reason); reason == "" {
			pending.state = rejected
		}
		return
	}
	answer, err := c.call(p, "ApproveProposal", &okrv1.ApproveProposalRequest{ProposalId: id})
	if want(t, how, err, reason); reason != "" {
		return
	}
	done := answer.(*okrv1.Proposal)
	created := done.GetObjectiveId()
	if resource == access.ResourceKeyResult {
		created = done.GetKeyResultId()
	}
	e := c.do(pending.deed, created)
	e.member, e.proposer, e.proposedVia = p.GetMemberId(), pending.member, pending.client
	c.log = append(c.log, e)
	pending.state = approved
	if done.GetChangeSeq() != int64(len(c.log)) {
		t.Fatalf("approved as change %d, want %d", done.GetChangeSeq(), len(c.log))
	}
}

// Undo undoes any change, as anybody.
func (c *crowd) Undo(t *rapid.T) {
	if len(c.log) == 0 {
		t.Skip("there is nothing to undo")
	}
	p, seq := c.someone(t), int64(len(c.log))
	if rapid.Bool().Draw(t, "an earlier one") {
		seq = int64(rapid.IntRange(1, len(c.log)).Draw(t, "seq"))
	}
	e := c.log[seq-1]
	resource := access.ResourceObjective
	if e.keyResult != "" {
		resource = access.ResourceKeyResult
	}
	var reason string
	switch {
	case e.before == nil:
		reason = denied(p, resource, accessv1.Action_ACTION_DELETE)
	case e.after == nil:
		if reason = denied(p, resource, accessv1.Action_ACTION_CREATE); reason == "" && e.keyResult == "" && len(e.lost) > 0 {
			reason = denied(p, access.ResourceKeyResult, accessv1.Action_ACTION_CREATE)
		}
	default:
		reason = denied(p, resource, accessv1.Action_ACTION_UPDATE)
	}
	if c.limited(p) {
		reason = "PROPOSE_ONLY"
	}
	state := ""
	if reason == "" {
		if state = c.undoing(seq); state != "-" {
			reason = state
		}
	}
	if reason == "" && state == "" && e.keyResult != "" {
		if _, there := c.objectives[e.objective]; !there {
			t.Skip("what held it is gone")
		}
	}
	_, err := c.call(p, "UndoChange", &okrv1.UndoChangeRequest{Seq: seq})
	want(t, "undo", err, reason)
	if reason == "" && state == "" {
		inverse := c.inverse(seq)
		inverse.member, inverse.client = p.GetMemberId(), p.GetClientId()
		c.put(inverse)
		c.log = append(c.log, inverse)
	}
}

// ChangeRole gives the worker another role.
func (c *crowd) ChangeRole(t *rapid.T) {
	c.worker = rapid.SampledFrom([]string{"stytch_member", "manager", "stytch_admin"}).Draw(t, "role")
}

// Limit says who may only propose, or no longer.
func (c *crowd) Limit(t *rapid.T) {
	p := c.someone(t)
	req := &okrv1.SetProposeOnlyRequest{
		ClientId:    rapid.SampledFrom([]string{"", "client-1", "client-2"}).Draw(t, "client"),
		ProposeOnly: rapid.Bool().Draw(t, "only"),
	}
	reason := ""
	switch {
	case p.GetKind() == authzv1.PrincipalKind_PRINCIPAL_KIND_AGENT:
		reason = "SESSION_REQUIRED"
	case !slices.Contains(p.GetRoles(), "stytch_admin"):
		reason = "ROLE_MISSING"
	}
	_, err := c.call(p, "SetProposeOnly", req)
	if want(t, "limit", err, reason); reason == "" {
		c.only[req.GetClientId()] = req.GetProposeOnly()
	}
}

// Wait lets time go by.
func (c *crowd) Wait(t *rapid.T) {
	d := time.Duration(rapid.IntRange(1, 100).Draw(t, "hours")) * time.Hour
	c.clock.advance(d)
	c.world.clock += d
}

// Check compares all that the service shows with the world.
func (c *crowd) Check(t *rapid.T) {
	chief := c.people()["chief"]
	list, err := c.call(chief, "ListObjectives", &okrv1.ListObjectivesRequest{PageSize: 200})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]thing{}
	for _, o := range list.(*okrv1.ListObjectivesResponse).GetObjectives() {
		got[o.GetId()] = thing{title: o.GetTitle()}
		for _, k := range o.GetKeyResults() {
			got[k.GetId()] = thing{objective: o.GetId(), title: k.GetTitle(), value: int(k.GetAttainment())}
		}
	}
	held := map[string]thing{}
	for _, all := range []map[string]thing{c.objectives, c.keyResults} {
		for id, one := range all {
			one.version = 0
			held[id] = one
		}
	}
	if !maps.Equal(got, held) {
		t.Fatalf("the service has %v, the world %v", got, held)
	}
	states := map[string]okrv1.ProposalState{}
	eachPage(t, func(token string) string {
		page, err := c.call(chief, "ListProposals", &okrv1.ListProposalsRequest{PageSize: 7, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.(*okrv1.ListProposalsResponse).GetProposals() {
			states[p.GetId()] = p.GetState()
		}
		return page.(*okrv1.ListProposalsResponse).GetNextPageToken()
	})
	for id, p := range c.proposals {
		if states[id] != c.present(p) && (states[id] != 0 || c.world.clock < p.expire+proposalRetention) {
			t.Fatalf("the proposal %s is %v, want %v", id, states[id], c.present(p))
		}
	}
	c.checkLog(t, chief)
}

// checkLog compares who did what.
func (c *crowd) checkLog(t *rapid.T, chief *authzv1.Principal) {
	seq := 0
	eachPage(t, func(token string) string {
		page, err := c.call(chief, "ListChanges", &okrv1.ListChangesRequest{PageSize: 200, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range page.(*okrv1.ListChangesResponse).GetChanges() {
			seq++
			if seq > len(c.log) {
				t.Fatalf("there is a change too many: %v", change)
			}
			e := c.log[seq-1]
			objectiveID, keyResultID := subject(change)
			if change.GetActor().GetMemberId() != e.member || change.GetVia().GetClientId() != e.client ||
				change.GetProposal().GetProposer().GetMemberId() != e.proposer || change.GetProposal().GetVia().GetClientId() != e.proposedVia ||
				objectiveID != e.objective || keyResultID != e.keyResult || change.GetUndoes() != e.undoes {
				t.Fatalf("change %d is %v, want %+v", seq, change, e)
			}
		}
		return page.(*okrv1.ListChangesResponse).GetNextPageToken()
	})
	if seq != len(c.log) {
		t.Fatalf("%d changes, want %d", seq, len(c.log))
	}
}

func newCrowd(t *testing.T, engine storage.Engine) *crowd {
	t.Helper()
	rules := map[string]*accessv1.Rule{}
	service := okrv1.File_okr_v1_okr_service_proto.Services().ByName("OkrService").Methods()
	for i := range service.Len() {
		rules[fullName(service.Get(i))] = must(access.RuleOf(service.Get(i)))(t)
	}
	server, clock := newServer(t, engine, time.Minute)
	return &crowd{server: server, clock: clock, ctx: t.Context(), rules: rules, world: world{
		objectives: map[string]thing{}, keyResults: map[string]thing{}, proposals: map[string]*proposal{}, only: map[string]bool{}, worker: "stytch_member",
	}}
}

func TestMembersAndAgentsWorkTogetherAsInTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		engine := memengine.New()
		rt.Repeat(rapid.StateMachineActions(newCrowd(t, engine)))
		checkIndexes(t, engine, acme)
		checkChain(t, engine, acme)
	})
}

// maxRunsOnDisk bounds how many runs wait for a disk after each write.
const maxRunsOnDisk = 20

func TestMembersAndAgentsWorkTogetherAsInTheModelOnDisk(t *testing.T) {
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		if runs++; runs > maxRunsOnDisk {
			return
		}
		engine := must(boltengine.Open(t.Context(), boltengine.Config{
			Path: filepath.Join(t.TempDir(), "okr.db"), Upgrades: Upgrades(),
		}))(t)
		defer func() {
			if err := engine.Close(); err != nil {
				t.Error(err)
			}
		}()
		rt.Repeat(rapid.StateMachineActions(newCrowd(t, engine)))
		checkIndexes(t, engine, acme)
		checkChain(t, engine, acme)
	})
}
