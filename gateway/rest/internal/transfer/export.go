package transfer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// form is how a format is called in an address, and what a file of it is.
type form struct {
	format      okrv1.TransferFormat
	contentType string
	extension   string
}

func forms() map[string]form {
	return map[string]form{
		"json":     {okrv1.TransferFormat_TRANSFER_FORMAT_JSON, "application/json", "json"},
		"csv":      {okrv1.TransferFormat_TRANSFER_FORMAT_CSV, "text/csv; charset=utf-8; header=present", "csv"},
		"markdown": {okrv1.TransferFormat_TRANSFER_FORMAT_MARKDOWN, "text/markdown; charset=utf-8", "md"},
	}
}

// export answers the file. An error that comes after the first piece cuts the connection off: half a file must not look
// like a whole one. Whoever accepts lines of JSON gets the file in {"piece": …}, each with the number of objectives so far
// and of all, then {"summary": …}, or {"error": …} if it is not whole.
func (h *Handler) export(w http.ResponseWriter, r *http.Request) {
	values, err := query(r, "format")
	if err != nil {
		h.problem.Write(w, r, err)
		return
	}
	name := values.Get("format")
	if name == "" {
		name = "json"
	}
	f, known := forms()[name]
	if !known {
		h.problem.Write(w, r, malformed(`the format is "json", "csv" or "markdown"`))
		return
	}
	control := http.NewResponseController(w)
	if r.Header.Get("Accept") == jsonLines {
		h.exportLines(r, f.format, &lines{w: w, control: control})
		return
	}
	begun := false
	err = h.pieces(r.Context(), f.format, func(m *okrv1.ExportObjectivesResponse) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", f.contentType)
			w.Header().Set("Content-Disposition",
				`attachment; filename="okr-manager-`+h.cfg.Now().UTC().Format(time.DateOnly)+"."+f.extension+`"`)
		}
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // where there are none there is none to move
		if _, err := w.Write(m.GetData()); err != nil {
			return err
		}
		return control.Flush()
	})
	switch {
	case err != nil && !begun:
		h.problem.Write(w, r, h.public(r.Context(), err))
	case err != nil:
		panic(http.ErrAbortHandler)
	}
}

// exported is a line about an export: a piece of the file, or without it the end.
type exported struct {
	Data           string `json:"data,omitempty"`
	ObjectiveCount int32  `json:"objectiveCount"`
	ObjectiveTotal int32  `json:"objectiveTotal"`
}

// exportLines answers the file in lines of JSON, for those who follow its progress. A piece ends with a whole character,
// because it ends with a resource.
func (h *Handler) exportLines(r *http.Request, format okrv1.TransferFormat, answer *lines) {
	var last exported
	err := h.pieces(r.Context(), format, func(m *okrv1.ExportObjectivesResponse) error {
		last = exported{ObjectiveCount: m.GetObjectiveCount(), ObjectiveTotal: m.GetObjectiveTotal()}
		piece := last
		piece.Data = string(m.GetData())
		answer.write(map[string]exported{"piece": piece})
		return context.Cause(r.Context())
	})
	if err != nil {
		answer.fail(h, r, h.public(r.Context(), err))
		return
	}
	answer.write(map[string]exported{"summary": last})
}

// pieces receives a file, from as many streams as it takes.
func (h *Handler) pieces(
	ctx context.Context, format okrv1.TransferFormat, write func(*okrv1.ExportObjectivesResponse) error,
) error {
	seams := joints{handler: h}
	req := &okrv1.ExportObjectivesRequest{Format: format}
	for {
		stream, err := h.cfg.Store.ExportObjectives(ctx, req)
		for err == nil {
			var m *okrv1.ExportObjectivesResponse
			if m, err = stream.Recv(); err != nil {
				break
			}
			if err := write(m); err != nil {
				return err
			}
			req.Continuation = m.GetContinuation()
			seams.further()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if ctx, err = seams.next(ctx, err); err != nil {
			return err
		}
	}
}
