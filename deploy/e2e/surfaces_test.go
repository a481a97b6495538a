package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// surface is a door to the system. A test of all doors takes the operations that each has and makes the same requests
// through all of them.
type surface interface {
	// name is how callers' credentials, and the table of expected outcomes, call the surface.
	name() string
	// operations are all there are, by the contract.
	operations() []operation
	// call makes a request of an operation's RPC. Headers are those of HTTP, or keys of gRPC metadata. A stream is read
	// until its first message.
	call(ctx context.Context, op operation, headers http.Header, request proto.Message) (outcome, error)
}

// operation is one way to call one RPC.
type operation struct {
	// name is how callers of the surface know it.
	name string
	rpc  protoreflect.MethodDescriptor
	// route is set where the surface is REST, and mcp where it is MCP.
	route *route
	mcp   *mcpOperation
}

// rpcName is the RPC's name, such as "okr.v1.OkrService/GetObjective".
func (o operation) rpcName() string {
	return string(o.rpc.Parent().FullName()) + "/" + string(o.rpc.Name())
}

// demand is what the operation asks of its caller.
func (o operation) demand() demand {
	if o.mcp != nil && o.mcp.demand != nil {
		return *o.mcp.demand
	}
	return demands()[o.rpcName()]
}

// outcome is what came of a call.
type outcome struct {
	code codes.Code
	// http is the status of HTTP; 0 elsewhere.
	http   int
	reason string
	// help is what the error says would have helped: entries of ErrorInfo's metadata.
	help map[string]string
	// body is the whole answer as text; headers of HTTP included that do not differ from call to call.
	body string
}

func (o outcome) String() string {
	var parts []string
	if o.http != 0 {
		parts = append(parts, fmt.Sprint(o.http))
	}
	parts = append(parts, codeName(o.code))
	if o.reason != "" {
		parts = append(parts, o.reason)
	}
	for _, key := range []string{"roles", "scopes", "challenge", "shows"} {
		if value, ok := o.help[key]; ok {
			names := strings.Fields(value)
			slices.Sort(names)
			parts = append(parts, key+"="+strings.Join(names, ","))
		}
	}
	return strings.Join(parts, " ")
}

// codeName is a code as google.rpc.Code writes it, such as NOT_FOUND.
func codeName(c codes.Code) string {
	return strings.ToUpper(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(c.String(), "${1}_${2}"))
}

// contract lists the RPCs of all services that there are, by service in the order of their declaration.
func contract() []protoreflect.MethodDescriptor {
	var services []protoreflect.ServiceDescriptor
	for _, name := range []protoreflect.FullName{"okr.v1", "authz.v1"} {
		protoregistry.GlobalFiles.RangeFilesByPackage(name, func(file protoreflect.FileDescriptor) bool {
			for i := range file.Services().Len() {
				services = append(services, file.Services().Get(i))
			}
			return true
		})
	}
	slices.SortFunc(services, func(a, b protoreflect.ServiceDescriptor) int {
		return strings.Compare(string(a.FullName()), string(b.FullName()))
	})
	var rpcs []protoreflect.MethodDescriptor
	for _, service := range services {
		for i := range service.Methods().Len() {
			rpcs = append(rpcs, service.Methods().Get(i))
		}
	}
	return rpcs
}

// overGRPC is gRPC directly at the service that has the RPC.
type overGRPC struct{ *system }

func (overGRPC) name() string { return "grpc" }

func (overGRPC) operations() []operation {
	var ops []operation
	for _, rpc := range contract() {
		op := operation{rpc: rpc}
		op.name = op.rpcName()
		ops = append(ops, op)
	}
	return ops
}

func (s overGRPC) call(ctx context.Context, op operation, headers http.Header, request proto.Message) (outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	md := metadata.MD{}
	for key, values := range headers {
		md.Set(key, values...)
	}
	ctx = metadata.NewOutgoingContext(ctx, md)
	conn := s.authz
	if op.rpc.ParentFile().Package() == "okr.v1" {
		conn = s.store
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName(op.rpc.Output().FullName())
	if err != nil {
		return outcome{}, err
	}
	reply := kind.New().Interface()
	if op.rpc.IsStreamingServer() {
		err = first(ctx, conn, "/"+op.rpcName(), request, reply)
	} else {
		err = conn.Invoke(ctx, "/"+op.rpcName(), request, reply)
	}
	out := outcome{code: status.Code(err)}
	text, marshalErr := protojson.Marshal(reply)
	if err != nil {
		info := rpcerr.InfoOf(err)
		out.reason, out.help = info.GetReason(), info.GetMetadata()
		text, marshalErr = protojson.Marshal(status.Convert(err).Proto())
	}
	out.body = string(text)
	return out, marshalErr
}

// first reads the first message of a stream.
func first(ctx context.Context, conn *grpc.ClientConn, method string, request, reply proto.Message) error {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method)
	if err != nil {
		return err
	}
	if err := errors.Join(stream.SendMsg(request), stream.CloseSend()); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return stream.RecvMsg(reply)
}

// overREST is the REST edge, with all routes of all RPCs that have any.
type overREST struct{ *system }

func (overREST) name() string { return "rest" }

func (overREST) operations() []operation {
	var ops []operation
	for _, rpc := range contract() {
		for _, r := range routesOf(rpc) {
			ops = append(ops, operation{name: r.method + " " + r.template, rpc: rpc, route: r})
		}
	}
	return ops
}

// route is one HTTP rule of the contract (google.api.http).
type route struct{ method, template, body string }

// routesOf reads the HTTP rules of an RPC, the additional ones too.
func routesOf(rpc protoreflect.MethodDescriptor) []*route {
	var routes []*route
	rpc.Options().ProtoReflect().Range(func(option protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if option.FullName() != "google.api.http" {
			return true
		}
		rule := value.Message()
		routes = append(routes, newRoute(rule))
		more := rule.Get(rule.Descriptor().Fields().ByName("additional_bindings")).List()
		for i := range more.Len() {
			routes = append(routes, newRoute(more.Get(i).Message()))
		}
		return false
	})
	return routes
}

func newRoute(rule protoreflect.Message) *route {
	pattern := rule.WhichOneof(rule.Descriptor().Oneofs().ByName("pattern"))
	return &route{
		method:   strings.ToUpper(string(pattern.Name())),
		template: rule.Get(pattern).String(),
		body:     rule.Get(rule.Descriptor().Fields().ByName("body")).String(),
	}
}

var pathVariable = regexp.MustCompile(`\{([a-z_.]+)\}`)

// write makes the path with the query, and the body, of a request. Every field goes where the rule says: into the path,
// into the body, or else into the query.
func (r *route) write(message proto.Message) (target, body string, err error) {
	message = proto.Clone(message)
	m := message.ProtoReflect()
	target = pathVariable.ReplaceAllStringFunc(r.template, func(variable string) string {
		names := strings.Split(strings.Trim(variable, "{}"), ".")
		holder := m
		for _, name := range names[:len(names)-1] {
			holder = holder.Mutable(holder.Descriptor().Fields().ByName(protoreflect.Name(name))).Message()
		}
		field := holder.Descriptor().Fields().ByName(protoreflect.Name(names[len(names)-1]))
		value := holder.Get(field).String()
		holder.Clear(field)
		return url.PathEscape(value)
	})
	if r.body == "*" {
		text, err := protojson.Marshal(message)
		return target, string(text), err
	}
	if r.body != "" {
		field := m.Descriptor().Fields().ByName(protoreflect.Name(r.body))
		text, err := protojson.Marshal(m.Get(field).Message().Interface())
		if err != nil {
			return "", "", err
		}
		body = string(text)
		m.Clear(field)
	}
	query := url.Values{}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		query.Set(field.JSONName(), value.String())
		return true
	})
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	return target, body, nil
}

func (s overREST) call(ctx context.Context, op operation, headers http.Header, request proto.Message) (outcome, error) {
	target, body, err := op.route.write(request)
	if err != nil {
		return outcome{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, op.route.method, s.PublicURL+target, strings.NewReader(body))
	if err != nil {
		return outcome{}, err
	}
	req.Header = headers.Clone()
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return outcome{}, err
	}
	defer resp.Body.Close()
	out := outcome{http: resp.StatusCode}
	var text []byte
	if op.rpc.IsStreamingServer() && resp.StatusCode == http.StatusOK {
		return out, nil
	}
	if text, err = io.ReadAll(resp.Body); err != nil {
		return outcome{}, err
	}
	if resp.StatusCode/100 != 2 {
		if err := out.readFailure(text); err != nil {
			return outcome{}, fmt.Errorf("%s %s: %d: %w: %s", op.route.method, target, resp.StatusCode, err, text)
		}
	}
	out.body = steady(resp.Header) + string(text)
	return out, nil
}

// readFailure reads an error as the REST API writes it (AIP-193).
func (o *outcome) readFailure(text []byte) error {
	var failure struct {
		Error struct {
			Code    int
			Status  string
			Reason  string
			Details []struct {
				Reason   string
				Metadata map[string]string
			}
		}
	}
	if err := json.Unmarshal(text, &failure); err != nil {
		return err
	}
	if failure.Error.Code != o.http {
		return fmt.Errorf("the body speaks of %d", failure.Error.Code)
	}
	if err := o.code.UnmarshalJSON([]byte(`"` + failure.Error.Status + `"`)); err != nil {
		return err
	}
	o.reason = failure.Error.Reason
	for _, detail := range failure.Error.Details {
		if detail.Reason == o.reason {
			o.help = detail.Metadata
		}
	}
	return nil
}

// steady are the headers of an answer that say something of it and not of the moment.
func steady(header http.Header) string {
	header = header.Clone()
	for _, name := range []string{"Date", "X-Correlation-Id"} {
		header.Del(name)
	}
	var text strings.Builder
	_ = header.Write(&text) // a strings.Builder takes everything
	return text.String()
}
