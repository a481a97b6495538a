package main

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// hostile clears a screen in two ways, rings, writes over its line, turns the writing around and begins a row of its own.
const hostile = "Win\x1b[2J\u009b2J\x07\r\u202e\u2066\u200f\x7f\nokr_0 done\u2028\tmore"

// strange is a store that answers with hostile texts, whatever the contract says.
type strange struct {
	okrv1.UnimplementedOkrServiceServer
}

func (strange) objective() *okrv1.Objective {
	return &okrv1.Objective{Id: "okr_1", Title: hostile, Description: hostile, Etag: hostile}
}

func (s strange) ListObjectives(context.Context, *okrv1.ListObjectivesRequest) (*okrv1.ListObjectivesResponse, error) {
	return &okrv1.ListObjectivesResponse{Objectives: []*okrv1.Objective{s.objective()}}, nil
}

func (s strange) GetObjective(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
	return s.objective(), nil
}

func (strange) ListChanges(context.Context, *okrv1.ListChangesRequest) (*okrv1.ListChangesResponse, error) {
	return &okrv1.ListChangesResponse{Changes: []*okrv1.Change{{
		Seq: 1, Actor: &okrv1.Member{DisplayName: hostile}, Via: &okrv1.Via{ClientId: "c", ClientName: hostile},
	}}}, nil
}

func (strange) DeleteObjective(context.Context, *okrv1.DeleteObjectiveRequest) (*emptypb.Empty, error) {
	return nil, grpcstatus.Error(codes.NotFound, hostile)
}

func TestNothingThatOthersWroteReachesTheTerminalAsACommand(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	okrv1.RegisterOkrServiceServer(server, strange{})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	for _, test := range []struct {
		name, command string
		json          bool
	}{
		{"a table", "objectives list", false},
		{"a list as JSON", "objectives list -o json", true},
		{"details", "objectives get okr_1", false},
		{"a message as JSON", "objectives get okr_1 -o json", true},
		{"changes", "changes", false},
		{"changes as JSON", "changes -o json", true},
		{"an error", "objectives delete okr_1 --yes", false},
		{"an argument", "objectives delete \x1b[2J --yes", false},
		{"a command that there is not", "\x1b[2J", false},
		{"a flag that there is not", "objectives list --\x1b[2J", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out, failure strings.Builder
			run(t.Context(), strings.Split(test.command, " "), terminal{
				in: strings.NewReader(""), out: &out, err: &failure,
				getenv: func(name string) string {
					return map[string]string{"OKR_TOKEN": "token", "OKR_STORE_ADDR": listener.Addr().String()}[name]
				},
			})
			printed := out.String() + failure.String()
			for _, r := range printed {
				if r != '\n' && r != '\t' && obeyed(r) {
					t.Fatalf("%q is in %q", r, printed)
				}
			}
			if test.json {
				if !json.Valid([]byte(out.String())) || !strings.Contains(out.String(), `\u009b2J`) {
					t.Errorf("it is no JSON with the text as it is: %s", printed)
				}
			} else if strings.Contains(printed, "\nokr_0") || !strings.Contains(printed, "2J") {
				t.Errorf("it printed %q", printed)
			}
		})
	}
}

func TestACharacterThatComesInPiecesIsWhole(t *testing.T) {
	var out strings.Builder
	w := &plain{to: &out}
	for _, b := range []byte("aé\u202e\u009b\x1bö\xff…") {
		if n, err := w.Write([]byte{b}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if out.String() != "aéö\ufffd…" {
		t.Errorf("it wrote %q", &out)
	}
}
