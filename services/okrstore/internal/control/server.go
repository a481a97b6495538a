// Package control is what an operator asks of a running store: a backup, the deletion of an organization. The running
// store has to do it, because nobody else can open its file. It speaks HTTP on a Unix socket that nobody but its owner can
// connect to, so whoever can ask could read the store file as well. While a request is worked on, informational responses
// (102, RFC 2518 section 10.1) say in a header how far that is.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/api"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/backup"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/disk"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

const (
	// progressHeader says how far the work is: a stage, then what is done and how much there is, as numbers.
	progressHeader = "Okr-Progress"
	// progressInterval is the least time between two informational responses of one stage.
	progressInterval = 200 * time.Millisecond
	// writeTimeout is how long a client may take for a piece of a backup.
	writeTimeout = time.Minute
	// stopTimeout is how long requests have to come to their end when the store stops; their contexts have ended.
	stopTimeout = 5 * time.Second
)

// Config is what the socket serves.
type Config struct {
	Keeper *backup.Keeper
	Engine storage.Engine
	Logger *slog.Logger
	Now    func() time.Time
}

// Serve answers on a listener, which it closes, until ctx ends.
func Serve(ctx context.Context, l net.Listener, cfg Config) error {
	mux := http.NewServeMux()
	s := server{cfg}
	mux.HandleFunc("GET /{$}", func(http.ResponseWriter, *http.Request) {}) // that it is answered is the answer
	mux.HandleFunc("POST /backup", s.answer(s.backup))
	mux.HandleFunc("GET /organizations/{id}", s.answer(s.organization))
	mux.HandleFunc("DELETE /organizations/{id}", s.answer(s.deleteOrganization))
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	defer context.AfterFunc(ctx, func() {
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		stopped <- errors.Join(server.Shutdown(patience), server.Close())
	})()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the Unix socket: %w", err)
	}
	return <-stopped
}

type server struct{ Config }

// Made is the answer to a backup that is kept.
type Made struct {
	Path    string `json:"path"`
	Bytes   int64  `json:"bytes"`
	Summary string `json:"summary"`
}

// Organization is what a store has of an organization.
type Organization struct {
	Records    int64 `json:"records"`
	Objectives int64 `json:"objectives"`
	KeyResults int64 `json:"key_results"`
	CheckIns   int64 `json:"check_ins"`
	Changes    int64 `json:"changes"`
	// DeleteTime is when it was deleted, or began to be; zero for one that was not.
	DeleteTime time.Time `json:"delete_time"`
}

// NewOrganization is what a check found of one.
func NewOrganization(c api.Checked) Organization {
	return Organization{c.Records, c.Objectives, c.KeyResults, c.CheckIns, c.Changes, c.DeleteTime}
}

// Deleted is the answer to a deletion.
type Deleted struct {
	Records int64 `json:"records"`
}

// failure is the body of every answer that is none.
type failure struct {
	Error string `json:"error"`
}

// badRequestError is a mistake of the caller.
type badRequestError string

func (e badRequestError) Error() string { return string(e) }

// answer makes a handler of what answers a request with a value, or nil if it has answered already.
func (s *server) answer(do func(w http.ResponseWriter, r *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := do(w, r)
		w.Header().Del(progressHeader)
		if err != nil {
			s.Logger.WarnContext(r.Context(), "request on the Unix socket failed",
				slog.String("request", r.Method+" "+r.URL.Path), slog.String("error", err.Error()))
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(statusOf(err))
			body = failure{err.Error()}
		}
		if body != nil {
			_ = json.NewEncoder(w).Encode(body) // who asked is gone; nothing to tell them
		}
	}
}

func statusOf(err error) int {
	var bad badRequestError
	switch {
	case errors.As(err, &bad), errors.Is(err, storage.ErrInvalidOrganization):
		return http.StatusBadRequest
	case errors.Is(err, disk.ErrFull), errors.Is(err, storage.ErrFull):
		return http.StatusInsufficientStorage
	case errors.Is(err, context.Canceled), errors.Is(err, storage.ErrClosed), errors.Is(err, storage.ErrBroken):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// progress tells the client how far the work is.
func progress(w http.ResponseWriter) backup.Progress {
	var told time.Time
	var before string
	return func(stage string, done, total int64) {
		now := time.Now()
		if stage == before && now.Sub(told) < progressInterval {
			return
		}
		told, before = now, stage
		w.Header().Set(progressHeader, fmt.Sprintf("%s %d %d", stage, done, total))
		w.WriteHeader(http.StatusProcessing)
	}
}

// backup makes a backup and keeps it, or hands it out.
func (s *server) backup(w http.ResponseWriter, r *http.Request) (any, error) {
	if r.FormValue("keep") != "" {
		made, err := s.Keeper.Add(r.Context(), progress(w))
		if err != nil {
			return nil, err
		}
		return Made{made.Path, made.Bytes, made.Summary.String()}, nil
	}
	file, made, err := s.Keeper.Open(r.Context(), progress(w))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	w.Header().Del(progressHeader)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(made.Bytes, 10))
	w.Header().Set("Okr-Summary", made.Summary.String())
	if err := send(w, file); err != nil {
		s.Logger.WarnContext(r.Context(), "a backup was not fetched to its end", slog.String("error", err.Error()))
	}
	return nil, nil
}

// send copies a file to a client that has writeTimeout for each piece. A client that gets less than it was promised knows.
func send(w http.ResponseWriter, file *os.File) error {
	control := http.NewResponseController(w)
	for {
		if err := control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		n, err := io.CopyN(w, file, 1<<20)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n == 0:
			return nil
		}
	}
}

func (s *server) organization(_ http.ResponseWriter, r *http.Request) (any, error) {
	var found api.Checked
	err := s.Engine.View(r.Context(), r.PathValue("id"), func(tx storage.Tx) (err error) {
		found, err = api.Check(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return NewOrganization(found), nil
}

func (s *server) deleteOrganization(w http.ResponseWriter, r *http.Request) (any, error) {
	id := r.PathValue("id")
	if r.FormValue("confirm") != id {
		return nil, badRequestError("a deletion is confirmed by the id of the organization")
	}
	told := progress(w)
	s.Logger.WarnContext(r.Context(), "deleting an organization", slog.String("organization", id))
	removed, err := api.DeleteOrganization(r.Context(), s.Engine, id, s.Now(), func(records int64) { told("deleting", records, 0) })
	if err != nil {
		return nil, err
	}
	s.Logger.WarnContext(r.Context(), "deleted an organization", slog.String("organization", id), slog.Int64("records", removed))
	return Deleted{removed}, nil
}
