package tools

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/df0f9dda/okr-manager/services/kit/jsontext"
)

// writer writes JSON on one line. Answers whose size is counted while they grow are written with it: what is counted is
// what is sent, and nothing is encoded twice.
type writer []byte

// separate goes on in an object or array.
func (w *writer) separate() {
	if last := (*w)[len(*w)-1]; last != '{' && last != '[' {
		*w = append(*w, ',')
	}
}

func (w *writer) begin() { *w = append(*w, '{') }
func (w *writer) end()   { *w = append(*w, '}') }

// name begins a member. Names are ours and need no escapes.
func (w *writer) name(name string) {
	w.separate()
	*w = append(append(append(*w, '"'), name...), `":`...)
}

// object begins an object.
func (w *writer) object(name string) {
	w.name(name)
	w.begin()
}

// array begins an array.
func (w *writer) array(name string) {
	w.name(name)
	*w = append(*w, '[')
}

func (w *writer) text(name, value string) {
	w.name(name)
	*w = jsontext.Append(*w, value)
}

func (w *writer) textOrNothing(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *writer) number(name string, value int32) {
	w.name(name)
	*w = strconv.AppendInt(*w, int64(value), 10)
}

func (w *writer) numberOrNothing(name string, value int32) {
	if value != 0 {
		w.number(name, value)
	}
}

func (w *writer) percentOrNothing(name string, value *int32) {
	if value != nil {
		w.number(name, *value)
	}
}

func (w *writer) yes(name string) {
	w.name(name)
	*w = append(*w, "true"...)
}

// value writes any value that encodes.
func (w *writer) value(v any) error {
	out := bytes.NewBuffer(*w)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false) // as jsontext.Append
	if err := encoder.Encode(v); err != nil {
		return err
	}
	*w = bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	return nil
}
