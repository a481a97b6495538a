package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/df0f9dda/okr-manager/gateway/internal/problem"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const (
	// pieceBytes is how much of a file is read and sent at once.
	pieceBytes = 64 << 10
	// progressInterval is the time between two lines about the progress.
	progressInterval = time.Second
	// maxProblems is how many problems are told; the summary counts all.
	maxProblems = 1000
)

// importFile takes a file and answers lines of JSON: {"progress": …} from time to time, then {"problem": …} for each row
// that was not imported, then {"summary": …}, or {"error": …} if it could not be read to its end. Problems come after the
// upload, because a caller that sends before it reads would block, and so would we.
func (h *Handler) importFile(w http.ResponseWriter, r *http.Request) {
	start, err := h.startOf(r)
	if err != nil {
		h.problem.Write(w, r, err)
		return
	}
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex() // HTTP/2 is so by itself, and says that it cannot
	u := &upload{
		handler: h, start: start, answer: &lines{w: w, control: control},
		body: &timedBody{http.MaxBytesReader(w, r.Body, h.cfg.ImportLimit), control},
	}
	if err := u.run(r.Context()); err != nil {
		if u.answer.begun {
			u.answer.problems(u.problems)
		}
		u.answer.fail(h, r, h.public(r.Context(), err))
		return
	}
	u.answer.problems(u.problems)
	u.answer.message("summary", u.sum(u.last))
}

// startOf reads what is coming.
func (h *Handler) startOf(r *http.Request) (*okrv1.ImportStart, error) {
	values, err := query(r, "format", "dryRun")
	if err != nil {
		return nil, err
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	start := &okrv1.ImportStart{}
	switch {
	case err == nil && media == "application/json" && len(r.Header.Values("Content-Type")) == 1:
		start.Format = okrv1.TransferFormat_TRANSFER_FORMAT_JSON
	case err == nil && media == "text/csv" && len(r.Header.Values("Content-Type")) == 1:
		start.Format = okrv1.TransferFormat_TRANSFER_FORMAT_CSV
	default:
		return nil, rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_CONTENT_TYPE_UNSUPPORTED,
			"the body must be application/json or text/csv")
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_CONTENT_TYPE_UNSUPPORTED,
			"the body must not be encoded")
	}
	if name := values.Get("format"); name != "" && forms()[name].format != start.GetFormat() {
		return nil, malformed("the format is not that of the Content-Type")
	}
	switch values.Get("dryRun") {
	case "true":
		start.DryRun = true
	case "", "false":
	default:
		return nil, malformed(`dryRun is "true" or "false"`)
	}
	return start, nil
}

// upload is a file on its way to the store.
type upload struct {
	handler *Handler
	start   *okrv1.ImportStart
	body    io.Reader
	answer  *lines

	window   window
	ended    bool  // the body was read to its end
	bodyErr  error // why the body could not be read
	problems []*okrv1.ImportProblem
	// before is what streams that ended had done, and last what the current one has.
	before, last *okrv1.ImportProgress
	told         time.Time
}

// run sends the file, over as many streams as it takes.
func (u *upload) run(ctx context.Context) error {
	u.before, u.last = &okrv1.ImportProgress{}, &okrv1.ImportProgress{}
	seams := joints{handler: u.handler}
	for {
		done, err := u.stream(ctx, &seams)
		switch {
		case done:
			return nil
		case u.bodyErr != nil:
			return u.bodyErr
		case !u.window.has(u.last.GetOffset()):
			return err // too much was sent since: the caller can send the file again
		}
		if ctx, err = seams.next(ctx, err); err != nil {
			return err
		}
		u.before = u.sum(u.last)
		u.last = &okrv1.ImportProgress{Offset: u.last.GetOffset(), Continuation: u.last.GetContinuation()}
	}
}

// stream sends what the store does not have yet, and reports whether it has everything.
func (u *upload) stream(ctx context.Context, seams *joints) (done bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := u.handler.cfg.Store.ImportObjectives(ctx)
	if err != nil {
		cancel()
		return false, err
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if !u.send(ctx, stream) {
			cancel() // what is wrong with the body ends the stream
		}
	}()
	// The body belongs to one sender at a time. It ends with the stream, or with the read that it is in.
	defer func() { cancel(); <-sent }()
	for {
		m, err := stream.Recv()
		if err != nil {
			return false, err
		}
		switch part := m.GetPart().(type) {
		case *okrv1.ImportObjectivesResponse_Progress:
			if part.Progress.GetOffset() > u.last.GetOffset() {
				seams.further()
			}
			u.last = part.Progress
			u.window.forget(part.Progress.GetOffset())
			if now := time.Now(); now.Sub(u.told) >= progressInterval {
				u.told = now
				u.answer.message("progress", u.sum(u.last))
			}
		case *okrv1.ImportObjectivesResponse_Problem:
			if len(u.problems) < maxProblems {
				u.problems = append(u.problems, part.Problem)
			}
		case *okrv1.ImportObjectivesResponse_Summary:
			u.last = part.Summary
			return true, nil
		}
	}
}

// send sends a start and the file from where the store has come to. It is false when the body cannot be read.
func (u *upload) send(ctx context.Context, stream okrv1.OkrService_ImportObjectivesClient) bool {
	start := proto.CloneOf(u.start)
	start.Continuation = u.last.GetContinuation()
	if stream.Send(&okrv1.ImportObjectivesRequest{Part: &okrv1.ImportObjectivesRequest_Start{Start: start}}) != nil {
		return true // Recv says why
	}
	data := func(piece []byte) bool {
		return stream.Send(&okrv1.ImportObjectivesRequest{Part: &okrv1.ImportObjectivesRequest_Data{Data: piece}}) == nil
	}
	for piece := range u.window.from(u.last.GetOffset()) {
		if !data(piece) {
			return true
		}
	}
	piece := make([]byte, pieceBytes)
	for !u.ended && ctx.Err() == nil {
		n, err := u.body.Read(piece)
		if n > 0 {
			own := bytes.Clone(piece[:n])
			u.window.add(own)
			if !data(own) {
				return true
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			u.ended = true
		case err != nil:
			u.bodyErr = bodyError(err)
			return false
		}
	}
	_ = stream.CloseSend() // Recv says what is wrong
	return true
}

func bodyError(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_BODY_TOO_LARGE,
			"the file is larger than %d bytes", tooLarge.Limit).With("limit", strconv.FormatInt(tooLarge.Limit, 10))
	}
	return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_REQUEST_MALFORMED, "the file could not be read").Wrap(err)
}

// sum adds what the streams before have done. What was sent again at a seam is counted as unchanged.
func (u *upload) sum(p *okrv1.ImportProgress) *okrv1.ImportProgress {
	return &okrv1.ImportProgress{
		ObjectivesCreated: u.before.GetObjectivesCreated() + p.GetObjectivesCreated(),
		KeyResultsCreated: u.before.GetKeyResultsCreated() + p.GetKeyResultsCreated(),
		CheckInsCreated:   u.before.GetCheckInsCreated() + p.GetCheckInsCreated(),
		Unchanged:         u.before.GetUnchanged() + p.GetUnchanged(),
		Failed:            u.before.GetFailed() + p.GetFailed(),
		Offset:            p.GetOffset(),
		Continuation:      p.GetContinuation(),
	}
}

// timedBody gives every read the time that the server's timeouts give to a whole request.
type timedBody struct {
	io.Reader
	control *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(time.Now().Add(readTimeout)) // where there are none there is none to move
	return b.Reader.Read(p)
}

// jsonLines is the media type of lines of JSON.
const jsonLines = "application/x-ndjson"

// lines is an answer of lines of JSON.
type lines struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

func (l *lines) message(name string, m proto.Message) {
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return // none of ours fails
	}
	l.write(map[string]json.RawMessage{name: text})
}

func (l *lines) problems(all []*okrv1.ImportProblem) {
	for _, p := range all {
		l.message("problem", p)
	}
}

// fail says what went wrong: in the last line, or instead of all.
func (l *lines) fail(h *Handler, r *http.Request, err error) {
	if l.begun {
		l.write(json.RawMessage(problem.Encode(h.problem.Status(r.Context(), err))))
	} else {
		h.problem.Write(l.w, r, err)
	}
}

// write writes a line. A caller that is gone is noticed by the end of the request's context.
func (l *lines) write(line any) {
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", jsonLines)
		l.w.Header().Set("X-Accel-Buffering", "no")
	}
	text, err := json.Marshal(line)
	if err != nil {
		return // none of ours fails
	}
	_ = l.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, _ = l.w.Write(append(text, '\n'))
	_ = l.control.Flush()
}
