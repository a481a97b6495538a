package okrclient

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

func TestAnExportGoesOnWhereItWasBroken(t *testing.T) {
	s := &scripted{}
	s.export = func(req *okrv1.ExportObjectivesRequest, stream grpc.ServerStreamingServer[okrv1.ExportObjectivesResponse]) error {
		from, _ := strconv.Atoi(req.GetContinuation())
		for n := from; n < 7; n++ {
			if n == from+2 {
				return refusal(t, codes.Unavailable, "")
			}
			err := stream.Send(&okrv1.ExportObjectivesResponse{
				Data: []byte(strconv.Itoa(n) + "\n"), Continuation: strconv.Itoa(n + 1), ObjectiveCount: int32(n + 1),
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	c, _ := client(t, s, nil)
	var file bytes.Buffer
	n, err := c.Export(t.Context(), okrv1.TransferFormat_TRANSFER_FORMAT_CSV, &file)
	if err != nil || n != 7 || file.String() != "0\n1\n2\n3\n4\n5\n6\n" {
		t.Errorf("exported are %d objectives: %q, %v", n, file.String(), err)
	}
	if _, err := c.Export(t.Context(), okrv1.TransferFormat_TRANSFER_FORMAT_CSV, brokenWriter{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a full disk: %v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// importer is a server that imports one byte as one objective, and breaks its first streams off after some of them.
type importer struct {
	t *testing.T
	// breaks are after how many bytes the streams break off.
	breaks []int
	code   codes.Code
	reason string
	got    strings.Builder
	starts []string
}

func (s *importer) load(stream grpc.BidiStreamingServer[okrv1.ImportObjectivesRequest, okrv1.ImportObjectivesResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	s.starts = append(s.starts, first.GetStart().GetContinuation())
	offset, _ := strconv.Atoi(first.GetStart().GetContinuation())
	total := &okrv1.ImportProgress{}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.Send(&okrv1.ImportObjectivesResponse{Part: &okrv1.ImportObjectivesResponse_Summary{Summary: total}})
		}
		if err != nil {
			return err
		}
		for _, b := range m.GetData() {
			if len(s.starts) <= len(s.breaks) && int(total.GetObjectivesCreated()) == s.breaks[len(s.starts)-1] {
				return refusal(s.t, s.code, s.reason)
			}
			s.got.WriteByte(b)
			offset++
			total.ObjectivesCreated++
			total.Offset, total.Continuation = int64(offset), strconv.Itoa(offset)
			if err := stream.Send(&okrv1.ImportObjectivesResponse{Part: &okrv1.ImportObjectivesResponse_Progress{Progress: total}}); err != nil {
				return err
			}
		}
	}
}

func TestAnImportGoesOnWhereItWasBroken(t *testing.T) {
	const text = "abcdefghij"
	for _, c := range []struct {
		name   string
		file   io.Reader
		dryRun bool
		code   codes.Code
		reason string
		want   string // what the server got
		fails  bool
	}{
		{"a file, by a server that stops", strings.NewReader(text), false, codes.Unavailable, "", text, false},
		{"a file, by the end of the token", strings.NewReader(text), false, codes.Unauthenticated, "TOKEN_EXPIRED", text, false},
		{"a file, for good", strings.NewReader(text), false, codes.InvalidArgument, "IMPORT_MALFORMED", "abc", true},
		{"not a pipe, which cannot go back", io.MultiReader(strings.NewReader(text)), false, codes.Unavailable, "", "abc", true},
		{"not a dry run, which has left nothing", strings.NewReader(text), true, codes.Unavailable, "", "abc", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := &importer{t: t, breaks: []int{3, 0, 2}, code: c.code, reason: c.reason}
			client, _ := client(t, &scripted{load: server.load}, func(cfg *Config) { cfg.Tokens = &renewing{"old", "new"} })
			var last *okrv1.ImportProgress
			total, err := client.Import(t.Context(), Import{File: c.file, DryRun: c.dryRun, Progress: func(p *okrv1.ImportProgress) { last = p }})
			if server.got.String() != c.want || int(total.GetObjectivesCreated()) != len(c.want) || last.GetObjectivesCreated() != total.GetObjectivesCreated() {
				t.Errorf("the server got %q by streams from %q, and counted are %v", server.got.String(), server.starts, total)
			}
			if (err != nil) != c.fails || c.fails && ReasonOf(err) != accessv1.ErrorReason(accessv1.ErrorReason_value[reasonPrefix+c.reason]) {
				t.Errorf("it answers %v", err)
			}
		})
	}
}

func TestAFileThatCannotBeReadIsWhyAnImportFails(t *testing.T) {
	server := &importer{t: t}
	c, _ := client(t, &scripted{load: server.load}, nil)
	broken := errors.New("the disk is broken")
	_, err := c.Import(t.Context(), Import{File: io.MultiReader(strings.NewReader("ab"), iotest.ErrReader(broken))})
	if !errors.Is(err, broken) {
		t.Errorf("it answers %v", err)
	}
}
