package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// files is the part of the fake store that has files. A stream of it ends after so many messages or bytes with an error.
type files struct {
	mu sync.Mutex
	// pieces is what is exported; a stream sends so many of them.
	pieces    []string
	perStream int
	// received is the file that arrived, without what was sent twice; a stream takes so many bytes, and what it has it tells
	// each time that step bytes have come.
	received       []byte
	takes, step    int
	streams        int
	starts         []*okrv1.ImportStart
	end            error
	problemsToTell int
}

var errExpired = rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED, "expired")

func (f *files) ExportObjectives(
	req *okrv1.ExportObjectivesRequest, stream grpc.ServerStreamingServer[okrv1.ExportObjectivesResponse],
) error {
	f.mu.Lock()
	f.streams++
	at, _ := strconv.Atoi(req.GetContinuation())
	pieces, perStream, end := f.pieces, f.perStream, f.end
	f.mu.Unlock()
	for n := 0; at < len(pieces); n++ {
		if n == perStream {
			return end
		}
		at++
		if err := stream.Send(&okrv1.ExportObjectivesResponse{
			Data: []byte(pieces[at-1]), Continuation: strconv.Itoa(at), ObjectiveCount: int32(len(pieces[:at])), ObjectiveTotal: int32(len(pieces)),
		}); err != nil {
			return err
		}
	}
	return nil
}

func (f *files) ImportObjectives(
	stream grpc.BidiStreamingServer[okrv1.ImportObjectivesRequest, okrv1.ImportObjectivesResponse],
) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.streams++
	f.starts = append(f.starts, first.GetStart())
	at, _ := strconv.Atoi(first.GetStart().GetContinuation())
	f.received = f.received[:at]
	takes, step, end := f.takes, f.step, f.end
	f.mu.Unlock()
	for taken, untold := 0, 0; ; {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.received = append(f.received, m.GetData()...)
		at = len(f.received)
		f.mu.Unlock()
		taken += len(m.GetData())
		untold += len(m.GetData())
		if step > 0 && untold >= step {
			untold = 0
			at -= at % 1000 // less than it has: the end of an objective
			progress := &okrv1.ImportProgress{ObjectivesCreated: 1, Offset: int64(at), Continuation: strconv.Itoa(at)}
			if err := stream.Send(&okrv1.ImportObjectivesResponse{Part: &okrv1.ImportObjectivesResponse_Progress{Progress: progress}}); err != nil {
				return err
			}
		}
		if takes > 0 && taken >= takes {
			return end
		}
	}
	for i := range f.problemsToTell {
		problem := &okrv1.ImportProblem{Row: fmt.Sprint("line ", i)}
		if err := stream.Send(&okrv1.ImportObjectivesResponse{Part: &okrv1.ImportObjectivesResponse_Problem{Problem: problem}}); err != nil {
			return err
		}
	}
	return stream.Send(&okrv1.ImportObjectivesResponse{Part: &okrv1.ImportObjectivesResponse_Summary{Summary: &okrv1.ImportProgress{ObjectivesCreated: 1}}})
}

func TestExport(t *testing.T) {
	for format, want := range map[string]struct{ kind, name string }{
		"":         {"application/json", ".json"},
		"json":     {"application/json", ".json"},
		"csv":      {"text/csv; charset=utf-8; header=present", ".csv"},
		"markdown": {"text/markdown; charset=utf-8", ".md"},
	} {
		t.Run("as "+format, func(t *testing.T) {
			w := start(t)
			w.store.pieces = []string{"one\n", "two\n"}
			w.store.perStream = 10
			path := "/api/v1/export"
			if format != "" {
				path += "?format=" + format
			}
			r := w.do(ask{path: path, session: "ceo-session"})
			if r.StatusCode != http.StatusOK || r.body != "one\ntwo\n" || r.Header.Get("Content-Type") != want.kind {
				t.Errorf("status %d, %q, %s", r.StatusCode, r.body, r.Header.Get("Content-Type"))
			}
			disposition := r.Header.Get("Content-Disposition")
			if !strings.HasPrefix(disposition, `attachment; filename="okr-manager-20`) || !strings.HasSuffix(disposition, want.name+`"`) {
				t.Errorf("Content-Disposition: %s", disposition)
			}
			if r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("the headers are %v", r.Header)
			}
		})
	}
}

func TestADownloadOutlivesItsTransactionTokens(t *testing.T) {
	for name, end := range map[string]error{"the token expires": errExpired, "the store restarts": status.Error(codes.Unavailable, "away")} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			for i := range 20 {
				w.store.pieces = append(w.store.pieces, fmt.Sprint("piece ", i, "\n"))
			}
			w.store.perStream, w.store.end = 3, end
			r := w.do(ask{path: "/api/v1/export", bearer: "reader-token"})
			if want := strings.Join(w.store.pieces, ""); r.body != want || w.store.streams != 7 {
				t.Errorf("over %d streams came %q", w.store.streams, r.body)
			}
		})
	}
}

func TestADownloadThatFailsIsNoWholeFile(t *testing.T) {
	w := start(t)
	w.store.pieces, w.store.perStream, w.store.end = []string{"one\n", "two\n"}, 1, status.Error(codes.Internal, "secret")
	resp, err := client.Do(w.request(t.Context(), ask{path: "/api/v1/export", session: "ceo-session"}))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the answer %q looks whole", body)
	}
	w.store.perStream = 0
	w.wantFault(w.do(ask{path: "/api/v1/export", session: "ceo-session"}), 500, "")
}

func TestAnExportTellsOfItsProgress(t *testing.T) {
	w := start(t)
	w.store.pieces, w.store.perStream = []string{"“one”\n", "two\n"}, 10
	lines := ask{path: "/api/v1/export", session: "ceo-session", header: http.Header{"Accept": {"application/x-ndjson"}}}
	piece := func(data string, count int) string {
		text, err := json.Marshal(data)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("{\"piece\":{\"data\":%s,\"objectiveCount\":%d,\"objectiveTotal\":2}}\n", text, count)
	}
	r := w.do(lines)
	want := piece("“one”\n", 1) + piece("two\n", 2) + `{"summary":{"objectiveCount":2,"objectiveTotal":2}}` + "\n"
	if r.body != want || r.Header.Get("Content-Type") != "application/x-ndjson" || r.Header.Get("Content-Disposition") != "" {
		t.Errorf("%q, want %q; %v", r.body, want, r.Header)
	}

	w.store.perStream, w.store.end = 1, status.Error(codes.Internal, "secret")
	r = w.do(lines)
	if !strings.HasPrefix(r.body, piece("“one”\n", 1)+`{"error":{"code":500,`) || strings.Contains(r.body, "secret") || strings.Contains(r.body, "summary") {
		t.Errorf("an export that fails midway ends with %q", r.body)
	}
	w.store.end = rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID, "revoked")
	if r = w.do(lines); !strings.Contains(r.body, `"reason":"TOKEN_INVALID"`) {
		t.Errorf("an export whose session ends midway ends with %q", r.body)
	}
	w.store.perStream = 0
	w.wantFault(w.do(lines), 401, "TOKEN_INVALID")
}

// upload imports a body and reads the lines of the answer.
func (w *world) upload(a ask) (reply, []map[string]map[string]any) {
	w.t.Helper()
	a.method, a.session = http.MethodPost, "ceo-session"
	r := w.do(a)
	var lines []map[string]map[string]any
	for line := range strings.Lines(r.body) {
		var parsed map[string]map[string]any
		if err := json.Unmarshal([]byte(line), &parsed); err != nil {
			w.t.Fatalf("a line of the answer is %q: %v", line, err)
		}
		lines = append(lines, parsed)
	}
	return r, lines
}

func TestImport(t *testing.T) {
	w := start(t)
	w.store.problemsToTell = 1002
	r, lines := w.upload(ask{path: "/api/v1/import?dryRun=true", body: "a,b\n", kind: "text/csv"})
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "application/x-ndjson" || string(w.store.received) != "a,b\n" {
		t.Errorf("status %d, %s; %q arrived", r.StatusCode, r.Header.Get("Content-Type"), w.store.received)
	}
	s := w.store.starts[0]
	if s.GetFormat() != okrv1.TransferFormat_TRANSFER_FORMAT_CSV || !s.GetDryRun() {
		t.Errorf("it started with %v", s)
	}
	if len(lines) != 1001 || lines[0]["problem"]["row"] != "line 0" || lines[1000]["summary"]["objectivesCreated"] != float64(1) {
		t.Errorf("%d lines, from %v to %v", len(lines), lines[0], lines[len(lines)-1])
	}
}

func TestAnUploadOutlivesItsTransactionTokens(t *testing.T) {
	for name, end := range map[string]error{"the token expires": errExpired, "the store restarts": status.Error(codes.Unavailable, "away")} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			file := make([]byte, 3<<20)
			for i := range file {
				file[i] = byte('a' + i%23)
			}
			w.store.takes, w.store.step, w.store.end = 512<<10, 100<<10, end
			_, lines := w.upload(ask{path: "/api/v1/import", body: string(file), kind: "application/json"})
			if !bytes.Equal(w.store.received, file) {
				t.Errorf("%d of %d bytes arrived, or others", len(w.store.received), len(file))
			}
			if w.store.streams < 5 {
				t.Errorf("over %d streams", w.store.streams)
			}
			if created := lines[len(lines)-1]["summary"]["objectivesCreated"]; created != float64(w.store.streams) {
				t.Errorf("the streams are summed up to %v, want %d", created, w.store.streams)
			}
		})
	}
}

func TestAnUploadEndsWithWhatIsWrong(t *testing.T) {
	malformed := rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_IMPORT_MALFORMED, "line 7 is none")
	t.Run("at once", func(t *testing.T) {
		w := start(t)
		w.store.takes, w.store.end = 1, malformed
		r := w.do(ask{method: "POST", path: "/api/v1/import", session: "ceo-session", body: "x", kind: "text/csv"})
		w.wantFault(r, 400, "IMPORT_MALFORMED")
	})
	t.Run("later", func(t *testing.T) {
		w := start(t)
		w.store.takes, w.store.step, w.store.end = 256<<10, 64<<10, malformed
		_, lines := w.upload(ask{path: "/api/v1/import", body: strings.Repeat("x", 1<<20), kind: "text/csv"})
		if last := lines[len(lines)-1]["error"]; last["reason"] != "IMPORT_MALFORMED" || last["code"] != float64(400) {
			t.Errorf("the last line is %v", last)
		}
	})
	t.Run("when the store never comes further", func(t *testing.T) {
		w := start(t)
		w.store.takes, w.store.end = 1, errExpired
		w.wantFault(w.do(ask{method: "POST", path: "/api/v1/import", session: "ceo-session", body: "x", kind: "text/csv"}), 401, "TOKEN_EXPIRED")
	})
	t.Run("when the file is too large", func(t *testing.T) {
		w := start(t, func(c *Config) { c.ImportLimit = 1 << 10 })
		r := w.do(ask{method: "POST", path: "/api/v1/import", session: "ceo-session", body: strings.Repeat("x", 1<<11), kind: "text/csv"})
		if f := w.wantFault(r, 413, "BODY_TOO_LARGE"); !slices.ContainsFunc(f.Details, func(d map[string]any) bool { return strings.Contains(fmt.Sprint(d), "1024") }) {
			t.Errorf("the limit is not named: %v", f)
		}
	})
}

func TestFilesAreRefusedLikeEverythingElse(t *testing.T) {
	w := start(t)
	for name, test := range map[string]struct {
		ask
		status int
		reason string
	}{
		"an export by nobody":           {ask{path: "/api/v1/export"}, 401, "TOKEN_MISSING"},
		"an import by nobody":           {ask{method: "POST", path: "/api/v1/import", body: "x", kind: "text/csv"}, 401, "TOKEN_MISSING"},
		"an import by an employee":      {ask{method: "POST", path: "/api/v1/import", body: "x", kind: "text/csv", session: "employee-session"}, 403, "ROLE_MISSING"},
		"an import by a reader":         {ask{method: "POST", path: "/api/v1/import", body: "x", kind: "text/csv", bearer: "reader-token"}, 403, "SCOPE_MISSING"},
		"two credentials":               {ask{path: "/api/v1/export", session: "ceo-session", bearer: "reader-token"}, 400, "CREDENTIALS_AMBIGUOUS"},
		"an unknown format":             {ask{path: "/api/v1/export?format=xml", session: "ceo-session"}, 400, "REQUEST_MALFORMED"},
		"an unknown parameter":          {ask{path: "/api/v1/export?nope=1", session: "ceo-session"}, 400, "REQUEST_MALFORMED"},
		"a parameter twice":             {ask{path: "/api/v1/export?format=csv&format=csv", session: "ceo-session"}, 400, "REQUEST_MALFORMED"},
		"a form":                        {ask{method: "POST", path: "/api/v1/import", body: "x", kind: "text/plain", session: "ceo-session"}, 415, "CONTENT_TYPE_UNSUPPORTED"},
		"no type":                       {ask{method: "POST", path: "/api/v1/import", body: "x", kind: "-", session: "ceo-session"}, 415, "CONTENT_TYPE_UNSUPPORTED"},
		"a type that is not the format": {ask{method: "POST", path: "/api/v1/import?format=csv", body: "x", kind: "application/json", session: "ceo-session"}, 400, "REQUEST_MALFORMED"},
		"a dry run that is neither":     {ask{method: "POST", path: "/api/v1/import?dryRun=1", body: "x", kind: "text/csv", session: "ceo-session"}, 400, "REQUEST_MALFORMED"},
		"an import by GET":              {ask{path: "/api/v1/import", session: "ceo-session"}, 405, "METHOD_NOT_ALLOWED"},
		"an export by POST":             {ask{method: "POST", path: "/api/v1/export", session: "ceo-session", body: "{}"}, 405, "METHOD_NOT_ALLOWED"},
		"an import from another site":   {ask{method: "POST", path: "/api/v1/import", body: "x", kind: "text/csv", session: "ceo-session", header: http.Header{"Origin": {"https://evil.example"}}}, 403, "CROSS_ORIGIN"},
		"an import that is compressed":  {ask{method: "POST", path: "/api/v1/import", body: "x", kind: "text/csv", session: "ceo-session", header: http.Header{"Content-Encoding": {"gzip"}}}, 415, "CONTENT_TYPE_UNSUPPORTED"},
	} {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.t = t
			w.wantFault(w.do(test.ask), test.status, test.reason)
		})
	}
	if w.store.streams != 0 {
		t.Errorf("the store was asked %d times", w.store.streams)
	}
}

// ExportObjectives implements okrv1.OkrServiceServer.
func (f *fakeStore) ExportObjectives(
	req *okrv1.ExportObjectivesRequest, stream grpc.ServerStreamingServer[okrv1.ExportObjectivesResponse],
) error {
	return f.files.ExportObjectives(req, stream)
}

// ImportObjectives implements okrv1.OkrServiceServer.
func (f *fakeStore) ImportObjectives(
	stream grpc.BidiStreamingServer[okrv1.ImportObjectivesRequest, okrv1.ImportObjectivesResponse],
) error {
	return f.files.ImportObjectives(stream)
}
