// Package jsonwriter writes messages as JSON (ProtoJSON format), as protojson does with EmitDefaultValues: fields that are
// empty are written, and those that are absent are not. Protojson collects and sorts the fields of each message each time,
// which was a sixth of what it took to answer a GET; here that is done once for each type of message.
package jsonwriter

import (
	"encoding/base64"
	"strconv"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/df0f9dda/okr-manager/services/kit/jsontext"
)

// Append appends a message. Text that is not UTF-8 has U+FFFD in the place of what is not. The error is protojson's, of a
// well-known type whose value has no JSON. It is safe for concurrent use.
func Append(out []byte, m proto.Message) ([]byte, error) {
	return planOf(m.ProtoReflect().Descriptor()).append(out, m.ProtoReflect())
}

// plan is what there is to know about a type of message beforehand.
type plan struct {
	fields []field
	// left is set where protojson does it: well-known types, whose JSON is not that of their fields, and messages with
	// maps or numbers of kinds that the contract does not have.
	left bool
}

type field struct {
	descriptor protoreflect.FieldDescriptor
	name       []byte // with quotes and colon
	absent     bool   // it is not written where it is not set
	list       bool
	kind       protoreflect.Kind
	message    func() *plan                      // of MessageKind
	names      protoreflect.EnumValueDescriptors // of EnumKind
}

var plans sync.Map // of *plan by protoreflect.FullName

func planOf(d protoreflect.MessageDescriptor) *plan {
	known, _ := plans.Load(d.FullName())
	if p, ok := known.(*plan); ok {
		return p
	}
	p := &plan{left: d.FullName().Parent() == "google.protobuf"}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		planned := field{
			descriptor: f,
			name:       append(jsontext.Append(nil, f.JSONName()), ':'),
			absent:     f.HasPresence(),
			list:       f.IsList(),
			kind:       f.Kind(),
		}
		switch f.Kind() {
		case protoreflect.StringKind, protoreflect.BoolKind, protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.BytesKind:
		case protoreflect.EnumKind:
			planned.names = f.Enum().Values()
		case protoreflect.MessageKind:
			p.left = p.left || f.IsMap()
			planned.message = sync.OnceValue(func() *plan { return planOf(f.Message()) }) // later: it may be this type again
		default:
			p.left = true
		}
		p.fields = append(p.fields, planned)
	}
	plans.Store(d.FullName(), p) // whoever made it at the same time has one that is as good
	return p
}

func (p *plan) append(out []byte, m protoreflect.Message) ([]byte, error) {
	if p.left {
		if stamp, ok := m.Interface().(*timestamppb.Timestamp); ok && stamp.IsValid() {
			return appendTime(out, stamp.AsTime()), nil
		}
		return protojson.MarshalOptions{EmitDefaultValues: true}.MarshalAppend(out, m.Interface())
	}
	out = append(out, '{')
	before := len(out)
	for i := range p.fields {
		f := &p.fields[i]
		if f.absent && !m.Has(f.descriptor) {
			continue
		}
		if len(out) > before {
			out = append(out, ',')
		}
		var err error
		if out, err = f.append(append(out, f.name...), m.Get(f.descriptor)); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

// append appends a field's value.
func (f *field) append(out []byte, v protoreflect.Value) (_ []byte, err error) {
	if !f.list {
		return f.appendOne(out, v)
	}
	out = append(out, '[')
	list := v.List()
	for i := range list.Len() {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = f.appendOne(out, list.Get(i)); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

// appendOne appends a value that is not repeated.
func (f *field) appendOne(out []byte, v protoreflect.Value) ([]byte, error) {
	switch f.kind {
	case protoreflect.StringKind:
		return jsontext.Append(out, v.String()), nil
	case protoreflect.BoolKind:
		return strconv.AppendBool(out, v.Bool()), nil
	case protoreflect.EnumKind:
		if known := f.names.ByNumber(v.Enum()); known != nil {
			return append(append(append(out, '"'), known.Name()...), '"'), nil
		}
		return strconv.AppendInt(out, int64(v.Enum()), 10), nil
	case protoreflect.Int32Kind:
		return strconv.AppendInt(out, v.Int(), 10), nil
	case protoreflect.Int64Kind:
		return append(strconv.AppendInt(append(out, '"'), v.Int(), 10), '"'), nil
	case protoreflect.BytesKind:
		return append(base64.StdEncoding.AppendEncode(append(out, '"'), v.Bytes()), '"'), nil
	default:
		return f.message().append(out, v.Message())
	}
}

// appendTime appends a time of RFC 3339 in UTC with 0, 3, 6 or 9 digits of a second.
func appendTime(out []byte, t time.Time) []byte {
	layout := `"2006-01-02T15:04:05.000000000Z"`
	switch nanos := t.Nanosecond(); {
	case nanos == 0:
		layout = `"2006-01-02T15:04:05Z"`
	case nanos%1e6 == 0:
		layout = `"2006-01-02T15:04:05.000Z"`
	case nanos%1e3 == 0:
		layout = `"2006-01-02T15:04:05.000000Z"`
	}
	return t.AppendFormat(out, layout)
}
