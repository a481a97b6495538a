package api

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// What a JSON file says of itself.
const (
	jsonFormat  = "okr-manager"
	jsonVersion = 1
	jsonHead    = "changeLogHead"
)

// jsonWriter writes the document that the contract describes at TRANSFER_FORMAT_JSON, each resource on a line of its own.
type jsonWriter struct{}

func (jsonWriter) begin(b *bytes.Buffer) error {
	fmt.Fprintf(b, `{"format":"%s","version":%d,"objectives":[`, jsonFormat, jsonVersion)
	return nil
}

func (jsonWriter) objective(b *bytes.Buffer, o *okrv1.Objective, first bool) error {
	separate(b, first)
	b.WriteString(`{"objective":`)
	if err := appendJSON(b, o); err != nil {
		return err
	}
	b.WriteString(`,"keyResults":[`)
	return nil
}

func (jsonWriter) keyResult(b *bytes.Buffer, _ *okrv1.Objective, k *okrv1.KeyResult, first bool) error {
	separate(b, first)
	b.WriteString(`{"keyResult":`)
	if err := appendJSON(b, k); err != nil {
		return err
	}
	b.WriteString(`,"checkIns":[`)
	return nil
}

func (jsonWriter) checkIn(b *bytes.Buffer, _ *okrv1.KeyResult, c *okrv1.CheckIn, first bool) error {
	separate(b, first)
	return appendJSON(b, c)
}

func (jsonWriter) endKeyResult(b *bytes.Buffer) { b.WriteString("]}") }

func (jsonWriter) endObjective(b *bytes.Buffer) { b.WriteString("]}") }

func (jsonWriter) end(b *bytes.Buffer, head *okrv1.ChangeLogHead) error {
	b.WriteString("\n],\"" + jsonHead + "\":")
	if err := appendJSON(b, head); err != nil {
		return err
	}
	b.WriteString("}\n")
	return nil
}

func separate(b *bytes.Buffer, first bool) {
	if !first {
		b.WriteByte(',')
	}
	b.WriteByte('\n')
}

// appendJSON writes a message as JSON. protojson puts blanks at random, so that nobody relies on there being none; a file
// is to be the same each time.
func appendJSON(b *bytes.Buffer, m proto.Message) error {
	text, err := protojson.Marshal(m)
	if err != nil {
		return fmt.Errorf("writing %s as JSON: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return json.Compact(b, text)
}
