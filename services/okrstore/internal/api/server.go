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
	"google.golang.org/grpc/status"
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

// Config is what a Server needs. All fields are required.
type Config struct {
	// Engine holds the data.
	Engine storage.Engine
	// Logger gets what an INTERNAL answer keeps from the caller and its own text does not tell, such as stacks.
	Logger *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// Heartbeat is the time between two heartbeats of a watch.
	Heartbeat time.Duration
}

// Server implements okrv1.OkrServiceServer. It is safe for concurrent use.
type Server struct {
	okrv1.UnimplementedOkrServiceServer

	engine      storage.Engine
	validator   protovalidate.Validator
	logger      *slog.Logger
	now         func() time.Time
	heartbeat   time.Duration
	permissions map[string]*accessv1.Permission
	newID       func(prefix string, now time.Time) string
	epoch       string
	// epochPrint stands for the epoch in cursors and page tokens.
	epochPrint [sha256.Size]byte
	documents  documents
}

// New makes a server. It fails when the contract has a method without a usable access rule, or constraints that do not
// compile.
func New(cfg Config) (*Server, error) {
	permissions, err := methodPermissions()
	if err != nil {
		return nil, err
	}
	validator, err := protovalidate.New(protovalidate.WithMessages(&okrv1.Objective{}, &okrv1.KeyResult{}))
	if err != nil {
		return nil, fmt.Errorf("compiling validation rules: %w", err)
	}
	epoch := cfg.Engine.Epoch()
	return &Server{
		engine:      cfg.Engine,
		validator:   validator,
		logger:      cfg.Logger,
		now:         cfg.Now,
		heartbeat:   cfg.Heartbeat,
		permissions: permissions,
		newID:       new(okr.IDs).Next,
		epoch:       epoch,
		epochPrint:  sha256.Sum256([]byte(epoch)),
	}, nil
}

// methodPermissions collects by full method name the permission that each method's access rule asks for, to be written
// into changes. A rule that accepts several permissions stands at methods that change nothing and has no entry.
func methodPermissions() (map[string]*accessv1.Permission, error) {
	permissions := map[string]*accessv1.Permission{}
	service := okrv1.File_okr_v1_okr_service_proto.Services().ByName("OkrService")
	for i := range service.Methods().Len() {
		method := service.Methods().Get(i)
		rule, err := access.RuleOf(method)
		if err != nil {
			return nil, fmt.Errorf("access rule of %s: %w", method.FullName(), err)
		}
		if rule.GetResource() != "" {
			permissions[fullName(method)] = &accessv1.Permission{Resource: rule.GetResource(), Action: rule.GetAction()}
		}
	}
	return permissions, nil
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

// view runs fn on a snapshot of the caller's organization.
func (s *Server) view(ctx context.Context, caller access.Caller, fn func(records) error) error {
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
	case errors.Is(err, storage.ErrClosed), errors.Is(err, storage.ErrBroken):
		return stopping()
	}
	return err
}

// stopping is the answer of a store that is going down: the same call may succeed elsewhere or a little later.
func stopping() error {
	return status.Error(codes.Unavailable, "okr-store is stopping, try again")
}

// validate checks a resource as a whole, after an update was merged into it; path is where it stands in the request.
func (s *Server) validate(resource proto.Message, path string) error {
	return grpcserver.Validate(s.validator, resource, path)
}

// invalidField turns an [okr.FieldError] into FIELD_INVALID. Other errors pass.
func invalidField(err error) error {
	var field *okr.FieldError
	if !errors.As(err, &field) {
		return err
	}
	return rpcerr.FieldInvalid().Field(field.Field, field.Description, field.Rule)
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
