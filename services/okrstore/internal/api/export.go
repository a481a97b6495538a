package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// exportPiece is after how many bytes a piece of a file is sent. A piece outgrows it by one resource at most.
const exportPiece = 64 << 10

// A fileWriter writes objectives, key results and check-ins in the form of a file, one after the other. first says that
// the resource is the first one in what holds it. What was opened is closed in the reverse order.
type fileWriter interface {
	begin(b *bytes.Buffer) error
	objective(b *bytes.Buffer, o *okrv1.Objective, first bool) error
	keyResult(b *bytes.Buffer, o *okrv1.Objective, k *okrv1.KeyResult, first bool) error
	checkIn(b *bytes.Buffer, k *okrv1.KeyResult, c *okrv1.CheckIn, first bool) error
	endKeyResult(b *bytes.Buffer)
	endObjective(b *bytes.Buffer)
	end(b *bytes.Buffer, head *okrv1.ChangeLogHead) error
}

func newFileWriter(format okrv1.TransferFormat) fileWriter {
	switch format {
	case okrv1.TransferFormat_TRANSFER_FORMAT_CSV:
		return csvWriter{}
	case okrv1.TransferFormat_TRANSFER_FORMAT_MARKDOWN:
		return markdownWriter{}
	}
	return jsonWriter{}
}

// ExportObjectives implements okrv1.OkrServiceServer. It reads a piece in a transaction and sends it after that, so a slow
// reader holds nothing up but its own stream.
func (s *Server) ExportObjectives(
	req *okrv1.ExportObjectivesRequest, stream grpc.ServerStreamingServer[okrv1.ExportObjectivesResponse],
) error {
	ctx := stream.Context()
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return err
	}
	format := req.GetFormat()
	if format == okrv1.TransferFormat_TRANSFER_FORMAT_UNSPECIFIED {
		format = okrv1.TransferFormat_TRANSFER_FORMAT_JSON
	}
	at, err := parseExportPosition(format, req.GetContinuation())
	if err != nil {
		return err
	}
	for !at.ended {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var e export
		err := s.view(ctx, caller, func(r records) error {
			e = export{records: r, file: newFileWriter(format), visible: readable(caller), at: at}
			return e.piece()
		})
		if err != nil {
			return err
		}
		at = e.at
		answer := &okrv1.ExportObjectivesResponse{
			Data: e.out.Bytes(), Continuation: at.String(), ObjectiveCount: int32(at.count), ObjectiveTotal: int32(e.total),
			ChangeLogHead: e.end,
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
	return nil
}

// exportPosition is how far an export has come: the last resource that was written, by the ids of what it stands in. What
// has an id here is open in the file and has to be closed. As a text it is written with slashes.
type exportPosition struct {
	format                          okrv1.TransferFormat
	started, ended                  bool
	count                           int
	objective, keyResult, checkIn   string
	objectiveOpen, keyResultStarted bool
}

const exportEnded = "end"

func (p exportPosition) String() string {
	parts := []string{strconv.Itoa(int(p.format)), strconv.Itoa(p.count), p.objective, p.keyResult, p.checkIn, ""}
	switch {
	case p.ended:
		parts[5] = exportEnded
	case p.objectiveOpen && p.keyResultStarted:
		parts[5] = "k"
	case p.objectiveOpen:
		parts[5] = "o"
	}
	return strings.Join(parts, "/")
}

// parseExportPosition reads what String wrote. CONTINUATION_INVALID.
func parseExportPosition(format okrv1.TransferFormat, text string) (exportPosition, error) {
	if text == "" {
		return exportPosition{format: format}, nil
	}
	parts := strings.Split(text, "/")
	if len(parts) != 6 || parts[0] != strconv.Itoa(int(format)) {
		return exportPosition{}, continuationInvalid()
	}
	count, err := strconv.Atoi(parts[1])
	if err != nil || count < 0 {
		return exportPosition{}, continuationInvalid()
	}
	p := exportPosition{
		format: format, started: true, count: count, objective: parts[2], keyResult: parts[3], checkIn: parts[4],
		ended: parts[5] == exportEnded, objectiveOpen: parts[5] == "o" || parts[5] == "k", keyResultStarted: parts[5] == "k",
	}
	if !slices.Contains([]string{"", "o", "k", exportEnded}, parts[5]) {
		return exportPosition{}, continuationInvalid()
	}
	return p, nil
}

func continuationInvalid() error {
	return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_CONTINUATION_INVALID,
		"the continuation does not belong to this format: start again without one")
}

// export writes one piece of a file.
type export struct {
	records
	file    fileWriter
	visible okr.Readable
	at      exportPosition
	out     bytes.Buffer
	// total is how many objectives there are.
	total int64
	// end is the end of the change log, in the last piece.
	end *okrv1.ChangeLogHead
}

// errPieceFull says that a piece is to be sent before it goes on.
var errPieceFull = errors.New("the piece is full")

// piece writes from the position on, and moves it.
func (e *export) piece() error {
	var err error
	if e.total, err = e.objectives(); err != nil {
		return err
	}
	if !e.at.started {
		e.at.started = true
		if err := e.file.begin(&e.out); err != nil {
			return err
		}
	}
	err = e.rest()
	if errors.Is(err, errPieceFull) {
		return nil
	}
	if err != nil {
		return err
	}
	head, err := e.head()
	if err != nil {
		return err
	}
	e.end = head.message()
	e.at.ended = true
	return e.file.end(&e.out, e.end)
}

func (e *export) full() error {
	if e.out.Len() >= exportPiece {
		return errPieceFull
	}
	return nil
}

func (e *export) rest() error {
	rest := storage.Range{Prefix: []byte(prefixObjective)}
	if e.at.objective != "" {
		rest.Start = after(objectiveKey(e.at.objective))
	}
	if e.at.objectiveOpen {
		o, err := e.objective(e.at.objective)
		if rpcerr.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND {
			o, err = new(okrv1.Objective), nil // it was deleted meanwhile: what is written of it is closed
		}
		if err != nil {
			return err
		}
		if err := e.keyResults(o); err != nil {
			return err
		}
	}
	for kv, err := range e.tx.Range(rest) {
		if err != nil {
			return fmt.Errorf("exporting objectives: %w", err)
		}
		d, err := e.documents.decode(kv.Value)
		if err != nil {
			return err
		}
		if err := e.file.objective(&e.out, okr.TransferObjective(d.stored), e.at.count == 0); err != nil {
			return err
		}
		e.at.count++
		e.at.objective, e.at.keyResult, e.at.checkIn = d.stored.GetId(), "", ""
		e.at.objectiveOpen = true
		if err := e.keyResults(d.stored); err != nil {
			return err
		}
	}
	return nil
}

// keyResults writes what follows of an objective's key results, and closes it.
func (e *export) keyResults(o *okrv1.Objective) error {
	if err := e.full(); err != nil {
		return err
	}
	if e.at.keyResultStarted {
		k := okr.FindKeyResult(o, e.at.keyResult)
		if k == nil {
			k = &okrv1.KeyResult{Id: e.at.keyResult, ObjectiveId: e.at.objective}
		}
		if err := e.checkIns(k); err != nil {
			return err
		}
	}
	for _, k := range o.GetKeyResults() {
		if !e.visible.KeyResults {
			break
		}
		if k.GetId() <= e.at.keyResult {
			continue
		}
		if err := e.file.keyResult(&e.out, o, okr.TransferKeyResult(k), e.at.keyResult == ""); err != nil {
			return err
		}
		e.at.keyResult, e.at.checkIn, e.at.keyResultStarted = k.GetId(), "", true
		if err := e.checkIns(k); err != nil {
			return err
		}
	}
	e.file.endObjective(&e.out)
	e.at.objectiveOpen = false
	return nil
}

// checkIns writes what follows of a key result's check-ins, and closes it.
func (e *export) checkIns(k *okrv1.KeyResult) error {
	rest := storage.Range{Prefix: checkInKey(k.GetId(), "")}
	if e.at.checkIn != "" {
		rest.Start = after(checkInKey(k.GetId(), e.at.checkIn))
	}
	if err := e.full(); err != nil {
		return err
	}
	for kv, err := range e.tx.Range(rest) {
		if err != nil {
			return fmt.Errorf("exporting check-ins: %w", err)
		}
		c, err := decode(kv.Value, new(okrv1.CheckIn))
		if err != nil {
			return err
		}
		if err := e.file.checkIn(&e.out, k, okr.TransferCheckIn(c), e.at.checkIn == ""); err != nil {
			return err
		}
		e.at.checkIn = c.GetId()
		if err := e.full(); err != nil {
			return err
		}
	}
	e.file.endKeyResult(&e.out)
	e.at.keyResultStarted = false
	return nil
}
