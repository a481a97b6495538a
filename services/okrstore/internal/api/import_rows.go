package api

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/jsontext"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// maxRowBytes bounds one resource in a file. The largest that is valid takes a tenth of it.
const maxRowBytes = 1 << 20

// An importRow is a resource in a file.
type importRow struct {
	// where says where it is, for people.
	where string
	// size is about how many bytes it has in the file.
	size int
	// objective is an objective's position in the file, from which the file can be sent again; for the other kinds it is
	// that of the objective they belong to.
	from importPosition
	// resource is an objective, a key result or a check-in; nil if the row cannot be read.
	resource proto.Message
	// objectiveID and keyResultID say what a key result or a check-in belongs to.
	objectiveID, keyResultID string
	// problem is why the row cannot be read.
	problem string
	// field is where the problem is, if it is known.
	field string
}

// id is the id of the resource; it may be empty.
func (r *importRow) id() string {
	if named, ok := r.resource.(interface{ GetId() string }); ok {
		return named.GetId()
	}
	return ""
}

// importPosition is where in a file an import can go on.
type importPosition struct {
	Format okrv1.TransferFormat `json:"f"`
	// Offset counts bytes of the file, and Row rows, or objectives in JSON.
	Offset int64 `json:"o"`
	Row    int   `json:"r"`
	// Header is the first row of a CSV file.
	Header []string `json:"h,omitempty"`
}

func (p importPosition) String() string {
	if p.Offset == 0 {
		return ""
	}
	text, err := json.Marshal(p)
	if err != nil {
		return "" // which is as good: the file is sent again from the start
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// parseImportPosition reads what String wrote. CONTINUATION_INVALID.
func parseImportPosition(format okrv1.TransferFormat, text string) (importPosition, error) {
	p := importPosition{Format: format}
	if text == "" {
		return p, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &p) != nil || p.Format != format || p.Offset <= 0 || p.Row < 0 {
		return p, continuationInvalid()
	}
	return p, nil
}

// importMalformed is the error for a file that cannot be read further.
func importMalformed(where, format string, args ...any) error {
	return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_IMPORT_MALFORMED, format, args...).With("row", where)
}

// rowsOf reads a file from a position on, row by row, with the memory of one row. IMPORT_MALFORMED ends it, and so does an
// error of the reader, which is passed on.
func rowsOf(file io.Reader, from importPosition) iter.Seq2[*importRow, error] {
	source := &boundedReader{reader: file}
	if from.Format == okrv1.TransferFormat_TRANSFER_FORMAT_CSV {
		return (&csvRows{source: source, from: from}).all
	}
	return (&jsonRows{source: source, from: from}).all
}

// boundedReader reads no more than maxRowBytes for one row.
type boundedReader struct {
	reader io.Reader
	left   int
}

var errRowTooLong = fmt.Errorf("a row has more than %d bytes", maxRowBytes)

// row begins the next row.
func (r *boundedReader) row() { r.left = maxRowBytes }

func (r *boundedReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := r.reader.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

// jsonRows reads the document that the contract describes at TRANSFER_FORMAT_JSON.
type jsonRows struct {
	source  *boundedReader
	from    importPosition
	decoder *json.Decoder
	base    int64 // what the decoder's offset has to be moved by
	yield   func(*importRow, error) bool
}

// errStopped says that nobody wants more rows.
var errStopped = errors.New("stopped")

func (j *jsonRows) all(yield func(*importRow, error) bool) {
	j.yield = yield
	j.source.row()
	// A file that goes on after an objective is made one that begins with something in its place.
	start := fmt.Sprintf(`{"format":"%s","version":%d,"objectives":[null`, jsonFormat, jsonVersion)
	if j.from.Offset == 0 {
		start = ""
	}
	j.base = j.from.Offset - int64(len(start))
	j.decoder = json.NewDecoder(io.MultiReader(strings.NewReader(start), j.source))
	where := "the beginning"
	err := j.document(&where)
	if err == nil || errors.Is(err, errStopped) {
		return
	}
	yield(nil, readError(err, where))
}

// readError makes what was found wrong with a file an error for the caller. What is wrong with the stream passes.
func readError(err error, where string) error {
	var syntax *json.SyntaxError
	var number *json.UnmarshalTypeError
	var csvErr *csv.ParseError
	switch {
	case rpcerr.ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_UNSPECIFIED:
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return importMalformed(where, "the file ends too early, at %s", where)
	case errors.As(err, &number): // which repeats the number, however long it is
		return importMalformed(where, "at %s: a number that is out of range", where)
	case errors.Is(err, errRowTooLong), errors.As(err, &syntax), errors.As(err, &csvErr), errors.Is(err, errShape):
		return importMalformed(where, "at %s: %v", where, err)
	}
	return err
}

// errShape says that the file is well formed and something else.
var errShape = errors.New("it is not a file of objectives")

func shape(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errShape, fmt.Errorf(format, args...))
}

// expect reads a token that has to be there.
func (j *jsonRows) expect(want json.Token) error {
	got, err := j.decoder.Token()
	if err != nil {
		return err
	}
	if got != want {
		return shape("%v instead of %v", got, want)
	}
	return nil
}

func (j *jsonRows) document(where *string) error {
	return j.object(func(key string) error {
		switch key {
		case "format":
			return j.expect(jsonFormat)
		case "version":
			return j.expect(float64(jsonVersion))
		case "objectives":
			return j.objectives(where)
		case jsonHead:
			j.source.row()
			*where = jsonHead
			var passed json.RawMessage
			return j.decoder.Decode(&passed)
		}
		return shape("unknown field %q", key)
	}, "format", "version", "objectives", jsonHead)
}

// object reads an object that has these fields in this order; the last ones may be missing.
func (j *jsonRows) object(value func(key string) error, keys ...string) error {
	if err := j.expect(json.Delim('{')); err != nil {
		return err
	}
	for at := 0; j.decoder.More(); at++ {
		key, err := j.decoder.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		if at >= len(keys) || name != keys[at] {
			return shape("the field %q, where only %s are, in this order", name, strings.Join(keys, ", "))
		}
		if err := value(name); err != nil {
			return err
		}
	}
	return j.expect(json.Delim('}'))
}

// array reads an array.
func (j *jsonRows) array(element func(i int) error) error {
	if err := j.expect(json.Delim('[')); err != nil {
		return err
	}
	for i := 0; j.decoder.More(); i++ {
		if err := element(i); err != nil {
			return err
		}
	}
	return j.expect(json.Delim(']'))
}

func (j *jsonRows) objectives(where *string) error {
	offset := int64(0) // of the first objective: the start of the file
	return j.array(func(i int) error {
		if j.from.Offset > 0 {
			if i == 0 {
				err := j.expect(nil)
				offset = j.decoder.InputOffset() + j.base
				return err
			}
			i--
		}
		at := importPosition{Format: j.from.Format, Offset: offset, Row: j.from.Row + i}
		*where = fmt.Sprintf("objectives[%d]", at.Row)
		path := *where
		var objectiveID string
		err := j.object(func(key string) error {
			if key == "keyResults" {
				return j.keyResults(where, path, at, objectiveID)
			}
			row, err := j.row(new(okrv1.Objective), importRow{where: path, from: at})
			if err != nil {
				return err
			}
			objectiveID = row.id()
			return j.hand(row)
		}, "objective", "keyResults")
		offset = j.decoder.InputOffset() + j.base
		return err
	})
}

func (j *jsonRows) keyResults(where *string, path string, at importPosition, objectiveID string) error {
	return j.array(func(i int) error {
		*where = fmt.Sprintf("%s.keyResults[%d]", path, i)
		own := *where
		var keyResultID string
		return j.object(func(key string) error {
			if key == "checkIns" {
				return j.array(func(n int) error {
					*where = fmt.Sprintf("%s.checkIns[%d]", own, n)
					row, err := j.row(new(okrv1.CheckIn), importRow{where: *where, from: at, objectiveID: objectiveID, keyResultID: keyResultID})
					if err != nil {
						return err
					}
					return j.hand(row)
				})
			}
			row, err := j.row(new(okrv1.KeyResult), importRow{where: own, from: at, objectiveID: objectiveID})
			if err != nil {
				return err
			}
			keyResultID = row.id()
			return j.hand(row)
		}, "keyResult", "checkIns")
	})
}

// row reads one resource. What is well-formed JSON and not such a resource is a problem of the row alone.
func (j *jsonRows) row(resource proto.Message, row importRow) (*importRow, error) {
	j.source.row()
	var raw json.RawMessage
	if err := j.decoder.Decode(&raw); err != nil {
		return nil, err
	}
	row.size = len(raw)
	row.resource = resource
	if err := cmp.Or(jsontext.CheckSurrogates(raw), protojson.Unmarshal(raw, resource)); err != nil {
		row.problem = strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")
	}
	return &row, nil
}

func (j *jsonRows) hand(row *importRow) error {
	if !j.yield(row, nil) {
		return errStopped
	}
	return nil
}

// csvRows reads the rows that the contract describes at TRANSFER_FORMAT_CSV.
type csvRows struct {
	source *boundedReader
	from   importPosition
}

func (c *csvRows) all(yield func(*importRow, error) bool) {
	c.source.row()
	header, base := c.from.Header, c.from.Offset
	lines := c.from.Row // up to the row that is read, without empty ones before it
	reader := csv.NewReader(c.source)
	reader.FieldsPerRecord = -1
	reader.ReuseRecord = true
	if base == 0 {
		first, err := reader.Read()
		if err == nil {
			header, err = c.header(first)
		}
		if err != nil {
			yield(nil, readError(err, "line 1"))
			return
		}
		n, _ := reader.FieldPos(0)
		lines = n
	}
	at := c.from
	for {
		c.source.row()
		offset := base + reader.InputOffset()
		cells, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(nil, readError(err, fmt.Sprint("line ", lines+1)))
			return
		}
		n, _ := reader.FieldPos(0)
		first := n + c.from.Row
		row := readCells(header, cells)
		row.where = fmt.Sprint("line ", first)
		if _, is := row.resource.(*okrv1.Objective); is || row.resource == nil {
			at = importPosition{Format: c.from.Format, Offset: offset, Row: lines, Header: header}
		}
		lines = first
		for _, cell := range cells {
			lines += strings.Count(cell, "\n")
		}
		row.from = at
		row.size = int(base + reader.InputOffset() - offset)
		if !yield(row, nil) {
			return
		}
	}
}

// header reads the names of the columns.
func (c *csvRows) header(cells []string) ([]string, error) {
	var names []string
	for i, cell := range cells {
		if i == 0 {
			cell = strings.TrimPrefix(cell, "\ufeff") // which some spreadsheets begin a file with
		}
		if !isColumn(cell) {
			return nil, shape("there is no column %q; the columns are %s", cell, strings.Join(csvColumns(), ", "))
		}
		names = append(names, cell)
	}
	return names, nil
}

// readCells makes a resource of a row. What cannot be one is a problem of the row alone.
func readCells(header, cells []string) *importRow {
	values := map[string]string{}
	garbled := ""
	for i, cell := range cells {
		if i < len(header) && cell != "" {
			if !utf8.ValidString(cell) { // of a spreadsheet that writes in the encoding of its country
				cell, garbled = strings.ToValidUTF8(cell, "\ufffd"), header[i]
			}
			values[header[i]] = refuse(cell)
		}
	}
	row := &importRow{objectiveID: values["objective_id"], keyResultID: values["key_result_id"]}
	if garbled != "" {
		row.field, row.problem = garbled, "is not in UTF-8: save the file in that encoding"
	}
	var id string
	switch values["record"] {
	case csvObjective:
		row.resource, id = new(okrv1.Objective), values["objective_id"]
	case csvKeyResult:
		row.resource, id = new(okrv1.KeyResult), values["key_result_id"]
	case csvCheckIn:
		row.resource, id = new(okrv1.CheckIn), values["check_in_id"]
	default:
		row.field, row.problem = "record", fmt.Sprintf("must be %q, %q or %q", csvObjective, csvKeyResult, csvCheckIn)
		return row
	}
	if len(cells) > len(header) {
		row.problem = fmt.Sprintf("has %d cells, and there are %d columns", len(cells), len(header))
	}
	m := row.resource.ProtoReflect()
	m.Set(m.Descriptor().Fields().ByName("id"), protoreflect.ValueOfString(id))
	for _, column := range csvColumns()[4:] {
		text := values[column]
		if text == "" || column == csvBy {
			continue
		}
		if err := setCell(m, protoreflect.Name(column), text); err != nil && row.problem == "" {
			row.field, row.problem = column, err.Error()
		}
	}
	return row
}

// receiver reads the pieces of a file that arrive as messages.
type receiver struct {
	next func() ([]byte, error)
	rest bytes.Reader
	read int64
}

// Read implements io.Reader.
func (r *receiver) Read(p []byte) (int, error) {
	for r.rest.Len() == 0 {
		data, err := r.next()
		if err != nil {
			return 0, err
		}
		r.rest.Reset(data)
	}
	n, err := r.rest.Read(p)
	r.read += int64(n)
	return n, err
}
