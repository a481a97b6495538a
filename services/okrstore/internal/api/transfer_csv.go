package api

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// What a row of a CSV file is, in its column "record".
const (
	csvObjective = "objective"
	csvKeyResult = "key_result"
	csvCheckIn   = "check_in"
)

// csvColumns are the columns of a CSV file in their order. The first four say what a row is and where it belongs; the
// others are the fields of that name of the resource that the row is.
func csvColumns() []string {
	return []string{
		"record", "objective_id", "key_result_id", "check_in_id", "title", "description", "owner_id", "cycle", "start_date",
		"due_date", "parent_id", "state", "score", "closing_note", "close_time", "archive_time", "kind", "start_value",
		"target_value", "current_value", "unit", "format", "weight", "previous_value", "value", "confidence", "note", "evidence",
		"create_time", csvBy,
	}
}

// csvBy is the column that names who made the resource. An import does not read it.
const csvBy = "by"

// csvWriter writes the rows that the contract describes at TRANSFER_FORMAT_CSV.
type csvWriter struct{}

func (csvWriter) begin(b *bytes.Buffer) error { return appendCSV(b, csvColumns()) }

func (csvWriter) objective(b *bytes.Buffer, o *okrv1.Objective, _ bool) error {
	return appendRow(b, csvObjective, []string{o.GetId(), "", ""}, o, o.GetCreator())
}

func (csvWriter) keyResult(b *bytes.Buffer, o *okrv1.Objective, k *okrv1.KeyResult, _ bool) error {
	return appendRow(b, csvKeyResult, []string{o.GetId(), k.GetId(), ""}, k, k.GetCreator())
}

func (csvWriter) checkIn(b *bytes.Buffer, k *okrv1.KeyResult, c *okrv1.CheckIn, _ bool) error {
	return appendRow(b, csvCheckIn, []string{k.GetObjectiveId(), k.GetId(), c.GetId()}, c, c.GetAuthor())
}

func (csvWriter) endKeyResult(*bytes.Buffer) {}

func (csvWriter) endObjective(*bytes.Buffer) {}

// end adds nothing: every row of such a file is a resource.
func (csvWriter) end(*bytes.Buffer, *okrv1.ChangeLogHead) error { return nil }

func appendRow(b *bytes.Buffer, record string, ids []string, resource proto.Message, by *okrv1.Member) error {
	row := append([]string{record}, ids...)
	for _, column := range csvColumns()[len(row):] {
		if column == csvBy {
			row = append(row, by.GetDisplayName())
			continue
		}
		text, err := cellOf(resource.ProtoReflect(), protoreflect.Name(column))
		if err != nil {
			return err
		}
		row = append(row, text)
	}
	return appendCSV(b, row)
}

func appendCSV(b *bytes.Buffer, row []string) error {
	for i := range row {
		row[i] = defuse(row[i])
	}
	w := csv.NewWriter(b) // without UseCRLF, which would drop carriage returns within cells
	if err := w.Write(row); err != nil {
		return fmt.Errorf("writing a row: %w", err)
	}
	w.Flush()
	return w.Error()
}

// formulaStarts are the characters with which a cell begins that a spreadsheet takes for a formula, or that this escape
// begins with itself.
const formulaStarts = "=+-@\t\r\n'"

// defuse keeps spreadsheets from running what somebody wrote into a title: the cell gets an apostrophe in front, which
// makes it text. A number below zero stays one, to be reckoned with.
func defuse(cell string) string {
	if digits, negative := strings.CutPrefix(cell, "-"); negative && digits != "" && strings.Trim(digits, "0123456789.") == "" {
		return cell
	}
	if cell != "" && strings.IndexByte(formulaStarts, cell[0]) >= 0 {
		return "'" + cell
	}
	return cell
}

// refuse takes off what defuse put in front.
func refuse(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.IndexByte(formulaStarts, cell[1]) >= 0 {
		return cell[1:]
	}
	return cell
}

// cellOf writes a field of a message as the text of a cell; empty if the message has no such field or it is empty.
func cellOf(m protoreflect.Message, name protoreflect.Name) (string, error) {
	field := m.Descriptor().Fields().ByName(name)
	if field == nil || !m.Has(field) {
		return "", nil
	}
	value := m.Get(field)
	switch {
	case field.IsList():
		var items []json.RawMessage
		for i := range value.List().Len() {
			item, err := protojson.Marshal(value.List().Get(i).Message().Interface())
			if err != nil {
				return "", fmt.Errorf("writing %s: %w", name, err)
			}
			items = append(items, item)
		}
		text, err := json.Marshal(items) // takes out the blanks that protojson puts in
		return string(text), err
	case field.Kind() == protoreflect.EnumKind:
		return strings.TrimPrefix(string(field.Enum().Values().ByNumber(value.Enum()).Name()), enumPrefix(field.Enum())), nil
	case field.Kind() == protoreflect.MessageKind:
		t, ok := value.Message().Interface().(*timestamppb.Timestamp)
		if !ok {
			return "", fmt.Errorf("%s has no form in a cell", field.FullName())
		}
		return t.AsTime().Format(time.RFC3339Nano), nil
	}
	return value.String(), nil
}

// setCell reads what cellOf wrote into a field of a message. The error is for people.
func setCell(m protoreflect.Message, name protoreflect.Name, text string) error {
	field := m.Descriptor().Fields().ByName(name)
	switch {
	case field == nil:
		return fmt.Errorf("a %s has none", strings.ToLower(string(m.Descriptor().Name())))
	case field.IsList():
		return setListCell(m, field, text)
	case field.Kind() == protoreflect.EnumKind:
		value := field.Enum().Values().ByName(protoreflect.Name(enumPrefix(field.Enum()) + strings.ToUpper(text)))
		if value == nil {
			return fmt.Errorf("%q is none of its values", text)
		}
		m.Set(field, protoreflect.ValueOfEnum(value.Number()))
	case field.Kind() == protoreflect.MessageKind:
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return fmt.Errorf("%q is no time such as 2026-07-01T09:00:00Z", text)
		}
		m.Set(field, protoreflect.ValueOfMessage(timestamppb.New(t).ProtoReflect()))
	case field.Kind() == protoreflect.Int32Kind:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return fmt.Errorf("%q is no whole number", text)
		}
		m.Set(field, protoreflect.ValueOfInt32(int32(n)))
	default:
		m.Set(field, protoreflect.ValueOfString(text))
	}
	return nil
}

func setListCell(m protoreflect.Message, field protoreflect.FieldDescriptor, text string) error {
	var items []json.RawMessage
	if err := json.Unmarshal([]byte(text), &items); err != nil {
		return fmt.Errorf("it is no JSON array")
	}
	list := m.Mutable(field).List()
	for _, item := range items {
		element := list.NewElement()
		if err := protojson.Unmarshal(item, element.Message().Interface()); err != nil {
			return fmt.Errorf("an element of it is none")
		}
		list.Append(element)
	}
	return nil
}

// enumPrefix is what the names of an enum's values begin with: "KEY_RESULT_KIND_" of KeyResultKind.
func enumPrefix(enum protoreflect.EnumDescriptor) string {
	zero := string(enum.Values().ByNumber(0).Name())
	return strings.TrimSuffix(zero, "UNSPECIFIED")
}

// isColumn says whether a CSV file may have a column of this name.
func isColumn(name string) bool { return slices.Contains(csvColumns(), name) }
