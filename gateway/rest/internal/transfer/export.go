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
// like a whole one.
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
	begun := false
	err = h.pieces(r.Context(), f.format, func(data []byte) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", f.contentType)
			w.Header().Set("Content-Disposition",
				`attachment; filename="okr-manager-`+h.cfg.Now().UTC().Format(time.DateOnly)+"."+f.extension+`"`)
		}
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // where there are none there is none to move
		if _, err := w.Write(data); err != nil {
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

// pieces receives a file, from as many streams as it takes.
func (h *Handler) pieces(ctx context.Context, format okrv1.TransferFormat, write func([]byte) error) error {
	seams := joints{handler: h}
	req := &okrv1.ExportObjectivesRequest{Format: format}
	for {
		stream, err := h.cfg.Store.ExportObjectives(ctx, req)
		for err == nil {
			var m *okrv1.ExportObjectivesResponse
			if m, err = stream.Recv(); err != nil {
				break
			}
			if err := write(m.GetData()); err != nil {
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
