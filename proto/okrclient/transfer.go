package okrclient

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// piece is how much of a file is sent in one message, in bytes.
const piece = 256 << 10

// Export writes all objectives that the caller may read, with their key results and check-ins, and answers how many they
// are. It goes on where it was when the connection or the token ends, as Watch does.
func (c *Client) Export(ctx context.Context, format okrv1.TransferFormat, to io.Writer) (objectives int, err error) {
	req := &okrv1.ExportObjectivesRequest{Format: format}
	err = c.calls.resuming(ctx, "export", func(ctx context.Context) (received bool, err error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := c.ExportObjectives(ctx, req)
		if err != nil {
			return false, err
		}
		for {
			m, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return received, nil
			}
			if err != nil {
				return received, err
			}
			received = true
			if _, err := to.Write(m.GetData()); err != nil {
				return received, fmt.Errorf("writing the export: %w", err)
			}
			req.Continuation, objectives = m.GetContinuation(), int(m.GetObjectiveCount())
		}
	})
	return objectives, err
}

// Import is a file to import.
type Import struct {
	// File is the file. One that can also seek, as an *os.File can, is gone on with when the connection or the token ends;
	// another one, and a dry run, have to be begun again, which imports nothing twice.
	File io.Reader
	// Format is that of the file: JSON or CSV.
	Format okrv1.TransferFormat
	// DryRun changes nothing and only says what would be done.
	DryRun bool
	// Progress, if it is not nil, is told how far it has come.
	Progress func(*okrv1.ImportProgress)
	// Problem, if it is not nil, is told of each row that is not imported. The others are.
	Problem func(*okrv1.ImportProblem)
}

// Import imports a file that Export wrote, and answers what has come of it: also with an error, as far as it is known.
func (c *Client) Import(ctx context.Context, file Import) (*okrv1.ImportProgress, error) {
	i := &importing{Import: file, client: c, total: &okrv1.ImportProgress{}}
	err := c.calls.resuming(ctx, "import", i.follow)
	return i.total, err
}

// importing is an import, of one stream after the other.
type importing struct {
	Import

	client *Client
	// total is how far it has come, and before how far it had when the present stream began: the server counts by stream.
	total, before *okrv1.ImportProgress
}

// follow sends what is left of the file, and reads one stream to its end.
func (i *importing) follow(ctx context.Context) (received bool, err error) {
	i.before = i.total
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := i.client.ImportObjectives(ctx)
	if err != nil {
		return false, err
	}
	sent := make(chan error, 1)
	go func() {
		err := i.send(stream, i.before.GetContinuation())
		if sent <- err; err != nil {
			cancel() // the server waits for the rest of the file in vain
		}
	}()
	for {
		m, err := stream.Recv()
		if err != nil {
			cancel() // ends the sending
			return received, i.broken(err, sent)
		}
		received = true
		switch {
		case m.GetProblem() != nil:
			if i.Problem != nil {
				i.Problem(m.GetProblem())
			}
		case m.GetSummary() != nil:
			i.add(m.GetSummary())
			return received, nil
		case m.GetProgress() != nil:
			i.add(m.GetProgress())
		}
	}
}

// broken takes the file back to where another stream can begin, and says why this one has ended.
func (i *importing) broken(err error, sent <-chan error) error {
	seeker, ok := i.File.(io.Seeker)
	if !ok { // a pipe, which may keep its reader waiting
		select {
		case failed := <-sent:
			if failed != nil {
				return failed
			}
		default:
		}
		return final{err}
	}
	if failed := <-sent; failed != nil { // after which nobody reads the file any more
		return failed
	}
	if i.DryRun || !resumable(err) {
		return final{err}
	}
	if _, failed := seeker.Seek(i.total.GetOffset(), io.SeekStart); failed != nil {
		return fmt.Errorf("going back in the file: %w", failed)
	}
	return err
}

// final is an error after which nothing is resumed.
type final struct{ error }

// Unwrap gives the error.
func (f final) Unwrap() error { return f.error }

// send sends the start and the file. A stream that has ended is no error: why it has comes with the answer.
func (i *importing) send(stream grpc.BidiStreamingClient[okrv1.ImportObjectivesRequest, okrv1.ImportObjectivesResponse], continuation string) error {
	start := &okrv1.ImportStart{Format: i.Format, DryRun: i.DryRun, Continuation: continuation}
	gone := func(m *okrv1.ImportObjectivesRequest) bool { return stream.Send(m) != nil }
	if gone(&okrv1.ImportObjectivesRequest{Part: &okrv1.ImportObjectivesRequest_Start{Start: start}}) {
		return nil
	}
	buffer := make([]byte, piece)
	for {
		n, err := i.File.Read(buffer)
		if n > 0 && gone(&okrv1.ImportObjectivesRequest{Part: &okrv1.ImportObjectivesRequest_Data{Data: buffer[:n]}}) {
			return nil
		}
		switch {
		case errors.Is(err, io.EOF):
			_ = stream.CloseSend() // a stream that has ended says why in its answer
			return nil
		case err != nil:
			return fmt.Errorf("reading the file: %w", err)
		}
	}
}

// add counts what the present stream has brought to what those before it have.
func (i *importing) add(p *okrv1.ImportProgress) {
	b := i.before
	i.total = &okrv1.ImportProgress{
		ObjectivesCreated: b.GetObjectivesCreated() + p.GetObjectivesCreated(), KeyResultsCreated: b.GetKeyResultsCreated() + p.GetKeyResultsCreated(),
		CheckInsCreated: b.GetCheckInsCreated() + p.GetCheckInsCreated(), Unchanged: b.GetUnchanged() + p.GetUnchanged(), Failed: b.GetFailed() + p.GetFailed(),
		Offset: p.GetOffset(), Continuation: p.GetContinuation(),
	}
	if i.Progress != nil {
		i.Progress(i.total)
	}
}
