package api

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// aimed calls one method at an objective and a key result.
type aimed func(f *fixture, ctx context.Context, objectiveID, keyResultID string) (proto.Message, error)

// methods has every method of the service.
func methods() map[string]aimed {
	return map[string]aimed{
		"CreateObjective": func(f *fixture, ctx context.Context, _, _ string) (proto.Message, error) {
			return f.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Mine"}, RequestId: "same"})
		},
		"GetObjective": func(f *fixture, ctx context.Context, o, _ string) (proto.Message, error) {
			return f.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: o})
		},
		"ListObjectives": func(f *fixture, ctx context.Context, o, _ string) (proto.Message, error) {
			for _, part := range []*okrv1.ListObjectivesRequest{{ParentId: o}, {OwnerId: "member-ceo-acme"}} {
				if answer, err := f.ListObjectives(ctx, part); err != nil || len(answer.GetObjectives()) > 0 {
					return answer, err
				}
			}
			return f.ListObjectives(ctx, &okrv1.ListObjectivesRequest{})
		},
		"GetChangeLogHead": func(f *fixture, ctx context.Context, _, _ string) (proto.Message, error) {
			return f.GetChangeLogHead(ctx, &okrv1.GetChangeLogHeadRequest{})
		},
		"ListProposals": func(f *fixture, ctx context.Context, _, _ string) (proto.Message, error) {
			return f.ListProposals(ctx, &okrv1.ListProposalsRequest{MemberId: "member-ceo-acme"})
		},
		"GetProposal": func(f *fixture, ctx context.Context, o, _ string) (proto.Message, error) {
			return f.GetProposal(ctx, &okrv1.GetProposalRequest{ProposalId: f.proposalAbout(o)})
		},
		"ApproveProposal": func(f *fixture, ctx context.Context, o, _ string) (proto.Message, error) {
			return f.ApproveProposal(ctx, &okrv1.ApproveProposalRequest{ProposalId: f.proposalAbout(o)})
		},
		"RejectProposal": func(f *fixture, ctx context.Context, o, _ string) (proto.Message, error) {
			return f.RejectProposal(ctx, &okrv1.RejectProposalRequest{ProposalId: f.proposalAbout(o)})
		},
		"WithdrawProposal": func(f *fixture, ctx context.Context, o, _ string) (proto.Message, error) {
			return f.WithdrawProposal(ctx, &okrv1.WithdrawProposalRequest{ProposalId: f.proposalAbout(o)})
		},
		"GetAgentSettings": func(f *fixture, ctx context.Context, _, _ string) (proto.Message, error) {
			return f.GetAgentSettings(ctx, &okrv1.GetAgentSettingsRequest{})
		},
		"SetProposeOnly": func(f *fixture, ctx context.Context, _, _ string) (proto.Message, error) {
			return f.SetProposeOnly(ctx, &okrv1.SetProposeOnlyRequest{ProposeOnly: true})
		},
		"UndoChange": func(f *fixture, ctx context.Context, _, _ string) (proto.Message, error) {
			return f.UndoChange(ctx, &okrv1.UndoChangeRequest{Seq: 1})
		},
		"UndoClientChanges": func(f *fixture, ctx context.Context, _, _ string) (proto.Message, error) {
			return f.UndoClientChanges(ctx, &okrv1.UndoClientChangesRequest{ClientId: "connected-app-test"})
		},
		"ListDueKeyResults": func(f *fixture, ctx context.Context, _, _ string) (proto.Message, error) {
			return f.ListDueKeyResults(ctx, &okrv1.ListDueKeyResultsRequest{OwnerId: "member-ceo-acme"})
		},
		"UpdateObjective": func(f *fixture, ctx context.Context, o, _ string) (proto.Message, error) {
			return f.UpdateObjective(ctx, &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o, Title: "Mine"}})
		},
		"CloseObjective": func(f *fixture, ctx context.Context, o, _ string) (proto.Message, error) {
			return f.CloseObjective(ctx, &okrv1.CloseObjectiveRequest{ObjectiveId: o, Score: "0.7"})
		},
		"ReopenObjective": func(f *fixture, ctx context.Context, o, _ string) (proto.Message, error) {
			return f.ReopenObjective(ctx, &okrv1.ReopenObjectiveRequest{ObjectiveId: o})
		},
		"ArchiveObjective": func(f *fixture, ctx context.Context, o, _ string) (proto.Message, error) {
			return f.ArchiveObjective(ctx, &okrv1.ArchiveObjectiveRequest{ObjectiveId: o})
		},
		"RestoreObjective": func(f *fixture, ctx context.Context, o, _ string) (proto.Message, error) {
			return f.RestoreObjective(ctx, &okrv1.RestoreObjectiveRequest{ObjectiveId: o})
		},
		"DeleteObjective": func(f *fixture, ctx context.Context, o, _ string) (proto.Message, error) {
			return f.DeleteObjective(ctx, &okrv1.DeleteObjectiveRequest{ObjectiveId: o})
		},
		"CreateKeyResult": func(f *fixture, ctx context.Context, o, _ string) (proto.Message, error) {
			return f.CreateKeyResult(ctx, &okrv1.CreateKeyResultRequest{ObjectiveId: o, KeyResult: &okrv1.KeyResult{Title: "Mine"}})
		},
		"GetKeyResult": func(f *fixture, ctx context.Context, _, k string) (proto.Message, error) {
			return f.GetKeyResult(ctx, &okrv1.GetKeyResultRequest{KeyResultId: k})
		},
		"ListKeyResults": func(f *fixture, ctx context.Context, o, _ string) (proto.Message, error) {
			if _, err := f.ListKeyResults(ctx, &okrv1.ListKeyResultsRequest{ObjectiveId: o}); err != nil {
				return nil, err
			}
			return f.ListKeyResults(ctx, &okrv1.ListKeyResultsRequest{})
		},
		"UpdateKeyResult": func(f *fixture, ctx context.Context, _, k string) (proto.Message, error) {
			return f.UpdateKeyResult(ctx, &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: k, Title: "Mine"}})
		},
		"SetKeyResultAttainment": func(f *fixture, ctx context.Context, _, k string) (proto.Message, error) {
			return f.SetKeyResultAttainment(ctx, &okrv1.SetKeyResultAttainmentRequest{KeyResultId: k, Attainment: new(int32(9))})
		},
		"CreateCheckIn": func(f *fixture, ctx context.Context, _, k string) (proto.Message, error) {
			return f.CreateCheckIn(ctx, &okrv1.CreateCheckInRequest{KeyResultId: k, CheckIn: &okrv1.CheckIn{Value: "9"}})
		},
		"ListCheckIns": func(f *fixture, ctx context.Context, _, k string) (proto.Message, error) {
			return f.ListCheckIns(ctx, &okrv1.ListCheckInsRequest{KeyResultId: k})
		},
		"ConfirmCheckIn": func(f *fixture, ctx context.Context, _, k string) (proto.Message, error) {
			return f.ConfirmCheckIn(ctx, &okrv1.ConfirmCheckInRequest{KeyResultId: k, CheckInId: "chk_0000000000000"})
		},
		"ListClientActivity": func(f *fixture, ctx context.Context, _, _ string) (proto.Message, error) {
			return f.ListClientActivity(ctx, &okrv1.ListClientActivityRequest{})
		},
		"SetTrustReports": func(f *fixture, ctx context.Context, _, _ string) (proto.Message, error) {
			return f.SetTrustReports(ctx, &okrv1.SetTrustReportsRequest{TrustReports: true})
		},
		"DeleteKeyResult": func(f *fixture, ctx context.Context, _, k string) (proto.Message, error) {
			return f.DeleteKeyResult(ctx, &okrv1.DeleteKeyResultRequest{KeyResultId: k})
		},
		"ListChanges": func(f *fixture, ctx context.Context, o, k string) (proto.Message, error) {
			for _, history := range []*okrv1.ListChangesRequest{{ObjectiveId: o}, {KeyResultId: k}, {ObjectiveId: o, KeyResultId: k}} {
				if answer, err := f.ListChanges(ctx, history); err != nil || len(answer.GetChanges()) > 0 {
					return answer, err
				}
			}
			return f.ListChanges(ctx, &okrv1.ListChangesRequest{})
		},
		"ExportObjectives": func(f *fixture, ctx context.Context, o, _ string) (proto.Message, error) {
			stream, err := f.ExportObjectives(ctx, &okrv1.ExportObjectivesRequest{Continuation: "1/1/" + o + "///o"})
			if err != nil {
				return nil, err
			}
			first, err := stream.Recv()
			return onlyText{first, string(first.GetData())}, err
		},
		"ImportObjectives": func(f *fixture, ctx context.Context, o, k string) (proto.Message, error) {
			stream, err := f.ImportObjectives(ctx)
			if err != nil {
				return nil, err
			}
			file := fileOf(f.t, asCSV, &okrv1.TransferObjective{
				Objective:  &okrv1.Objective{Id: o, Title: "Mine"},
				KeyResults: []*okrv1.TransferKeyResult{{KeyResult: &okrv1.KeyResult{Id: k, Title: "Mine"}}},
			})
			for _, m := range []*okrv1.ImportObjectivesRequest{
				{Part: &okrv1.ImportObjectivesRequest_Start{Start: &okrv1.ImportStart{Format: asCSV}}},
				{Part: &okrv1.ImportObjectivesRequest_Data{Data: []byte(file)}},
			} {
				if err := stream.Send(m); err != nil {
					return nil, err
				}
			}
			if err := stream.CloseSend(); err != nil {
				return nil, err
			}
			first, err := stream.Recv()
			return onlyText{first, first.String()}, err
		},
		"WatchChanges": func(f *fixture, ctx context.Context, _, _ string) (proto.Message, error) {
			stream, err := f.WatchChanges(ctx, &okrv1.WatchChangesRequest{})
			if err != nil {
				return nil, err
			}
			return stream.Recv()
		},
	}
}

// proposalAbout is the id of Acme's open proposal about an objective, or of none.
func (f *fixture) proposalAbout(objectiveID string) string {
	f.t.Helper()
	for _, p := range must(f.ListProposals(f.as(ceo), &okrv1.ListProposalsRequest{}))(f.t).GetProposals() {
		if p.GetObjectiveId() == objectiveID {
			return p.GetId()
		}
	}
	return unknownProposal
}

// onlyText is an answer that is to be searched by its text.
type onlyText struct {
	proto.Message
	text string
}

func (o onlyText) String() string { return strings.ReplaceAll(o.text, "continuation", "") }

// For every method: what it answers about another organization's ids is what it answers about ids that never were, no
// answer has a word of the other organization, and the other organization stays as it was.
func TestEveryMethodKeepsOrganizationsApart(t *testing.T) {
	all := methods()
	service := okrv1.File_okr_v1_okr_service_proto.Services().ByName("OkrService").Methods()
	for i := range service.Len() {
		if all[string(service.Get(i).Name())] == nil {
			t.Errorf("%s is not tested", service.Get(i).Name())
		}
	}
	for name, call := range all {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			o := must(f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{
				Objective: &okrv1.Objective{Title: "Secret of Acme", OwnerId: "member-ceo-acme"}, RequestId: "same",
			}))(t)
			must(f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{
				Objective: &okrv1.Objective{Title: "Secret of Acme", ParentId: o.GetId()},
			}))(t)
			k := f.createKeyResult(o.GetId(), "Secret of Acme")
			f.propose(ceo, &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()})
			before, log := f.getObjective(o.GetId()), len(f.changes(ceo))

			foreign, foreignErr := call(f, f.as(globexCEO), o.GetId(), k.GetId())
			_, unknownErr := call(f, f.as(globexCEO), unknownObjective, unknownKeyResult)
			if a, b := status.Convert(foreignErr), status.Convert(unknownErr); !proto.Equal(a.Proto(), b.Proto()) {
				t.Errorf("a foreign id gets %v, an unknown one %v", a, b)
			}
			if foreignErr == nil {
				if text := foreign.(interface{ String() string }).String(); strings.Contains(text, "Secret") || strings.Contains(text, o.GetId()) {
					t.Errorf("the answer is %s", text)
				}
			} else if status.Code(foreignErr) != codes.NotFound {
				t.Errorf("a foreign id gets %v", foreignErr)
			}
			wantEqual(t, f.getObjective(o.GetId()), before)
			if n := len(f.changes(ceo)); n != log {
				t.Errorf("the other organization's log grew by %d", n-log)
			}
		})
	}
}

func TestDamagedRecordsAreInternalErrorsThatTellTheCallerNothing(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	k := f.createKeyResult(o.GetId(), "By ten")
	document, index := objectiveKey(o.GetId()), keyResultKey(k.GetId())
	tests := map[string]struct{ key, value []byte }{
		"an objective in an unknown format":   {document, []byte{99}},
		"an objective that is cut short":      {document, []byte{formatMessage, 0x0a, 0x7f}},
		"an empty objective":                  {document, nil},
		"an index entry in an unknown format": {index, []byte{99}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var good []byte
			swap := func(value []byte) {
				t.Helper()
				err := f.engine.Update(t.Context(), acme, func(tx storage.Tx) error {
					stored, err := tx.Get(test.key)
					if err != nil {
						return err
					}
					good = bytes.Clone(stored)
					return tx.Put(test.key, value)
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			swap(test.value)
			_, err := f.GetKeyResult(f.as(ceo), &okrv1.GetKeyResultRequest{KeyResultId: k.GetId()})
			if status.Code(err) != codes.Internal || status.Convert(err).Message() != "internal error" {
				t.Errorf("got %v", err)
			}
			swap(good)
			must(f.GetKeyResult(f.as(ceo), &okrv1.GetKeyResultRequest{KeyResultId: k.GetId()}))(t)
		})
	}
}

func TestACallWithoutAnIdentityIsRefusedAlsoBehindTheInterceptors(t *testing.T) {
	f := newFixture(t)
	_, err := f.server.GetObjective(t.Context(), &okrv1.GetObjectiveRequest{ObjectiveId: unknownObjective})
	wantReason(t, err, codes.Unauthenticated, "TOKEN_MISSING")
	_, err = f.server.DeleteObjective(t.Context(), &okrv1.DeleteObjectiveRequest{ObjectiveId: unknownObjective})
	wantReason(t, err, codes.Unauthenticated, "TOKEN_MISSING")
}
