package grpcserver_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// service is an OkrService whose behaviour the test decides. It offers a read, a write and a stream.
type service struct {
	okrv1.UnimplementedOkrServiceServer
	get    func(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error)
	create func(context.Context, *okrv1.CreateObjectiveRequest) (*okrv1.Objective, error)
	watch  func(*okrv1.WatchChangesRequest, grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error
}

func (s *service) GetObjective(ctx context.Context, req *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
	return s.get(ctx, req)
}

func (s *service) CreateObjective(ctx context.Context, req *okrv1.CreateObjectiveRequest) (*okrv1.Objective, error) {
	return s.create(ctx, req)
}

func (s *service) WatchChanges(req *okrv1.WatchChangesRequest, stream grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error {
	return s.watch(req, stream)
}

// harness is a running server and a client of it.
type harness struct {
	okrv1.OkrServiceClient
	conn     *grpc.ClientConn
	log      *kittest.Log
	registry *prometheus.Registry
}

// personas are the bearers that the server knows.
func personas() kittest.Authenticator {
	return kittest.Authenticator{
		"ceo":       kittest.CEO("acme"),
		"employee":  kittest.Employee("acme"),
		"stranger":  kittest.CEO("globex"),
		"agent":     kittest.Agent(kittest.CEO("acme"), "read:okrs"),
		"ceo-agent": kittest.Agent(kittest.CEO("acme"), "manage:objectives", "manage:krs"),
	}
}

func serve(t *testing.T, s *service, edit ...func(*grpcserver.Config)) *harness {
	t.Helper()
	h := &harness{log: &kittest.Log{}, registry: telemetry.NewRegistry()}
	cfg := grpcserver.Config{
		Register:      func(r grpc.ServiceRegistrar) { okrv1.RegisterOkrServiceServer(r, s) },
		Authenticator: personas(),
		Grantors:      personas(),
		Logger:        telemetry.NewLogger(h.log, slog.LevelDebug, "test"),
		Registry:      h.registry,
	}
	for _, e := range edit {
		e(&cfg)
	}
	h.conn = kittest.Serve(t, cfg)
	h.OkrServiceClient = okrv1.NewOkrServiceClient(h.conn)
	return h
}

// records are the log's lines with this message.
func (h *harness) records(t *testing.T, message string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(h.log.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("the log line is not JSON: %s", line)
		}
		if record["msg"] == message {
			out = append(out, record)
		}
	}
	return out
}

// counted is the value of grpc_server_handled_total for a method and a code, -1 if there is none.
func (h *harness) counted(t *testing.T, method string, code codes.Code) float64 {
	t.Helper()
	return h.metric(t, "grpc_server_handled_total", map[string]string{"grpc_method": method, "grpc_code": code.String()})
}

// metric is the value of a counter, or how many values a histogram has, for the one series with these labels among its
// own; -1 if there is none.
func (h *harness) metric(t *testing.T, name string, labels map[string]string) float64 {
	t.Helper()
	families, err := h.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			has := 0
			for _, l := range metric.GetLabel() {
				if want, asked := labels[l.GetName()]; asked && want == l.GetValue() {
					has++
				}
			}
			switch {
			case has < len(labels):
			case metric.GetHistogram() != nil:
				return float64(metric.GetHistogram().GetSampleCount())
			default:
				return metric.GetCounter().GetValue()
			}
		}
	}
	return -1
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("never came true: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// answer is an error's code and reason: "PermissionDenied ROLE_MISSING".
func answer(err error) string {
	text := status.Code(err).String()
	if info := rpcerr.InfoOf(err); info != nil {
		text += " " + info.GetReason()
	}
	return text
}

// detail is the first detail of a type in an error's status, or the zero value.
func detail[D any](err error) D {
	for _, d := range status.Convert(err).Details() {
		if d, ok := d.(D); ok {
			return d
		}
	}
	var none D
	return none
}

// violations are the fields that an error complains of, each with the rule's id: "objective.title title.blank".
func violations(err error) []string {
	var out []string
	for _, v := range detail[*errdetails.BadRequest](err).GetFieldViolations() {
		out = append(out, v.GetField()+" "+v.GetReason())
	}
	return out
}
