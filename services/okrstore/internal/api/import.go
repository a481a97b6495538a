package api

import (
	"context"
	"errors"
	"io"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// ImportObjectives implements okrv1.OkrServiceServer. Rows are imported in batches, each in a transaction, as they arrive:
// what is in memory is a batch, whatever the size of the file.
func (s *Server) ImportObjectives(
	stream grpc.BidiStreamingServer[okrv1.ImportObjectivesRequest, okrv1.ImportObjectivesResponse],
) error {
	ctx := stream.Context()
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return err
	}
	receive := receiving(ctx, stream)
	first, err := receive()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	start := first.GetStart()
	if start == nil {
		return importMalformed("the beginning", "the first message has to say what is coming")
	}
	from, err := parseImportPosition(start.GetFormat(), start.GetContinuation())
	if err != nil {
		return err
	}
	i := &importer{
		server: s, ctx: ctx, caller: caller, dryRun: start.GetDryRun(), send: stream.Send,
		may: importPermissions{
			keyResults: access.Permits(caller.Principal, access.ResourceKeyResult, accessv1.Action_ACTION_CREATE),
			checkIns:   access.Permits(caller.Principal, access.ResourceKeyResult, accessv1.Action_ACTION_UPDATE),
		},
	}
	file := &receiver{next: func() ([]byte, error) {
		m, err := receive()
		if err != nil {
			return nil, err
		}
		if m.GetStart() != nil {
			return nil, importMalformed("", "a second start in the middle of the file")
		}
		return m.GetData(), nil
	}}
	return i.run(file, from)
}

// receiving receives the messages of a stream; the end of the context ends it, too, which gRPC's own Recv does not know
// when it is another's than the connection's.
func receiving(
	ctx context.Context, stream grpc.BidiStreamingServer[okrv1.ImportObjectivesRequest, okrv1.ImportObjectivesResponse],
) func() (*okrv1.ImportObjectivesRequest, error) {
	type received struct {
		m   *okrv1.ImportObjectivesRequest
		err error
	}
	messages := make(chan received)
	go func() { // ends when the stream does, which is at once after the method has returned
		for {
			m, err := stream.Recv()
			select {
			case messages <- received{m, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return func() (*okrv1.ImportObjectivesRequest, error) {
		select {
		case r := <-messages:
			return r.m, r.err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// What one transaction of an import takes: at most so many operations, as the kinds of rows need them at most, and so
// many bytes of the file, each of which may be written several times.
const (
	importOperations = storage.MaxOperations - 4 // the document that is open, the head of the log, the count
	importBytes      = 128 << 10
	objectiveCost    = 5 // document, change, history, owner, parent
	keyResultCost    = 4 // place, change, history, owner
	checkInCost      = 3 // check-in, change, history
	maxOrphansPurged = 90
)

// importPermissions are those beyond the one that the method needs.
type importPermissions struct{ keyResults, checkIns bool }

// importer is one import.
type importer struct {
	server *Server
	ctx    context.Context
	caller access.Caller
	dryRun bool
	send   func(*okrv1.ImportObjectivesResponse) error
	may    importPermissions

	batch       []importEntry
	cost, bytes int
	state       importState
	total       okrv1.ImportProgress
}

// importEntry is a row with what has to be known of the one after it.
type importEntry struct {
	*importRow
	// checkedIn is the check-in that follows a key result in the file, or nil.
	checkedIn *okrv1.CheckIn
}

// run reads the file to its end.
func (i *importer) run(file io.Reader, from importPosition) error {
	var waiting *importRow // for the one after it
	for row, err := range rowsOf(file, from) {
		if err != nil {
			// What was read before it is imported; then the caller learns what is wrong with the rest.
			if waiting != nil && rpcerr.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_IMPORT_MALFORMED {
				err = errors.Join(i.add(waiting, nil), i.flush(), err)
			}
			return firstOf(err)
		}
		if waiting != nil {
			if err := i.add(waiting, row); err != nil {
				return err
			}
		}
		waiting = row
	}
	if waiting != nil {
		if err := i.add(waiting, nil); err != nil {
			return err
		}
	}
	if err := i.flush(); err != nil {
		return err
	}
	return i.send(&okrv1.ImportObjectivesResponse{Part: &okrv1.ImportObjectivesResponse_Summary{Summary: i.progress()}})
}

// firstOf is the first of joined errors: a stream has one status.
func firstOf(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			if one != nil {
				return one
			}
		}
	}
	return err
}

// add puts a row into the batch, and imports the batch before that if it is full.
func (i *importer) add(row, next *importRow) error {
	cost := objectiveCost
	entry := importEntry{importRow: row}
	switch row.resource.(type) {
	case *okrv1.KeyResult:
		cost = keyResultCost
		if next != nil && next.problem == "" {
			entry.checkedIn, _ = next.resource.(*okrv1.CheckIn)
		}
	case *okrv1.CheckIn:
		cost = checkInCost
	}
	if len(i.batch) > 0 && (i.cost+cost > importOperations || i.bytes+row.size > importBytes) {
		if err := i.flush(); err != nil {
			return err
		}
	}
	i.batch = append(i.batch, entry)
	i.cost += cost
	i.bytes += row.size
	return nil
}

// flush imports the batch and says how far that is.
func (i *importer) flush() error {
	if len(i.batch) == 0 {
		return nil
	}
	last := i.batch[len(i.batch)-1].from
	if err := i.do(i.batch); err != nil {
		return err
	}
	i.batch, i.cost, i.bytes = i.batch[:0], 0, 0
	i.total.Offset, i.total.Continuation = last.Offset, last.String()
	return i.send(&okrv1.ImportObjectivesResponse{Part: &okrv1.ImportObjectivesResponse_Progress{Progress: i.progress()}})
}

func (i *importer) progress() *okrv1.ImportProgress {
	return &okrv1.ImportProgress{
		ObjectivesCreated: i.total.GetObjectivesCreated(), KeyResultsCreated: i.total.GetKeyResultsCreated(),
		CheckInsCreated: i.total.GetCheckInsCreated(), Unchanged: i.total.GetUnchanged(), Failed: i.total.GetFailed(),
		Offset: i.total.GetOffset(), Continuation: i.total.GetContinuation(),
	}
}

// do imports rows in one transaction, or in several where they are too much for one.
func (i *importer) do(rows []importEntry) error {
	run, err := i.transact(rows)
	var orphans *orphansError
	switch {
	case errors.As(err, &orphans):
		if err := i.purge(orphans.keyResultID); err != nil {
			return err
		}
		return i.do(rows)
	case errors.Is(err, storage.ErrTooLarge) && len(rows) > 1:
		half := len(rows) / 2
		if err := i.do(rows[:half]); err != nil {
			return err
		}
		return i.do(rows[half:])
	case errors.Is(err, storage.ErrTooLarge):
		run = &importRun{state: i.state}
		run.refuse(rows[0], "", "it is too large for one transaction")
	case err != nil:
		return i.server.failed(i.ctx, err)
	}
	i.state = run.state
	i.total.ObjectivesCreated += run.counts.GetObjectivesCreated()
	i.total.KeyResultsCreated += run.counts.GetKeyResultsCreated()
	i.total.CheckInsCreated += run.counts.GetCheckInsCreated()
	i.total.Unchanged += run.counts.GetUnchanged()
	i.total.Failed += run.counts.GetFailed()
	for _, problem := range run.problems {
		if err := i.send(&okrv1.ImportObjectivesResponse{Part: &okrv1.ImportObjectivesResponse_Problem{Problem: problem}}); err != nil {
			return err
		}
	}
	return nil
}

// transact runs rows in a transaction; in a dry run in one that keeps nothing.
func (i *importer) transact(rows []importEntry) (*importRun, error) {
	var run *importRun
	fn := func(tx storage.Tx) error {
		r := records{tx, &i.server.documents}
		m, err := i.server.newMutation(r, i.caller, okrv1.OkrService_ImportObjectives_FullMethodName, "", i.server.now())
		if err != nil {
			return err
		}
		run = &importRun{mutation: m, importer: i, state: i.state}
		if err := run.reload(); err != nil {
			return err
		}
		for _, row := range rows {
			if err := run.row(row); err != nil {
				return err
			}
		}
		return run.finish()
	}
	transaction := i.server.engine.Update
	if i.dryRun {
		transaction = func(ctx context.Context, organization string, fn func(storage.Tx) error) error {
			return i.server.engine.View(ctx, organization, func(tx storage.Tx) error { return fn(forgetful{tx}) })
		}
	}
	err := transaction(i.ctx, i.caller.GetOrganizationId(), fn)
	return run, err
}

// forgetful is a transaction that keeps nothing of what is written.
type forgetful struct{ storage.Tx }

func (forgetful) Put(_, _ []byte) error { return nil }

func (forgetful) Delete([]byte) error { return nil }

// orphansError says that a key result has check-ins that nothing leads to, of an earlier life.
type orphansError struct{ keyResultID string }

func (*orphansError) Error() string { return "the key result has check-ins of an earlier life" }

// purge removes the check-ins that a deleted key result left behind, before it is created again. What they said is in the
// log.
func (i *importer) purge(keyResultID string) error {
	for removed := maxOrphansPurged; removed == maxOrphansPurged; {
		err := i.server.engine.Update(i.ctx, i.caller.GetOrganizationId(), func(tx storage.Tx) error {
			removed = 0
			if _, _, err := (records{tx, &i.server.documents}).keyResult(keyResultID, ""); err == nil {
				return nil // somebody was faster, and they are orphans no more
			}
			for kv, err := range tx.Range(storage.Range{Prefix: checkInKey(keyResultID, ""), Limit: maxOrphansPurged}) {
				if err != nil {
					return err
				}
				if err := tx.Delete(kv.Key); err != nil {
					return err
				}
				removed++
			}
			return nil
		})
		if err != nil {
			return i.server.failed(i.ctx, err)
		}
	}
	return nil
}

// problemOf says what is wrong with a row, if err is about that and not about the import as a whole.
func problemOf(err error) (field, message string, ok bool) {
	st := rpcerr.Public(err)
	if st.Code() != codes.InvalidArgument && st.Code() != codes.FailedPrecondition {
		return "", "", false
	}
	for _, detail := range st.Details() {
		if invalid, is := detail.(*errdetails.BadRequest); is && len(invalid.GetFieldViolations()) > 0 {
			first := invalid.GetFieldViolations()[0]
			return first.GetField(), first.GetDescription(), true
		}
	}
	return "", st.Message(), true
}
