// Package api is the gRPC service okr.v1.OkrService on top of a storage engine.
//
// Every method works in the organization of its caller, which it takes from the identity in the context and never from
// the request. The interceptors in front have checked the method's access rule and the request's constraints; what a
// method embeds in its answer it filters itself, by okr.Readable. The resource that a mutation is about is part of its
// answer also for a caller who may write it and not read it (AIP-133, AIP-134).
//
// A mutation reads, decides, writes and appends to the change log in one transaction of the engine, see mutate. The
// functions given to a transaction may run more than once, so they have no effect other than on the transaction and on
// variables that each run sets anew.
package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// Config is what a Server needs.
type Config struct {
	// Engine holds the data.
	Engine storage.Engine
	// Logger gets what an INTERNAL answer keeps from the caller and its own text does not tell, such as stacks.
	Logger *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// Heartbeat is the time between two heartbeats of a watch.
	Heartbeat time.Duration
	// MaxObjectives is how many objectives an organization may have; 0 for any number.
	MaxObjectives int
	// ProposalLifetime is for how long a proposal can be approved.
	ProposalLifetime time.Duration
	// CacheBytes is about how much memory decoded objectives may take; 0 for DefaultCacheBytes.
	CacheBytes int
	// Grantors says what would help those who may not undo a change or decide on a proposal.
	Grantors access.Grantors
}

// Server implements okrv1.OkrServiceServer. It is safe for concurrent use.
type Server struct {
	okrv1.UnimplementedOkrServiceServer

	engine    storage.Engine
	logger    *slog.Logger
	now       func() time.Time
	heartbeat time.Duration
	// maxObjectives is 0 for any number.
	maxObjectives    int
	proposalLifetime time.Duration
	// pageScan is maxPageScan, but for tests.
	pageScan    int
	grantors    access.Grantors
	permissions map[string]*accessv1.Permission
	proposable  map[string]bool // by full method name
	newID       func(prefix string, now time.Time) string
	epoch       string
	// epochPrint stands for the epoch in cursors and page tokens.
	epochPrint [sha256.Size]byte
	documents  documents
	users      users
}

// New makes a server. It fails when the contract has a method without a usable access rule.
func New(cfg Config) (*Server, error) {
	permissions, proposable, err := methodPermissions()
	if err != nil {
		return nil, err
	}
	epoch := cfg.Engine.Epoch()
	return &Server{
		engine:           living{cfg.Engine},
		logger:           cfg.Logger,
		now:              cfg.Now,
		heartbeat:        cfg.Heartbeat,
		maxObjectives:    cfg.MaxObjectives,
		proposalLifetime: cfg.ProposalLifetime,
		pageScan:         maxPageScan,
		documents:        documents{limit: cfg.CacheBytes / bytesOfMemory},
		grantors:         cfg.Grantors,
		permissions:      permissions,
		proposable:       proposable,
		newID:            new(okr.IDs).Next,
		epoch:            epoch,
		epochPrint:       sha256.Sum256([]byte(epoch)),
	}, nil
}

// methodPermissions collects by full method name the permission that each method's access rule asks for, to be written
// into changes, and which methods can be proposed. A rule that accepts several permissions stands at methods that change
// nothing themselves and has no entry.
func methodPermissions() (permissions map[string]*accessv1.Permission, proposable map[string]bool, err error) {
	permissions, proposable = map[string]*accessv1.Permission{}, map[string]bool{}
	service := okrv1.File_okr_v1_okr_service_proto.Services().ByName("OkrService")
	for i := range service.Methods().Len() {
		method := service.Methods().Get(i)
		rule, err := access.RuleOf(method)
		if err != nil {
			return nil, nil, fmt.Errorf("access rule of %s: %w", method.FullName(), err)
		}
		if rule.GetResource() != "" {
			permissions[fullName(method)] = &accessv1.Permission{Resource: rule.GetResource(), Action: rule.GetAction()}
			proposable[fullName(method)] = rule.GetPropose() != accessv1.Action_ACTION_UNSPECIFIED
		}
	}
	return permissions, proposable, nil
}

// fullName is a method's name in the form of gRPC: "/okr.v1.OkrService/GetObjective".
func fullName(method protoreflect.MethodDescriptor) string {
	return "/" + string(method.Parent().FullName()) + "/" + string(method.Name())
}

// readable says what a caller may read.
func readable(caller access.Caller) okr.Readable {
	read := accessv1.Action_ACTION_READ
	return okr.Readable{
		Objectives: access.Permits(caller.Principal, access.ResourceObjective, read),
		KeyResults: access.Permits(caller.Principal, access.ResourceKeyResult, read),
	}
}

// view runs fn on a snapshot of the caller's organization. It notes that the caller's client is in use.
func (s *Server) view(ctx context.Context, caller access.Caller, fn func(records) error) error {
	s.use(ctx, caller)
	return s.failed(ctx, s.engine.View(ctx, caller.GetOrganizationId(), func(tx storage.Tx) error {
		return fn(records{tx, &s.documents})
	}))
}

// failed turns what the engine answered into an error for the caller. Errors of the transaction's function pass.
func (s *Server) failed(ctx context.Context, err error) error {
	var panicked *storage.PanicError
	switch {
	case errors.As(err, &panicked):
		s.logger.ErrorContext(ctx, "panic in a transaction",
			slog.Any("panic", panicked.Value), slog.String("stack", string(panicked.Stack)))
	case errors.Is(err, storage.ErrTooLarge):
		return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_TRANSACTION_TOO_LARGE,
			"the change is too large for one transaction").Wrap(err)
	case errors.Is(err, storage.ErrFull):
		return rpcerr.New(codes.Unavailable, accessv1.ErrorReason_ERROR_REASON_STORAGE_FULL,
			"okr-store has no room to write: nothing was changed, and what is there can be read; try again when there is room").Wrap(err)
	case errors.Is(err, storage.ErrClosed), errors.Is(err, storage.ErrBroken):
		return stopping()
	case errors.Is(err, storage.ErrUnavailable):
		s.logger.WarnContext(ctx, "the data is out of reach", slog.String("error", err.Error()))
		return rpcerr.Unavailable("okr-store does not reach its data, try again").Wrap(err)
	}
	return err
}

// stopping is the answer of a store that is going down: the same call may succeed elsewhere or a little later.
func stopping() error {
	return rpcerr.Unavailable("okr-store is stopping, try again")
}

// validate checks a resource as a whole, after an update was merged into it; path is where it stands in the request.
func (s *Server) validate(resource proto.Message, path string) error {
	return grpcserver.Validate(protovalidate.GlobalValidator, resource, path)
}

// invalidField turns an [okr.FieldError] into FIELD_INVALID. Other errors pass.
func invalidField(err error) error {
	var field *okr.FieldError
	if !errors.As(err, &field) {
		return err
	}
	return rpcerr.FieldInvalid().Field(field.Field, field.Description, field.Rule)
}

// invalidFieldIn is invalidField for a message that stands in the request under a path.
func invalidFieldIn(path string, err error) error {
	var field *okr.FieldError
	if !errors.As(err, &field) {
		return err
	}
	return rpcerr.FieldInvalid().Field(path+"."+field.Field, field.Description, field.Rule)
}

// inState turns an [okr.StateError] into OBJECTIVE_STATE_CONFLICT. Other errors pass.
func inState(err error) error {
	var state *okr.StateError
	if !errors.As(err, &state) {
		return err
	}
	return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_STATE_CONFLICT, "%s", state).
		With("state", okr.StateName(state.State))
}

// today is the day for which what is derived is answered.
func (s *Server) today() okr.Day { return okr.DayOf(s.now()) }

// memberID resolves "me" in a field that names a member.
func memberID(caller access.Caller, id string) string {
	if id == "me" {
		return caller.GetMemberId()
	}
	return id
}

// checkEtag compares the etag that a caller gave, if it gave one, with the current one.
func checkEtag(given, current string) error {
	if given == "" || given == current {
		return nil
	}
	return rpcerr.New(codes.Aborted, accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH,
		"it has changed since the etag was given out: read it again").With("etag", current)
}

func objectiveNotFound() error {
	return rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND, "no such objective")
}

func keyResultNotFound() error {
	return rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_KEY_RESULT_NOT_FOUND, "no such key result")
}
