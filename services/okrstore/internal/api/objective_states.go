package api

import (
	"context"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

// CloseObjective implements okrv1.OkrServiceServer.
func (s *Server) CloseObjective(ctx context.Context, req *okrv1.CloseObjectiveRequest) (*okrv1.Objective, error) {
	return s.mutateObjective(ctx, okrv1.OkrService_CloseObjective_FullMethodName, req, s.closeObjective(req))
}

func (s *Server) closeObjective(req *okrv1.CloseObjectiveRequest) write[*okrv1.Objective] {
	target := objectiveTarget{req.GetObjectiveId(), req.GetEtag(), okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CLOSED}
	return changeObjective(target, func(m *mutation, current *okrv1.Objective) (*okrv1.Objective, error) {
		return okr.Close(current, req.GetScore(), req.GetClosingNote(), m.time)
	})
}

// ReopenObjective implements okrv1.OkrServiceServer.
func (s *Server) ReopenObjective(ctx context.Context, req *okrv1.ReopenObjectiveRequest) (*okrv1.Objective, error) {
	return s.mutateObjective(ctx, okrv1.OkrService_ReopenObjective_FullMethodName, req, s.reopenObjective(req))
}

func (s *Server) reopenObjective(req *okrv1.ReopenObjectiveRequest) write[*okrv1.Objective] {
	target := objectiveTarget{req.GetObjectiveId(), req.GetEtag(), okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_REOPENED}
	return changeObjective(target, func(_ *mutation, current *okrv1.Objective) (*okrv1.Objective, error) {
		return okr.Reopen(current)
	})
}

// ArchiveObjective implements okrv1.OkrServiceServer.
func (s *Server) ArchiveObjective(ctx context.Context, req *okrv1.ArchiveObjectiveRequest) (*okrv1.Objective, error) {
	return s.mutateObjective(ctx, okrv1.OkrService_ArchiveObjective_FullMethodName, req, s.archiveObjective(req))
}

func (s *Server) archiveObjective(req *okrv1.ArchiveObjectiveRequest) write[*okrv1.Objective] {
	target := objectiveTarget{req.GetObjectiveId(), req.GetEtag(), okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_ARCHIVED}
	return changeObjective(target, func(m *mutation, current *okrv1.Objective) (*okrv1.Objective, error) {
		return okr.Archive(current, m.time), nil
	})
}

// RestoreObjective implements okrv1.OkrServiceServer.
func (s *Server) RestoreObjective(ctx context.Context, req *okrv1.RestoreObjectiveRequest) (*okrv1.Objective, error) {
	return s.mutateObjective(ctx, okrv1.OkrService_RestoreObjective_FullMethodName, req, s.restoreObjective(req))
}

func (s *Server) restoreObjective(req *okrv1.RestoreObjectiveRequest) write[*okrv1.Objective] {
	target := objectiveTarget{req.GetObjectiveId(), req.GetEtag(), okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_RESTORED}
	return changeObjective(target, func(_ *mutation, current *okrv1.Objective) (*okrv1.Objective, error) {
		return okr.Restore(current), nil
	})
}
