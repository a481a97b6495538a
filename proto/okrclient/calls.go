package okrclient

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// requestIDField makes a mutation safe to send again (AIP-155).
const requestIDField = "request_id"

// longFailures is after how many failures in a row, about two seconds, a wait is long.
const longFailures = 6

// calls is what all calls of a client go through.
type calls struct {
	bearer  bearer
	timeout time.Duration
	retry   *retrier
	methods map[string]method
	mode    accessv1.WriteMode
	logger  *slog.Logger
}

// method is what the contract says about a method.
type method struct {
	// repeatable says that it changes nothing, or nothing more when it is repeated.
	repeatable bool
}

// contractMethods reads the contract, so that a new method is called right from its first day. A method is a read if it
// is a GET over REST; any other that can be repeated says so (idempotency_level).
func contractMethods() map[string]method {
	methods := map[string]method{}
	services := okrv1.File_okr_v1_okr_service_proto.Services()
	for i := range services.Len() {
		service := services.Get(i)
		for j := range service.Methods().Len() {
			m := service.Methods().Get(j)
			rule, _ := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
			options, _ := m.Options().(*descriptorpb.MethodOptions)
			methods["/"+string(service.FullName())+"/"+string(m.Name())] = method{
				repeatable: rule.GetGet() != "" || options.GetIdempotencyLevel() == descriptorpb.MethodOptions_IDEMPOTENT,
			}
		}
	}
	return methods
}

// unary gives a call a deadline, a request id and a token, and sends it again where that is safe.
func (c *calls) unary(ctx context.Context, name string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	req, hasID := withRequestID(c.withMode(req))
	repeatable := hasID || c.methods[name].repeatable
	for a := (attempts{sent: 1}); ; a.sent++ {
		err := c.authorized(ctx, func(ctx context.Context) error { return invoke(ctx, name, req, reply, cc, opts...) })
		if err == nil {
			c.retry.succeeded()
			return nil
		}
		if !repeatable || !c.retry.again(ctx, &a, err) {
			return err
		}
		c.logger.LogAttrs(ctx, levelAfter(a.sent), "sent again", slog.String("method", name), slog.Int("attempts", a.sent), slog.Any("error", err))
	}
}

// levelAfter is that of a log line about something that is tried once more. Once, when it takes long, it is a warning: whoever
// waits wants to know.
func levelAfter(failures int) slog.Level {
	if failures == longFailures {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// authorized makes a call with a token, and once more with another one if that has expired, which the server says before it
// does anything.
func (c *calls) authorized(ctx context.Context, call func(context.Context) error) error {
	for renewed := false; ; renewed = true {
		bearing, token, err := c.bearer.attach(ctx)
		if err != nil {
			return err
		}
		err = typed(call(bearing))
		if renewed || ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED {
			return err
		}
		c.bearer.expired(token)
	}
}

// withMode answers the request with the client's mode, if it can have one and says none itself. The caller's own message
// stays as it is.
func (c *calls) withMode(req any) any {
	message, ok := req.(proto.Message)
	if !ok || c.mode == accessv1.WriteMode_WRITE_MODE_UNSPECIFIED {
		return req
	}
	field := message.ProtoReflect().Descriptor().Fields().ByName("mode")
	if field == nil || field.Enum() == nil || field.Enum().FullName() != c.mode.Descriptor().FullName() || message.ProtoReflect().Has(field) {
		return req
	}
	moded := proto.Clone(message)
	moded.ProtoReflect().Set(field, protoreflect.ValueOfEnum(c.mode.Number()))
	return moded
}

// withRequestID answers the request with an id, and whether it can have one. The caller's own message stays as it is.
func withRequestID(req any) (any, bool) {
	message, ok := req.(proto.Message)
	if !ok {
		return req, false
	}
	field := message.ProtoReflect().Descriptor().Fields().ByName(requestIDField)
	if field == nil || field.Kind() != protoreflect.StringKind {
		return req, false
	}
	if message.ProtoReflect().Get(field).String() != "" {
		return req, true
	}
	identified := proto.Clone(message)
	identified.ProtoReflect().Set(field, protoreflect.ValueOfString(rand.Text()))
	return identified, true
}

// stream gives a stream a token and its errors their type.
func (c *calls) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, name string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, token, err := c.bearer.attach(ctx)
	if err != nil {
		return nil, err
	}
	opened, err := open(ctx, desc, cc, name, opts...)
	if err != nil {
		return nil, typed(err)
	}
	return &stream{ClientStream: opened, bearer: &c.bearer, token: token}, nil
}

// stream is an open stream that began with a token.
type stream struct {
	grpc.ClientStream

	bearer *bearer
	token  string
}

// RecvMsg implements grpc.ClientStream.
func (s *stream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err == nil {
		return nil
	}
	err = typed(err)
	if ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED {
		s.bearer.expired(s.token)
	}
	return err
}
