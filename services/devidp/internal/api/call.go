package api

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

// maxBody bounds request bodies, in bytes.
const maxBody = 1 << 20

// call is one API request inside one transaction.
type call struct {
	*Server
	tx  *state.Tx
	r   *http.Request
	now time.Time // One instant for the whole call, in whole seconds as JWTs count them.
}

// read makes an endpoint that only looks: it runs on a snapshot.
func read[Req any](s *Server, handle func(*call, Req) (any, error)) http.Handler {
	return endpoint(s, s.store.View, handle)
}

// write makes an endpoint that changes things: all of its changes are kept, or on a refusal none, unless the refusal
// says otherwise.
func write[Req any](s *Server, handle func(*call, Req) (any, error)) http.Handler {
	return endpoint(s, s.store.Update, handle)
}

func endpoint[Req any](s *Server, transact func(func(*state.Tx) error) error, handle func(*call, Req) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req Req
		if err := decode(w, r, &req); err != nil {
			s.fail(w, r, err)
			return
		}
		answer, err := s.run(r, transact, func(c *call) (any, error) { return handle(c, req) })
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.answer(w, r, http.StatusOK, answer)
	})
}

// keeper is an error that may want the call's changes kept.
type keeper interface {
	error
	keeps() bool
}

// run makes the call in one transaction.
func (s *Server) run(r *http.Request, transact func(func(*state.Tx) error) error, handle func(*call) (any, error)) (any, error) {
	var answer any
	var refusal error
	err := transact(func(tx *state.Tx) error {
		var err error
		answer, err = handle(&call{Server: s, tx: tx, r: r, now: s.now()})
		if k := keeper(nil); errors.As(err, &k) && k.keeps() {
			refusal = err
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, refusal
}

// decode reads a JSON body. Unknown fields are ignored, as Stytch does; an absent body is an empty object. Whoever
// names another content type is a form of a foreign page, not the SDK.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return refuse(http.StatusRequestEntityTooLarge, "request_body_too_large", "The body exceeds %d bytes.", maxBody)
	}
	if err != nil {
		return badRequest("bad_request", "The body could not be read.")
	}
	if len(data) == 0 {
		return nil
	}
	if !isJSON(r) {
		return refuse(http.StatusUnsupportedMediaType, "invalid_content_type", "The body must be application/json.")
	}
	if err := json.Unmarshal(data, into); err != nil {
		return badRequest("json_error", "The body is not the expected JSON: %v", err)
	}
	return nil
}

// meta is in every answer.
type meta struct {
	RequestID  string `json:"request_id"`
	StatusCode int    `json:"status_code"`
}

// answer writes a JSON object, the fields of body after those of meta.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, status int, body any) {
	head, err := json.Marshal(meta{RequestID: state.NewID("request-id"), StatusCode: status})
	if err == nil && body != nil {
		var fields []byte
		if fields, err = json.Marshal(body); err == nil && len(fields) > len("{}") {
			head = append(append(head[:len(head)-1], ','), fields[1:]...)
		}
	}
	if err != nil {
		s.log.ErrorContext(r.Context(), "encoding an answer", slog.String("path", r.URL.Path), slog.Any("error", err))
		http.Error(w, `{"status_code":500,"error_type":"internal_server_error"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(head) // A client that went away is no error of ours.
}

// fail writes an error in Stytch's shape. What is not a refusal is a defect of this provider: logged, not told.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if oauth := (*oauthError)(nil); errors.As(err, &oauth) {
		s.failOAuth(w, r, oauth)
		return
	}
	refusal := (*Error)(nil)
	if !errors.As(err, &refusal) {
		s.log.ErrorContext(r.Context(), "request failed", slog.String("path", r.URL.Path), slog.Any("error", err))
		refusal = refuse(http.StatusInternalServerError, "internal_server_error", "Oops, something seems to have gone wrong.")
	}
	s.answer(w, r, refusal.Status, struct {
		ErrorType    string            `json:"error_type"`
		ErrorMessage string            `json:"error_message"`
		ErrorURL     string            `json:"error_url"`
		ErrorDetails map[string]string `json:"error_details"`
	}{
		refusal.Type, refusal.Message,
		"https://stytch.com/docs/b2b/api/errors#" + refusal.Type,
		map[string]string{},
	})
}
