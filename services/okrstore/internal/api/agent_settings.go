package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// maxAgentClients is how many clients may have a setting of their own. Every write of an agent reads them.
const maxAgentClients = 200

// GetAgentSettings implements okrv1.OkrServiceServer.
func (s *Server) GetAgentSettings(ctx context.Context, _ *okrv1.GetAgentSettingsRequest) (*okrv1.AgentSettings, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	var settings *okrv1.AgentSettings
	err = s.view(ctx, caller, func(r records) (err error) {
		settings, err = r.agentSettings()
		return err
	})
	return settings, err
}

// SetProposeOnly implements okrv1.OkrServiceServer.
func (s *Server) SetProposeOnly(ctx context.Context, req *okrv1.SetProposeOnlyRequest) (*okrv1.AgentSettings, error) {
	settings, err := changeAgentSettings(ctx, s, okrv1.OkrService_SetProposeOnly_FullMethodName, req,
		func(m *mutation, settings *okrv1.AgentSettings) error {
			if id := req.GetClientId(); id != "" {
				return m.setClient(settings, id, req.GetProposeOnly())
			}
			settings.ProposeOnly = req.GetProposeOnly()
			return nil
		})
	if err != nil {
		return nil, err
	}
	s.logger.LogAttrs(ctx, slog.LevelInfo, "an administrator said whether agents may only propose",
		slog.String("organization_id", access.PrincipalFrom(ctx).GetOrganizationId()), slog.String("member_id", settings.GetUpdater().GetMemberId()),
		slog.String("client_id", req.GetClientId()), slog.Bool("propose_only", req.GetProposeOnly()))
	return settings, nil
}

// SetTrustReports implements okrv1.OkrServiceServer.
func (s *Server) SetTrustReports(ctx context.Context, req *okrv1.SetTrustReportsRequest) (*okrv1.AgentSettings, error) {
	settings, err := changeAgentSettings(ctx, s, okrv1.OkrService_SetTrustReports_FullMethodName, req,
		func(_ *mutation, settings *okrv1.AgentSettings) error {
			settings.TrustReports = req.GetTrustReports()
			return nil
		})
	if err != nil {
		return nil, err
	}
	s.logger.LogAttrs(ctx, slog.LevelInfo, "an administrator said whether what agents report needs a confirmation",
		slog.String("organization_id", access.PrincipalFrom(ctx).GetOrganizationId()), slog.String("member_id", settings.GetUpdater().GetMemberId()),
		slog.Bool("trust_reports", req.GetTrustReports()))
	return settings, nil
}

// changeAgentSettings writes other settings. They are no objectives, so that the change log has no place for them; the
// operational log has it, by ids alone.
func changeAgentSettings(
	ctx context.Context, s *Server, method string, req mutationRequest, change func(*mutation, *okrv1.AgentSettings) error,
) (*okrv1.AgentSettings, error) {
	return mutate(ctx, s, method, req, func(m *mutation) (*okrv1.AgentSettings, error) {
		current, err := m.agentSettings()
		if err != nil {
			return nil, err
		}
		settings := proto.CloneOf(current)
		if err := change(m, settings); err != nil {
			return nil, err
		}
		if proto.Equal(settings, current) {
			return settings, nil
		}
		settings.UpdateTime, settings.Updater = m.time, m.author
		value, err := encode(settings)
		if err != nil {
			return nil, err
		}
		return settings, m.tx.Put([]byte(keyAgentSettings), value)
	})
}

// setClient adds a client to the settings, or takes it away. AGENT_LIMIT_REACHED.
func (m *mutation) setClient(settings *okrv1.AgentSettings, id string, proposeOnly bool) error {
	at, found := searchClient(settings, id)
	switch {
	case found == proposeOnly:
	case found:
		settings.Clients = slices.Delete(settings.GetClients(), at, at+1)
	case len(settings.GetClients()) >= maxAgentClients:
		return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_AGENT_LIMIT_REACHED,
			"at most %d clients have settings of their own: let every agent only propose, or take one away", maxAgentClients).
			With("limit", strconv.Itoa(maxAgentClients))
	default:
		settings.Clients = slices.Insert(settings.GetClients(), at, &okrv1.AgentClient{ClientId: id, CreateTime: m.time, Creator: m.author})
	}
	return nil
}

// onlyProposes reports whether an agent may only propose.
func onlyProposes(settings *okrv1.AgentSettings, clientID string) bool {
	_, found := searchClient(settings, clientID)
	return settings.GetProposeOnly() || found
}

func searchClient(settings *okrv1.AgentSettings, id string) (at int, found bool) {
	return slices.BinarySearchFunc(settings.GetClients(), id, func(c *okrv1.AgentClient, id string) int {
		return strings.Compare(c.GetClientId(), id)
	})
}

// agentSettings reads which agents may only propose; none, where nobody ever said so.
func (r records) agentSettings() (*okrv1.AgentSettings, error) {
	value, err := r.tx.Get([]byte(keyAgentSettings))
	if errors.Is(err, storage.ErrNotFound) {
		return &okrv1.AgentSettings{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the settings of agents: %w", err)
	}
	return decode(value, new(okrv1.AgentSettings))
}
